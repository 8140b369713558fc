# SPDX-License-Identifier: Apache-2.0
"""A generated shot in memory: a textured relief under a camera that moves by parts of pixels, an object and its shadow
that cross it, and what the engine reads of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from void_server.engines.cleanplate import PairMotion, ProxyFrame

F32 = NDArray[np.float32]

PAN = (0.0031, 0.0009)
"""Of the width, across and down a frame: 11.9 and 3.5 pixels at 3840."""
RELIEF = 1.0
"""By how much of its motion the camera moves near parts further than far ones."""
OBJECT = (0.23, 0.43)
"""Width and height of the object, as shares of the picture's; with shadow and growth the hole is 15 % of the frame."""
SHADOW = 0.19
SHADOW_LIGHT = 0.45
START, SPEED = 0.02, 0.056
"""Of the width: the object's left edge in the first frame, and its motion a frame."""
TOP = 0.2
GRAIN = 0.02
"""Standard deviation of the grain, in relation to the light."""


@dataclass(frozen=True)
class SpeedShot:
    """The frames of one shot.

    Attributes:
        plates: (H, W, 3) float32, scene-linear.
        remove, affected: (H, W) float32, 0 or 1.
    """

    plates: list[F32]
    remove: list[F32]
    affected: list[F32]


def generate(width: int, height: int, frames: int, seed: int = 1) -> SpeedShot:
    """The same shot at any size; about 100 MB a frame at 3840 x 2160."""
    drift = [(PAN[0] * width * i, PAN[1] * width * i) for i in range(frames)]
    margin = 8 + int((1 + RELIEF) * max(max(pair) for pair in drift))
    world = _texture(height + margin, width + margin, seed)
    random = np.random.default_rng(seed)
    grain = random.standard_normal((height + 64, width + 64, 3), np.float32) * np.float32(GRAIN)
    columns_of, rows_of = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    near = 1 + RELIEF * np.square(rows_of / height) * (1 + np.sin(9 * columns_of / width)) / 2
    made = SpeedShot([], [], [])
    for i, (right, down) in enumerate(drift):
        at = (columns_of + near * np.float32(right), rows_of + near * np.float32(down))
        plate = cv2.remap(world, *at, cv2.INTER_CUBIC)
        remove, affected = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
        left, top = round((START + SPEED * i) * width), round(TOP * height)
        wide, tall = round(OBJECT[0] * width), round(OBJECT[1] * height)
        rows, columns = slice(top, top + tall), slice(left, left + wide)
        below = slice(top + tall, top + tall + round(SHADOW * height))
        plate[below, columns] *= SHADOW_LIGHT
        plate[rows, columns] = (0.7, 0.08, 0.05)
        affected[below, columns], remove[rows, columns] = 1, 1
        y, x = (i * 7) % 64, (i * 11) % 64
        plate *= 1 + grain[y : y + height, x : x + width]
        made.plates.append(np.maximum(plate, 0).astype(np.float32))
        made.remove.append(remove)
        made.affected.append(affected)
    return made


def _texture(height: int, width: int, seed: int) -> F32:
    """(height, width, 3) in about 0.05..0.9, with detail from pixels to a tenth of the picture."""
    random = np.random.default_rng(seed + 1)
    total = np.zeros((height, width, 3), np.float32)
    cell, octaves = 3.0, 0
    while cell < width / 10:
        coarse = random.random((int(height / cell) + 3, int(width / cell) + 3, 3), np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        cell, octaves = cell * 2.6, octaves + 1
    return np.clip(0.4 + 1.2 * (total / octaves - 0.5), 0.05, 0.9).astype(np.float32)


@dataclass(frozen=True)
class ThereAndBack:
    """A `ShotReader` of a few frames that are shown forwards and backwards again and again, as a long shot that has as
    many other times as the engine ever looks at.

    Attributes:
        proxies: one a frame.
        motions: one for each two neighbours.
        plates: the plate of a frame.
        repeats: how often the frames are shown, forwards or backwards; odd, the middle one being forwards if
            repeats % 4 == 1.
    """

    proxies: list[ProxyFrame]
    motions: list[PairMotion]
    plates: Callable[[int], F32]
    repeats: int

    @property
    def frames(self) -> range:
        """The positions 0..n-1."""
        return range((len(self.proxies) - 1) * self.repeats + 1)

    @property
    def start(self) -> int:
        """The position at which the frames are shown for the middle time."""
        return (len(self.proxies) - 1) * (self.repeats // 2)

    def proxy(self, position: int) -> ProxyFrame:
        """What `prepare_frame` made of the frame."""
        return self.proxies[self._frame(position)]

    def motion(self, position: int) -> PairMotion:
        """The motion between a position and the next, turned round where the frames run backwards."""
        here, there = self._frame(position), self._frame(position + 1)
        pair = self.motions[min(here, there)]
        if here < there:
            return pair
        return PairMotion(pair.backward, pair.forward, pair.model, pair.features, pair.inliers)

    def plate(self, position: int) -> F32:
        """(H, W, 3) float32, scene-linear."""
        return self.plates(self._frame(position))

    def clean_plate(self, position: int) -> F32 | None:
        """None: the artist gave none."""
        return None

    def _frame(self, position: int) -> int:
        last = len(self.proxies) - 1
        turn, within = divmod(position, last)
        return within if turn % 2 == 0 else last - within
