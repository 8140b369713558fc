# SPDX-License-Identifier: Apache-2.0
"""The server under fire: `void-server serve` as a user starts it, with real workers, on loopback."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from void.v1 import jobs_pb2

from tests.client.conftest import ROOT, clean_environment
from tests.fuzz.oracle import Broken, check_health, check_memory, check_store, resident_bytes
from tests.server.calls import Caller, spec_of
from tests.small_shot import SmallShot, write_small_shot
from void_server.access.principals import Role
from void_server.access.tokens import add_token
from void_server.configuration import named_tokens_file
from void_server.jobs.states import ENDED
from void_server.rpc.translate import states_from_proto

SHARED = "shared"
"""Folder of the root `proj`; the store lies beside it."""
QUIET_SECONDS = 60.0
"""How long jobs that were asked to stop may take to end."""
DEFECTS = (
    "defect",
    "Exception calling application",
    "Exception iterating responses",
    "Traceback",
    "The worker process",
)
"""Words by which the server's log tells of something that was not foreseen, a worker that died among it."""


class Target:
    """One server with a supervisor's caller and an artist's, and a small shot that both have uploaded."""

    def __init__(self, folder: Path, *flags: str) -> None:
        self.store = folder / "store"
        self._log = folder / "server.log"
        # Files of the shot may be named by path too.
        (folder / SHARED).mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "void_server", "serve", "--listen", "127.0.0.1:0"),
                    *(
                        "--store",
                        str(self.store),
                        "--workers",
                        "1",
                        "--root",
                        f"proj={folder / SHARED}",
                        *flags,
                    ),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=clean_environment(),
                cwd=ROOT,
            )
        said = self._process.stdout.readline()
        if not said.startswith("void-server"):
            raise RuntimeError(f"the server did not start: {self._log.read_text()}")
        self.address = said.split()[-1]
        self.owner = Caller(self.address, (self.store / "token").read_text().strip())
        self.artist = Caller(self.address, add_token(named_tokens_file(self.store), "anna", Role.ARTIST))
        self.shot: SmallShot = write_small_shot(folder / SHARED / "shot", frames=2, size=(24, 32))
        self.warm_bytes = 0
        self.job: jobs_pb2.Job

    @property
    def callers(self) -> tuple[Caller, Caller]:
        """Both principals."""
        return self.owner, self.artist

    def warm_up(self) -> jobs_pb2.Job:
        """Upload the shot, run it once, and take memory as it is then."""
        for caller in self.callers:
            for name in ("plate", "roto", "affected"):
                caller.upload_files(self.shot.files(name).values())
        self.job = self.owner.run(spec_of(self.shot))
        self.owner.preflight(spec_of(self.shot))
        self.warm_bytes = resident_bytes(self.pids())
        return self.job

    def pids(self) -> list[int]:
        """The server's process id and those of its workers."""
        found = [self._process.pid]
        for task in Path(f"/proc/{self._process.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += map(int, (task / "children").read_text().split())
        return found

    def jobs(self) -> list[jobs_pb2.Job]:
        """All jobs that there are."""
        request = jobs_pb2.ListRequest(limit=1000)
        return list(self.owner.jobs.List(request, metadata=self.owner.metadata).jobs)

    def become_quiet(self) -> None:
        """Cancel what runs and wait until all jobs have ended."""
        until = time.monotonic() + QUIET_SECONDS
        while live := [j for j in self.jobs() if states_from_proto([j.state])[0] not in ENDED]:
            if time.monotonic() > until:
                raise Broken(f"{len(live)} jobs do not end")
            for job in live:
                self.owner.jobs.Cancel(jobs_pb2.CancelRequest(id=job.id), metadata=self.owner.metadata)
            time.sleep(0.2)

    def check(self, *, uploads: int = 0) -> int:
        """All that must hold; returns by how many bytes memory has grown.

        Raises:
            Broken: it does not.
        """
        if self._process.poll() is not None:
            raise Broken(f"the server ended with {self._process.returncode}: {self._log.read_text()[-2000:]}")
        check_health(self.owner)
        self.become_quiet()
        self._wait_for_empty_tmp()
        check_store(self.store, uploads=uploads)
        if defects := [
            line for line in self._log.read_text().splitlines() if any(d in line for d in DEFECTS)
        ]:
            raise Broken(f"the server's log tells of defects: {defects[:5]}")
        return check_memory(self.warm_bytes, self.pids())

    def stop(self) -> None:
        """End it in order."""
        for caller in self.callers:
            caller.close()
        self._process.terminate()
        self._process.wait(60)
        self._process.stdout.close()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def _wait_for_empty_tmp(self) -> None:
        """A unit that a cancelled Preflight began is finished first."""
        until = time.monotonic() + QUIET_SECONDS
        while any((self.store / "tmp").iterdir()) and time.monotonic() < until:
            time.sleep(0.1)
