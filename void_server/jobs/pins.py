# SPDX-License-Identifier: Apache-2.0
"""Jobs whose results and inputs are kept until somebody says otherwise.

A job's manifest says so too, so that a database which is made anew knows it. It is written first; what was broken off
before the commit is mended at the next start (`void_server.jobs.acceptance.reconcile`).
"""

from __future__ import annotations

from dataclasses import replace

from void_server.errors import PreconditionFailed
from void_server.jobs.acceptance import manifest_of
from void_server.jobs.database import Database
from void_server.jobs.job_rows import find_row
from void_server.jobs.manifests import ManifestFolder


def pin(database: Database, manifests: ManifestFolder, job_id: str, now: float) -> str:
    """Keep a job's results and inputs until `unpin`; returns its whole id.

    Raises:
        NotFound, InvalidInput: no such job.
        StoreFull, StoreFailed: the disk refused.
        PreconditionFailed: its files are no longer kept.
    """
    with database.transaction() as db:
        row = find_row(db, job_id)
        if row["collected"] is not None:
            raise PreconditionFailed(
                f"The results of job {row['id']} are no longer kept, and some may be gone.",
                fix="Order it again, and pin the new job.",
            )
        if row["pinned"] is None:
            manifests.write(replace(manifest_of(row), pinned=now))
            db.execute("UPDATE job SET pinned = ? WHERE id = ?", (now, row["id"]))
        return str(row["id"])


def unpin(database: Database, manifests: ManifestFolder, job_id: str, now: float) -> str:
    """Let a job's files be kept as those of any other, from `now` on; returns its whole id.

    Raises:
        NotFound, InvalidInput: no such job.
        StoreFull, StoreFailed: the disk refused.
    """
    with database.transaction() as db:
        row = find_row(db, job_id)
        if row["pinned"] is not None:
            manifests.write(replace(manifest_of(row), pinned=None))
            db.execute("UPDATE job SET pinned = NULL, served = ? WHERE id = ?", (now, row["id"]))
        return str(row["id"])
