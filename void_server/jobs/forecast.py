# SPDX-License-Identifier: Apache-2.0
"""When the waiting jobs will begin and end: the queue played forward with what earlier jobs like them took.

A fluid model: workers are divided as `void_server.pool.schedule` divides them over time, jobs begin as
`void_server.jobs.fairness` lets them. Of a job that nothing is known about it is assumed that it never ends, so what
depends on its end is unknown too, and nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from void_server.jobs.fairness import Admission, QueuedJob


@dataclass(frozen=True)
class Work:
    """A job that has not ended.

    Attributes:
        job: its place.
        running: whether it has begun.
        seconds: of worker time that are left of it; None = unknown.
        width: how many workers it can keep busy, at least 1.
    """

    job: QueuedJob
    running: bool
    seconds: float | None
    width: float = 1.0


@dataclass(frozen=True)
class Estimate:
    """Seconds from now; None = unknown. `start` is 0 for a job that has begun."""

    start: float | None
    finish: float | None

    def at(self, now: float) -> tuple[float | None, float | None]:
        """Start and finish as times, `now` being one, of the same clock."""
        return (
            None if self.start is None else now + self.start,
            None if self.finish is None else now + self.finish,
        )


def forecast(works: Sequence[Work], workers: int, load: Mapping[str, float]) -> dict[str, Estimate]:
    """The estimates of all jobs, by id.

    Args:
        workers: at least 1.
        load: recent worker seconds by owner.
    """
    now, admission = 0.0, Admission()
    active = {work.job.id: work for work in works if work.running}
    queued = {work.job.id: work for work in works if not work.running}
    start: dict[str, float] = dict.fromkeys(active, 0.0)
    finish: dict[str, float] = {}
    while True:
        _begin(queued, active, start, now, admission, load)
        rates = _rates(list(active.values()), workers)
        ends = {i: active[i].seconds / rate for i, rate in rates.items() if rate}  # type: ignore[operator]
        first = min(ends, key=lambda i: (ends[i], i), default=None)
        if first is None or math.isinf(ends[first]):
            break
        passed = ends[first]
        now += passed
        active = {
            i: replace(work, seconds=(work.seconds or 0.0) - passed * rates[i]) for i, work in active.items()
        }
        finish[first] = now
        del active[first]
    return {work.job.id: Estimate(start.get(work.job.id), finish.get(work.job.id)) for work in works}


def _begin(
    queued: dict[str, Work],
    active: dict[str, Work],
    start: dict[str, float],
    now: float,
    admission: Admission,
    load: Mapping[str, float],
) -> None:
    for work in active.values():
        if work.seconds is None:
            active[work.job.id] = replace(work, seconds=math.inf)
    while queued:
        running = [work.job for work in active.values()]
        chosen = admission.choose([work.job for work in queued.values()], running, load)
        if chosen is None:
            return
        work = queued.pop(chosen.id)
        active[chosen.id] = replace(work, seconds=math.inf if work.seconds is None else work.seconds)
        start[chosen.id] = now


def _rates(active: Sequence[Work], workers: int) -> dict[str, float]:
    """Workers that each job has: bands in order, owners of a band alike, an owner's earlier job first."""
    rates: dict[str, float] = {}
    free = float(workers)
    for band in sorted({work.job.band for work in active}):
        owners: dict[str, list[Work]] = {}
        for work in sorted(active, key=lambda work: work.job.number):
            if work.job.band == band:
                owners.setdefault(work.job.owner, []).append(work)
        wishes = {owner: sum(work.width for work in works) for owner, works in owners.items()}
        for number, owner in enumerate(sorted(owners, key=lambda owner: (wishes[owner], owner))):
            # Whoever wants less than an equal part leaves the rest to the others.
            part = min(wishes[owner], free / (len(owners) - number))
            free -= part
            for work in owners[owner]:
                rates[work.job.id] = min(work.width, part)
                part -= rates[work.job.id]
    return rates
