# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes come with a valid token, on whatever method: no call ends as a defect, and the server stays whole."""

from __future__ import annotations

import time

import grpc
import pytest
from google.protobuf.message import Message
from void.v1 import frames_pb2, jobs_pb2, server_pb2, types_pb2

from tests.fuzz.calls import RawCalls, methods, send
from tests.fuzz.messages import many_parts, nested
from tests.fuzz.oracle import check_status
from tests.server.calls import error_info, spec_of
from void_server.configuration import Limits
from void_server.rpc.parsing import MAX_REQUEST_BYTES
from void_server.rpc.request_limits import MAX_MESSAGE_BYTES
from void_server.rpc.texts import MAX_NAME_BYTES, MAX_PROSE_BYTES

CALLS = 500
PATHS = [f"/{m.containing_service.full_name}/{m.name}" for m in methods()]
INVALID, EXHAUSTED = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.fixture(scope="module", autouse=True)
def all_holds_at_the_end(target):
    """The oracle over all that the tests of this module did to one server."""
    yield
    target.check(uploads=10**6)


def raw(target, path: str, *payloads: bytes, seconds: float = 5.0) -> grpc.StatusCode | None:
    code = send(target.artist.channel, path, list(payloads), target.artist.metadata, 0.5, seconds)
    check_status(code, path)
    return code


def refused(target, path: str, request: Message) -> grpc.RpcError:
    call = target.artist.channel.stream_stream(path)
    with pytest.raises(grpc.RpcError) as error:
        list(call(iter([request.SerializeToString()]), metadata=target.artist.metadata, timeout=20))
    check_status(error.value.code(), path)
    return error.value


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "data",
    [b"\xff\xff\xff", b"\x0a\x05abc", b"\x0b" * 200, nested(5000)[:-3]],
    ids=["tag", "cut", "group", "deep"],
)
def test_bytes_that_are_no_message_are_the_caller_s_error(target, path, data):
    assert raw(target, path, data) is INVALID


@pytest.mark.parametrize("path", [p for p in PATHS if "GetCapabilities" not in p and "Health/List" not in p])
def test_text_that_is_not_utf8_is_the_caller_s_error(target, path):
    """Field 1 of each of these is text, or a message or list that holds none such bytes."""
    assert raw(target, path, b"\x0a\x02\xff\xfe") is INVALID


def test_the_error_says_what_to_do(target):
    call = target.artist.channel.unary_unary("/void.v1.Jobs/Get")
    with pytest.raises(grpc.RpcError) as error:
        call(b"\xff", metadata=target.artist.metadata)
    info = error_info(error.value)
    assert info.reason == "invalid_input" and "void.v1" in info.metadata["fix"]


@pytest.mark.parametrize("path", PATHS)
def test_a_message_over_the_size_of_any_is_refused(target, path):
    assert raw(target, path, bytes(MAX_MESSAGE_BYTES + 1)) is EXHAUSTED


@pytest.mark.parametrize(
    "path", [p for p in PATHS if p.split("/")[-1] not in ("Submit", "Preflight", "Upload")]
)
def test_a_message_that_is_longer_than_its_method_needs_is_not_parsed(target, path):
    assert raw(target, path, b"\xff" * (MAX_REQUEST_BYTES + 1)) is EXHAUSTED


@pytest.mark.parametrize("path", PATHS)
def test_a_stream_without_a_message_and_one_with_two_are_answered(target, path):
    seconds = 0.3 if path.endswith("Watch") else 5.0
    raw(target, path, seconds=seconds)
    raw(target, path, b"", b"", seconds=seconds)


@pytest.mark.parametrize("manner", [0.0001, 0.04, 0.07, 0.12, 0.95])
def test_calls_that_are_given_no_time_are_cancelled_or_never_end_are_answered(target, manner):
    """See `send` for what the numbers mean."""
    for path in PATHS:
        code = send(target.artist.channel, path, [b""], target.artist.metadata, manner, 0.3)
        check_status(code, path)


def test_a_million_states_are_one(target):
    request = jobs_pb2.ListRequest(states=[1] * 10**6)
    assert raw(target, "/void.v1.Jobs/List", request.SerializeToString()) is None


def test_states_that_no_job_is_ever_in_are_refused(target):
    request = jobs_pb2.ListRequest()
    request.states.append(99)
    assert refused(target, "/void.v1.Jobs/List", request).code() is INVALID


@pytest.mark.parametrize("path", ["/void.v1.Jobs/Submit", "/void.v1.Jobs/Preflight"])
def test_an_order_of_a_million_empty_files_is_refused(target, path):
    assert raw(target, path, many_parts(2 * 10**6), seconds=30) is EXHAUSTED


