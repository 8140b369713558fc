# SPDX-License-Identifier: Apache-2.0
"""Today's server on stores that servers of earlier schemas wrote, with jobs in the queue and at work."""

from __future__ import annotations

import contextlib
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from void.v1 import jobs_pb2

from tests.client.conftest import ROOT, ServerProcess, clean_environment
from tests.server.calls import Caller
from tests.server.old_stores import FOLDER, SCHEMAS, content, version, write_database, write_store
from tests.server.small_disk import WAYS, SmallDisk, unmount
from void_server.errors import StoreFailed, StoreFull
from void_server.jobs import migrations
from void_server.jobs.database import SCHEMA_VERSION, Database

ENDED = {
    "done": jobs_pb2.JOB_STATE_DONE,
    "failed": jobs_pb2.JOB_STATE_FAILED,
    "cancelled": jobs_pb2.JOB_STATE_CANCELLED,
}
LIVE = ("queued", "running")
MOST_BYTES = 1_000_000


class Was:
    """What an old store held, read from it before anybody opened it."""

    def __init__(self, path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path)) as db:
            self.states: dict[str, str] = dict(db.execute("SELECT id, state FROM job"))
            self.events: dict[str, list[tuple[Any, ...]]] = {
                i: db.execute("SELECT * FROM event WHERE job_id = ? ORDER BY sequence", (i,)).fetchall()
                for i in self.states
            }
            self.outputs: set[tuple[str, str]] = set(db.execute("SELECT job_id, digest FROM output"))
            self.problems: dict[str, list[str]] = {
                i: [
                    json.loads(p)["code"]
                    for (p,) in db.execute("SELECT payload FROM problem WHERE job_id = ?", (i,))
                ]
                for i in self.states
            }


class Upgraded:
    """An old store and today's server on it."""

    def __init__(self, schema: str, folder: Path) -> None:
        self.store = write_store(schema, folder / schema)
        self.was = Was(self.store / "void.sqlite3")
        self.server = ServerProcess(self.store)
        self.caller = Caller(self.server.address, self.server.token)
        self.jobs = {i: self.caller.finish(i) for i in self.was.states}


@pytest.fixture(scope="module", params=SCHEMAS)
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """Five jobs are run to their end: about 8 s for each schema."""
    made = Upgraded(request.param, tmp_path_factory.mktemp("upgraded"))
    yield made
    made.caller.close()
    made.server.stop()


def test_the_stores_hold_jobs_in_every_state_and_are_small() -> None:
    for schema in SCHEMAS:
        text = (FOLDER / schema / "dump.sql").read_text()
        assert {s for s in (*ENDED, *LIVE) if f"'{s}',X'" in text} == {*ENDED, *LIVE}, schema
    assert sum(p.stat().st_size for p in FOLDER.rglob("*") if p.is_file()) < MOST_BYTES


def test_there_is_a_store_for_each_schema_that_was(tmp_path: Path) -> None:
    found = {version(write_database(schema, tmp_path / schema)) for schema in SCHEMAS}
    assert found == set(range(1, SCHEMA_VERSION))


def test_what_waited_or_ran_ends_done_and_what_had_ended_stays(upgraded: Upgraded) -> None:
    for job_id, state in upgraded.was.states.items():
        wanted = ENDED["done"] if state in LIVE else ENDED[state]
        assert upgraded.jobs[job_id].state == wanted, (state, upgraded.jobs[job_id].problems)


def test_every_published_file_old_or_new_can_be_fetched(upgraded: Upgraded) -> None:
    for job in upgraded.jobs.values():
        for output in job.outputs:
            data = upgraded.caller.download(output.blob.digest)
            assert sha256(data).hexdigest() == output.blob.digest
    done = [i for i, state in upgraded.was.states.items() if state == "done"]
    published = {(i, o.blob.digest) for i in done for o in upgraded.jobs[i].outputs}
    assert published == {(i, d) for i, d in upgraded.was.outputs if i in done} and published


