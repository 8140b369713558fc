# SPDX-License-Identifier: Apache-2.0
"""The SQLite file of the job store: schema, durability settings, transactions.

WAL with `synchronous=FULL`: a commit is on the disk before it returns (sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from google.protobuf.message import DecodeError

from void_server.errors import PreconditionFailed
from void_server.frames.durable import sync_folder
from void_server.frames.storage_errors import CORRUPT, sqlite_code, storage_error
from void_server.jobs.migrations import COLLECTION_SCHEMA, FAIRNESS_SCHEMA, SHARING_SCHEMA, migrate

log = logging.getLogger(__name__)

SCHEMA_VERSION = 4
BUSY_SECONDS = 60.0
"""How long to wait for another process, such as a backup, that holds the file."""

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
    recorded REAL NOT NULL,
    number   INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE serial (number INTEGER NOT NULL);
INSERT INTO serial VALUES (0);
"""


_INDEXES = "CREATE INDEX IF NOT EXISTS job_by_number ON job (number)"
"""Of no release: a database without it is as whole, and an earlier release does not mind it. The newest jobs are found
with it; without, every List would read and sort the orders of all."""


class DatabaseDamaged(Exception):
    """The file is not a database, or not a whole one."""


def open_or_set_aside(path: Path) -> tuple[Database, Path | None]:
    """Open the database; a damaged one is kept under another name, and a new one made.

    Returns:
        the database, and where the damaged one lies now.

    Raises:
        PreconditionFailed, StoreFull, StoreFailed: see `Database`.
    """
    if path.exists() or not _journal(path).exists():
        try:
            return Database(path), None
        except DatabaseDamaged as error:
            log.error("the database %s is damaged: %s", path, error)
    aside = _set_aside(path)
    return Database(path), aside


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def _set_aside(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists() or _journal(aside).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    sync_folder(path.parent)
    return aside


class Database:
    """One connection, shared by the server's threads under a lock.

    Raises:
        DatabaseDamaged: the file is not a whole database.
        PreconditionFailed: the file was written by a newer release.
        StoreFull, StoreFailed: the disk refused (from every method).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            self._connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS
            )
        except sqlite3.Error as error:
            raise storage_error(error) or error from error
        try:
            self._open()
        except DecodeError as error:
            self._connection.close()
            raise DatabaseDamaged(str(error)) from error
        except sqlite3.Error as error:
            self._connection.close()
            if sqlite_code(error) in CORRUPT:
                raise DatabaseDamaged(str(error)) from error
            raise storage_error(error) or error from error
        except BaseException:
            self._connection.close()
            raise

    def _open(self) -> None:
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        found = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise DatabaseDamaged(found)
        self._create(self.path)

    def _create(self, path: Path) -> None:
        version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise PreconditionFailed(
                f"The store's database {path} has schema {version}; this release knows {SCHEMA_VERSION}.",
                fix="Start the newer release, or another store.",
            )
        if version == 0:
            schema = f"{_SCHEMA}{SHARING_SCHEMA}{FAIRNESS_SCHEMA};{COLLECTION_SCHEMA};"
            # A database that was made anew names nothing yet: what lies there counts from now on.
            schema += f"INSERT INTO collection (since) VALUES ({time.time()});"
            self._connection.executescript(f"BEGIN;{schema}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;")
        else:
            migrate(self._connection, version, SCHEMA_VERSION)
        self._connection.execute(_INDEXES)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what happens inside, or none of it."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                # Some failures, a full disk among them, have rolled back by themselves.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise storage_error(error) or error from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read a consistent state."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise storage_error(error) or error from error

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        with self._lock:
            self._connection.close()
