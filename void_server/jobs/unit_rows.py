# SPDX-License-Identifier: Apache-2.0
"""Results of units in the database: what they named, when they last served, and which jobs used them.

Each function belongs into a transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from void_server.jobs.acceptance import next_number
from void_server.jobs.model import UnitResult

USED_AGAIN_SECONDS = 3600.0
"""A unit that served within this time is not marked again: to collect, hours do."""


def record_unit(db: sqlite3.Connection, result: UnitResult, job_id: str | None, now: float) -> None:
    """Write a result in place of an earlier one under its key; `job_id` uses it."""
    db.execute(
        "INSERT OR REPLACE INTO unit_result (key, kind, blobs, sizes, info, seconds, recorded, number, used)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            result.key,
            result.kind,
            json.dumps(result.blobs),
            json.dumps(result.sizes),
            json.dumps(result.info),
            result.seconds,
            now,
            next_number(db),
            now,
        ),
    )
    db.execute("DELETE FROM unit_blob WHERE key = ?", (result.key,))
    named = [(digest, result.key) for digest in result.blobs.values()]
    db.executemany("INSERT OR IGNORE INTO unit_blob VALUES (?, ?)", named)
    _mark_used(db, [result.key], job_id)


def find_unit(db: sqlite3.Connection, key: str, after: int | None) -> UnitResult | None:
    """The result under a key, if there is one that was recorded after this number."""
    row = db.execute("SELECT * FROM unit_result WHERE key = ?", (key,)).fetchone()
    return None if row is None or (after is not None and row["number"] <= after) else _of(row)


def take_units(
    db: sqlite3.Connection, keys: Iterable[str], job_id: str | None, after: int | None, now: float
) -> dict[str, UnitResult]:
    """The results under these keys that were recorded after this number; from now on `job_id` uses them."""
    rows = (db.execute("SELECT * FROM unit_result WHERE key = ?", (key,)).fetchone() for key in keys)
    taken = [row for row in rows if row is not None and (after is None or row["number"] > after)]
    _mark_used(db, [row["key"] for row in taken], job_id)
    # A clock that was set back leaves times in the future.
    stale = [(now, row["key"]) for row in taken if abs(now - row["used"]) > USED_AGAIN_SECONDS]
    db.executemany("UPDATE unit_result SET used = ? WHERE key = ?", stale)
    return {row["key"]: _of(row) for row in taken}


def give_up_units(db: sqlite3.Connection, job_id: str) -> None:
    """What this job alone used is of no use from now on."""
    db.execute(
        "UPDATE unit_result SET used = 0 WHERE key IN (SELECT key FROM unit_use WHERE job_id = :id)"
        " AND NOT EXISTS (SELECT 1 FROM unit_use WHERE key = unit_result.key AND job_id <> :id)",
        {"id": job_id},
    )


def remove_units(db: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Forget these results; their blobs stay."""
    each = [(key,) for key in keys]
    for table in ("unit_result", "unit_blob", "unit_use"):
        db.executemany(f"DELETE FROM {table} WHERE key = ?", each)


def _mark_used(db: sqlite3.Connection, keys: Iterable[str], job_id: str | None) -> None:
    if job_id is not None:
        # A job may have been deleted meanwhile.
        db.executemany(
            "INSERT OR IGNORE INTO unit_use SELECT ?, id FROM job WHERE id = ?",
            [(key, job_id) for key in keys],
        )


def _of(row: sqlite3.Row) -> UnitResult:
    return UnitResult(
        key=row["key"],
        kind=row["kind"],
        blobs=json.loads(row["blobs"]),
        sizes=json.loads(row["sizes"]),
        info=json.loads(row["info"]),
        seconds=row["seconds"],
    )