def test_the_history_of_each_job_is_kept_and_goes_on_without_a_gap(upgraded: Upgraded) -> None:
    now = Was(upgraded.store / "void.sqlite3")
    for job_id, before in upgraded.was.events.items():
        assert now.events[job_id][: len(before)] == before
        assert [e[1] for e in now.events[job_id]] == list(range(1, len(now.events[job_id]) + 1))
        if upgraded.was.states[job_id] not in LIVE:
            assert now.events[job_id] == before
            assert [p.code for p in upgraded.jobs[job_id].problems] == upgraded.was.problems[job_id]


def test_a_store_of_a_newer_schema_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    store = write_store("schema_2", tmp_path / "store")
    with contextlib.closing(sqlite3.connect(store / "void.sqlite3")) as db:
        db.execute("PRAGMA user_version = 99")
    before = tree(store)
    refused = serve(store)
    assert refused.returncode != 0 and "Traceback" not in refused.stderr
    assert "schema 99" in refused.stderr and "newer release" in refused.stderr
    after = tree(store)
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_migration_killed_after_any_statement_is_repeated_and_ends_right(
    schema: str, tmp_path: Path
) -> None:
    old = write_database(schema, tmp_path / "old.sqlite3")
    done = subprocess.run(
        [sys.executable, "-m", "tests.server.killed_migration", str(old), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=clean_environment(),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    kills, *versions = map(int, done.stdout.split())
    assert kills > 15 and versions == list(range(version(old), SCHEMA_VERSION + 1))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_disk_that_fills_up_during_a_migration_leaves_a_whole_database(
    schema: str, tmp_path: Path, file_limit: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a migration records as now is the same each time.
    monkeypatch.setattr(migrations, "time", SimpleNamespace(time=lambda: 1.0))
    old = write_database(schema, tmp_path / "old.sqlite3")
    before, refused = content(old), 0
    Database(Path(shutil.copy(old, tmp_path / "undisturbed"))).close()
    wanted = content(tmp_path / "undisturbed")
    for room in range(4096, 400_000, 8192):
        path = Path(shutil.copy(old, tmp_path / f"room_{room}"))
        # Of each file: the database's journal is where a migration is written first.
        file_limit(room)
        try:
            Database(path).close()
        except (StoreFull, StoreFailed):
            refused += 1
        finally:
            file_limit(resource.RLIM_INFINITY)
        if version(path) == version(old):
            assert content(path) == before
        Database(path).close()
        assert content(path) == wanted
    assert refused > 2


@pytest.mark.parametrize("way", WAYS)
def test_a_server_without_room_for_the_migration_says_so_and_leaves_the_old_store(
    tmp_path: Path, way: str
) -> None:
    disk = SmallDisk(tmp_path / "disk", way)
    try:
        store = write_store("schema_1", disk.folder / "store")
        before = content(store / "void.sqlite3")
        if disk.mounted:
            fill(disk.folder / "filler")
        refused = serve(store, file_bytes=0 if disk.mounted else 16384)
        assert refused.returncode != 0 and "Traceback" not in refused.stderr, refused.stderr
        assert "is full" in refused.stderr
        (disk.folder / "filler").unlink(missing_ok=True)
        assert content(store / "void.sqlite3") == before
    finally:
        if disk.mounted:
            unmount(disk.folder)


def fill(path: Path) -> None:
    """Leave no room on its disk."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass


@pytest.fixture
def file_limit() -> Iterator[Callable[[int], None]]:
    """Limits the size of the files that this process writes."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))


def serve(store: Path, file_bytes: int = 0) -> subprocess.CompletedProcess[str]:
    """Start the server where it cannot, and wait for its end."""

    def limit() -> None:
        if file_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

    return subprocess.run(
        [sys.executable, "-m", "void_server", "serve", "--listen", "127.0.0.1:0", "--store", str(store)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=clean_environment(),
        cwd=ROOT,
        preexec_fn=limit,
    )


def tree(folder: Path) -> dict[str, str]:
    """SHA-256 of each file by its path."""
    return {
        p.relative_to(folder).as_posix(): sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }
