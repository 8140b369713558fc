# SPDX-License-Identifier: Apache-2.0
"""The states of a job and the only changes between them that are allowed.

`docs/states.md` shows the same table to people; a test holds the two together.
"""

from __future__ import annotations

from enum import Enum

from void_server.errors import PreconditionFailed


class JobState(str, Enum):
    """Where a job stands."""

    QUEUED = "queued"
    """Accepted and durable, waiting for workers."""
    RUNNING = "running"
    """Its units are being worked on."""
    CANCELLING = "cancelling"
    """Somebody asked to stop; the units in hand are being finished."""
    DONE = "done"
    """All outputs are published."""
    FAILED = "failed"
    """Ended by a problem, which the job names."""
    CANCELLED = "cancelled"
    """Ended because somebody asked."""


ENDED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
LIVE = tuple(state for state in JobState if state not in ENDED)
"""The others. Queries name these: the index by state then leads to the few, whatever has ended beside them."""

TRANSITIONS: dict[tuple[JobState, JobState], str] = {
    (JobState.QUEUED, JobState.RUNNING): "the runner takes the job",
    (JobState.QUEUED, JobState.CANCELLED): "cancelled before it ran",
    (JobState.RUNNING, JobState.DONE): "the last output is published",
    (JobState.RUNNING, JobState.FAILED): "a problem that no retry mends",
    (JobState.RUNNING, JobState.CANCELLING): "cancel was asked for",
    (JobState.RUNNING, JobState.QUEUED): "the server stopped; finished units stay recorded",
    (JobState.CANCELLING, JobState.CANCELLED): "the units in hand are finished or dropped",
}


def check_transition(job_id: str, old: JobState, new: JobState) -> None:
    """Let an allowed change pass.

    Raises:
        PreconditionFailed: the change is not in `TRANSITIONS`.
    """
    if (old, new) not in TRANSITIONS:
        raise PreconditionFailed(f"Job {job_id} is {old.value} and cannot become {new.value}.")
