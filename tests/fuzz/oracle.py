# SPDX-License-Identifier: Apache-2.0
"""What must hold of a server whatever was sent to it: its answers, its health, its memory, and its store."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.server.calls import Caller
from void_server.jobs.states import JobState

NEVER = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
"""Statuses that say "a defect": no caller can bring them about."""
MAX_GROWTH_BYTES = 100 << 20
"""By which the resident memory of server and workers together may grow over what it is once everything is warm."""


class Broken(AssertionError):
    """A promise did not hold."""


def check_status(code: grpc.StatusCode | None, what: str) -> None:
    """A call may end in every way but as a defect."""
    if code in NEVER:
        raise Broken(f"{what} was answered with {code}")


def check_health(caller: Caller) -> None:
    """The server says that it serves, within ten seconds."""
    answer = health_pb2_grpc.HealthStub(caller.channel).Check(
        health_pb2.HealthCheckRequest(), metadata=caller.metadata, timeout=10, wait_for_ready=True
    )
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise Broken(f"health is {answer.status}")


def resident_bytes(pids: Iterable[int]) -> int:
    """Resident memory of processes together, from /proc; one that is gone counts nothing."""
    gc.collect()
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            total += pages * os.sysconf("SC_PAGE_SIZE")
    return total


def check_memory(before: int, pids: Iterable[int]) -> int:
    """Memory has not grown by more than `MAX_GROWTH_BYTES`; returns the growth in bytes."""
    growth = resident_bytes(pids) - before
    if growth > MAX_GROWTH_BYTES:
        raise Broken(f"memory grew by {growth >> 20} MiB; MAX_GROWTH_BYTES is {MAX_GROWTH_BYTES >> 20} MiB")
    return growth


def check_store(store: Path, *, uploads: int = 0, quiet: bool = True) -> None:
    """The store is whole.

    Args:
        uploads: uploads that may have left a partial file.
        quiet: no unit is being computed, so `tmp/` is empty.
    """
    if quiet and (left := [p.name for p in (store / "tmp").iterdir()]):
        raise Broken(f"left in tmp: {left}")
    if (partial := len(list((store / "partial").iterdir()))) > uploads:
        raise Broken(f"{partial} partial uploads, of which {uploads} are open")
    with contextlib.closing(sqlite3.connect(f"file:{store / 'void.sqlite3'}?mode=ro", uri=True)) as db:
        # A snapshot, and the files after it: a server at work only ever adds files.
        db.execute("BEGIN")
        _check_jobs(db, store)
        _check_references(db, _check_blobs(store))


def _check_blobs(store: Path) -> dict[str, int]:
    """Every file below blobs/ is whole and bears its own digest; gives sizes by digest."""
    sizes = {}
    for path in (store / "blobs").rglob("*"):
        if path.is_dir():
            continue
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if path.name != digest or path.parent.name != digest[:2]:
            raise Broken(f"{path.relative_to(store)} holds {digest}")
        sizes[digest] = len(data)
    return sizes


def _check_jobs(db: sqlite3.Connection, store: Path) -> None:
    if (found := db.execute("PRAGMA quick_check").fetchone()[0]) != "ok":
        raise Broken(f"quick_check: {found}")
    if orphans := db.execute("PRAGMA foreign_key_check").fetchall():
        raise Broken(f"rows without their job: {orphans}")
    allowed = {s.value for s in JobState}
    for job_id, state, last in db.execute("SELECT id, state, last_event FROM job").fetchall():
        if state not in allowed:
            raise Broken(f"job {job_id} is in state {state!r}")
        if not (store / "jobs" / f"{job_id}.json").is_file():
            raise Broken(f"job {job_id} has no manifest")
        rows = db.execute("SELECT sequence FROM event WHERE job_id = ? ORDER BY sequence", (job_id,))
        numbers = [row[0] for row in rows]
        if numbers != list(range(1, last + 1)):
            raise Broken(f"job {job_id} has events {numbers}, the last is {last}")


def _check_references(db: sqlite3.Connection, blobs: dict[str, int]) -> None:
    for digest, owner in db.execute("SELECT digest, owner FROM holding").fetchall():
        if digest not in blobs:
            raise Broken(f"{owner} uploaded {digest}, which is not there")
    for digest, size in db.execute("SELECT digest, size FROM output").fetchall():
        if blobs.get(digest) != size:
            raise Broken(f"the output {digest} of {size} bytes is stored with {blobs.get(digest)}")
    for key, named, lengths in db.execute("SELECT key, blobs, sizes FROM unit_result").fetchall():
        sizes = json.loads(lengths)
        for name, digest in json.loads(named).items():
            if blobs.get(digest) != sizes[name]:
                raise Broken(f"unit {key} refers to blob {digest}, stored with {blobs.get(digest)} bytes")
