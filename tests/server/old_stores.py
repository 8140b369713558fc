# SPDX-License-Identifier: Apache-2.0
"""Stores that servers of earlier commits wrote, put where today's server can be started on them."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import tarfile
from pathlib import Path

FOLDER = Path(__file__).parent / "stores"
SCHEMAS = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
STORE_MODE = 0o700


def write_database(schema: str, path: Path) -> Path:
    """The database alone, in WAL mode as it was; returns its path."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript((FOLDER / schema / "dump.sql").read_text())
    return path


def write_store(schema: str, store: Path) -> Path:
    """Database, blobs, manifests and a token; returns the folder."""
    store.mkdir(STORE_MODE)
    (store / "token").touch(0o600)
    (store / "token").write_text(f"{secrets.token_urlsafe(32)}\n")
    write_database(schema, store / "void.sqlite3")
    with tarfile.open(FOLDER / schema / "files.tar.xz") as archive:
        archive.extractall(store, filter="data")
    return store


def content(path: Path) -> str:
    """Everything that a database holds, its version too, as text."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return "\n".join([*db.iterdump(), str(db.execute("PRAGMA user_version").fetchone()[0])])


def version(path: Path) -> int:
    """The schema of a database."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])
