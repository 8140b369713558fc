# SPDX-License-Identifier: Apache-2.0
"""Takes queued jobs through the stages of the pipeline.

The runner knows neither pixels nor engines: for each stage a worker plans the units from the results so far, the pool
computes those that are not recorded yet, and the next stage follows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
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
)
from void_server.frames.blobs import BlobFolder
from void_server.frames.looks import Looks
from void_server.frames.roots import Roots
from void_server.frames.storage_errors import storage_error
from void_server.jobs.inputs import missing_inputs
from void_server.jobs.model import JobRecord, Problem, Progress
from void_server.jobs.stage import Pool, Sign, Stage, Stopped, Unit
from void_server.jobs.states import JobState
from void_server.jobs.store import JobStore

log = logging.getLogger(__name__)

PREFLIGHT_STAGES = ("ingest", "preflight")
"""The first stages; `Jobs.Preflight` runs these alone."""

STORE_RETRY_SECONDS = 1.0
"""While the disk refuses to record how a job stands, it is tried again at this pace."""

STORAGE_RETRY_SECONDS = 20.0
"""A job whose frames lie on storage that is away looks again at this pace."""

_INTERACTIVE = (0,)


class OrderRefused(Exception):
    """Preflight found errors; they are in `problems`."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = problems


class Runner:
    """Runs up to `max_running` jobs at a time; earlier ones get workers first.

    Args:
        stages: stage names in order, as the workers' capabilities list them.
        sign: signs a sidecar before it is published; None = none is signed.
    """

    def __init__(
        self,
        store: JobStore,
        blobs: BlobFolder,
        roots: Roots,
        looks: Looks,
        pool: Pool,
        stages: list[str],
        max_running: int = 4,
        sign: Sign | None = None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._roots = roots
        self._looks = looks
        self._pool = pool
        self._stages = stages
        self._max_running = max_running
        self._sign = sign
        self._stopping = threading.Event()
        self._running: dict[str, threading.Thread] = {}
        self._waiting: set[str] = set()
        self._order = 0
        self._thread = threading.Thread(target=self._loop, name="runner", daemon=True)

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more jobs; running ones are left between two units and wait for the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        for thread in list(self._running.values()):
            thread.join()

    def preflight(
        self,
        spec: jobs_pb2.JobSpec,
        on_progress: Callable[[Progress], None],
        cancelled: Callable[[], bool],
    ) -> tuple[list[Problem], list[str]]:
        """Run the first stages outside of any job; returns all problems and the notes.

        Raises:
            Stopped: `cancelled` said so, or the server stops.
            VoidError: a worker failed.
        """
        results: dict[str, Any] = {}
        problems: list[Problem] = []
        notes: list[str] = []
        for number, name in enumerate(PREFLIGHT_STAGES, 1):
            plan = self._plan(spec, name, results, _INTERACTIVE)
            problems += [Problem.from_dict(p) for p in plan["problems"]]
            notes += plan["notes"]

            def report(done: int, total: int, eta: float, name: str = name, number: int = number) -> None:
                on_progress(Progress(name, number, len(PREFLIGHT_STAGES), done, total, eta))

            stage = Stage(
                store=self._store,
                blobs=self._blobs,
                pool=self._pool,
                priority=_INTERACTIVE,
                job_id=None,
                after=None,
                should_stop=lambda: cancelled() or self._stopping.is_set(),
                on_progress=report,
            )
            results[name] = stage.run([Unit.from_dict(u) for u in plan["units"]])
        return problems, notes

    def _loop(self) -> None:
        seen = -1
        while not self._stopping.is_set():
            self._running = {i: t for i, t in self._running.items() if t.is_alive()}
            try:
                job = self._store.next_queued() if self._has_room() else None
                if job is None:
                    seen = self._store.wait_for_change(seen, 0.5)
                else:
                    self._take(job)
            except (StoreFull, StoreFailed) as error:
                log.error("no job can be taken: %s", error)
                self._stopping.wait(STORE_RETRY_SECONDS)

    def _has_room(self) -> bool:
        """A job that waits for storage holds nobody up."""
        return len(self._running.keys() - self._waiting) < self._max_running

    def _take(self, job: JobRecord) -> None:
        try:
            job = self._store.transition(job.id, JobState.RUNNING)
        except (NotFound, PreconditionFailed) as error:
            log.info("job %s was not taken: %s", job.id, error)
            return
        self._order += 1
        thread = threading.Thread(
            target=self._run, args=(job, self._order), name=f"job-{job.id}", daemon=True
        )
        self._running[job.id] = thread
        thread.start()

    def _run(self, job: JobRecord, order: int) -> None:
        try:
            self._run_once_storage_is_there(job, (1, order))
        except Stopped:
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

    def _run_once_storage_is_there(self, job: JobRecord, priority: tuple[int, ...]) -> None:
        """All stages; while shared storage is away the job waits, for as long as nobody cancels it.

        Raises:
            Stopped: it was cancelled meanwhile, or the server stops.
        """
        told = ""
        while True:
            try:
                self._run_whole(job, priority)
            except SourceUnavailable as error:
                if error.message != told:
                    told = error.message
                    self._store.add_message(job.id, f"{told} The job waits for it.")
                self._wait_for_storage(job.id)
            else:
                return

    def _wait_for_storage(self, job_id: str) -> None:
        self._waiting.add(job_id)
        self._store.set_progress(job_id, Progress())
        try:
            until = time.monotonic() + STORAGE_RETRY_SECONDS
            while time.monotonic() < until:
                if self._should_stop(job_id):
                    raise Stopped
                self._stopping.wait(0.2)
        finally:
            self._waiting.discard(job_id)

    def _run_whole(self, job: JobRecord, priority: tuple[int, ...]) -> None:
        """All stages; once more when a recorded result vanished after its stage had been looked at.

        Raises:
            OrderRefused: preflight found errors, or input files are gone or changed.
        """
        spec = jobs_pb2.JobSpec.FromString(job.spec)
        self._check_inputs(spec)
        try:
            self._run_stages(job, spec, priority)
        except NotFound as error:
            self._check_inputs(spec)
            log.warning("job %s computes again what vanished from the store: %s", job.id, error)
            self._run_stages(job, spec, priority)

    def _check_inputs(self, spec: jobs_pb2.JobSpec) -> None:
        if missing := missing_inputs(spec, self._blobs, self._roots, self._looks):
            raise OrderRefused(missing)

    def _run_stages(self, job: JobRecord, spec: jobs_pb2.JobSpec, priority: tuple[int, ...]) -> None:
        results: dict[str, Any] = {}
        for number, name in enumerate(self._stages, 1):
            plan = self._plan(spec, name, results, priority, job.id)
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
                priority=priority,
                job_id=job.id,
                after=job.number if job.fresh else None,
                should_stop=lambda: self._should_stop(job.id),
                on_progress=report,
                sign=self._sign,
            )
            results[name] = stage.run(units)

    def _plan(
        self,
        spec: jobs_pb2.JobSpec,
        stage: str,
        results: dict[str, Any],
        priority: tuple[int, ...],
        job_id: str = "",
    ) -> dict[str, Any]:
        tree = MessageToDict(spec, preserving_proto_field_name=True)
        message = {
            "do": "plan",
            "label": f"plan of {stage}",
            "stage": stage,
            "spec": tree,
            "results": results,
            "job": job_id,
        }
        plan: dict[str, Any] = self._pool.submit(message, priority).result()
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
