# SPDX-License-Identifier: Apache-2.0
"""The estimates of all jobs that have not ended, as the server tells them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from void.v1 import jobs_pb2

from void_server.jobs.canonical import frames_of
from void_server.jobs.fairness import QueuedJob
from void_server.jobs.forecast import Estimate, Work, forecast
from void_server.jobs.history import History, StageTime, likeness
from void_server.jobs.model import Progress
from void_server.jobs.states import JobState
from void_server.jobs.store import JobStore

FRESH_SECONDS = 1.0
"""For so long an answer serves again: each listing asks for many."""


class Estimates:
    """Estimates from a store's queue and history.

    Args:
        stages: of every job, in order.
        workers: tells how many there are now.
        load: recent worker seconds by owner.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        store: JobStore,
        history: History,
        stages: Sequence[str],
        workers: Callable[[], int],
        load: Callable[[], Mapping[str, float]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._history = store, history
        self._stages, self._workers = list(stages), workers
        self._load, self._clock = load, clock
        self._lock = threading.Lock()
        self._made: dict[str, Estimate] = {}
        self._made_at = -FRESH_SECONDS
        self._expected: dict[str, dict[str, StageTime]] = {}

    def of(self, job_id: str) -> Estimate:
        """The estimate of a job; nothing is known of one that has ended."""
        with self._lock:
            if self._clock() - self._made_at >= FRESH_SECONDS or job_id not in self._made:
                self._made, self._made_at = self._make(), self._clock()
            return self._made.get(job_id, Estimate(None, None))

    def _make(self) -> dict[str, Estimate]:
        live = self._store.live()
        works = [self._work(job, state) for job, state in live]
        known = {job.id for job, _ in live}
        self._expected = {i: stages for i, stages in self._expected.items() if i in known}
        return forecast(works, self._at_work(), self._load())

    def _work(self, job: QueuedJob, state: JobState) -> Work:
        running = state is not JobState.QUEUED
        stages = self._stages_of(job.id)
        if not stages:
            return Work(job, running, None, self._at_work())
        left = self._left(stages, self._store.progress(job.id) if running else Progress())
        alone = sum(s.seconds / min(self._at_work(), s.units) for s in left)
        seconds = sum(s.seconds for s in left)
        return Work(job, running, seconds, max(1.0, seconds / alone) if alone else 1.0)

    def _at_work(self) -> int:
        return max(1, self._workers())

    def _stages_of(self, job_id: str) -> dict[str, StageTime]:
        # Of a job that nothing was known about something may be known later.
        if not self._expected.get(job_id):
            spec = jobs_pb2.JobSpec.FromString(self._store.spec(job_id))
            self._expected[job_id] = self._history.expected(likeness(spec), frames_of(spec))
        return self._expected[job_id]

    def _left(self, stages: Mapping[str, StageTime], progress: Progress) -> list[StageTime]:
        if progress.stage not in self._stages:
            return list(stages.values())
        at = self._stages.index(progress.stage)
        left = [stages[name] for name in self._stages[at + 1 :] if name in stages]
        if (now := stages.get(progress.stage)) is not None and progress.total:
            rest = 1 - progress.done / progress.total
            left.append(StageTime(now.stage, max(1, round(now.units * rest)), now.seconds * rest))
        return left
