# SPDX-License-Identifier: Apache-2.0
"""A copy of a running server's store is one that another server goes on from."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from void.v1 import jobs_pb2

from tests.client.conftest import ServerProcess
from tests.server.calls import Caller, recorded_units, spec_of
from tests.storage.small_store import SmallStore
from void_server.errors import InvalidInput, PreconditionFailed
from void_server.jobs.database import Database
from void_server.lock import LockFile
from void_server.operations.backup import backup
from void_server.storage.policy import DAY

DONE = jobs_pb2.JOB_STATE_DONE


def test_a_job_goes_on_from_a_copy_that_was_made_in_its_middle(tmp_path, shot):
    """Takes about 10 s: two real servers, one after the other, share a job."""
    store, copy = tmp_path / "store", tmp_path / "copy"
    server = ServerProcess(store)
    caller = Caller(server.address, server.token)
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())
    job = caller.submit(spec_of(shot)).job.id
    for response in caller.watch(job):
        if response.event.stage.stage == "motion":
            break
    command = [sys.executable, "-m", "void_server", "backup", str(copy), "--blobs", "--store", str(store)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    kept = recorded_units(copy)
    assert len(kept) > 0
    caller.finish(job)
    caller.close()
    server.stop()

    restored = ServerProcess(copy)
    assert restored.token == server.token
    caller = Caller(restored.address, restored.token)
    assert caller.finish(job).state == DONE
    caller.close()
    restored.stop()
    after = recorded_units(copy)
    assert {key: after[key] for key in kept} == kept


@pytest.fixture
def store(tmp_path):
    """A store without a server, with a journal that holds the last change."""
    folder = tmp_path / "store"
    for name, data in {"token": b"secret", "jobs/a.json": b"{}", "blobs/ab/abcd": b"1234"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    database = Database(folder / "void.sqlite3")
    with database.transaction() as db:
        db.execute("UPDATE serial SET number = 41")
    yield folder
    database.close()


def serial(folder) -> int:
    with closing(sqlite3.connect(folder / "void.sqlite3")) as db:
        return db.execute("SELECT number FROM serial").fetchone()[0]


def test_what_is_only_in_the_journal_is_in_the_copy(store, tmp_path):
    assert (store / "void.sqlite3-wal").stat().st_size > 0
    assert backup(store, tmp_path / "copy") == 0
    assert serial(tmp_path / "copy") == 41
    assert (tmp_path / "copy" / "jobs" / "a.json").read_bytes() == b"{}"
    assert not (tmp_path / "copy" / "blobs").exists()


def test_a_pinned_job_is_pinned_in_the_copy_also_where_only_its_manifest_is_left(tmp_path):
    store = SmallStore(tmp_path / "store")
    job_id, result = store.done_job("r", b"result")
    store.storage.pin(job_id)
    for name in ("whole", "without database"):
        backup(store.root, tmp_path / name, blobs=True)
    store.close()

    copy = SmallStore(tmp_path / "whole")
    copy.wait(400 * DAY)
    copy.collect()
    assert copy.blobs.has(result)
    copy.close()

    (tmp_path / "without database" / "void.sqlite3").unlink()
    copy = SmallStore(tmp_path / "without database")
    copy.jobs.restore()
    assert copy.rows("SELECT id FROM job WHERE pinned IS NOT NULL") == [(job_id,)]
    copy.close()


def test_a_second_backup_adds_what_is_new_and_repairs_what_was_cut(store, tmp_path):
    copy = tmp_path / "copy"
    assert backup(store, copy, blobs=True) == 1
    (store / "blobs" / "ab" / "abef").write_bytes(b"5678")
    (copy / "blobs" / "ab" / "abcd").write_bytes(b"1")
    assert backup(store, copy, blobs=True) == 2
    assert (copy / "blobs" / "ab" / "abcd").read_bytes() == b"1234"
    assert backup(store, copy, blobs=True) == 0
    assert [p for p in copy.rglob("*") if p.name.endswith(".part")] == []


def test_links_take_no_room(store, tmp_path):
    assert backup(store, tmp_path / "copy", blobs=True, link=True) == 1
    assert (store / "blobs" / "ab" / "abcd").samefile(tmp_path / "copy" / "blobs" / "ab" / "abcd")


def test_the_copy_is_for_its_account_alone(store, tmp_path):
    backup(store, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0


def test_a_copy_in_the_store_or_below_a_running_server_is_refused(store, tmp_path):
    with pytest.raises(InvalidInput, match="in the store"):
        backup(store, store / "copy")
    with pytest.raises(InvalidInput, match="for the frames"):
        backup(store, tmp_path / "copy", link=True)
    lock = LockFile(tmp_path / "copy" / "lock")
    lock.tell_process()
    with pytest.raises(PreconditionFailed, match="runs on"):
        backup(store, tmp_path / "copy")
    lock.release()
