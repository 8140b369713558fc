# SPDX-License-Identifier: Apache-2.0
"""Steps that bring the database of an earlier release up to date, each in one transaction with its version."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from void.v1 import jobs_pb2

from void_server.access.principals import OWNER_NAME
from void_server.jobs.canonical import frames_of, input_digests, input_sizes, spec_band
from void_server.pool.schedule import Band

SHARING_SCHEMA = """
CREATE TABLE holding (
    digest TEXT NOT NULL,
    owner  TEXT NOT NULL,
    PRIMARY KEY (digest, owner)
) WITHOUT ROWID;
CREATE TABLE job_input (
    digest TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    PRIMARY KEY (digest, job_id)
) WITHOUT ROWID;
CREATE INDEX job_input_by_job ON job_input (job_id);
CREATE INDEX output_by_digest ON output (digest);
"""
"""Since version 2: who uploaded a blob, and which job reads it."""

FAIRNESS_SCHEMA = f"""
ALTER TABLE job ADD COLUMN show TEXT NOT NULL DEFAULT '';
ALTER TABLE job ADD COLUMN band INTEGER NOT NULL DEFAULT {int(Band.NORMAL)};
ALTER TABLE job ADD COLUMN frames INTEGER NOT NULL DEFAULT 0;
ALTER TABLE holding ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
CREATE INDEX holding_by_owner ON holding (owner);
CREATE TABLE crash (
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    task   TEXT NOT NULL,
    count  INTEGER NOT NULL,
    signal INTEGER NOT NULL,
    how    TEXT NOT NULL,
    PRIMARY KEY (job_id, task)
) WITHOUT ROWID;
CREATE TABLE stage_time (
    job_id      TEXT NOT NULL,
    stage       TEXT NOT NULL,
    kind        INTEGER NOT NULL,
    engine      TEXT NOT NULL,
    preview     INTEGER NOT NULL,
    frame_bytes INTEGER NOT NULL,
    frames      INTEGER NOT NULL,
    units       INTEGER NOT NULL,
    seconds     REAL NOT NULL,
    number      INTEGER NOT NULL,
    PRIMARY KEY (job_id, stage)
) WITHOUT ROWID;
CREATE INDEX stage_time_by_number ON stage_time (number)
"""
"""Since version 3: the show of a job, its place in the queue and its frames; the bytes of an upload; over which task of
a job how many workers died, and how the last one ended; what the stages of finished jobs took (seconds of worker
time)."""

COLLECTION_SCHEMA = """
ALTER TABLE job ADD COLUMN pinned REAL;
ALTER TABLE job ADD COLUMN served REAL;
ALTER TABLE job ADD COLUMN collected REAL;
ALTER TABLE output ADD COLUMN removed REAL;
ALTER TABLE unit_result ADD COLUMN used REAL NOT NULL DEFAULT 0;
CREATE INDEX unit_result_by_use ON unit_result (used);
CREATE TABLE unit_blob (
    digest TEXT NOT NULL,
    key    TEXT NOT NULL,
    PRIMARY KEY (digest, key)
) WITHOUT ROWID;
CREATE INDEX unit_blob_by_key ON unit_blob (key);
CREATE TABLE unit_use (
    key    TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    PRIMARY KEY (key, job_id)
) WITHOUT ROWID;
CREATE INDEX unit_use_by_job ON unit_use (job_id);
CREATE TABLE collection (
    since    REAL NOT NULL,
    finished REAL,
    files    INTEGER NOT NULL DEFAULT 0,
    bytes    INTEGER NOT NULL DEFAULT 0,
    policy   TEXT
)
"""
"""Since version 4, for `void_server.storage`; times are seconds since 1970. Of a job: when somebody pinned it, when an
order last found it, when its files ceased to be kept. Of an output: when its file was removed. Of a unit result: when
it last served. Which blobs a unit result names; which units a job used. In one row: since when this record is kept,
when the last whole collection ended, what all of them removed, and the policy that the server was told last."""

_ONLY_OWNER_OF_1 = "artist"
"""Version 1 knew one token, and wrote this name for its bearer."""


# Jobs and unit results take their numbers from one series: "recorded after" is then true whatever the clock did.
_ONE_SERIES = (
    "ALTER TABLE unit_result ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
    "CREATE TABLE serial (number INTEGER NOT NULL)",
    "INSERT INTO serial SELECT COALESCE(MAX(number), 0) FROM job",
)


def _to_2(db: sqlite3.Connection) -> None:
    for statement in _ONE_SERIES:
        db.execute(statement)
    _share(db)


def _share(db: sqlite3.Connection) -> None:
    """What there is belongs to the owner of the store."""
    for statement in SHARING_SCHEMA.split(";"):
        db.execute(statement)
    db.execute("UPDATE job SET owner = ? WHERE owner = ?", (OWNER_NAME, _ONLY_OWNER_OF_1))
    for row in db.execute("SELECT id, spec, owner FROM job").fetchall():
        digests = input_digests(jobs_pb2.JobSpec.FromString(row["spec"]))
        db.executemany("INSERT OR IGNORE INTO job_input VALUES (?, ?)", [(d, row["id"]) for d in digests])
        db.executemany(
            "INSERT OR IGNORE INTO holding (digest, owner) VALUES (?, ?)",
            [(d, row["owner"]) for d in digests],
        )


def _to_3(db: sqlite3.Connection) -> None:
    """Jobs of earlier releases belong to no show; uploads that no job names count as empty."""
    # The first servers that wrote version 2 did not know yet who uploaded what.
    if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'holding'").fetchone():
        _share(db)
    for statement in FAIRNESS_SCHEMA.split(";"):
        db.execute(statement)
    for row in db.execute("SELECT id, owner, spec FROM job").fetchall():
        spec = jobs_pb2.JobSpec.FromString(row["spec"])
        db.execute(
            "UPDATE job SET band = ?, frames = ? WHERE id = ?", (spec_band(spec), frames_of(spec), row["id"])
        )
        sizes = [(size, digest, row["owner"]) for digest, size in input_sizes(spec).items()]
        db.executemany("UPDATE holding SET size = ? WHERE digest = ? AND owner = ?", sizes)


def _to_4(db: sqlite3.Connection) -> None:
    """Units and results of earlier releases count as used now: nothing was ever removed, and nobody knew of a time."""
    for statement in COLLECTION_SCHEMA.split(";"):
        db.execute(statement)
    now = time.time()
    db.execute("UPDATE unit_result SET used = ?", (now,))
    db.execute("UPDATE job SET served = ?", (now,))
    db.execute("INSERT INTO collection (since) VALUES (?)", (now,))
    db.execute(
        "INSERT OR IGNORE INTO unit_blob SELECT named.value, unit_result.key"
        " FROM unit_result, json_each(blobs) AS named"
    )


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _to_2, 2: _to_3, 3: _to_4}


def migrate(db: sqlite3.Connection, version: int, target: int) -> None:
    """Take every step from `version` to `target`.

    Raises:
        sqlite3.Error, DecodeError: the database is damaged; the step that met it changed nothing.
    """
    for step in range(version, target):
        db.execute("BEGIN IMMEDIATE")
        try:
            _STEPS[step](db)
            db.execute(f"PRAGMA user_version = {step + 1}")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
