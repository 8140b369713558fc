# SPDX-License-Identifier: Apache-2.0
"""For how long what is kept."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

from void_server.configuration import Limits

HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True)
class KeepPolicy:
    """See docs/storage.md; the defaults are those of the flags of `void-server serve`.

    Attributes:
        results_seconds: from the end of a job, or from the last order that found it, its results and inputs are kept;
            0 = until it is deleted.
        units_seconds: from its last use on a unit's result is kept; 0 = as long as there is room.
        grace_seconds: what was stored, or what somebody was told of, is not removed for so long, whatever it is.
        low_water_bytes: with less free on the disk units of ended jobs go before their time, the longest unused first.
        files_per_second: most files that are removed in a second while jobs wait or run.
    """

    results_seconds: float = Limits.keep_results_days * DAY
    units_seconds: float = Limits.keep_units_days * DAY
    grace_seconds: float = Limits.grace_hours * HOUR
    low_water_bytes: int = Limits.low_water_bytes
    files_per_second: int = Limits.collect_files_per_second

    @staticmethod
    def of(limits: Limits) -> KeepPolicy:
        """As a server was told."""
        return KeepPolicy(
            limits.keep_results_days * DAY,
            limits.keep_units_days * DAY,
            limits.grace_hours * HOUR,
            limits.low_water_bytes,
            limits.collect_files_per_second,
        )

    def to_json(self) -> str:
        """For the database: a command that works without the server keeps to what the server was told last."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> KeepPolicy:
        """What `to_json` wrote."""
        return KeepPolicy(**json.loads(text))

    def times(self, now: float, in_hand_since: float = math.inf) -> Times:
        """Where the policy draws its lines at `now`, both in seconds since 1970.

        Args:
            in_hand_since: when the oldest work in hand began; what it has stored since is nobody's yet.
        """
        return Times(
            now=now,
            results_before=now - self.results_seconds if self.results_seconds else 0.0,
            # A use at 0 means that nobody wants the unit any more.
            units_before=now - self.units_seconds if self.units_seconds else 0.5,
            old_before=min(now - self.grace_seconds, in_hand_since),
        )


@dataclass(frozen=True)
class Times:
    """Lines in time, in seconds since 1970: what was last wanted before one of them may go.

    Attributes:
        results_before: of jobs that ended.
        units_before: of units that no live job uses.
        old_before: of any file.
    """

    now: float
    results_before: float
    units_before: float
    old_before: float
