# SPDX-License-Identifier: Apache-2.0
"""The last steps before a job: what a second preflight adds, and a Submit that is made as often as it may be."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import grpc
import pytest
from void.v1 import jobs_pb2, types_pb2

from tests.client.scripted_jobs import ScriptedJobs, ended, serve
from void_client.connection import Connection, RetryPolicy
from void_client.errors import Left, ServerUnreachable, SpecRefused
from void_client.events import Accepted, Event, Notes, Preflight
from void_client.order import submit, tell_report
from void_client.target import Target

EMPTY_FRAME = types_pb2.Problem(severity=types_pb2.SEVERITY_WARNING, code="matte_empty", frames=[3])
CROPPED = types_pb2.Problem(severity=types_pb2.SEVERITY_WARNING, code="cropped", frames=[4])
MIXED = types_pb2.Problem(severity=types_pb2.SEVERITY_ERROR, code="mixed_sizes", frames=[5])


def told_of(report: jobs_pb2.PreflightReport, before: jobs_pb2.PreflightReport | None = None) -> list[Event]:
    told: list[Event] = []
    tell_report(report, before, told.append)
    return told


def test_a_second_report_tells_only_what_is_new() -> None:
    first = jobs_pb2.PreflightReport(problems=[EMPTY_FRAME], notes=["a"], unseen_files=9)
    second = jobs_pb2.PreflightReport(problems=[EMPTY_FRAME, CROPPED], notes=["a", "b"])
    notes, findings = told_of(second, first)
    assert isinstance(notes, Notes) and notes.notes == ("b",)
    assert isinstance(findings, Preflight) and [p.code for p in findings.problems] == ["cropped"]


def test_a_report_without_news_is_silent() -> None:
    report = jobs_pb2.PreflightReport(problems=[EMPTY_FRAME], notes=["a"])
    assert told_of(report, report) == []


def test_an_error_ends_the_order_with_all_new_findings_and_what_was_not_looked_at() -> None:
    with pytest.raises(SpecRefused) as caught:
        told_of(jobs_pb2.PreflightReport(problems=[MIXED, EMPTY_FRAME], unseen_files=9))
    assert [p.code for p in caught.value.problems] == ["mixed_sizes", "matte_empty"]
    assert caught.value.unseen_files == 9


@pytest.fixture
def servicer() -> ScriptedJobs:
    return ScriptedJobs(lambda first, context: iter([ended(1)]))


@pytest.fixture
def scripted(servicer: ScriptedJobs) -> Iterator[Connection]:
    server, address = serve(servicer)
    policy = RetryPolicy(attempts=3, first_wait_s=0.01, longest_wait_s=0.02)
    with Connection(lambda: Target(address, "t"), policy) as connection:
        yield connection
    server.stop(None)


def lost(context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.UNAVAILABLE, "the answer was lost")


def test_a_submit_whose_answer_was_lost_is_made_again(scripted: Connection, servicer: ScriptedJobs) -> None:
    servicer.failing = [lost]
    told: list[Event] = []
    submit(scripted, jobs_pb2.JobSpec(), False, told.append)
    assert servicer.got == 2
    assert told == [Accepted("j", "", 0, True, "running")]


def test_a_submit_that_asks_for_a_new_attempt_is_made_once(
    scripted: Connection, servicer: ScriptedJobs
) -> None:
    servicer.failing = [lost]
    with pytest.raises(ServerUnreachable):
        submit(scripted, jobs_pb2.JobSpec(), True, lambda event: None)
    assert servicer.got == 1


@pytest.mark.parametrize(("again", "hint"), [(False, "same command finds it"), (True, "void jobs list")])
def test_an_interrupt_while_a_submit_is_under_way_says_that_the_job_may_exist(
    scripted: Connection, servicer: ScriptedJobs, again: bool, hint: str
) -> None:
    def pressed(context: grpc.ServicerContext) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

    servicer.failing = [pressed]
    with pytest.raises(Left, match="may have accepted it") as caught:
        submit(scripted, jobs_pb2.JobSpec(), again, lambda event: None)
    assert hint in caught.value.fix
    assert ("same command" in caught.value.fix) is not again
