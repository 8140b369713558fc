# SPDX-License-Identifier: Apache-2.0
"""A failed call becomes an error that says what is wrong, where, and what to do; some are worth another try."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from void.google_rpc import error_details_pb2, status_pb2
from void.v1 import jobs_pb2, types_pb2

from tests.client.scripted_jobs import ScriptedJobs, ended, serve
from void_client.connection import Connection, RetryPolicy
from void_client.errors import (
    AccessRefused,
    BadInput,
    ClientError,
    CorruptTransfer,
    ExitCode,
    RequestRefused,
    ServerDefect,
    ServerUnreachable,
    SpecRefused,
)
from void_client.target import Target

POLICY = RetryPolicy(attempts=3, first_wait_s=0.01, longest_wait_s=0.02)


def failing(
    code: grpc.StatusCode, said: str = "It is so.", *details: Message
) -> Callable[[grpc.ServicerContext], None]:
    """Fail a call as servers do, with google.rpc details."""

    def abort(context: grpc.ServicerContext) -> None:
        status = status_pb2.Status(code=code.value[0], message=said)
        for detail in details:
            status.details.add().Pack(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, said)

    return abort


@pytest.fixture
def servicer() -> ScriptedJobs:
    return ScriptedJobs(lambda first, context: iter([ended(1)]))


@pytest.fixture
def scripted(servicer: ScriptedJobs) -> Iterator[Connection]:
    server, address = serve(servicer)
    with Connection(lambda: Target(address, "t"), POLICY) as connection:
        yield connection
    server.stop(None)


def get(connection: Connection, **options: bool) -> jobs_pb2.Job:
    return connection.call(lambda s: s.jobs.Get, jobs_pb2.GetRequest(id="j"), **options).job


def error_for(connection: Connection, servicer: ScriptedJobs, abort: Callable) -> ClientError:
    servicer.failing = [abort] * POLICY.attempts
    with pytest.raises(ClientError) as caught:
        get(connection)
    return caught.value


def test_rich_details_say_where_and_what_to_do(scripted: Connection, servicer: ScriptedJobs) -> None:
    info = error_details_pb2.ErrorInfo(
        reason="invalid_input", metadata={"fix": "Paint it.", "frame": "-12", "file": "roto.exr"}
    )
    error = error_for(scripted, servicer, failing(grpc.StatusCode.INVALID_ARGUMENT, "It is empty.", info))
    assert (error.code, error.fix, error.frame, error.file) == ("invalid_input", "Paint it.", -12, "roto.exr")
    assert str(error) == "frame -12, roto.exr: It is empty. Paint it."


def test_all_violations_of_a_request_are_told(scripted: Connection, servicer: ScriptedJobs) -> None:
    request = error_details_pb2.BadRequest()
    for field in ("range", "seed"):
        request.field_violations.add(field=f"spec.{field}", description=f"{field} is odd")
    error = error_for(scripted, servicer, failing(grpc.StatusCode.INVALID_ARGUMENT, "Two things.", request))
    assert str(error) == "Two things.; spec.range: range is odd; spec.seed: seed is odd"


def test_a_missing_resource_is_the_file_concerned(scripted: Connection, servicer: ScriptedJobs) -> None:
    resource = error_details_pb2.ResourceInfo(resource_name="roto.exr")
    assert (
        error_for(scripted, servicer, failing(grpc.StatusCode.NOT_FOUND, "Gone.", resource)).file
        == "roto.exr"
    )


def test_a_passed_quota_is_told(scripted: Connection, servicer: ScriptedJobs) -> None:
    quota = error_details_pb2.QuotaFailure()
    quota.violations.add(subject="max_frames", description="10 of 5")
    error = error_for(scripted, servicer, failing(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too much.", quota))
    assert "max_frames: 10 of 5" in str(error)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.UNAVAILABLE, ServerUnreachable),
        (grpc.StatusCode.UNAUTHENTICATED, AccessRefused),
        (grpc.StatusCode.PERMISSION_DENIED, AccessRefused),
        (grpc.StatusCode.FAILED_PRECONDITION, RequestRefused),
        (grpc.StatusCode.DATA_LOSS, CorruptTransfer),
        (grpc.StatusCode.INTERNAL, ServerDefect),
        (grpc.StatusCode.UNKNOWN, ServerDefect),
    ],
)
def test_each_status_has_its_kind_of_error(
    scripted: Connection, servicer: ScriptedJobs, code: grpc.StatusCode, kind: type[ClientError]
) -> None:
    assert type(error_for(scripted, servicer, failing(code))) is kind


def test_details_that_cannot_be_read_leave_the_plain_message(
    scripted: Connection, servicer: ScriptedJobs
) -> None:
    def abort(context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "It is so.")

    assert str(error_for(scripted, servicer, abort)) == "It is so."


def test_a_broken_connection_is_tried_again(scripted: Connection, servicer: ScriptedJobs) -> None:
    servicer.failing = [failing(grpc.StatusCode.UNAVAILABLE)]
    assert get(scripted).id == "j"
    assert servicer.got == 2


def test_a_call_that_must_not_be_seen_twice_is_made_once(
    scripted: Connection, servicer: ScriptedJobs
) -> None:
    servicer.failing = [failing(grpc.StatusCode.UNAVAILABLE)]
    with pytest.raises(ServerUnreachable):
        get(scripted, repeatable=False)
    assert servicer.got == 1


def test_a_refusal_is_not_tried_again(scripted: Connection, servicer: ScriptedJobs) -> None:
    error_for(scripted, servicer, failing(grpc.StatusCode.INVALID_ARGUMENT))
    assert servicer.got == 1


def test_a_busy_server_is_asked_again_after_the_time_that_it_names(
    scripted: Connection, servicer: ScriptedJobs
) -> None:
    retry = error_details_pb2.RetryInfo()
    retry.retry_delay.FromMilliseconds(300)
    servicer.failing = [failing(grpc.StatusCode.ABORTED, "Busy.", retry)]
    begun = time.monotonic()
    assert get(scripted).id == "j"
    assert time.monotonic() - begun >= 0.3


def test_a_broken_connection_is_tried_so_often_and_no_more(
    scripted: Connection, servicer: ScriptedJobs
) -> None:
    error_for(scripted, servicer, failing(grpc.StatusCode.UNAVAILABLE))
    assert servicer.got == POLICY.attempts


def test_a_refused_spec_counts_errors_not_warnings() -> None:
    problems = [types_pb2.Problem(severity=s) for s in (1, 2, 2)]
    assert "2 problems" in str(SpecRefused(problems))
    assert "5 files were not looked at yet" in str(SpecRefused(problems, unseen_files=5))


@given(st.text(), st.text(), st.one_of(st.none(), st.integers()), st.text())
def test_an_error_tells_all_that_it_knows(message: str, fix: str, frame: int | None, file: str) -> None:
    text = str(BadInput(message, fix=fix, frame=frame, file=file))
    assert message in text and fix in text and file in text
    assert frame is None or str(frame) in text


def test_every_error_has_a_documented_exit_code() -> None:
    assert {kind.exit_code for kind in ClientError.__subclasses__()} <= set(ExitCode)
