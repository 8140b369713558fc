# SPDX-License-Identifier: Apache-2.0
"""Takes queued jobs through the stages of the pipeline.

The runner knows neither pixels nor engines: for each stage a worker plans the units from the results so far, the pool
computes those that are not recorded yet, and the next stage follows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

from google.protobuf.json_format import MessageToDict
from void.v1 import jobs_pb2

from void_server.errors import (
    Internal,
    NotFound,
    PreconditionFailed,
    SourceUnavailable,
    StoreFailed,
    StoreFull,
    VoidError,
    WorkerCrashed,
)
from void_server.frames.blobs import BlobFolder
from void_server.frames.looks import Looks
from void_server.frames.roots import Roots
from void_server.frames.storage_errors import storage_error
from void_server.jobs.canonical import frames_of
from void_server.jobs.fairness import Admission
from void_server.jobs.history import History, StageTime, likeness
from void_server.jobs.inputs import missing_inputs
from void_server.jobs.model import JobRecord, Problem, Progress
from void_server.jobs.needs import digests_in
from void_server.jobs.stage import Pool, Sign, Stage, Stopped, Unit, set_aside, told_of_crashes
from void_server.jobs.states import JobState
from void_server.jobs.store import JobStore
from void_server.logs import said_now, saying
from void_server.metrics.figures import Figures
from void_server.pool.messages import TaskStopped
from void_server.pool.schedule import Band, Turn
from void_server.retries import MAX_CRASHES, STORAGE_AWAY, STORE_FULL, Backoff

log = logging.getLogger(__name__)

PREFLIGHT_STAGES = ("ingest", "preflight")
"""The first stages; `Jobs.Preflight` runs these alone."""

STORE_RETRY_SECONDS = 1.0
"""While the disk refuses to record how a job stands, it is tried again at this pace."""

PATIENCE: dict[type[VoidError], Backoff] = {SourceUnavailable: STORAGE_AWAY, StoreFull: STORE_FULL}
"""What a job waits for."""


class OrderRefused(Exception):
    """Preflight found errors; they are in `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


class Runner:
    """Runs jobs side by side, as `void_server.jobs.fairness` lets them begin.

    Args:
        stages: stage names in order, as the workers' capabilities list them.
        history: told what the stages of finished jobs took.
        sign: signs a sidecar before it is published; None = none is signed.
        figures: told what happens to units and jobs; None = nobody asks.
    """

    def __init__(
        self,
        store: JobStore,
        blobs: BlobFolder,
        roots: Roots,
        looks: Looks,
        pool: Pool,
        stages: list[str],
        history: History,
        sign: Sign | None = None,
        figures: Figures | None = None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._roots = roots
        self._looks = looks
        self._pool = pool
        self._stages = stages
        self._history = history
        self._admission = Admission()
        self._figures = figures or Figures()
        self._sign = sign
        self._stopping = threading.Event()
        self._running: dict[str, threading.Thread] = {}
        self._waiting: set[str] = set()
        self._thread = threading.Thread(target=self._loop, name="runner", daemon=True)

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def leave(self) -> None:
        """Take no more jobs; running ones are left as soon as their units in hand have ended."""
        self._stopping.set()
        self._store.wake()

    def at_work(self) -> bool:
        """Whether a job still has units in hand."""
        return any(thread.is_alive() for thread in list(self._running.values()))

    def stop(self) -> None:
        """Take no more jobs; running ones are left between two units and wait for the next start."""
        self.leave()
        if self._thread.is_alive():
            self._thread.join()
        for thread in list(self._running.values()):
            thread.join()

    def preflight(
        self,
        spec: jobs_pb2.JobSpec,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
        owner: str = "",
    ) -> tuple[list[Problem], list[str]]:
        """Run the first stages outside of any job; returns all problems and the notes.

        Args:
            on_progress: told how far they are.
            cancelled: asked between two units.
            owner: who is charged for the workers' time.

        Raises:
            Stopped: `cancelled` said so, or the server stops.
            VoidError: a worker failed.
        """
        turn, tree = Turn(Band.INTERACTIVE, owner), _tree(spec)
        results: dict[str, Any] = {}
        problems: list[Problem] = []
        notes: list[str] = []
        for number, name in enumerate(PREFLIGHT_STAGES, 1):
            plan = self._plan(None, tree, name, results, turn)
            problems += [Problem.from_dict(p) for p in plan["problems"]]
            notes += plan["notes"]

            def report(done: int, total: int, eta: float, name: str = name, number: int = number) -> None:
                on_progress(Progress(name, number, len(PREFLIGHT_STAGES), done, total, eta))

            stage = Stage(
                store=self._store,
                blobs=self._blobs,
                pool=self._pool,
                turn=turn,
                job_id=None,
                after=None,
                should_stop=lambda: cancelled() or self._stopping.is_set(),
                on_progress=report,
                figures=self._figures.of_stage(name),
            )
            with saying(stage=name):
                results[name] = stage.run([Unit.from_dict(u) for u in plan["units"]])
        return problems, notes

    def _loop(self) -> None:
        seen = -1
        while not self._stopping.is_set():
            self._running = {i: t for i, t in self._running.items() if t.is_alive()}
            try:
                job_id = self._next()
                if job_id is None:
                    seen = self._store.wait_for_change(seen, 0.5)
                else:
                    self._take(job_id)
            except (StoreFull, StoreFailed) as error:
                log.error("no job can be taken: %s", error)
                self._stopping.wait(STORE_RETRY_SECONDS)

    def _next(self) -> str | None:
        """The job that begins now; one that waits for storage or room holds nobody up."""
        live = self._store.live()
        queued = [job for job, state in live if state is JobState.QUEUED and job.id not in self._running]
        if not queued:
            return None
        at_work = self._running.keys() - self._waiting
        running = [job for job, _ in live if job.id in at_work]
        chosen = self._admission.choose(queued, running, self._pool.load())
        return chosen.id if chosen is not None else None

    def _take(self, job_id: str) -> None:
        try:
            job = self._store.transition(job_id, JobState.RUNNING)
        except (NotFound, PreconditionFailed) as error:
            log.info("job %s was not taken: %s", job_id, error)
            return
        thread = threading.Thread(target=self._run_said, args=(job,), name=f"job-{job.id}", daemon=True)
        self._running[job.id] = thread
        thread.start()

    def _run_said(self, job: JobRecord) -> None:
        with saying(job=job.id):
            log.info("the job begins, or goes on")
            self._run(job)

    def _run(self, job: JobRecord) -> None:
        try:
            stages = self._run_with_patience(job)
        except (Stopped, TaskStopped, CancelledError):
            self._end(job, JobState.QUEUED)
        except OrderRefused as found:
            self._fail(job, found.problems)
        except VoidError as error:
            self._fail(job, [_as_problem(error)])
        except Exception as error:
            if failure := storage_error(error):
                self._fail(job, [_as_problem(failure)])
                return
            log.exception("defect in job %s", job.id)
            self._fail(job, [_as_problem(Internal(f"{type(error).__name__}: {error}"))])
        else:
            self._end(job, JobState.DONE)
            self._remember(job, stages)
        finally:
            self._store.needs.end(job.id)

    def _remember(self, job: JobRecord, stages: dict[str, StageTime]) -> None:
        spec = jobs_pb2.JobSpec.FromString(job.spec)
        try:
            self._history.add(job.id, likeness(spec), frames_of(spec), stages)
        except VoidError as error:
            log.error("what job %s took is not recorded: %s", job.id, error)

    def _run_with_patience(self, job: JobRecord) -> dict[str, StageTime]:
        """All stages; while shared storage is away or the disk is full the job waits, unless somebody cancels it.

        Raises:
            Stopped: it was cancelled meanwhile, or the server stops.
            StoreFull: there was no room for too long.
        """
        told = ""
        failures: Counter[type[VoidError]] = Counter()
        while True:
            try:
                return self._run_whole(job)
            except (SourceUnavailable, StoreFull) as error:
                failures[type(error)] += 1
                waits = PATIENCE[type(error)].wait_seconds(failures[type(error)])
                if waits is None:
                    raise
                if error.message != told:
                    told = error.message
                    self._figures.waits.labels(error.code).inc()
                    self._tell_wait(job.id, f"{told} The job waits for it.")
                self._wait(job.id, waits)

    def _tell_wait(self, job_id: str, text: str) -> None:
        try:
            self._store.add_message(job_id, text)
        except (StoreFull, StoreFailed):
            log.warning("job %s: %s", job_id, text)

    def _wait(self, job_id: str, seconds: float) -> None:
        self._waiting.add(job_id)
        self._store.set_progress(job_id, Progress())
        try:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                if self._should_stop(job_id):
                    raise Stopped
                self._stopping.wait(0.2)
        finally:
            self._waiting.discard(job_id)

    def _run_whole(self, job: JobRecord) -> dict[str, StageTime]:
        """All stages, and what each took; once more when a recorded result vanished after its stage had been looked at.

        Raises:
            OrderRefused: preflight found errors, or input files are gone or changed.
        """
        spec = jobs_pb2.JobSpec.FromString(job.spec)
        self._check_inputs(spec)
        try:
            return self._run_stages(job, spec)
        except NotFound as error:
            self._check_inputs(spec)
            log.warning("job %s computes again what vanished from the store: %s", job.id, error)
            return self._run_stages(job, spec)

    def _check_inputs(self, spec: jobs_pb2.JobSpec) -> None:
        if missing := missing_inputs(spec, self._blobs, self._roots, self._looks):
            raise OrderRefused(missing)

    def _run_stages(self, job: JobRecord, spec: jobs_pb2.JobSpec) -> dict[str, StageTime]:
        turn, tree = Turn(job.band, job.owner, job.number), _tree(spec)
        results: dict[str, Any] = {}
        took: dict[str, StageTime] = {}
        for number, name in enumerate(self._stages, 1):
            plan = self._plan(job.id, tree, name, results, turn)
            self._tell(job, plan)
            units = [Unit.from_dict(u) for u in plan["units"]]
            if not units:
                results[name] = []
                continue
            self._store.add_stage(job.id, Progress(name, number, len(self._stages), 0, len(units)))

            def report(done: int, total: int, eta: float, name: str = name, number: int = number) -> None:
                self._store.set_progress(job.id, Progress(name, number, len(self._stages), done, total, eta))

            stage = Stage(
                store=self._store,
                blobs=self._blobs,
                pool=self._pool,
                turn=turn,
                job_id=job.id,
                after=job.number if job.fresh else None,
                should_stop=lambda: self._should_stop(job.id),
                on_progress=report,
                sign=self._sign,
                figures=self._figures.of_stage(name),
            )
            with saying(stage=name):
                results[name] = stage.run(units)
            took[name] = StageTime(name, len(units), sum(result["seconds"] for result in results[name]))
        return took

    def _plan(
        self, job_id: str | None, tree: dict[str, Any], stage: str, results: dict[str, Any], turn: Turn
    ) -> dict[str, Any]:
        label = f"plan of {stage}"
        if job_id is not None:
            count, crash = self._store.crashes(job_id).get(label, (0, None))
            if crash is not None and count >= MAX_CRASHES:
                raise set_aside(crash, label)
        message = {
            "do": "plan",
            "label": label,
            "stage": stage,
            "spec": tree,
            "results": results,
            "job": job_id or "",
            "log": said_now() | {"stage": stage},
        }
        on_crash = told_of_crashes(self._store, job_id, label, self._figures.of_stage(stage))
        try:
            with self._store.needs.in_hand():
                plan: dict[str, Any] = self._pool.submit(message, turn, on_crash=on_crash).result()
                if job_id is not None:
                    self._store.needs.add(job_id, digests_in(plan["units"]))
        except WorkerCrashed as crash:
            raise (set_aside(crash, label) if job_id is not None else crash) from crash
        return plan

    def _tell(self, job: JobRecord, plan: dict[str, Any]) -> None:
        problems = [Problem.from_dict(p) for p in plan["problems"]]
        for note in plan["notes"]:
            self._store.add_message(job.id, note)
        if any(p.severity == "error" for p in problems):
            raise OrderRefused(problems)
        for problem in problems:
            self._store.add_problem(job.id, problem)

    def _should_stop(self, job_id: str) -> bool:
        return self._stopping.is_set() or self._store.state(job_id) is JobState.CANCELLING

    def _end(self, job: JobRecord, new: JobState, problems: list[Problem] | None = None) -> None:
        """Record how a job stands now, as soon as the disk lets it; a server that stops leaves it to the next start."""
        while True:
            try:
                self._store.transition(job.id, new, problems or [])
            except PreconditionFailed:
                # A cancel came between the last unit and here; it wins.
                new, problems = JobState.CANCELLED, None
            except (StoreFull, StoreFailed) as error:
                log.error("job %s waits to be recorded as %s: %s", job.id, new.value, error)
                if self._stopping.wait(STORE_RETRY_SECONDS):
                    return
            else:
                log.info("the job is %s", new.value)
                return

    def _fail(self, job: JobRecord, problems: list[Problem]) -> None:
        if self._stopping.is_set():
            self._end(job, JobState.QUEUED)
        else:
            self._end(job, JobState.FAILED, problems)


def _as_problem(error: VoidError) -> Problem:
    return Problem(
        severity="error",
        code=error.code,
        message=error.message,
        fix=error.fix,
        frames=(error.frame,) if error.frame is not None else (),
        file=error.file,
    )


def _tree(spec: jobs_pb2.JobSpec) -> dict[str, Any]:
    """An order as workers read it."""
    return MessageToDict(spec, preserving_proto_field_name=True)
