# SPDX-License-Identifier: Apache-2.0
"""What the stages of finished jobs took, by which later jobs of their kind are estimated."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from void.v1 import jobs_pb2, types_pb2

from void_server.jobs.acceptance import next_number
from void_server.jobs.database import Database

KEPT_ROWS = 20_000
"""About 2000 jobs; older ones say little about today's shots."""
LOOKED_AT = 200
"""Rows of the newest jobs of a kind that an estimate is made of: about 20 jobs."""


@dataclass(frozen=True)
class Likeness:
    """What jobs have in common that take about the same time for a frame.

    Attributes:
        kind: `void.v1.JobKind`.
        engine: as ordered, "auto" included.
        frame_bytes: mean size of a plate file; 0 = unknown. Jobs from half to double of it are alike: the server does
            not decode, and files of one show and format differ by less.
    """

    kind: int
    engine: str
    preview: bool
    frame_bytes: int


@dataclass(frozen=True)
class StageTime:
    """What a stage took.

    Attributes:
        units: of the stage.
        seconds: of worker time, all units together, also of those that an earlier job had computed.
    """

    stage: str
    units: int
    seconds: float


def likeness(spec: jobs_pb2.JobSpec) -> Likeness:
    """Of an order."""
    sizes = [_bytes(file) for file in spec.shot.plate.files]
    mean = sum(sizes) // len(sizes) if sizes else 0
    return Likeness(spec.kind, spec.settings.engine or "auto", spec.settings.preview, mean)


def _bytes(file: types_pb2.FrameFile) -> int:
    return int(file.path.stamp.bytes if file.HasField("path") else file.blob.bytes)


class History:
    """The durable record; see `void_server.jobs.database` for when it raises."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, job_id: str, like: Likeness, frames: int, stages: Mapping[str, StageTime]) -> None:
        """Record a finished job."""
        with self._db.transaction() as db:
            number = next_number(db)
            db.executemany(
                "INSERT OR REPLACE INTO stage_time VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        job_id,
                        s.stage,
                        like.kind,
                        like.engine,
                        int(like.preview),
                        like.frame_bytes,
                        frames,
                        s.units,
                        s.seconds,
                        number,
                    )
                    for s in stages.values()
                ],
            )
            db.execute(
                "DELETE FROM stage_time WHERE number < (SELECT number FROM stage_time ORDER BY number DESC"
                " LIMIT 1 OFFSET ?)",
                (KEPT_ROWS,),
            )

    def expected(self, like: Likeness, frames: int) -> dict[str, StageTime]:
        """By stage, what a job of so many frames will take; empty where no job of this kind has finished."""
        with self._db.reading() as db:
            rows = db.execute(
                "SELECT stage, frames, units, seconds FROM stage_time"
                " WHERE kind = ? AND engine = ? AND preview = ? AND frame_bytes BETWEEN ? AND ?"
                " ORDER BY number DESC LIMIT ?",
                (
                    like.kind,
                    like.engine,
                    int(like.preview),
                    like.frame_bytes // 2,
                    like.frame_bytes * 2,
                    LOOKED_AT,
                ),
            ).fetchall()
        by_stage: dict[str, list[tuple[float, float]]] = {}
        for row in rows:
            one = max(1, row["frames"])
            by_stage.setdefault(row["stage"], []).append((row["seconds"] / one, row["units"] / one))
        return {
            stage: StageTime(
                stage,
                max(1, round(statistics.median(units for _, units in found) * frames)),
                statistics.median(seconds for seconds, _ in found) * frames,
            )
            for stage, found in by_stage.items()
        }
