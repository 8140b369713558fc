# SPDX-License-Identifier: Apache-2.0
"""A database of an earlier release is brought up to date when it is opened, whole or not at all."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest
from void.v1 import jobs_pb2

from void_server.access.principals import Principal, Role
from void_server.errors import PreconditionFailed
from void_server.jobs.database import SCHEMA_VERSION, Database, DatabaseDamaged
from void_server.jobs.migrations import migrate
from void_server.jobs.store import JobStore
from void_server.jobs.visibility import Visibility
from void_server.pool.schedule import Band

# The schema that version 1 wrote, word for word.
_VERSION_1 = """
CREATE TABLE job (
    id          TEXT PRIMARY KEY,
    request_id  TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    owner       TEXT NOT NULL,
    state       TEXT NOT NULL,
    spec        BLOB NOT NULL,
    fresh       INTEGER NOT NULL,
    created     REAL NOT NULL,
    started     REAL,
    finished    REAL,
    last_event  INTEGER NOT NULL DEFAULT 0,
    number      INTEGER NOT NULL,
    UNIQUE (owner, request_id, attempt)
);
CREATE INDEX job_by_state ON job (state, number);
CREATE TABLE event (
    job_id   TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    time     REAL NOT NULL,
    kind     TEXT NOT NULL,
    payload  TEXT NOT NULL,
    PRIMARY KEY (job_id, sequence)
) WITHOUT ROWID;
CREATE TABLE output (
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    kind   TEXT NOT NULL,
    frame  INTEGER NOT NULL,
    digest TEXT NOT NULL,
    size   INTEGER NOT NULL,
    PRIMARY KEY (job_id, kind, frame)
) WITHOUT ROWID;
CREATE TABLE problem (
    job_id  TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    number  INTEGER NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;
CREATE TABLE unit_result (
    key      TEXT PRIMARY KEY,
    kind     TEXT NOT NULL,
    blobs    TEXT NOT NULL,
    sizes    TEXT NOT NULL,
    info     TEXT NOT NULL,
    seconds  REAL NOT NULL,
    recorded REAL NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = 1;
"""

PLATE, ROTO, ARCHIVE, RESULT, OTHER = (c * 64 for c in "abcde")
OWNER, SUPERVISOR = Principal("owner", Role.ARTIST), Principal("x", Role.SUPERVISOR)
STRANGER = Principal("artist", Role.ARTIST)


def order() -> jobs_pb2.JobSpec:
    spec = jobs_pb2.JobSpec()
    spec.shot.plate.files.add(frame=1).blob.digest = PLATE
    spec.shot.remove.files.add(frame=1).blob.digest = ROTO
    spec.shot.colour.archive.digest = ARCHIVE
    return spec


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "void.sqlite3"
    write_version_1(path, order().SerializeToString())
    return path


def write_version_1(path: Path, spec: bytes) -> None:
    db = sqlite3.connect(path)
    db.executescript(_VERSION_1)
    db.execute(
        "INSERT INTO job VALUES ('abcd1234', 'r', 1, 'artist', 'done', ?, 0, 5.0, 6.0, 7.0, 1, 1)", (spec,)
    )
    db.execute("INSERT INTO event VALUES ('abcd1234', 1, 5.0, 'state', '{\"state\": \"done\"}')")
    db.execute("INSERT INTO output VALUES ('abcd1234', 'result', 1, ?, 10)", (RESULT,))
    db.commit()
    db.close()


def test_jobs_events_and_outputs_are_kept_and_belong_to_the_owner_of_the_store(old):
    store = JobStore(Database(old))
    (job,) = store.newest()
    assert (job.id, job.owner, job.spec) == ("abcd1234", "owner", order().SerializeToString())
    assert [o.digest for o in store.get(job.id).outputs] == [RESULT]
    assert [e.sequence for e in store.events(job.id, 1)] == [1]


def test_the_owner_may_open_what_the_old_jobs_read_and_published_and_strangers_may_not(old):
    visible = Visibility(Database(old))
    digests = [PLATE, ROTO, ARCHIVE, RESULT, OTHER]
    assert visible.among(digests, OWNER) == {PLATE, ROTO, ARCHIVE, RESULT}
    assert visible.among(digests, SUPERVISOR) == {PLATE, ROTO, ARCHIVE, RESULT}
    assert visible.among(digests, STRANGER) == set()


def test_the_inputs_of_an_old_job_stay_the_owner_s_after_it_is_deleted(old):
    database = Database(old)
    JobStore(database).delete("abcd1234")
    assert Visibility(database).among([PLATE, RESULT], OWNER) == {PLATE}


def test_results_and_units_of_an_old_release_are_kept_as_if_they_had_been_used_just_now(old):
    db = sqlite3.connect(old)
    unit = ("k", "fill", json.dumps({"out": RESULT}), "{}", "{}", 1.0, 5.0)
    db.execute("INSERT INTO unit_result VALUES (?, ?, ?, ?, ?, ?, ?)", unit)
    db.commit()
    db.close()
    before = time.time()
    database = Database(old)
    with database.reading() as rows:
        assert [tuple(r) for r in rows.execute("SELECT digest, key FROM unit_blob")] == [(RESULT, "k")]
        assert rows.execute("SELECT used FROM unit_result").fetchone()[0] >= before
        assert rows.execute("SELECT served FROM job").fetchone()[0] >= before
        assert rows.execute("SELECT since FROM collection").fetchone()[0] >= before


def previewed() -> jobs_pb2.JobSpec:
    spec = order()
    spec.shot.plate.files[0].blob.bytes = 100
    spec.shot.range.first, spec.shot.range.last = 1, 5
    spec.settings.preview = True
    return spec


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A database as version 2 wrote it, with a queued preview."""
    path = tmp_path / "second.sqlite3"
    write_version_1(path, previewed().SerializeToString())
    with sqlite3.connect(path, isolation_level=None) as db:
        db.row_factory = sqlite3.Row
        migrate(db, 1, 2)
        db.execute("UPDATE job SET state = 'queued'")
    return path


def test_jobs_of_version_2_keep_their_place_and_belong_to_no_show(second):
    database = Database(second)
    ((job, _state),) = JobStore(database).live()
    assert (job.id, job.owner, job.band, job.number) == ("abcd1234", "owner", Band.PREVIEW, 1)
    with database.reading() as db:
        (row,) = db.execute("SELECT show, frames FROM job").fetchall()
    assert (row["show"], row["frames"]) == ("", 5)


def test_uploads_of_version_2_are_counted_as_the_jobs_say(second):
    with Database(second).reading() as db:
        sizes = dict(db.execute("SELECT digest, size FROM holding").fetchall())
    assert (sizes[PLATE], sizes[ROTO]) == (100, 0)


def test_version_2_becomes_the_schema_of_a_new_database(second, tmp_path):
    Database(second).close()
    Database(tmp_path / "new.sqlite3").close()
    assert schema(second) == schema(tmp_path / "new.sqlite3")


def schema(path: Path) -> dict[str, str]:
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.split()) for name, sql in rows if name != "unit_result"}


def test_a_migrated_database_has_the_schema_of_a_new_one(old, tmp_path):
    Database(old).close()
    Database(tmp_path / "new.sqlite3").close()
    assert schema(old) == schema(tmp_path / "new.sqlite3")
    with sqlite3.connect(old) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_it_is_migrated_once(old):
    Database(old).close()
    Database(old).close()
    assert [j.id for j in JobStore(Database(old)).newest()] == ["abcd1234"]


def test_a_step_that_fails_leaves_the_old_database_as_it_was(tmp_path):
    path = tmp_path / "void.sqlite3"
    write_version_1(path, b"\xff this is no order")
    before = schema(path)
    with pytest.raises(DatabaseDamaged):
        Database(path)
    assert schema(path) == before
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT owner FROM job").fetchone() == ("artist",)


def test_a_database_of_a_newer_release_is_refused(old):
    with sqlite3.connect(old) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(PreconditionFailed, match="this release knows"):
        Database(old)
