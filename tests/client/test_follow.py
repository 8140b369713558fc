# SPDX-License-Identifier: Apache-2.0
"""Every event of a job is told once and in order, however the connection breaks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from void.v1 import jobs_pb2, types_pb2

from tests.client.scripted_jobs import ScriptedJobs, ended, said, serve
from void_client import follow as follow_module
from void_client.connection import Connection, RetryPolicy
from void_client.errors import JobCancelled, JobFailed, RequestRefused, ServerDefect, ServerUnreachable
from void_client.events import Event, Reconnecting, Said, StateChanged
from void_client.follow import error_of, follow
from void_client.target import Target

QUICK = RetryPolicy(attempts=3, first_wait_s=0.01, longest_wait_s=0.02)


def breaking(code: grpc.StatusCode, *numbers: int) -> Callable[[int, grpc.ServicerContext], Iterator]:
    """Tell these events, then fail."""

    def script(first: int, context: grpc.ServicerContext) -> Iterator[jobs_pb2.WatchResponse]:
        yield from (said(n) for n in numbers if n >= first)
        context.abort(code, "a break")

    return script


def telling(*messages: jobs_pb2.WatchResponse) -> Callable[[int, grpc.ServicerContext], Iterator]:
    """Tell these events and end."""
    return lambda first, context: iter(messages)


def followed(*scripts: Callable[[int, grpc.ServicerContext], Iterator], from_event: int = 1):
    servicer = ScriptedJobs(*scripts)
    server, address = serve(servicer)
    told: list[Event] = []
    try:
        with Connection(lambda: Target(address, "t"), QUICK) as connection:
            follow(connection, "job", told.append, from_event=from_event)
    finally:
        server.stop(None)
    return told, servicer


def messages(told: list[Event]) -> list[str]:
    return [e.message for e in told if isinstance(e, Said)]


def test_events_are_told_until_the_job_ends() -> None:
    told, _ = followed(telling(said(1), said(2), ended(3)))
    assert messages(told) == ["event 1", "event 2"]
    assert told[-1] == StateChanged("job", "done")


def test_after_a_break_only_what_is_new_is_asked_for_and_told() -> None:
    told, servicer = followed(breaking(grpc.StatusCode.UNAVAILABLE, 1, 2), telling(said(3), ended(4)))
    assert servicer.asked == [1, 3]
    assert messages(told) == ["event 1", "event 2", "event 3"]
    assert any(isinstance(e, Reconnecting) for e in told)


def test_a_watch_that_is_renewed_after_its_time_is_not_told_as_a_break() -> None:
    told, _ = followed(breaking(grpc.StatusCode.DEADLINE_EXCEEDED, 1), telling(ended(2)))
    assert not any(isinstance(e, Reconnecting) for e in told)


def test_events_that_come_twice_are_told_once() -> None:
    told, _ = followed(
        breaking(grpc.StatusCode.UNAVAILABLE, 1, 2), telling(said(1), said(2), said(3), ended(4))
    )
    assert messages(told) == ["event 1", "event 2", "event 3"]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 12), max_size=4))
def test_whatever_the_breaks_every_event_is_told_once(breaks: list[int]) -> None:
    everything = range(1, 13)
    scripts = [breaking(grpc.StatusCode.UNAVAILABLE, *everything[:n]) for n in sorted(set(breaks))]
    told, _ = followed(
        *scripts, lambda first, _: iter([*(said(n) for n in everything if n >= first), ended(13)])
    )
    assert messages(told) == [f"event {n}" for n in everything]


def test_an_event_that_was_left_out_is_a_defect_and_named() -> None:
    with pytest.raises(ServerDefect, match="events 2 to 2"):
        followed(telling(said(1), said(3)))


def test_breaks_without_progress_end_in_an_error() -> None:
    with pytest.raises(ServerUnreachable):
        followed(breaking(grpc.StatusCode.UNAVAILABLE))


def test_breaks_with_progress_may_be_more_than_the_limit() -> None:
    scripts = [breaking(grpc.StatusCode.UNAVAILABLE, *range(1, n)) for n in range(2, 10)]
    told, _ = followed(*scripts, telling(ended(9)))
    assert len(messages(told)) == 8


def test_a_server_that_ends_every_watch_is_a_defect() -> None:
    with pytest.raises(ServerDefect, match="ends every watch"):
        followed(telling())


def test_a_job_that_is_not_there_is_told_at_once() -> None:
    servicer_told = breaking(grpc.StatusCode.NOT_FOUND)
    with pytest.raises(RequestRefused):
        followed(servicer_told)


def test_a_silent_connection_is_given_up_and_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_module, "WATCH_RENEWAL_S", 0.3)

    def silent(first: int, context: grpc.ServicerContext) -> Iterator[jobs_pb2.WatchResponse]:
        yield said(1)
        while context.is_active():
            time.sleep(0.05)

    _, servicer = followed(silent, telling(ended(2)))
    assert servicer.asked == [1, 2]


def test_a_done_job_is_no_error() -> None:
    assert error_of(jobs_pb2.Job(state=jobs_pb2.JOB_STATE_DONE)) is None


def test_a_cancelled_job_is_told_as_cancelled() -> None:
    assert isinstance(error_of(jobs_pb2.Job(state=jobs_pb2.JOB_STATE_CANCELLED)), JobCancelled)


def test_a_failed_job_is_told_with_its_first_error_not_its_warnings() -> None:
    problems = [
        types_pb2.Problem(severity=types_pb2.SEVERITY_WARNING, message="a warning"),
        types_pb2.Problem(
            severity=types_pb2.SEVERITY_ERROR,
            code="worker_crashed",
            message="it crashed",
            fix="Try.",
            frames=[7],
        ),
    ]
    error = error_of(jobs_pb2.Job(id="j", state=jobs_pb2.JOB_STATE_FAILED, problems=problems))
    assert isinstance(error, JobFailed)
    assert (error.code, error.frame, str(error)) == (
        "worker_crashed",
        7,
        "frame 7: Job j failed: it crashed Try.",
    )
