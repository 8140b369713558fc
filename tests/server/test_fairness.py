# SPDX-License-Identifier: Apache-2.0
"""Priorities, previews, patience and crashes of jobs, on a real server with real workers."""

from __future__ import annotations

import os
import signal
import time

import grpc
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import error_info, spec_of
from void_server.access.principals import Role
from void_server.errors import WorkerCrashed
from void_server.jobs.canonical import request_id
from void_server.jobs.database import Database
from void_server.jobs.store import JobStore

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED


def upload(caller, shot):
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())


def ordered(shot, place: str, priority: int = 0, preview: bool = False) -> jobs_pb2.JobSpec:
    spec = spec_of(shot, place)
    spec.priority, spec.settings.preview = priority, preview
    # Each place has results of its own: nothing of an earlier job serves.
    spec.settings.seed = abs(hash(place)) % 1000
    return spec


def test_the_priority_is_no_part_of_a_job_s_identity(shot):
    assert request_id(ordered(shot, "/a", jobs_pb2.PRIORITY_LOW)) == request_id(ordered(shot, "/a"))


def test_high_is_a_supervisor_s_to_give(start_server, shot):
    server = start_server()
    anna, maria = server.caller_of("anna"), server.caller_of("maria", Role.SUPERVISOR)
    for caller in (anna, maria):
        upload(caller, shot)
    with pytest.raises(grpc.RpcError) as error:
        anna.submit(ordered(shot, "/a", jobs_pb2.PRIORITY_HIGH))
    info = error_info(error.value)
    assert info.reason == "precondition_failed" and "supervisor" in info.metadata["message"]
    job = maria.submit(ordered(shot, "/a", jobs_pb2.PRIORITY_HIGH)).job
    assert job.spec.priority == jobs_pb2.PRIORITY_HIGH
    assert anna.submit(ordered(shot, "/b", jobs_pb2.PRIORITY_LOW)).created


def test_a_preview_submitted_last_ends_before_the_jobs_that_were_there(start_server, shot):
    server = start_server()
    upload(server.caller, shot)
    long = [server.caller.submit(ordered(shot, f"/long{n}")).job.id for n in range(5)]
    preview = server.caller.submit(ordered(shot, "/preview", preview=True)).job.id
    assert server.caller.finish(preview).state == DONE
    assert not any(server.caller.get(i).HasField("finished") for i in long)
    for i in long:
        server.caller.jobs.Cancel(jobs_pb2.CancelRequest(id=i), metadata=server.caller.metadata)


def test_a_job_s_estimate_is_unknown_at_first_and_told_once_a_job_like_it_has_finished(start_server, shot):
    server = start_server()
    upload(server.caller, shot)
    first = server.caller.submit(ordered(shot, "/first")).job
    assert not first.HasField("estimated_finish")
    assert server.caller.finish(first.id).state == DONE
    ended = server.caller.get(first.id)
    assert not ended.HasField("estimated_finish") and not ended.HasField("estimated_start")
    deadline = time.monotonic() + 10
    while True:
        second = server.caller.submit(ordered(shot, f"/{time.monotonic()}")).job
        if second.HasField("estimated_finish") or time.monotonic() > deadline:
            break
        server.caller.finish(second.id)
    assert second.estimated_finish.ToNanoseconds() > second.created.ToNanoseconds()
    listed = server.caller.jobs.List(jobs_pb2.ListRequest(limit=1), metadata=server.caller.metadata).jobs[0]
    assert listed.id == second.id and (listed.HasField("estimated_finish") or listed.state == DONE)


def test_a_worker_s_deaths_are_counted_over_the_lives_of_the_server(tmp_path):
    crash = WorkerCrashed("x", signal=9, how="was ended by SIGKILL")
    store = JobStore(Database(tmp_path / "void.sqlite3"))
    job = store.submit("r", b"", "anna")[0].id
    assert store.record_crash(job, "unit", crash) == 1
    again = JobStore(Database(tmp_path / "void.sqlite3"))
    assert again.record_crash(job, "unit", crash) == 2
    ((count, last),) = again.crashes(job).values()
    assert (count, last.signal, last.how) == (2, 9, "was ended by SIGKILL")


def test_a_job_over_which_two_workers_died_is_set_aside_also_after_a_restart_and_kills_no_more(
    start_server, shot, tmp_path
):
    """One worker dies in the first life of the server, one in the second; the third is not even tried."""
    store = tmp_path / "kept"
    server = start_server(store)
    upload(server.caller, shot)
    job_id = server.caller.submit(ordered(shot, "/killer")).job.id
    server.application.stop()
    # The two deaths, as two lives of the server recorded them.
    database = Database(store / "void.sqlite3")
    jobs = JobStore(database)
    crash = WorkerCrashed("x", signal=signal.SIGKILL, how="was ended by SIGKILL")
    for _ in range(2):
        jobs.record_crash(job_id, "plan of ingest", crash)
    database.close()
    again = start_server(store)
    before = again.application.worker_pids()
    job = again.caller.finish(job_id)
    assert job.state == FAILED and [p.code for p in job.problems] == ["set_aside"]
    assert "SIGKILL" in job.problems[0].message and job.problems[0].fix
    assert again.application.worker_pids() == before
    assert all(os.kill(pid, 0) is None for pid in before)
    # Whoever wants it all the same says so: the same order makes a new attempt.
    assert again.caller.run(ordered(shot, "/killer")).state == DONE
