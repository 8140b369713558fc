# SPDX-License-Identifier: Apache-2.0
"""`void-server backup`: a copy of a store from which a server goes on, made while the server runs.

The order matters: the database first, the blobs last. What the work makes meanwhile is only added to them, so those
that the database speaks of are then all in the copy, but for what a collection removed in between: the copy's server
finds it missing and computes it again. A backup into the same folder again copies only the blobs that it lacks.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from void_server.errors import InvalidInput, PreconditionFailed
from void_server.frames.durable import publish, sync_folder
from void_server.lock import holder

DATABASE = "void.sqlite3"
SMALL = ("token", "tokens.json", "audit.jsonl*")
"""Files of a store beside database, manifests and blobs."""

_DESCRIPTION = """\
Copies a store while its server runs: database, manifests, tokens, audit log, and with --blobs the frames. Into the same
folder again it copies only the frames that are missing there. Certificates and keys lie elsewhere: copy them yourself.

To restore, put the folder in place of the store, owned by the server's account, and start. Without the frames, jobs are
known, what they read must be uploaded again, and what they made is computed again.
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add the command; it takes `--store` from the caller."""
    parser = commands.add_parser(
        "backup",
        help="copy a store while its server runs",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the copy goes")
    parser.add_argument("--blobs", action="store_true", help="the frames as well")
    parser.add_argument(
        "--link",
        action="store_true",
        help="with --blobs: hard links in place of copies, on the same disk; they outlive a lost database, not a disk",
    )
    return parser


def backup(store: Path, folder: Path, *, blobs: bool = False, link: bool = False) -> int:
    """Copy a store; returns how many blobs were added to the copy.

    Raises:
        InvalidInput: the folder is in the store, or links were asked for without blobs.
        PreconditionFailed: a server runs on the copy.
        OSError, sqlite3.Error: the disk refused; the database of an earlier backup is whole then.
    """
    if link and not blobs:
        raise InvalidInput("--link is for the frames.", fix="Give --blobs too.")
    if folder.absolute().resolve().is_relative_to(store.resolve()):
        raise InvalidInput("The copy would lie in the store itself.", fix="Give a folder outside of it.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if holder(folder / "lock") is not None:
        raise PreconditionFailed(f"A server runs on {folder}.", fix="Give another folder.")
    _copy_database(store / DATABASE, folder / DATABASE)
    for path in sorted(p for pattern in SMALL for p in store.glob(pattern)):
        _copy(path, folder / path.name)
    (folder / "jobs").mkdir(mode=0o700, exist_ok=True)
    for path in sorted((store / "jobs").glob("*.json")):
        # Somebody may delete a job meanwhile.
        with suppress(FileNotFoundError):
            _copy(path, folder / "jobs" / path.name)
    return _copy_blobs(store / "blobs", folder / "blobs", link) if blobs else 0


def _copy_database(source: Path, target: Path) -> None:
    """Through SQLite's backup API, which sees what is committed and lets the server go on (sqlite.org/backup.html)."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(part)) as copy,
    ):
        live.backup(copy)
    # Journals of an earlier life of the copy would be played onto the new file.
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
        part.with_name(part.name + suffix).unlink(missing_ok=True)
    publish(part, target)


def _copy(source: Path, target: Path) -> None:
    """One file, whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    shutil.copy2(source, part)
    publish(part, target)


def _copy_blobs(source: Path, target: Path, link: bool) -> int:
    added = 0
    for path in _files(source):
        final = target / path.parent.name / path.name
        # One that goes meanwhile is nobody's any more.
        with suppress(FileNotFoundError):
            if final.exists() and final.stat().st_size == path.stat().st_size:
                continue
            final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if link:
                final.unlink(missing_ok=True)
                os.link(path, final)
            else:
                _copy(path, final)
            added += 1
    if target.exists():
        sync_folder(target)
    return added


def _files(blobs: Path) -> Iterator[Path]:
    for folder in sorted(p for p in blobs.iterdir() if p.is_dir()):
        yield from sorted(folder.iterdir())
