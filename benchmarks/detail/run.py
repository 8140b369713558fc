# SPDX-License-Identifier: Apache-2.0
"""A shot brought back from simulated answers, by the product's own join and by the other ways."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.detail.answer import answer
from benchmarks.detail.upscales import enlarged, guided
from benchmarks.quality.engine_run import Reader, run_engine
from benchmarks.quality.shots import Shot
from void_server.engines.cleanplate import CleanplateSettings, FrameFill
from void_server.engines.void.plate_size import Rect, codes
from void_server.engines.void.regions import RegionPlan, View, planned, region_parts
from void_server.engines.void.settings import model_size
from void_server.pipeline.known_shot import LEAST_MARGIN
from void_server.pipeline.real_pixels import (
    REACH,
    Compared,
    Seen,
    compare,
    join,
    over_time,
    seen_of,
)
from void_server.pipeline.regions import cut
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.quadmask.regions import CODE_BACKGROUND, THRESHOLD

F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

OURS, GUIDED, REBUILT = "detail=plate", "detail=guided", "rebuilt plate alone"
OTHERS = ("bicubic", "Lanczos", "guided filter")
"""What is to be beaten; the guided filter's guide is the plate."""
BY_REAL = "guided filter, rebuilt plate"


@dataclass(frozen=True)
class Rebuilt:
    """A shot as the clean-plate engine leaves it.

    Attributes:
        regions: (H, W) bool a frame, what is to be filled.
        wanted: (H, W, 3) scene-linear a frame, what the model means to show: the true clean plates.
    """

    shot: Shot
    encoding: ShotEncoding
    fills: list[FrameFill]
    reader: Reader
    regions: list[Bools]
    wanted: list[NDArray[Any]]

    @staticmethod
    def of(shot: Shot) -> Rebuilt:
        """The engine run over a shot with its own mattes."""
        run = run_engine(shot, CleanplateSettings(margin=LEAST_MARGIN), reasoner="artist")
        assert run.reader is not None
        plates = (p.astype(np.float32) for p in shot.plates)
        encoding = ShotEncoding.from_statistics(FrameStatistics.of(p) for p in plates)
        mattes = zip(shot.remove, shot.affected, strict=True)
        regions = [np.asarray(np.maximum(one, two) > THRESHOLD) for one, two in mattes]
        return Rebuilt(shot, encoding, run.fills, run.reader, regions, shot.clean)

    def keeping_effects(self) -> Rebuilt:
        """The same, of a model that takes the object away and leaves all that it did: another answer than the true one,
        and another than the rebuilt plate, as one is that knows what would have happened.
        """
        each = zip(self.shot.plates, self.shot.clean, self.shot.remove, strict=True)
        wanted = [
            np.where((cv2.dilate(roto, np.ones((5, 5))) > 0)[..., None], clean, plate)
            for plate, clean, roto in each
        ]
        return replace(self, wanted=wanted)


@dataclass(frozen=True)
class Frame:
    """One frame through every way, encoded (H, W, 3) of the crop; `share` (H, W) is how much of it is real."""

    position: int
    crop: Rect
    region: Bools
    ways: dict[str, F32]
    share: F32
    seen: Seen
    comparison: Compared


def plan_of(rebuilt: Rebuilt, percent: int, *, crops: bool) -> RegionPlan:
    """What the model is shown, of the whole frame or in crops."""
    height, width = rebuilt.regions[0].shape
    view = View((0, 0, width, height), 1.0, *model_size(height, width, percent / 100))
    boxes = [region_parts(r) if crops else [] for r in rebuilt.regions]
    return planned(boxes, view, margin=LEAST_MARGIN)


def brought_back(rebuilt: Rebuilt, plan: RegionPlan, wanted: list[int]) -> Iterator[Frame]:
    """The wanted frames, each through every way. Of several runs the first is taken."""
    run, size = plan.runs[0], (plan.view.height, plan.view.width)
    crops = [run.crop(position) for position in range(len(rebuilt.regions))]
    kept: dict[int, tuple[F32, Bools, Seen, Compared]] = {}

    def compared_at(position: int) -> tuple[F32, Bools, Seen, Compared]:
        if position not in kept:
            kept[position] = _compared(rebuilt, crops[position], size, position)
        return kept[position]

    for position in wanted:
        if not rebuilt.regions[position].any():
            continue
        near = [p for p in range(position - REACH, position + REACH + 1) if 0 <= p < len(crops)]
        found = {p: compared_at(p)[3] for p in near if rebuilt.regions[p].any()}
        for old in [p for p in kept if p < position - REACH]:
            del kept[old]
        made, told, seen, comparison = kept[position]
        steady = over_time(position, found, rebuilt.reader)
        ours, share = join(made, told, seen, steady, "plate")
        beside = (made, seen.plate, seen.region, told)
        bicubic, lanczos, filtered = OTHERS
        ways = {
            bicubic: enlarged(*beside, cv2.INTER_CUBIC),
            lanczos: enlarged(*beside, cv2.INTER_LANCZOS4),
            filtered: guided(*beside, seen.plate),
            BY_REAL: guided(*beside, seen.real),
            GUIDED: join(made, told, seen, steady, "guided")[0],
            REBUILT: seen.real,
            OURS: ours,
        }
        yield Frame(position, crops[position], seen.region, ways, share, seen, comparison)


def _compared(
    rebuilt: Rebuilt, crop: Rect, size: tuple[int, int], position: int
) -> tuple[F32, Bools, Seen, Compared]:
    wanted = rebuilt.encoding.encode(cut(rebuilt.wanted[position], crop).astype(np.float32))
    made = answer(wanted, *size, seed=position)
    keep = np.zeros(rebuilt.regions[position].shape, np.float32)
    mattes = rebuilt.shot.remove[position], rebuilt.shot.affected[position], keep
    remove, affected, keep = (cut(m, crop) for m in mattes)
    told = codes(remove, affected, keep, *size) < CODE_BACKGROUND
    linear = rebuilt.shot.plates[position].astype(np.float32)
    seen = seen_of(
        linear, rebuilt.encoding, rebuilt.fills[position], rebuilt.regions[position], crop, LEAST_MARGIN
    )
    return made, told, seen, compare(made, told, seen)
