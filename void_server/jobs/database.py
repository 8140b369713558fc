# SPDX-License-Identifier: Apache-2.0
"""The SQLite file of the job store: schema, durability settings, transactions.

WAL with `synchronous=FULL`: a commit is on the disk before it returns (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from void_server.errors import PreconditionFailed
from void_server.jobs.migrations import SHARING_SCHEMA, migrate

SCHEMA_VERSION = 2

_SCHEMA = """
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
"""


class Database:
    """One connection, shared by the server's threads under a lock.

    Raises:
        PreconditionFailed: the file was written by a newer release.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._create(path)

    def _create(self, path: Path) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise PreconditionFailed(
                f"The store's database {path} has schema {version}; this release knows {SCHEMA_VERSION}.",
                fix="Start the newer release, or another store.",
            )
        if version == 0:
            schema = f"{_SCHEMA}{SHARING_SCHEMA}"
            self._connection.executescript(f"BEGIN;{schema}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        else:
            migrate(self._connection, version, SCHEMA_VERSION)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what happens inside, or none of it."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read a consistent state."""
        with self._lock:
            yield self._connection

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        with self._lock:
            self._connection.close()
