# SPDX-License-Identifier: Apache-2.0
"""The durable record of jobs, their events and outputs, and of finished units.

Every change of state goes through `JobStore.transition`, and with it an event, in one transaction.
"""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from void_server.access.principals import EVERYTHING, View
from void_server.errors import InvalidInput, NotFound, PreconditionFailed, VoidError, WorkerCrashed
from void_server.jobs.acceptance import (
    attempts,
    insert_job,
    next_number,
    order_of,
    reconcile,
    serving_row,
)
from void_server.jobs.canonical import frames_of
from void_server.jobs.database import Database
from void_server.jobs.fairness import QueuedJob
from void_server.jobs.manifests import Manifest, ManifestFolder
from void_server.jobs.model import Event, JobRecord, Output, Problem, Progress, UnitResult
from void_server.jobs.quota import check_open_jobs, check_owner_bytes, check_queued_frames
from void_server.jobs.states import ENDED, LIVE, JobState, check_transition
from void_server.pool.schedule import Band

log = logging.getLogger(__name__)

MIN_ID_PREFIX = 4
MAX_LIST = 1000


class JobStore:
    """Jobs of one server.

    Args:
        database: the open database; the manifests lie in `jobs/` beside it.
        clock: seconds since 1970, UTC; only shown to people, so that it may jump.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._manifests = ManifestFolder(database.path.parent / "jobs")
        self._clock = clock
        self._progress: dict[str, Progress] = {}
        self._changed = threading.Condition()
        self._changes = 0

    def restore(self) -> list[str]:
        """At a start: take the jobs that only their manifests know; returns their ids. See `acceptance.reconcile`."""
        return reconcile(self._db, self._manifests, self._clock())

    def submit(
        self,
        request_id: str,
        spec: bytes,
        owner: str,
        *,
        again: bool = False,
        fresh: bool | None = None,
        max_open: int = 0,
        max_frames: int = 0,
        max_bytes: int = 0,
    ) -> tuple[JobRecord, bool]:
        """Accept an order; returns the job and whether this call made it.

        A live or finished job of the same order and owner serves again, unless `again` asks for a new attempt of a
        finished one. A failed or cancelled one gets a new attempt.

        When this returns, the manifest, its folder and the database are on the disk.

        Args:
            fresh: the new attempt computes everything anew; None = as `again` says.
            max_open, max_frames, max_bytes: limits `max_open_jobs`, `max_queued_frames`, `max_owner_bytes`; 0 = no
                limit.

        Raises:
            LimitExceeded: the owner is over one of them.
            StoreFull, StoreFailed: the disk refused; nothing is accepted.
        """
        manifest: Manifest | None = None
        try:
            with self._db.transaction() as db:
                row = serving_row(db, owner, request_id, again)
                if row is not None:
                    return self._record(db, row), False
                check_open_jobs(db, owner, max_open)
                check_queued_frames(db, owner, frames_of(order_of(spec)), max_frames)
                check_owner_bytes(db, owner, 0, max_bytes)
                manifest = Manifest(
                    id=secrets.token_hex(6),
                    request_id=request_id,
                    attempt=max(attempts(db, owner, request_id), default=0) + 1,
                    owner=owner,
                    spec=spec,
                    fresh=again if fresh is None else fresh,
                    created=self._clock(),
                    number=next_number(db),
                )
                self._manifests.write(manifest)
                insert_job(db, manifest, manifest.created)
                record = self._record(db, self._row(db, manifest.id))
        except BaseException:
            if manifest is not None:
                self._forget(manifest.id)
            raise
        self._notify()
        return record, True

    def _forget(self, job_id: str) -> None:
        try:
            self._manifests.remove(job_id)
        except (VoidError, OSError) as error:
            log.error("the manifest of job %s, which was not accepted, stays: %s", job_id, error)

    def get(self, job_id: str, viewer: View = EVERYTHING) -> JobRecord:
        """The job with this id, or with an id that begins so; jobs of others are not there for a `viewer`.

        Raises:
            NotFound: there is none.
            InvalidInput: the beginning is too short or fits several.
        """
        with self._db.reading() as db:
            return self._record(db, self._row(db, job_id, viewer))

    def state(self, job_id: str) -> JobState:
        """Where a job stands.

        Raises:
            NotFound: there is no such job.
        """
        with self._db.reading() as db:
            return JobState(self._row(db, job_id)["state"])

    def newest(
        self, states: Iterable[JobState] = (), limit: int = 100, viewer: View = EVERYTHING
    ) -> list[JobRecord]:
        """Jobs in these states (all when empty) that `viewer` may see, newest first, without outputs."""
        named = {f"state{number}": state.value for number, state in enumerate(states)}
        chosen = f"state IN ({', '.join(f':{name}' for name in named)})" if named else "TRUE"
        with self._db.reading() as db:
            rows = db.execute(
                f"SELECT * FROM job WHERE {chosen} AND {View.CONDITION} ORDER BY number DESC LIMIT :limit",
                {**named, **viewer.parameters, "limit": min(limit, MAX_LIST)},
            ).fetchall()
            return [self._record(db, row, outputs=False) for row in rows]

    def live(self) -> list[tuple[QueuedJob, JobState]]:
        """The jobs that have not ended, in the order of their acceptance, with their states."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT id, owner, band, number, state FROM job WHERE state IN (?, ?, ?) ORDER BY number",
                [s.value for s in LIVE],
            ).fetchall()
        return [
            (QueuedJob(r["id"], r["owner"], Band(r["band"]), r["number"]), JobState(r["state"])) for r in rows
        ]

    def spec(self, job_id: str) -> bytes:
        """The serialised order of a job; empty when it is not there any more."""
        with self._db.reading() as db:
            row = db.execute("SELECT spec FROM job WHERE id = ?", (job_id,)).fetchone()
        return bytes(row["spec"]) if row is not None else b""

    def record_crash(self, job_id: str, task: str, crash: WorkerCrashed) -> int:
        """Count a worker that died over a task of a job; returns how many did, over all lives of the server."""
        with self._db.transaction() as db:
            row = db.execute(
                "INSERT INTO crash VALUES (?, ?, 1, ?, ?) ON CONFLICT (job_id, task) DO UPDATE SET"
                " count = count + 1, signal = excluded.signal, how = excluded.how RETURNING count",
                (job_id, task, crash.signal, crash.how),
            ).fetchone()
            return int(row["count"])

    def crashes(self, job_id: str) -> dict[str, tuple[int, WorkerCrashed]]:
        """By task, how many workers died over it and how the last one ended."""
        with self._db.reading() as db:
            rows = db.execute("SELECT * FROM crash WHERE job_id = ?", (job_id,)).fetchall()
        return {
            r["task"]: (
                r["count"],
                WorkerCrashed(f"The worker process {r['how']}.", signal=r["signal"], how=r["how"]),
            )
            for r in rows
        }

    def transition(self, job_id: str, new: JobState, problems: Iterable[Problem] = ()) -> JobRecord:
        """Change a job's state, with an event; `problems` are recorded before it.

        Raises:
            NotFound: no such job.
            PreconditionFailed: the table in `states` does not allow it.
        """
        with self._db.transaction() as db:
            self._transition(db, job_id, new, problems)
            record = self._record(db, self._row(db, job_id))
        if new in ENDED:
            self._progress.pop(job_id, None)
        self._notify()
        return record

    def request_cancel(self, job_id: str, viewer: View = EVERYTHING) -> JobRecord:
        """Ask a job to stop; an ended or stopping job is returned as it is."""
        with self._db.transaction() as db:
            row = self._row(db, job_id, viewer)
            state = JobState(row["state"])
            if state is JobState.QUEUED:
                self._transition(db, row["id"], JobState.CANCELLED)
            elif state is JobState.RUNNING:
                self._transition(db, row["id"], JobState.CANCELLING)
            record = self._record(db, self._row(db, row["id"]))
        self._notify()
        return record

    def delete(self, job_id: str, viewer: View = EVERYTHING) -> str:
        """Forget an ended job; returns its whole id.

        Raises:
            NotFound: no such job.
            PreconditionFailed: it has not ended.
        """
        with self._db.transaction() as db:
            row = self._row(db, job_id, viewer)
            if JobState(row["state"]) not in ENDED:
                raise PreconditionFailed(
                    f"Job {row['id']} is {row['state']}.", fix="Cancel it first, then delete it."
                )
            self._manifests.remove(row["id"])
            db.execute("DELETE FROM job WHERE id = ?", (row["id"],))
            return str(row["id"])

    def recover(self) -> list[str]:
        """After a restart: running jobs wait again, cancelling ones are cancelled; returns their ids."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT id, state FROM job WHERE state IN (?, ?)",
                (JobState.RUNNING.value, JobState.CANCELLING.value),
            ).fetchall()
        for row in rows:
            running = row["state"] == JobState.RUNNING.value
            self.transition(row["id"], JobState.QUEUED if running else JobState.CANCELLED)
        return [row["id"] for row in rows]

    def add_stage(self, job_id: str, progress: Progress) -> None:
        """Record that a stage begins."""
        with self._db.transaction() as db:
            self._add_event(db, job_id, "stage", asdict(progress))
        self._notify()

    def add_message(self, job_id: str, text: str) -> None:
        """Record a sentence for the user, once: a job that goes on after a restart does not repeat it."""
        payload = {"message": text}
        with self._db.transaction() as db:
            known = db.execute(
                "SELECT 1 FROM event WHERE job_id = ? AND kind = 'message' AND payload = ?",
                (job_id, json.dumps(payload)),
            ).fetchone()
            if known is None:
                self._add_event(db, job_id, "message", payload)
        self._notify()

    def add_problem(self, job_id: str, problem: Problem) -> None:
        """Record a problem that does not end the job, with its event, once."""
        with self._db.transaction() as db:
            known = db.execute(
                "SELECT 1 FROM problem WHERE job_id = ? AND payload = ?",
                (job_id, json.dumps(asdict(problem))),
            ).fetchone()
            if known is None:
                self._add_problem(db, job_id, problem)
        self._notify()

    def add_output(self, job_id: str, output: Output) -> None:
        """Publish a file of the job, with its event; publishing the same one again changes nothing."""
        with self._db.transaction() as db:
            old = db.execute(
                "SELECT digest FROM output WHERE job_id = ? AND kind = ? AND frame = ?",
                (job_id, output.kind, output.frame),
            ).fetchone()
            if old is not None and old["digest"] == output.digest:
                return
            db.execute(
                "INSERT OR REPLACE INTO output (job_id, kind, frame, digest, size) VALUES (?, ?, ?, ?, ?)",
                (job_id, output.kind, output.frame, output.digest, output.size),
            )
            self._add_event(db, job_id, "output", asdict(output))
        self._notify()

    def events(self, job_id: str, from_sequence: int) -> list[Event]:
        """Events from this number on, in order."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT * FROM event WHERE job_id = ? AND sequence >= ? ORDER BY sequence",
                (job_id, from_sequence),
            ).fetchall()
        return [Event(r["sequence"], r["time"], r["kind"], json.loads(r["payload"])) for r in rows]

    def record_unit(self, result: UnitResult) -> None:
        """Record a finished unit; it is never computed again."""
        with self._db.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO unit_result (key, kind, blobs, sizes, info, seconds, recorded, number)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    result.key,
                    result.kind,
                    json.dumps(result.blobs),
                    json.dumps(result.sizes),
                    json.dumps(result.info),
                    result.seconds,
                    self._clock(),
                    next_number(db),
                ),
            )

    def unit_result(self, key: str, after: int | None = None) -> UnitResult | None:
        """The recorded result of a unit, if there is one that was recorded after this number."""
        with self._db.reading() as db:
            row = db.execute("SELECT * FROM unit_result WHERE key = ?", (key,)).fetchone()
        if row is None or (after is not None and row["number"] <= after):
            return None
        return UnitResult(
            key=row["key"],
            kind=row["kind"],
            blobs=json.loads(row["blobs"]),
            sizes=json.loads(row["sizes"]),
            info=json.loads(row["info"]),
            seconds=row["seconds"],
        )

    def set_progress(self, job_id: str, progress: Progress) -> None:
        """Latest value only; not durable."""
        self._progress[job_id] = progress
        self._notify()

    def progress(self, job_id: str) -> Progress:
        """The latest progress; empty before the job runs and after it ended."""
        return self._progress.get(job_id, Progress())

    def changes(self) -> int:
        """A number that grows with every change; give it to `wait_for_change`."""
        with self._changed:
            return self._changes

    def wait_for_change(self, seen: int, timeout: float) -> int:
        """Return when anything changed since `seen`, or after `timeout` seconds; returns the new number."""
        with self._changed:
            self._changed.wait_for(lambda: self._changes != seen, timeout)
            return self._changes

    def live_jobs(self) -> int:
        """Jobs that have not ended."""
        live = [s.value for s in LIVE]
        with self._db.reading() as db:
            row = db.execute("SELECT COUNT(*) FROM job WHERE state IN (?, ?, ?)", live).fetchone()
        return int(row[0])

    def _notify(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _transition(
        self, db: sqlite3.Connection, job_id: str, new: JobState, problems: Iterable[Problem] = ()
    ) -> None:
        row = self._row(db, job_id)
        check_transition(job_id, JobState(row["state"]), new)
        for problem in problems:
            self._add_problem(db, job_id, problem)
        now = self._clock()
        started = now if new is JobState.RUNNING and row["started"] is None else row["started"]
        finished = now if new in ENDED else None
        db.execute(
            "UPDATE job SET state = ?, started = ?, finished = ? WHERE id = ?",
            (new.value, started, finished, job_id),
        )
        self._add_event(db, job_id, "state", {"state": new.value})

    def _add_event(self, db: sqlite3.Connection, job_id: str, kind: str, payload: dict[str, Any]) -> None:
        sequence = db.execute(
            "UPDATE job SET last_event = last_event + 1 WHERE id = ? RETURNING last_event", (job_id,)
        ).fetchone()
        if sequence is None:
            raise NotFound(f"There is no job {job_id}.")
        db.execute(
            "INSERT INTO event (job_id, sequence, time, kind, payload) VALUES (?, ?, ?, ?, ?)",
            (job_id, sequence[0], self._clock(), kind, json.dumps(payload)),
        )

    def _add_problem(self, db: sqlite3.Connection, job_id: str, problem: Problem) -> None:
        db.execute(
            "INSERT INTO problem (job_id, number, payload)"
            " SELECT ?, COUNT(*) + 1, ? FROM problem WHERE job_id = ?",
            (job_id, json.dumps(asdict(problem)), job_id),
        )
        self._add_event(db, job_id, "problem", asdict(problem))

    def _row(self, db: sqlite3.Connection, job_id: str, viewer: View = EVERYTHING) -> sqlite3.Row:
        seen = View.CONDITION
        wanted = {"id": job_id, "length": len(job_id), **viewer.parameters}
        row: sqlite3.Row | None = db.execute(
            f"SELECT * FROM job WHERE id = :id AND {seen}", wanted
        ).fetchone()
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
            raise NotFound(
                f"There is no job {job_id}.", fix="`void jobs list` shows the jobs of this server."
            )
        if len(rows) > 1:
            raise InvalidInput(f"Several jobs begin with {job_id!r}.", fix="Give more characters.")
        found: sqlite3.Row = rows[0]
        return found

    def _record(self, db: sqlite3.Connection, row: sqlite3.Row, outputs: bool = True) -> JobRecord:
        files = (
            db.execute("SELECT * FROM output WHERE job_id = ? ORDER BY frame, kind", (row["id"],)).fetchall()
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
        )
