# SPDX-License-Identifier: Apache-2.0
"""Which blobs the database names, and which of these names still hold: the written model of docs/storage.md as queries.

Each function belongs into a transaction or a reading of the database.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from void_server.errors import SetAside
from void_server.jobs.states import ENDED
from void_server.jobs.unit_rows import remove_units
from void_server.storage.policy import Times

_ENDED = ", ".join(f"'{state.value}'" for state in ENDED)

JOB_GOES = f"""
(job.state IN ({_ENDED}) AND job.pinned IS NULL AND job.collected IS NULL
 AND MAX(COALESCE(job.finished, 0), COALESCE(job.served, 0)) < :results_before)
"""
"""A job whose files cease to be kept now."""

JOB_WAITS = f"""
(job.collected IS NULL AND NOT {JOB_GOES} AND (job.state NOT IN ({_ENDED}) OR EXISTS (
    SELECT 1 FROM problem WHERE problem.job_id = job.id
    AND json_extract(problem.payload, '$.code') = '{SetAside.code}')))
"""
"""A job that goes on behind its recorded units: it has not ended, or it was set aside and a person is to take it up."""

UNIT_FREE = f"""
NOT EXISTS (SELECT 1 FROM unit_use JOIN job ON job.id = unit_use.job_id
            WHERE unit_use.key = unit_result.key AND {JOB_WAITS})
"""
"""A unit that is kept for its use to others alone."""

_NAMED = """
EXISTS (SELECT 1 FROM unit_blob WHERE digest = asked.value)
OR EXISTS (SELECT 1 FROM job_input JOIN job ON job.id = job_input.job_id
           WHERE digest = asked.value AND job.collected IS NULL)
OR EXISTS (SELECT 1 FROM output JOIN job ON job.id = output.job_id
           WHERE digest = asked.value AND output.removed IS NULL AND job.collected IS NULL)
"""


def unnamed(db: sqlite3.Connection, digests: Iterable[str]) -> list[str]:
    """Those of `digests` that no job and no unit needs."""
    rows = db.execute(
        f"SELECT value FROM json_each(?) AS asked WHERE NOT ({_NAMED})", (json.dumps(list(digests)),)
    )
    return [row["value"] for row in rows]


def let_go_of_jobs(db: sqlite3.Connection, times: Times, most: int) -> int:
    """Cease to keep the files of at most so many jobs; returns of how many."""
    found = db.execute(
        f"SELECT id FROM job WHERE {JOB_GOES} LIMIT :most", _at(times) | {"most": most}
    ).fetchall()
    db.executemany("UPDATE job SET collected = ? WHERE id = ?", [(times.now, row["id"]) for row in found])
    db.executemany("DELETE FROM unit_use WHERE job_id = ?", [(row["id"],) for row in found])
    return len(found)


def let_go_of_units(
    db: sqlite3.Connection, times: Times, used_before: float, most: int
) -> tuple[int, list[str]]:
    """Forget at most so many units that only others might use, the longest unused first.

    Returns:
        how many, and the blobs that they named.
    """
    keys = [
        row["key"]
        for row in db.execute(
            f"SELECT key FROM unit_result WHERE used < :before AND {UNIT_FREE} ORDER BY used LIMIT :most",
            _at(times) | {"before": used_before, "most": most},
        ).fetchall()
    ]
    named = db.execute(
        "SELECT DISTINCT digest FROM unit_blob WHERE key IN (SELECT value FROM json_each(?))",
        (json.dumps(keys),),
    ).fetchall()
    remove_units(db, keys)
    return len(keys), [row["digest"] for row in named]


def forget_blobs(db: sqlite3.Connection, digests: Sequence[str], now: float) -> None:
    """No row names these blobs any more; that a job had published one is remembered, with the time."""
    each = [(digest,) for digest in digests]
    db.executemany("DELETE FROM holding WHERE digest = ?", each)
    db.executemany("DELETE FROM job_input WHERE digest = ?", each)
    db.executemany(
        "UPDATE output SET removed = ? WHERE digest = ? AND removed IS NULL", [(now, d) for d in digests]
    )


_REFERENCES = f"""
SELECT asked.value AS digest, 'results' AS kind, job.id AS job, job.owner AS owner, job.show AS show,
       {JOB_GOES} AS goes, 0 AS spare
FROM json_each(:digests) AS asked JOIN output ON output.digest = asked.value JOIN job ON job.id = output.job_id
WHERE output.removed IS NULL AND job.collected IS NULL
UNION ALL
SELECT asked.value, 'inputs', job.id, job.owner, job.show, {JOB_GOES}, 0
FROM json_each(:digests) AS asked JOIN job_input ON job_input.digest = asked.value JOIN job ON job.id = job_input.job_id
WHERE job.collected IS NULL
UNION ALL
SELECT asked.value, 'units', job.id, job.owner, job.show,
       unit_result.used < :units_before AND {UNIT_FREE}, unit_result.used < :old_before AND {UNIT_FREE}
FROM json_each(:digests) AS asked JOIN unit_blob ON unit_blob.digest = asked.value
JOIN unit_result ON unit_result.key = unit_blob.key
LEFT JOIN unit_use ON unit_use.key = unit_blob.key LEFT JOIN job ON job.id = unit_use.job_id
UNION ALL
SELECT asked.value, 'uploads', NULL, holding.owner, '', 1, 1
FROM json_each(:digests) AS asked JOIN holding ON holding.digest = asked.value
"""


def references(db: sqlite3.Connection, digests: Sequence[str], times: Times) -> list[sqlite3.Row]:
    """Every name of these blobs: `digest`, `kind`, `job` (or None), `owner` (or None) and `show`, and whether the name
    `goes` with the next collection, or is to `spare` where room is short.
    """
    return db.execute(_REFERENCES, _at(times) | {"digests": json.dumps(list(digests))}).fetchall()


def _at(times: Times) -> dict[str, Any]:
    return {
        "results_before": times.results_before,
        "units_before": times.units_before,
        "old_before": times.old_before,
    }
