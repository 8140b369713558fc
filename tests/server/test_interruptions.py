# SPDX-License-Identifier: Apache-2.0
"""Jobs survive their workers and their server."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

import grpc
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import recorded_units, spec_of

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED


class Killer:
    """Keeps killing the server's workers until told to stop."""

    def __init__(self, server, number: int) -> None:
        self.kills = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(server, number))
        self._thread.start()

    def _run(self, server, number: int) -> None:
        while not self._stop.wait(0.02):
            for pid in server.application.worker_pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                    self.kills += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def upload(server, shot):
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_job_whose_workers_keep_dying_fails_clearly_and_the_next_job_runs(start_server, shot, number):
    server = start_server()
    upload(server, shot)
    job_id = server.caller.submit(spec_of(shot, "/killed")).job.id
    # Not before the files have been read: a reader that dies by a fault is a finding about its file, for good.
    for response in server.caller.watch(job_id):
        if response.HasField("event") and response.event.stage.stage == "prepare":
            break
    killer = Killer(server, number)
    failed = server.caller.finish(job_id)
    killer.stop()
    assert killer.kills >= 2
    assert failed.state == FAILED
    (problem,) = failed.problems
    assert problem.code == "set_aside" and number.name in problem.message and problem.fix
    assert server.caller.run(spec_of(shot, "/next")).state == DONE


def test_a_worker_killed_once_costs_one_retry_and_no_job(start_server, shot):
    server = start_server()
    upload(server, shot)
    job_id = server.caller.submit(spec_of(shot)).job.id
    killed = False
    for response in server.caller.watch(job_id):
        if not killed and response.HasField("event") and response.event.stage.stage == "fill":
            for pid in server.application.worker_pids():
                os.kill(pid, signal.SIGKILL)
            killed = True
    assert killed and server.caller.get(job_id).state == DONE


def test_a_stopped_server_goes_on_with_its_job_and_repeats_no_finished_unit(start_server, shot, tmp_path):
    server = start_server()
    upload(server, shot)
    job_id = server.caller.submit(spec_of(shot)).job.id
    for response in server.caller.watch(job_id):
        if response.HasField("event") and response.event.stage.stage == "fill":
            break
    server.application.stop()
    before = recorded_units(tmp_path / "store")
    assert {"ingest", "prepare", "motion"} <= {kind for kind, _ in before.values()}

    again = start_server()
    job = again.caller.finish(job_id)
    assert job.state == DONE
    events = [r.event for r in again.caller.watch(job_id) if r.HasField("event")]
    assert [e.sequence for e in events] == list(range(1, job.last_event + 1))
    states = [e.state for e in events if e.HasField("state")]
    assert states[-3:] == [jobs_pb2.JOB_STATE_QUEUED, jobs_pb2.JOB_STATE_RUNNING, DONE]
    assert recorded_units(tmp_path / "store").items() > before.items()


def test_watching_ends_with_unavailable_when_the_server_stops(start_server, shot):
    server = start_server()
    upload(server, shot)
    job_id = server.caller.submit(spec_of(shot)).job.id
    timer = threading.Timer(0.5, server.application.stop)
    timer.start()
    with pytest.raises(grpc.RpcError) as error:
        while True:
            for _ in server.caller.watch(job_id):
                time.sleep(0.01)
    assert error.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    timer.join()
