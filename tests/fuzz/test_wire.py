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
from void_server.rpc.wire import check_parts

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


@pytest.mark.parametrize("data", [b"\x0a\x05ab", b"\x0b\x0c", b"\xff" * 12, b"\x09abc", b"\x0f"])
def test_cut_bytes_and_groups_are_refused(data):
    with pytest.raises(InvalidInput):
        check_parts(data, SUBMIT, 5)
