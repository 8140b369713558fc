# SPDX-License-Identifier: Apache-2.0
"""A job's rows in the database: found, read, and added to."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from typing import Any

from void_server.access.principals import EVERYTHING, View
from void_server.errors import InvalidInput, NotFound
from void_server.jobs.model import JobRecord, Output, Problem
from void_server.jobs.states import JobState
from void_server.pool.schedule import Band

MIN_ID_PREFIX = 4


def find_row(db: sqlite3.Connection, job_id: str, viewer: View = EVERYTHING) -> sqlite3.Row:
    """The job with this id, or with an id that begins so.

    Raises:
        NotFound: there is none that `viewer` may see.
        InvalidInput: the beginning is too short or fits several.
    """
    seen = View.CONDITION
    wanted = {"id": job_id, "length": len(job_id), **viewer.parameters}
    row: sqlite3.Row | None = db.execute(f"SELECT * FROM job WHERE id = :id AND {seen}", wanted).fetchone()
    if row is not None:
        return row
    if len(job_id) < MIN_ID_PREFIX:
        raise InvalidInput(
            f"{job_id!r} is too short for a job id.", fix=f"Give at least {MIN_ID_PREFIX} characters."
        )
    rows = db.execute(
        f"SELECT * FROM job WHERE substr(id, 1, :length) = :id AND {seen} LIMIT 2", wanted
    ).fetchall()
    if not rows:
        raise NotFound(f"There is no job {job_id}.", fix="`void jobs list` shows the jobs of this server.")
    if len(rows) > 1:
        raise InvalidInput(f"Several jobs begin with {job_id!r}.", fix="Give more characters.")
    found: sqlite3.Row = rows[0]
    return found


def record_of(db: sqlite3.Connection, row: sqlite3.Row, outputs: bool = True) -> JobRecord:
    """A job's row with its problems and, if asked for, the outputs that were not removed."""
    files = (
        db.execute(
            "SELECT * FROM output WHERE job_id = ? AND removed IS NULL ORDER BY frame, kind", (row["id"],)
        ).fetchall()
        if outputs
        else []
    )
    problems = db.execute(
        "SELECT payload FROM problem WHERE job_id = ? ORDER BY number", (row["id"],)
    ).fetchall()
    return JobRecord(
        id=row["id"],
        request_id=row["request_id"],
        attempt=row["attempt"],
        owner=row["owner"],
        state=JobState(row["state"]),
        spec=row["spec"],
        fresh=bool(row["fresh"]),
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        last_event=row["last_event"],
        number=row["number"],
        band=Band(row["band"]),
        problems=tuple(Problem.from_dict(json.loads(p["payload"])) for p in problems),
        outputs=tuple(Output(f["kind"], f["frame"], f["digest"], f["size"]) for f in files),
        collected=row["collected"],
    )


def add_event(db: sqlite3.Connection, job_id: str, now: float, kind: str, payload: dict[str, Any]) -> None:
    """Add the next line of a job's history.

    Raises:
        NotFound: no such job.
    """
    sequence = db.execute(
        "UPDATE job SET last_event = last_event + 1 WHERE id = ? RETURNING last_event", (job_id,)
    ).fetchone()
    if sequence is None:
        raise NotFound(f"There is no job {job_id}.")
    db.execute(
        "INSERT INTO event (job_id, sequence, time, kind, payload) VALUES (?, ?, ?, ?, ?)",
        (job_id, sequence[0], now, kind, json.dumps(payload)),
    )


def add_problem(db: sqlite3.Connection, job_id: str, now: float, problem: Problem) -> None:
    """Record a problem with its event."""
    db.execute(
        "INSERT INTO problem (job_id, number, payload)"
        " SELECT ?, COUNT(*) + 1, ? FROM problem WHERE job_id = ?",
        (job_id, json.dumps(asdict(problem)), job_id),
    )
    add_event(db, job_id, now, "problem", asdict(problem))
