# SPDX-License-Identifier: Apache-2.0
"""The latest lines of a job's history for people: without the files, of which there are thousands."""

from __future__ import annotations

import json

from void_server.jobs.database import Database
from void_server.jobs.model import Event

MAX_LINES = 200


def latest_lines(database: Database, job_id: str) -> list[Event]:
    """The last `MAX_LINES` events that publish no file, in order; none for a job that is not there."""
    with database.reading() as db:
        rows = db.execute(
            "SELECT * FROM event WHERE job_id = ? AND kind != 'output' ORDER BY sequence DESC LIMIT ?",
            (job_id, MAX_LINES),
        ).fetchall()
    return [Event(r["sequence"], r["time"], r["kind"], json.loads(r["payload"])) for r in reversed(rows)]
