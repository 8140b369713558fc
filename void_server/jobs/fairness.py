# SPDX-License-Identifier: Apache-2.0
"""Which queued job begins next; what it then gets of the workers is `void_server.pool.schedule`'s."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from void_server.pool.schedule import AGED_TURN, Band

MOST_RUNNING = 4
"""Jobs that run side by side: enough that workers stay busy while one job is planned or waits for its last unit."""
MOST_AT_ALL = 16
"""With those of owners and bands that had none running; each running job holds a thread and some memory."""

LOW, NORMAL, HIGH = "low", "normal", "high"
PRIORITIES = (LOW, NORMAL, HIGH)
"""As `void.v1.Priority` has them."""


@dataclass(frozen=True)
class QueuedJob:
    """What decides about a job's place.

    Attributes:
        number: place in the store's order.
    """

    id: str
    owner: str
    band: Band
    number: int


def band_of(priority: str, preview: bool) -> Band:
    """Where a job's units wait: one of low priority stays behind even as a preview."""
    if priority == LOW:
        return Band.LOW
    if preview:
        return Band.PREVIEW
    return Band.HIGH if priority == HIGH else Band.NORMAL


class Admission:
    """Chooses the jobs that begin.

    A job begins while fewer than `MOST_RUNNING` run, or while its owner has none of its band running, up to
    `MOST_AT_ALL`: long jobs of one artist keep neither the others' nor his own previews waiting. Of those that may
    begin, the best band goes first, then the owner with the fewest running, then the one who had the least worker time;
    one of `AGED_TURN` is the one that was accepted first.
    """

    def __init__(self) -> None:
        self._begun = 0

    def choose(
        self,
        queued: Collection[QueuedJob],
        running: Collection[QueuedJob],
        load: Mapping[str, float],
    ) -> QueuedJob | None:
        """The job that begins now; None when none may.

        Args:
            load: recent worker seconds by owner; who is not in it had none.
        """
        if len(running) >= MOST_AT_ALL:
            return None
        busy = {(job.owner, job.band) for job in running}
        full = len(running) >= MOST_RUNNING
        open_to = [job for job in queued if not full or (job.owner, job.band) not in busy]
        if not open_to:
            return None
        self._begun += 1
        if self._begun % AGED_TURN == 0:
            return min(open_to, key=lambda job: job.number)
        having = {job.owner: sum(other.owner == job.owner for other in running) for job in open_to}
        return min(
            open_to, key=lambda job: (job.band, having[job.owner], load.get(job.owner, 0.0), job.number)
        )
