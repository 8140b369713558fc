# SPDX-License-Identifier: Apache-2.0
"""Jobs whose results and inputs are kept until somebody says otherwise."""

from __future__ import annotations

from void_server.errors import PreconditionFailed
from void_server.jobs.database import Database
from void_server.jobs.job_rows import find_row


def pin(database: Database, job_id: str, now: float) -> str:
    """Keep a job's results and inputs until `unpin`; returns its whole id.

    Raises:
        NotFound, InvalidInput: no such job.
        PreconditionFailed: its files are no longer kept.
    """
    with database.transaction() as db:
        row = find_row(db, job_id)
        if row["collected"] is not None:
            raise PreconditionFailed(
                f"The results of job {row['id']} are no longer kept, and some may be gone.",
                fix="Order it again, and pin the new job.",
            )
        db.execute("UPDATE job SET pinned = COALESCE(pinned, ?) WHERE id = ?", (now, row["id"]))
        return str(row["id"])


def unpin(database: Database, job_id: str, now: float) -> str:
    """Let a job's files be kept as those of any other, from `now` on; returns its whole id.

    Raises:
        NotFound, InvalidInput: no such job.
    """
    with database.transaction() as db:
        row = find_row(db, job_id)
        if row["pinned"] is not None:
            db.execute("UPDATE job SET pinned = NULL, served = ? WHERE id = ?", (now, row["id"]))
        return str(row["id"])
