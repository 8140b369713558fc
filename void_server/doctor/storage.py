# SPDX-License-Identifier: Apache-2.0
"""Looks at a store, its disk, and the shared storage that a server reads."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import statistics
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from void_server.access.tokens import read_tokens
from void_server.configuration import named_tokens_file
from void_server.doctor.check import Check, Subject, fail, ok, warn
from void_server.frames.filesystems import MOUNT_TABLE, check_local, mount_of
from void_server.jobs.database import SCHEMA_VERSION

SYNCS = 8
SLOW_SYNC_SECONDS = 0.1
"""Each unit is recorded with a sync: at this pace ten a second are the most."""
QUICK_SYNC_SECONDS = 20e-6
"""No disk answers so fast: an NVMe drive with its own power takes about this for the smallest write."""
ROOMY = 10
"""Times `min_free_bytes`; less is told while there is time."""
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def store(subject: Subject) -> Iterator[Check]:
    """Whether the folder of the store can be written to, by this account alone."""
    folder = subject.store
    if not folder.exists():
        parent = next(p for p in folder.absolute().parents if p.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            yield ok("store", f"{folder} is not there yet; the first start makes it")
        else:
            yield fail("store", f"{folder} is not there and cannot be made", f"Make it, or open {parent}.")
        return
    probe = folder / f".doctor-{secrets.token_hex(6)}"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        yield fail(
            "store",
            f"{folder} cannot be written to: {error.strerror}",
            "Run this as the server's account; give it the folder, or mount its disk for writing.",
        )
        return
    if os.name != "nt" and folder.stat().st_mode & 0o007:
        yield warn("store", f"{folder}: others may enter it", f"Run: chmod 700 {folder}")
    else:
        yield ok("store", f"{folder} can be written to")


def disk(subject: Subject) -> Iterator[Check]:
    """File system, free space, and how long a sync takes."""
    folder = subject.store
    while not folder.exists():
        folder = folder.absolute().parent
    check_local(folder)
    kind = "unknown"
    if MOUNT_TABLE.exists():
        mount = mount_of(folder.resolve(), MOUNT_TABLE.read_text(encoding="utf-8", errors="surrogateescape"))
        kind = mount.kind if mount else kind
    if kind in IN_MEMORY:
        yield warn("file system", kind, "It is memory, and empty after a restart; give a disk with --store.")
    else:
        yield ok("file system", kind)
    yield _space(folder, subject.limits.min_free_bytes)
    if subject.store.exists():
        yield _sync(folder)


def _space(folder: Path, least: int) -> Check:
    usage = shutil.disk_usage(folder)
    seen = f"{usage.free / 2**30:.1f} of {usage.total / 2**30:.1f} GiB are free"
    if usage.free < least:
        return fail(
            "free space",
            f"{seen}; min_free_bytes keeps {least / 2**30:.1f}",
            "Make room on that disk, or lower --min-free-bytes.",
        )
    if usage.free < ROOMY * least:
        return warn("free space", seen, "Plan for more: 100 frames take 3 GB in HD and 9 GB in UHD.")
    return ok("free space", seen)


def _sync(folder: Path) -> Check:
    """Write and sync some small blocks, as the database does with each unit."""
    taken = []
    probe = folder / f".doctor-{secrets.token_hex(6)}"
    try:
        with probe.open("wb", buffering=0) as file:
            for _ in range(SYNCS):
                file.write(bytes(4096))
                began = time.perf_counter()
                os.fsync(file.fileno())
                taken.append(time.perf_counter() - began)
    finally:
        probe.unlink(missing_ok=True)
    median = statistics.median(taken)
    seen = f"{median * 1000:.2f} ms"
    if median > SLOW_SYNC_SECONDS:
        return warn("sync", seen, "Each unit waits for it: put the store on a faster disk.")
    if median < QUICK_SYNC_SECONDS:
        return warn(
            "sync", f"{seen}: nothing seems to be written", "A power cut may lose jobs; is it a disk?"
        )
    return ok("sync", seen)


def database(subject: Subject) -> Iterator[Check]:
    """Whether SQLite finds the database whole; read only, also beside a running server."""
    path = subject.store / "void.sqlite3"
    aside = sorted(p.name for p in subject.store.glob("void.sqlite3.damaged-?"))
    if aside:
        yield warn(
            "earlier damage",
            f"set aside: {', '.join(aside)}",
            "Look at the disk, and delete them when nobody wants them any more.",
        )
    if not path.exists():
        yield ok("database", "not there yet")
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)) as db:
            said = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
            (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        said, version = [str(error)], SCHEMA_VERSION
    if said != ["ok"]:
        yield fail(
            "database",
            f"damaged: {'; '.join(said)[:200]}",
            "The next start sets it aside and takes the jobs from their manifests; look at the disk.",
        )
    elif version > SCHEMA_VERSION:
        yield fail("database", f"of a newer release (version {version})", "Install that release again.")
    else:
        yield ok("database", f"whole, {path.stat().st_size / 2**20:.1f} MiB")


def tokens(subject: Subject) -> Iterator[Check]:
    """Whether the files of the tokens can be read, and by nobody else."""
    own, named = subject.store / "token", named_tokens_file(subject.store)
    for name, path in (("owner's token", own), ("named tokens", named)):
        if not path.exists():
            yield ok(name, "none yet")
        elif os.name != "nt" and path.stat().st_mode & 0o077:
            yield fail(name, f"others may read {path}", f"Run: chmod 600 {path}")
        elif path == named:
            yield ok(name, f"{len(read_tokens(path))} of artists and others")
        else:
            yield ok(name, f"only its account may read {path}")


def roots(subject: Subject) -> Iterator[Check]:
    """Whether each root is a folder that this account may read."""
    for name, folder in sorted(subject.roots.items()):
        try:
            with os.scandir(folder) as found:
                empty = next(found, None) is None
        except OSError as error:
            yield fail(
                f"root {name}",
                f"{folder}: {error.strerror}",
                "Mount it, and let the server's account read it.",
            )
            continue
        if empty:
            yield warn(f"root {name}", f"{folder} is empty", "Is its storage mounted?")
        else:
            yield ok(f"root {name}", f"{folder}")
