# SPDX-License-Identifier: Apache-2.0
"""Units a second through stage, store and pool when a unit takes no time, beside what each of them stands on."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

from void_server.frames.blobs import BlobFolder
from void_server.jobs.database import Database
from void_server.jobs.stage import Stage, Unit
from void_server.jobs.store import JobStore
from void_server.pool.local import LocalPool
from void_server.pool.process import WorkerProcess
from void_server.pool.schedule import Turn

IDLE_WORKER = (sys.executable, "-m", "benchmarks.overhead.idle_worker")


def units_a_second(folder: Path, count: int, workers: int) -> dict[str, float]:
    """Units a second by way; `folder` is where store and database lie."""
    return {
        "bare SQLite commit, synchronous=FULL": count / bare_commits(folder / "bare.sqlite3", count),
        "bare pipe round trip": count / round_trips(count),
        f"pool of {workers} alone": count / pooled(count, workers),
        f"stage + store + pool of {workers}": count / staged(folder / "fresh", count, workers),
        "the same, all recorded": count / staged(folder / "fresh", count, workers),
    }


def bare_commits(path: Path, count: int) -> float:
    """Seconds for so many rows, each in a transaction of its own, with the store's settings."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("CREATE TABLE unit (key TEXT PRIMARY KEY, info TEXT) WITHOUT ROWID")

        def work() -> None:
            for number in range(count):
                db.execute("INSERT INTO unit VALUES (?, ?)", (_key(number), "{}"))

        return _timed(work)


def round_trips(count: int) -> float:
    """Seconds for so many messages to one process and back."""
    process = WorkerProcess(IDLE_WORKER, 60)
    try:
        process.run(_unit(0).message())
        return _timed(lambda: [process.run(_unit(number).message()) for number in range(count)])
    finally:
        process.close()


def pooled(count: int, workers: int) -> float:
    """Seconds for so many tasks in the pool."""
    pool = LocalPool(IDLE_WORKER, workers)
    try:
        _warm(pool, workers)
        return _timed(lambda: [f.result() for f in [pool.submit(_unit(n).message()) for n in range(count)]])
    finally:
        pool.close()


def staged(folder: Path, count: int, workers: int) -> float:
    """Seconds for so many units of one stage, recorded one by one; those recorded already are only looked up."""
    folder.mkdir(exist_ok=True)
    pool, database = LocalPool(IDLE_WORKER, workers), Database(folder / "void.sqlite3")
    try:
        _warm(pool, workers)
        stage = Stage(
            store=JobStore(database),
            blobs=BlobFolder(folder),
            pool=pool,
            turn=Turn(),
            job_id=None,
            after=None,
            should_stop=lambda: False,
            on_progress=lambda done, total, eta: None,
        )
        return _timed(lambda: stage.run([_unit(number) for number in range(count)]))
    finally:
        pool.close()
        database.close()


def _warm(pool: LocalPool, workers: int) -> None:
    for future in [pool.submit(_unit(0).message()) for _ in range(workers * 4)]:
        future.result()


def _unit(number: int) -> Unit:
    return Unit("idle", _key(number), f"idle {number}", number, "", {"position": number})


def _key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
