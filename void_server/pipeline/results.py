# SPDX-License-Identifier: Apache-2.0
"""Results of earlier stages as later plans look them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finished:
    """One finished unit; see `void_server.jobs.stage.Stage.run` for where it comes from."""

    kind: str
    key: str
    frame: int | None
    role: str
    blobs: Mapping[str, str]
    info: Mapping[str, Any]
    seconds: float


class Results:
    """Finished units by stage, role and frame."""

    def __init__(self, stages: Mapping[str, list[dict[str, Any]]]) -> None:
        self._units: dict[tuple[str, str, int | None], Finished] = {}
        self._seconds: dict[str, float] = {}
        for stage, units in stages.items():
            for unit in units:
                done = Finished(
                    kind=unit["kind"],
                    key=unit["key"],
                    frame=unit["frame"],
                    role=unit["role"],
                    blobs=unit["blobs"],
                    info=unit["info"],
                    seconds=unit["seconds"],
                )
                self._units[stage, done.role, done.frame] = done
                self._seconds[stage] = self._seconds.get(stage, 0.0) + done.seconds

    def find(self, stage: str, frame: int | None, role: str = "") -> Finished | None:
        """The unit, if it was part of the stage."""
        return self._units.get((stage, role, frame))

    def get(self, stage: str, frame: int | None, role: str = "") -> Finished:
        """The unit.

        Raises:
            KeyError: it was not part of the stage.
        """
        return self._units[stage, role, frame]

    def seconds(self) -> dict[str, float]:
        """Seconds of worker time by stage, recorded units included with the time that they once took."""
        return {stage: round(value, 3) for stage, value in self._seconds.items()}
