# SPDX-License-Identifier: Apache-2.0
"""Server, worker and client, which get killed, as real processes, and a follower that lives through it all."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from tests.client.conftest import ROOT, clean_environment
from tests.kills.works import Work
from tests.small_shot import SmallShot
from void_client import events
from void_client.connection import Connection, RetryPolicy
from void_client.errors import ClientError
from void_client.follow import follow
from void_client.target import Target

START_SECONDS = 60
END_SECONDS = 120
"""Longest that a run may take that nobody disturbs any more."""
PATIENT = RetryPolicy(attempts=200, first_wait_s=0.05, longest_wait_s=0.3)


class Server:
    """`void-server serve` on one port and store, started as often as needed.

    Args:
        folder: for its store and log.
        weights: of the engine `void`.
        shared: its root `proj`; None = it has none.
    """

    def __init__(self, folder: Path, weights: Path, shared: Path | None = None) -> None:
        self.shared = shared
        self.roots = ("--root", f"proj={shared}") if shared else ()
        self._environment = clean_environment(VOID_WEIGHTS=str(weights))
        self.store = folder / "store"
        self.address = f"127.0.0.1:{_free_port()}"
        self._log = (folder / "server.log").open("ab")
        self._process: subprocess.Popen[str] | None = None

    @property
    def token(self) -> str:
        return (self.store / "token").read_text().strip()

    def start(self) -> None:
        """Start it and wait until it serves."""
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "void_server", "serve", "--listen", self.address),
                *("--store", str(self.store), "--workers", "1", *self.roots),
            ],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=self._environment,
            cwd=ROOT,
        )
        if not self._process.stdout.readline().startswith("void-server"):
            raise RuntimeError(f"the server did not start; see {self._log.name}")

    def workers(self) -> list[int]:
        tasks = Path(f"/proc/{self._process.pid}/task")
        found: list[int] = []
        for task in tasks.iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += map(int, (task / "children").read_text().split())
        return found

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._process.stdout.close()
        self._log.close()


class Artist(Protocol):
    """Who wants the work done, and is started as often as needed: the command, or a host with its helper.

    Attributes:
        out: folder of the results.
        runs: what each run said, in the words of `void --json`.
        name: what a kill of it is called.
    """

    out: Path
    runs: list[list[dict[str, Any]]]
    name: str

    def start(self) -> None:
        """Run it once more."""

    @property
    def code(self) -> int | None:
        """0 once the job is done and fetched, another number once the run has ended otherwise; None before."""

    def kill(self) -> None:
        """End it as a power cut would."""

    def wait(self) -> int:
        """Wait for the run to end; returns `code`."""

    def close(self) -> None:
        """End what is left of it."""

    def last_words(self) -> str:
        """Why the last run ended as it did, addresses left out."""


def jobs_told(artist: Artist) -> list[list[dict[str, Any]]]:
    """What each run was told of its job."""
    return [[e for e in run if e["event"] == "job"] for run in artist.runs]


class Client:
    """`void … --json` with one and the same wish, run as often as needed."""

    name = "client"

    def __init__(self, folder: Path, server: Server, shot: SmallShot, work: Work) -> None:
        self.out = folder / "out"
        self.runs: list[list[dict[str, Any]]] = []
        self._log = (folder / "client.log").open("ab")
        self._process: subprocess.Popen[str] | None = None
        self._server = server
        self._wish = (*work.words(shot, self.out), *server.roots)

    def start(self) -> None:
        environment = clean_environment(
            VOID_SERVER=self._server.address, VOID_TOKEN_FILE=str(self._server.store / "token")
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "void_client", *self._wish],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
            cwd=ROOT,
        )
        said: list[dict[str, Any]] = []
        self.runs.append(said)
        self._reader = threading.Thread(target=self._read, args=(self._process, said), daemon=True)
        self._reader.start()

    @property
    def code(self) -> int | None:
        return self._process.poll()

    def kill(self) -> None:
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        code = self._process.wait(END_SECONDS)
        self._reader.join()
        return code

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
        self._log.close()

    def last_words(self) -> str:
        """Why the last run ended as it did, addresses left out."""
        said = [str(e.get("message", e)) for e in self.runs[-1][-1:]]
        return f"exit code {self.code}: {' '.join(said).replace(self._server.address, 'SERVER')}"

    @staticmethod
    def _read(process: subprocess.Popen[str], said: list[dict[str, Any]]) -> None:
        for line in process.stdout:
            # The last line of a killed process may be cut.
            with contextlib.suppress(ValueError):
                said.append(json.loads(line))
        process.stdout.close()


class Follower:
    """`void_client.follow` in this process: it is never killed, and must be told each event once."""

    def __init__(self, server: Server) -> None:
        self.told: list[events.Event] = []
        self.reconnects = 0
        self.error: ClientError | None = None
        self._server = server
        self._thread: threading.Thread | None = None

    def start(self, job_id: str) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(job_id,), daemon=True)
            self._thread.start()

    def join(self) -> bool:
        """Wait for the end of the job; returns whether it came."""
        if self._thread is not None:
            self._thread.join(END_SECONDS)
        return self._thread is not None and not self._thread.is_alive()

    def stage(self) -> str:
        """Where the job stands, as far as was told."""
        if self._thread is None:
            return "before the job"
        stages = [e.stage for e in self.told if isinstance(e, events.StageBegan)]
        return stages[-1] if stages else "queued"

    def _run(self, job_id: str) -> None:
        with Connection(lambda: Target(self._server.address, self._server.token), PATIENT) as connection:
            try:
                follow(connection, job_id, self._take)
            except ClientError as error:
                self.error = error

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.Reconnecting):
            self.reconnects += 1
        elif not isinstance(event, events.Progressed):
            self.told.append(event)


def kill_one(pids: list[int], choice: float) -> bool:
    """Kill one of these processes; returns whether there was one."""
    for pid in pids[int(choice * len(pids)) :]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def wait_until(moment: float, artist: Artist, follower: Follower, events_more: int = 0) -> bool:
    """Wait for this moment, or until so many more events (0 = whatever comes) were told.

    Returns False when the artist ended before it. Starts to follow once a job is known.
    """
    enough = len(follower.told) + events_more if events_more else sys.maxsize
    while time.monotonic() < moment and len(follower.told) < enough:
        if artist.code is not None:
            return False
        for told in jobs_told(artist):
            if told:
                follower.start(told[0]["id"])
        time.sleep(0.002)
    return True


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
