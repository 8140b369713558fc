# SPDX-License-Identifier: Apache-2.0
"""Writes a store as an earlier commit wrote it: its own server runs, with its own contract, and is killed at work.

In a copy of the tree of that commit, after its `hatch_build.generate`:
`PYTHONPATH=build/contract:. python …/tests/server/stores/make.py FOLDER`. What is imported here is that commit's.
Leaves in FOLDER `dump.sql`, and `blobs` and `jobs` (manifests, since there are any) as they lie in the store.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from void.v1 import jobs_pb2

from tests.server.calls import Caller, set_sequence, spec_of
from tests.small_shot import SmallShot, write_small_shot

UNITS_OF_THE_HALF_DONE = 8


def main(folder: Path) -> None:
    """A done, a failed, a half-done, three begun, a cancelled and a queued job, in that order."""
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as work:
        store = Path(work) / "store"
        command = [
            *(sys.executable, "-m", "void_server", "serve", "--listen", "127.0.0.1:0"),
            *("--store", str(store), "--workers", "1"),
        ]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
        try:
            caller = Caller(server.stdout.readline().split()[-1], (store / "token").read_text().strip())
            make_jobs(caller, store, Path(work))
        finally:
            server.kill()
            server.wait()
        # Workers end when they find that their server is gone.
        time.sleep(2)
        keep(store, folder)


def make_jobs(caller: Caller, store: Path, work: Path) -> None:
    """Leaves the server at work on the third of them."""
    first, second = (write_small_shot(work / str(n), frames=2, size=(24, 32), seed=n) for n in (1, 2))
    for shot in (first, second):
        for name in ("plate", "roto", "affected"):
            caller.upload_files(shot.files(name).values())
    done = caller.run(spec_of(first, "/done"))
    assert done.state == jobs_pb2.JOB_STATE_DONE, done
    failed = caller.run(hopeless(caller, first, work))
    assert failed.state == jobs_pb2.JOB_STATE_FAILED, failed
    running = caller.submit(named(second, "half")).job
    # Four run at a time.
    for number in (1, 2, 3):
        caller.submit(named(first, f"begun_{number}"))
    cancelled = caller.submit(named(first, "cancelled")).job
    caller.jobs.Cancel(jobs_pb2.CancelRequest(id=cancelled.id), metadata=caller.metadata)
    queued = caller.submit(named(first, "queued")).job
    until = units(store) + UNITS_OF_THE_HALF_DONE
    while units(store) < until:
        assert caller.get(running.id).state == jobs_pb2.JOB_STATE_RUNNING
        time.sleep(0.001)
    assert caller.get(queued.id).state == jobs_pb2.JOB_STATE_QUEUED


def named(shot: SmallShot, name: str) -> jobs_pb2.JobSpec:
    spec = spec_of(shot, f"/{name}")
    spec.settings.options["grow"] = "3"
    return spec


def hopeless(caller: Caller, shot: SmallShot, work: Path) -> jobs_pb2.JobSpec:
    """An order with a plate that is no picture."""
    (work / "text.exr").write_text("this is no picture")
    caller.upload_files([work / "text.exr"])
    spec = spec_of(shot, "/failed")
    set_sequence(spec, "plate", shot.files("plate") | {shot.first: work / "text.exr"})
    return spec


def units(store: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{store / 'void.sqlite3'}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM unit_result").fetchone()[0])


def keep(store: Path, folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(store / "void.sqlite3")) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        # The dump leaves the version out.
        lines = [*db.iterdump(), f"PRAGMA user_version = {version};"]
    (folder / "dump.sql").write_text("\n".join(lines) + "\n")
    for name in ("blobs", "jobs"):
        if (store / name).is_dir():
            shutil.copytree(store / name, folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