def test_an_input_of_more_files_than_frames_are_allowed_is_refused_before_they_are_looked_up(target):
    spec = spec_of(target.shot)
    file = spec.shot.plate.files[0]
    spec.shot.plate.files.extend([file] * Limits.max_frames)
    info = error_info(refused(target, "/void.v1.Jobs/Submit", jobs_pb2.SubmitRequest(spec=spec)))
    assert f"the limit is max_frames = {Limits.max_frames}" in info.metadata["message"]


def test_an_order_of_the_greatest_size_is_refused_and_takes_no_memory(target):
    """The most that a parser could make of so few bytes: half a gigabyte, and seconds of the interpreter."""
    begun = time.monotonic()
    assert raw(target, "/void.v1.Jobs/Submit", many_parts(16 << 20), seconds=60) is EXHAUSTED
    assert time.monotonic() - begun < 20
    target.check(uploads=10**6)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("shot.view", "v" * (MAX_NAME_BYTES + 1)),
        ("shot.plate.pattern", "é" * MAX_NAME_BYTES),
        ("output.directory", "d" * 10**6),
        ("shot.prompt", "p" * (MAX_PROSE_BYTES + 1)),
    ],
)
def test_words_of_any_length_are_refused_by_a_named_limit(target, field, text):
    spec = spec_of(target.shot)
    *path, name = field.split(".")
    holder = spec
    for step in path:
        holder = getattr(holder, step)
    setattr(holder, name, text)
    info = error_info(refused(target, "/void.v1.Jobs/Submit", jobs_pb2.SubmitRequest(spec=spec)))
    assert info.reason == "limit_exceeded" and "max_" in info.metadata["message"]


def test_a_kind_of_job_that_there_is_not_is_refused(target):
    spec = spec_of(target.shot)
    spec.kind = 99
    assert refused(target, "/void.v1.Jobs/Submit", jobs_pb2.SubmitRequest(spec=spec)).code() is INVALID


@pytest.mark.parametrize("id_", ["x" * 900_000, "é" * 3000, "\0" * 3000], ids=["long", "not ascii", "nul"])
def test_an_error_about_a_long_text_still_arrives_as_the_error_that_it_is(target, id_):
    error = refused(target, "/void.v1.Jobs/Get", jobs_pb2.GetRequest(id=id_))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error_info(error).reason == "not_found"


def test_numbers_at_the_edge_are_answered(target):
    digest = target.job.outputs[0].blob.digest
    for offset in (2**63 - 1, 2**63, 2**64 - 1):
        request = frames_pb2.DownloadRequest(digest=digest, offset=offset)
        assert refused(target, "/void.v1.FrameStore/Download", request).code() is not None
        request = frames_pb2.UploadRequest(
            start=frames_pb2.UploadStart(blob=types_pb2.Blob(digest="0" * 64, bytes=5), offset=offset)
        )
        assert refused(target, "/void.v1.FrameStore/Upload", request).code() is grpc.StatusCode.ABORTED
        request = jobs_pb2.WatchRequest(id=target.job.id, from_event=offset)
        assert refused(target, "/void.v1.Jobs/Watch", request).code() is not None
    for first, last, step in ((-(2**31), 2**31 - 1, 2**31 - 1), (-(2**31), 2**31 - 1, 1), (5, 4, -(2**31))):
        spec = spec_of(target.shot)
        spec.shot.range.first, spec.shot.range.last, spec.shot.range.step = first, last, step
        request = jobs_pb2.PreflightRequest(spec=spec)
        raw(target, "/void.v1.Jobs/Preflight", request.SerializeToString())


@pytest.mark.parametrize("service", ["nonsense", "x" * 100_000])
def test_health_leaves_nothing_behind_for_names_that_it_does_not_have(target, service):
    from grpc_health.v1 import health_pb2

    request = health_pb2.HealthCheckRequest(service=service)
    for method in ("Check", "Watch"):
        error = refused(target, f"/grpc.health.v1.Health/{method}", request)
        assert error.code() is grpc.StatusCode.NOT_FOUND


def test_capabilities_take_unknown_fields(target):
    """A newer client may say more; `\\x0a\\x01a` is a field 1 that the message does not have."""
    call = target.artist.channel.unary_unary("/void.v1.Server/GetCapabilities")
    answer = call(b"\x0a\x01a", metadata=target.artist.metadata)
    assert server_pb2.GetCapabilitiesResponse.FromString(answer).workers == 1


def test_calls_made_at_random_are_answered(target, job):
    """Takes about 10 s: real calls, some of them orders that really run."""
    calls = RawCalls(target, job)
    calls.run(range(CALLS))
    print(calls.ended)
    assert calls.ended["OK"] > CALLS / 20 and calls.ended["INVALID_ARGUMENT"] > CALLS / 10
