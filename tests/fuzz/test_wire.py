# SPDX-License-Identifier: Apache-2.0
"""Counting the messages within a message before it is parsed."""

from __future__ import annotations

import random

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st
from void.v1 import jobs_pb2

from tests.fuzz.messages import many_parts, random_bytes, random_message
from void_server.errors import InvalidInput, LimitExceeded
from void_server.rpc.request_limits import SPEC_PARTS_PER_FRAME
from void_server.rpc.wire import FIELDS_BESIDE, FIELDS_PER_PART, check_parts

SUBMIT = jobs_pb2.SubmitRequest.DESCRIPTOR


def parts_of(message: Message) -> int:
    """Counted by the protobuf library, after parsing."""
    found = 0
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            found += len(value)
        else:
            held = value if field.is_repeated else [value]
            found += sum(1 + parts_of(inner) for inner in held)
    return found


@given(st.integers(0, 2**32))
def test_as_many_are_counted_as_the_parser_finds(number):
    message = random_message(random.Random(number), SUBMIT)
    data, parts = message.SerializeToString(), parts_of(message)
    check_parts(data, SUBMIT, parts)
    if parts:
        with pytest.raises(LimitExceeded, match="max_frames"):
            check_parts(data, SUBMIT, parts - 1)


@given(st.integers(0, 2**32))
def test_what_is_let_pass_holds_no_more_than_allowed_or_is_no_message(number):
    data = random_bytes(random.Random(number), SUBMIT)
    try:
        check_parts(data, SUBMIT, 5)
        message = jobs_pb2.SubmitRequest.FromString(data)
    except (InvalidInput, LimitExceeded, DecodeError):
        return
    # Two values of one field are counted as two, and merged by the parser.
    assert parts_of(message) <= 5


def test_counting_ends_at_the_limit():
    with pytest.raises(LimitExceeded):
        check_parts(many_parts(10**6)[:-1] + b"\xff", SUBMIT, 100)


@pytest.mark.parametrize(
    "field", [b"\x10\x00", b"\x7a\x00", b"\xf8\x7f" + b"\xff" * 9 + b"\x01", b"\x75abcd"]
)
def test_fields_that_are_no_messages_are_walked_up_to_a_limit_too(field):
    most = FIELDS_PER_PART * 100 + FIELDS_BESIDE
    check_parts(field * most, SUBMIT, 100)
    with pytest.raises(LimitExceeded, match=f"{most} fields"):
        check_parts(field * (most + 1) + b"\xff", SUBMIT, 100)


def test_the_fullest_order_of_the_contract_passes_under_the_limit_of_its_frames():
    """Six inputs by path and two boxes a frame, every field set."""
    spec, frames = jobs_pb2.JobSpec(), 300
    shot = spec.shot
    for sequence in (shot.plate, shot.remove, shot.affected, shot.keep, shot.quadmask, shot.clean_plate):
        for frame in range(1, frames + 1):
            file = sequence.files.add(frame=frame, name="n")
            file.path.root, file.path.relative = "r", "p" * 200
            stamp = file.path.stamp
            stamp.bytes, stamp.modified_ns, stamp.sample_digest = 1 << 30, 1 << 60, "a" * 64
            stamp.inode, stamp.changed_ns = 1 << 40, 1 << 60
    for frame in range(1, 2 * frames + 1):
        shot.boxes.add(frame=frame, left=1, top=1, right=2, bottom=2, object=1)
    data = jobs_pb2.SubmitRequest(spec=spec, again=True).SerializeToString()
    check_parts(data, SUBMIT, frames * SPEC_PARTS_PER_FRAME + 8)


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x05ab",
        b"\x0b\x0c",
        b"\xff" * 12,
        b"\x09abc",
        b"\x0f",
        b"\x10",
        b"\x0a",
        b"\x10\x80",
        b"\x0a\x02\x10\x80\x00",
        b"\x80\x80\x01\x00",
    ],
)
def test_cut_bytes_and_groups_are_refused(data):
    with pytest.raises(InvalidInput):
        check_parts(data, SUBMIT, 5)
