# SPDX-License-Identifier: Apache-2.0
"""How many jobs one owner may have open, so that nobody fills the queue for everybody."""

from __future__ import annotations

import sqlite3

from void_server.errors import LimitExceeded
from void_server.jobs.states import ENDED


def check_open_jobs(db: sqlite3.Connection, owner: str, max_open: int) -> None:
    """Let one more job of `owner` pass.

    Raises:
        LimitExceeded: it has `max_open` jobs that have not ended; 0 = no limit.
    """
    if not max_open:
        return
    ended = [s.value for s in ENDED]
    count = db.execute(
        f"SELECT COUNT(*) FROM job WHERE owner = ? AND state NOT IN ({','.join('?' * len(ended))})",
        (owner, *ended),
    ).fetchone()[0]
    if count >= max_open:
        raise LimitExceeded(
            f"{owner} has {count} open jobs; the limit is max_open_jobs = {max_open}.",
            fix="Wait for one to end or cancel one, or raise --max-open-jobs on the server.",
        )
