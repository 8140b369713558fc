# SPDX-License-Identifier: Apache-2.0
"""What one owner may take of queue and store, so that nobody fills them for everybody."""

from __future__ import annotations

import sqlite3

from void_server.errors import LimitExceeded
from void_server.jobs.states import LIVE


def check_open_jobs(db: sqlite3.Connection, owner: str, max_open: int) -> None:
    """Let one more job of `owner` pass.

    Raises:
        LimitExceeded: it has `max_open` jobs that have not ended; 0 = no limit.
    """
    if not max_open:
        return
    count = _of_live_jobs(db, "COUNT(*)", owner)
    if count >= max_open:
        raise LimitExceeded(
            f"{owner} has {count} open jobs; the limit is max_open_jobs = {max_open}.",
            fix="Wait for one to end or cancel one, or raise --max-open-jobs on the server.",
        )


def check_queued_frames(db: sqlite3.Connection, owner: str, frames: int, max_frames: int) -> None:
    """Let a job of so many frames pass.

    Raises:
        LimitExceeded: with it, the jobs of `owner` that have not ended would have over `max_frames`; 0 = no limit.
    """
    queued = _of_live_jobs(db, "COALESCE(SUM(frames), 0)", owner)
    if max_frames and queued + frames > max_frames:
        raise LimitExceeded(
            f"{owner} has jobs of {queued} frames that have not ended, and {frames} more are ordered; the limit is"
            f" max_queued_frames = {max_frames}.",
            fix="Wait for one to end or cancel one, or raise --max-queued-frames on the server.",
        )


def _of_live_jobs(db: sqlite3.Connection, what: str, owner: str) -> int:
    # The sign keeps SQLite from the index by owner, which leads to all jobs that the owner ever had
    # (sqlite.org/optoverview.html, "Disqualifying WHERE Clause Terms Using Unary +").
    live = [s.value for s in LIVE]
    query = f"SELECT {what} FROM job WHERE +owner = ? AND state IN ({','.join('?' * len(live))})"
    return int(db.execute(query, (owner, *live)).fetchone()[0])


def stored_bytes(db: sqlite3.Connection, owner: str) -> int:
    """Bytes of all blobs that `owner` uploaded or that its jobs published, each counted once."""
    row = db.execute(
        "SELECT COALESCE(SUM(size), 0) FROM (SELECT digest, MAX(size) AS size FROM"
        " (SELECT digest, size FROM holding WHERE owner = :owner UNION ALL"
        " SELECT output.digest, output.size FROM output JOIN job ON job.id = output.job_id"
        " WHERE job.owner = :owner AND output.removed IS NULL)"
        " GROUP BY digest)",
        {"owner": owner},
    ).fetchone()
    return int(row[0])


def check_owner_bytes(db: sqlite3.Connection, owner: str, coming: int, max_bytes: int) -> None:
    """Let an upload of `coming` bytes, or a job (0), pass.

    Raises:
        LimitExceeded: `owner` has so much in the store that there is no room; `max_bytes` 0 = no limit.
    """
    if not max_bytes:
        return
    stored = stored_bytes(db, owner)
    if stored + coming > max_bytes or stored >= max_bytes:
        more = f", and {coming} more are to be sent" if coming else ""
        raise LimitExceeded(
            f"Uploads and results of {owner} have {stored} bytes{more}; the limit is max_owner_bytes = {max_bytes}.",
            fix="Delete jobs whose results are fetched (`void jobs delete`), or have --max-owner-bytes raised on the"
            " server.",
        )
