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
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict

from void_server.access.principals import EVERYTHING, View
from void_server.errors import PreconditionFailed, VoidError, WorkerCrashed
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
from void_server.jobs.job_rows import add_event, add_problem, find_row, record_of
from void_server.jobs.manifests import Manifest, ManifestFolder
from void_server.jobs.model import Event, JobRecord, Output, Problem, Progress, UnitResult
from void_server.jobs.needs import Needs
from void_server.jobs.quota import check_open_jobs, check_owner_bytes, check_queued_frames
from void_server.jobs.states import ENDED, LIVE, JobState, check_transition
from void_server.jobs.unit_rows import find_unit, give_up_units, record_unit, take_units
from void_server.pool.schedule import Band

log = logging.getLogger(__name__)

MAX_LIST = 1000


class JobStore:
    """Jobs of one server.

    Args:
        database: the open database; the manifests lie in `jobs/` beside it.
        clock: seconds since 1970, UTC; shown to people, and told to collections, so that it may jump.

    Attributes:
        needs: blobs that running work needs and that no row names.
        manifests: of its jobs.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self.manifests = ManifestFolder(database.path.parent / "jobs")
        self._clock = clock
        self._progress: dict[str, Progress] = {}
        self._changed = threading.Condition()
        self._changes = 0
        self._ended: Counter[JobState] = Counter(dict.fromkeys(ENDED, 0))
        self.needs = Needs(clock)

    def restore(self) -> list[str]:
        """At a start: take the jobs that only their manifests know; returns their ids. See `acceptance.reconcile`."""
        return reconcile(self._db, self.manifests, self._clock())

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
                    db.execute("UPDATE job SET served = ? WHERE id = ?", (self._clock(), row["id"]))
                    return record_of(db, row), False
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
                self.manifests.write(manifest)
                insert_job(db, manifest, manifest.created)
                record = record_of(db, find_row(db, manifest.id))
        except BaseException:
            if manifest is not None:
                self._forget(manifest.id)
            raise
        self._notify()
        return record, True

    def _forget(self, job_id: str) -> None:
        try:
            self.manifests.remove(job_id)
        except (VoidError, OSError) as error:
            log.error("the manifest of job %s, which was not accepted, stays: %s", job_id, error)

    def get(self, job_id: str, viewer: View = EVERYTHING) -> JobRecord:
        """The job with this id, or with an id that begins so; jobs of others are not there for a `viewer`.

        Raises:
            NotFound: there is none.
            InvalidInput: the beginning is too short or fits several.
        """
        with self._db.reading() as db:
            return record_of(db, find_row(db, job_id, viewer))

    def state(self, job_id: str) -> JobState:
        """Where a job stands.

        Raises:
            NotFound: there is no such job.
        """
        with self._db.reading() as db:
            return JobState(find_row(db, job_id)["state"])

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
            return [record_of(db, row, outputs=False) for row in rows]

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
            record = record_of(db, find_row(db, job_id))
        if new in ENDED:
            self._progress.pop(job_id, None)
            self._count_end(new)
        self._notify()
        return record

    def request_cancel(self, job_id: str, viewer: View = EVERYTHING) -> JobRecord:
        """Ask a job to stop; an ended or stopping job is returned as it is."""
        with self._db.transaction() as db:
            row = find_row(db, job_id, viewer)
            state = JobState(row["state"])
            if state is JobState.QUEUED:
                self._transition(db, row["id"], JobState.CANCELLED)
            elif state is JobState.RUNNING:
                self._transition(db, row["id"], JobState.CANCELLING)
            record = record_of(db, find_row(db, row["id"]))
        if state is JobState.QUEUED:
            self._count_end(JobState.CANCELLED)
        self._notify()
        return record

    def delete(self, job_id: str, viewer: View = EVERYTHING) -> str:
        """Forget an ended job; returns its whole id. What it alone used is removed by the next collection.

        Raises:
            NotFound: no such job.
            PreconditionFailed: it has not ended, or it is pinned.
        """
        with self._db.transaction() as db:
            row = find_row(db, job_id, viewer)
            if JobState(row["state"]) not in ENDED:
                raise PreconditionFailed(
                    f"Job {row['id']} is {row['state']}.", fix="Cancel it first, then delete it."
                )
            if row["pinned"] is not None:
                raise PreconditionFailed(
                    f"Job {row['id']} is pinned.", fix="Give it free first: `void-server store unpin`."
                )
            give_up_units(db, row["id"])
            self.manifests.remove(row["id"])
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
            add_event(db, job_id, self._clock(), "stage", asdict(progress))
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
                add_event(db, job_id, self._clock(), "message", payload)
        self._notify()

    def add_problem(self, job_id: str, problem: Problem) -> None:
        """Record a problem that does not end the job, with its event, once."""
        with self._db.transaction() as db:
            known = db.execute(
                "SELECT 1 FROM problem WHERE job_id = ? AND payload = ?",
                (job_id, json.dumps(asdict(problem))),
            ).fetchone()
            if known is None:
                add_problem(db, job_id, self._clock(), problem)
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
            add_event(db, job_id, self._clock(), "output", asdict(output))
        self._notify()

    def events(self, job_id: str, from_sequence: int) -> list[Event]:
        """Events from this number on, in order."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT * FROM event WHERE job_id = ? AND sequence >= ? ORDER BY sequence",
                (job_id, from_sequence),
            ).fetchall()
        return [Event(r["sequence"], r["time"], r["kind"], json.loads(r["payload"])) for r in rows]

    def record_unit(self, result: UnitResult, job_id: str | None = None) -> None:
        """Record a finished unit, which a job uses; as long as it is kept, it is not computed again."""
        with self._db.transaction() as db:
            record_unit(db, result, job_id, self._clock())

    def unit_result(self, key: str, after: int | None = None) -> UnitResult | None:
        """The recorded result of a unit, if there is one that was recorded after this number."""
        with self._db.reading() as db:
            return find_unit(db, key, after)

    def take_units(
        self, keys: Iterable[str], job_id: str | None, after: int | None = None
    ) -> dict[str, UnitResult]:
        """The recorded results under these keys, as `unit_result`; from now on the job uses them, and they are kept for
        it until it ends.
        """
        with self._db.transaction() as db:
            return take_units(db, keys, job_id, after, self._clock())

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

    def wake(self) -> None:
        """Have whoever waits for a change look at once, such as for whether the server stops."""
        self._notify()

    def live_jobs(self) -> int:
        """Jobs that have not ended."""
        live = [s.value for s in LIVE]
        with self._db.reading() as db:
            row = db.execute("SELECT COUNT(*) FROM job WHERE state IN (?, ?, ?)", live).fetchone()
        return int(row[0])

    def ended(self) -> dict[str, int]:
        """How many jobs ended in each state since this was made."""
        with self._changed:
            return {state.value: count for state, count in self._ended.items()}

    def _count_end(self, state: JobState) -> None:
        with self._changed:
            self._ended[state] += 1

    def _notify(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _transition(
        self, db: sqlite3.Connection, job_id: str, new: JobState, problems: Iterable[Problem] = ()
    ) -> None:
        row = find_row(db, job_id)
        check_transition(job_id, JobState(row["state"]), new)
        for problem in problems:
            add_problem(db, job_id, self._clock(), problem)
        now = self._clock()
        started = now if new is JobState.RUNNING and row["started"] is None else row["started"]
        finished = now if new in ENDED else None
        db.execute(
            "UPDATE job SET state = ?, started = ?, finished = ? WHERE id = ?",
            (new.value, started, finished, job_id),
        )
        add_event(db, job_id, self._clock(), "state", {"state": new.value})
