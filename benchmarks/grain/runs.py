# SPDX-License-Identifier: Apache-2.0
"""Fills of a few frames of a shot, with the grain that they lack, and what is known of the right answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.engine_run import FEATHER, GROW, Reader, _corrections
from benchmarks.quality.shots import Shot
from void_server.conform.blend import blend_matte, composite
from void_server.conform.grain import added_grain, frame_key
from void_server.conform.grain_estimate import _in_blocks, estimate_grain
from void_server.conform.grain_model import GrainModel
from void_server.conform.grain_samples import GrainSamples, grain_samples
from void_server.engines.cleanplate import (
    CleanplateSettings,
    FrameFill,
    anchored,
    carry_keys,
    complete_key,
    estimate_pair,
    fill_frame,
    prepare_frame,
    settle_pair,
)
from void_server.pipeline.grain import carried
from void_server.pipeline.plan_grain import MEASURED
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.quadmask.regions import Quadmask

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Published:
    """One frame: (H, W, 3) float32 with and without added grain, (H, W) blend, and the fill."""

    picture: F32
    bare: F32
    added: F32
    blend: F32
    fill: FrameFill


def encoding_of(shot: Shot) -> ShotEncoding:
    """The shot's display-like mapping."""
    return ShotEncoding.from_statistics([FrameStatistics.of(p.astype(np.float32)) for p in shot.plates])


def measured(shot: Shot) -> GrainModel:
    """The model as the stage `grain` makes it."""
    return estimate_grain(_samples(shot))


def own_noise(shot: Shot, levels: int = 6, calmest: float = 0.05) -> float:
    """The power of a render's own noise over the level, where hardly any texture is beside it.

    The median of the blocks with the least slopes, at the level where that is least: elsewhere there is texture in it.
    """
    blocks = _in_blocks(_samples(shot))
    level = blocks.level.mean(1)
    found = []
    for part in np.array_split(np.argsort(level), levels):
        calm = part[np.argsort(blocks.slope[part])[: max(1, round(calmest * part.size))]]
        found.append(float(np.median((blocks.power[calm] / blocks.level[calm]).mean(1))))
    return max(0.0, min(found))


def _samples(shot: Shot) -> list[GrainSamples]:
    encoding, samples = encoding_of(shot), []
    for at in sorted({round(float(p)) for p in np.linspace(1, len(shot.plates) - 2, MEASURED)}):
        one, two, three = (shot.plates[at + step].astype(np.float32) for step in (-1, 0, 1))
        views = [
            np.asarray(cv2.cvtColor(encoding.to_uint8(p), cv2.COLOR_RGB2GRAY), np.uint8)
            for p in (one, two, three)
        ]
        found = grain_samples((one, two, three), (views[0], views[1], views[2]))
        samples += [found] if found is not None else []
    return samples


class Analysis:
    """What the engine knows of a shot before it fills."""

    def __init__(self, shot: Shot, settings: CleanplateSettings) -> None:
        self.shot, self.settings = shot, settings
        encoding, nothing = encoding_of(shot), np.zeros(shot.remove[0].shape, np.float32)
        proxies = [
            prepare_frame(p.astype(np.float32), r, a, nothing, encoding.to_uint8, settings)
            for p, r, a in zip(shot.plates, shot.remove, shot.affected, strict=True)
        ]
        pairs = [estimate_pair(one, two, settings) for one, two in pairwise(proxies)]
        alone = self._reader(proxies, pairs, shot.plates)
        corrections = _corrections(alone)
        settled = [anchored(settle_pair(i, alone), corrections[i]) for i in range(len(pairs))]
        self._proxies, self._settled = proxies, settled

    @staticmethod
    def _reader(proxies: Any, motions: Any, plates: list[NDArray[Any]]) -> Reader:
        return Reader(proxies, motions, lambda position: plates[position].astype(np.float32))

    def fills(
        self, positions: list[int], plates: list[NDArray[Any]], *, settings: CleanplateSettings | None = None
    ) -> list[FrameFill]:
        """Fills from these plates: those of the shot, or the same with another grain."""
        settings = settings or self.settings
        reader = self._reader(self._proxies, self._settled, plates)
        return [fill_frame(p, reader, settings) for p in positions]

    def completed(self, positions: list[int], settings: CleanplateSettings) -> list[FrameFill]:
        """The same of the shot's plates, with what no frame shows completed on the middle one."""
        reader = self._reader(self._proxies, self._settled, self.shot.plates)
        fills = [fill_frame(p, reader, settings) for p in positions]
        middle = len(positions) // 2
        key = complete_key(positions[middle], fills[middle], [], reader, settings)
        if key is None:
            return fills
        return [carry_keys(p, f, [key], reader, settings) for p, f in zip(positions, fills, strict=True)]


def published(shot: Shot, position: int, fill: FrameFill, model: GrainModel, *, seed: int = 0) -> Published:
    """The frame as the pipeline publishes it; `seed` is that of the grain that is added."""
    region = Quadmask(shot.remove[position], shot.affected[position]).region
    plate = shot.plates[position]
    blend = blend_matte(region, None, grow=GROW, feather=FEATHER, dtype=plate.dtype)
    x0, y0, x1, y1 = fill.box
    added = added_grain(
        model,
        fill.colour,
        carried(fill),
        blend[y0:y1, x0:x1].astype(np.float32),
        at=(x0, y0),
        key=frame_key(seed, "", shot.numbers[position]),
    )
    whole = np.zeros((*blend.shape, 3), np.float32)
    whole[y0:y1, x0:x1] = added
    pictures = [
        composite(plate, colour, blend, at=(x0, y0)).colour.astype(np.float32)
        for colour in (fill.colour + added, fill.colour)
    ]
    return Published(pictures[0], pictures[1], whole, blend.astype(np.float32), fill)


def generated(shot: Shot, position: int, like: FrameFill) -> FrameFill:
    """A fill as a model makes it: the truth without any grain, all made up."""
    x0, y0, x1, y1 = like.box
    truth = shot.clean[position][y0:y1, x0:x1].astype(np.float32)
    nothing = np.zeros_like(like.confidence)
    smooth = cv2.GaussianBlur(truth, (0, 0), 1.0)
    return FrameFill(like.box, smooth, nothing, nothing, np.ones_like(nothing), {})


def grained(shot: Shot, strength: float, size: float, seed: int = 1) -> tuple[Shot, list[F32]]:
    """A shot with known grain on its plates, half float as before, and that grain.

    Args:
        strength: standard deviation at a level of 0.18, as a share of it; it grows with the root of the level.
        size: standard deviation of the Gaussian that the grain is filtered with, in pixels.
    """
    random, noises, plates = np.random.default_rng(seed), [], []
    for plate in shot.plates:
        level = np.maximum(plate.astype(np.float32), 0)
        white = random.standard_normal(plate.shape, np.float32) + 0.5 * random.standard_normal(
            (*plate.shape[:2], 1), np.float32
        )
        grain = cv2.GaussianBlur(white, (0, 0), size) if size else white
        noises.append(np.asarray(grain / grain.std() * strength * np.sqrt(0.18 * level), np.float32))
        plates.append((plate.astype(np.float32) + noises[-1]).astype(plate.dtype))
    return replace(shot, plates=plates), noises
