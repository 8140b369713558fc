# SPDX-License-Identifier: Apache-2.0
"""A server that is asked to end finishes what it has in hand, and the next one goes on behind it.

Workers are held in the middle of a unit by SIGSTOP, so that each test sees a drain for as long as it needs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from void.google_rpc import error_details_pb2, status_pb2
from void.v1 import jobs_pb2

from tests.client.conftest import ServerProcess
from tests.monitor.client import Client
from tests.server.calls import Caller, recorded_units, spec_of
from tests.server.test_command import children, wait_for

DONE = jobs_pb2.JOB_STATE_DONE
HELD_STAGE = "motion"


class Held:
    """A server whose only worker stands still in the middle of a job."""

    def __init__(self, store: Path, shot, *options: str) -> None:
        self.store = store
        self.server = ServerProcess(store, *options)
        self.caller = Caller(self.server.address, self.server.token)
        for name in ("plate", "roto", "affected"):
            self.caller.upload_files(shot.files(name).values())
        self.job = self.caller.submit(spec_of(shot)).job.id
        for response in self.caller.watch(self.job):
            if response.event.stage.stage == HELD_STAGE:
                break
        self.workers = children(self.server.pid)
        self.signal_workers(signal.SIGSTOP)

    def signal_workers(self, number: int) -> None:
        for pid in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def end(self) -> None:
        self.signal_workers(signal.SIGCONT)
        self.caller.close()
        self.server._process.kill()
        self.server._process.wait()

    def returncode(self, seconds: float = 60) -> int:
        return self.server._process.wait(seconds)


@pytest.fixture
def hold(tmp_path, shot) -> Iterator[Callable[..., Held]]:
    with contextlib.ExitStack() as stack:

        def start(*options: str) -> Held:
            held = Held(tmp_path / "store", shot, *options)
            stack.callback(held.end)
            return held

        yield start


def finish(held: Held) -> dict[str, tuple[str, float]]:
    """Finish the job on a new server; returns the units that it has then."""
    server = ServerProcess(held.store)
    caller = Caller(server.address, server.token)
    assert caller.finish(held.job).state == DONE
    caller.close()
    server.stop()
    return recorded_units(held.store)


def crashes(store: Path) -> int:
    with contextlib.closing(sqlite3.connect(store / "void.sqlite3")) as db:
        return db.execute("SELECT COUNT(*) FROM crash").fetchone()[0]


def health_of(caller: Caller) -> int:
    asked = health_pb2_grpc.HealthStub(caller.channel)
    return asked.Check(health_pb2.HealthCheckRequest(), metadata=caller.metadata).status


def test_units_in_hand_end_and_no_finished_one_is_computed_again(hold):
    """Takes about 10 s: two real servers, one after the other, share a job."""
    held = hold()
    before = recorded_units(held.store)
    held.server._process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    held.signal_workers(signal.SIGCONT)
    assert held.returncode() == 0
    kept = recorded_units(held.store)
    assert len(kept) == len(before) + 1
    after = finish(held)
    assert {key: after[key] for key in kept} == kept and len(after) > len(kept)


def test_meanwhile_orders_are_refused_until_later_and_everybody_is_told(hold, shot):
    held = hold("--monitor", "127.0.0.1:0")
    lines = [held.server._process.stdout.readline() for _ in range(2)]
    monitor = Client(lines[1].split()[-1], token=held.server.token)
    assert monitor.get("/api/jobs").json()["notice"] == ""
    held.server._process.send_signal(signal.SIGTERM)
    wait_for(lambda: health_of(held.caller) == health_pb2.HealthCheckResponse.NOT_SERVING)
    for order in (
        lambda: held.caller.submit(spec_of(shot, "/new")),
        lambda: held.caller.preflight(spec_of(shot)),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            order()
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "takes no more jobs" in refused.value.details() and retry_of(refused.value) > 0
    assert held.caller.get(held.job).state == jobs_pb2.JOB_STATE_RUNNING
    assert "takes no more jobs" in monitor.get("/api/jobs").json()["notice"]
    assert "void_draining 1.0" in monitor.get("/metrics").body.decode()
    held.signal_workers(signal.SIGCONT)
    assert held.returncode() == 0


def retry_of(error: grpc.RpcError) -> float:
    """Seconds of the RetryInfo of a rich error."""
    data = dict(error.trailing_metadata())["grpc-status-details-bin"]
    for detail in status_pb2.Status.FromString(data).details:
        found = error_details_pb2.RetryInfo()
        if detail.Unpack(found):
            return found.retry_delay.ToTimedelta().total_seconds()
    raise AssertionError("no RetryInfo")


def test_a_unit_that_takes_too_long_is_given_up_and_is_nobody_s_crash(hold):
    """Takes about 10 s: two real servers, one after the other, share a job."""
    held = hold("--drain-seconds", "0.5")
    held.server._process.send_signal(signal.SIGTERM)
    assert held.returncode() == 0
    assert crashes(held.store) == 0
    kept = recorded_units(held.store)
    after = finish(held)
    assert {key: after[key] for key in kept} == kept


def test_asked_again_it_ends_at_once_and_leaves_no_worker(hold):
    held = hold("--drain-seconds", "600")
    for _ in range(2):
        held.server._process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    assert held.returncode(30) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in held.workers)


def drain(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "void_server", "drain", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_ends_the_server_of_a_store_and_waits_for_it(hold):
    held = hold()
    gone = drain("--store", held.store, "--wait", "1")
    assert gone.returncode == 1 and "still runs after 1 s" in gone.stderr
    assert held.server._process.poll() is None
    ended = drain("--store", held.store, "--now")
    assert (ended.returncode, ended.stdout) == (0, "The server has ended.\n")
    assert held.returncode(5) == 0
    again = drain("--store", held.store)
    assert again.returncode == 2 and "No server" in again.stderr


def test_systemd_is_told_when_it_serves_and_when_it_ends(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        server = ServerProcess(tmp_path / "store")
        assert listening.recv(100) == b"READY=1"
        server.stop()
        assert listening.recv(100) == b"STOPPING=1"
