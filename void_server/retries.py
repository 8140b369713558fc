# SPDX-License-Identifier: Apache-2.0
"""How often, and how long apart, something is tried again that may go right the next time."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CRASHES = 2
"""A task over which so many workers died is not tried again."""
MAX_LOSSES = 5
"""Nor one during which so many nodes of a cluster were lost: more than chance takes, and it may be what ends them."""


@dataclass(frozen=True)
class Backoff:
    """Waits that double.

    Attributes:
        first_seconds: before the second try.
        most_seconds: longest wait.
        tries: how often it is tried again; None = for as long as the job is wanted.
    """

    first_seconds: float
    most_seconds: float
    tries: int | None = None

    def wait_seconds(self, failures: int) -> float | None:
        """The wait after so many failures in a row, from 1; None = it is given up."""
        if self.tries is not None and failures > self.tries:
            return None
        return min(self.most_seconds, self.first_seconds * 2.0 ** min(failures - 1, 60))


STORAGE_AWAY = Backoff(first_seconds=5, most_seconds=120)
"""Shared storage that does not answer comes back when somebody mounts it: an hour or a night later."""
STORE_FULL = Backoff(first_seconds=2, most_seconds=60, tries=8)
"""About four minutes: enough for another job to end or a keeper to make room, and not a night of silence."""
WORKER_KILLED = Backoff(first_seconds=1, most_seconds=8)
"""The system kills when memory is short; a neighbour's unit may be done a second later."""
