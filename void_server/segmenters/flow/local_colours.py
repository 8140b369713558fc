# SPDX-License-Identifier: Apache-2.0
"""Object and background colours by place: a coarse grid over place and colour that both are counted in.

The grid is that of Märki et al., "Bilateral Space Video Segmentation" (CVPR 2016); what is learnt near an edge decides
near that edge, as in Bai et al., "Video SnapCut" (SIGGRAPH 2009).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from void_server.engines.cleanplate.arrays import F32, U8, Bools
from void_server.segmenters.flow.evidence import smoothed

CELL = 22.0
"""Side of a cell in u."""
LIGHTS, HUES = 20, 24
LIGHT_STEP, HUE_STEP = 13, 5
FEW = 0.3
"""Pixels added to both counts, so that what was hardly seen says nothing."""
MOST = 3.0
"""Greatest odds, as a logarithm."""
OBJECT, BACKGROUND = 0, 1


class LocalColours:
    """Counts of object and background over a box of the picture.

    Args:
        size: height and width of the box in pixels.
        cell: side of a cell in pixels.
    """

    def __init__(self, size: tuple[int, int], cell: float) -> None:
        self._cell = cell
        rows, columns = (int(np.ceil(side / cell)) + 1 for side in size)
        self._shape = (rows, columns, LIGHTS, HUES, HUES)
        self._counts = np.zeros((2, int(np.prod(self._shape))), np.float32)

    def add(self, side: int, lab: U8, places: F32, weight: float, where: Bools) -> None:
        """Counts pixels.

        Args:
            side: `OBJECT` or `BACKGROUND`.
            lab: (h, w, 3) colours.
            places: (h, w, 2) float32, (x, y) in the box that each pixel speaks for; beyond it counts as its border.
            weight: of a pixel.
            where: (h, w) bool, the pixels that count.
        """
        found = np.bincount(self._index(lab[where], places[where]), minlength=self._counts.shape[1])
        self._counts[side] += found.astype(np.float32) * np.float32(weight)

    def odds(self, lab: U8, places: F32) -> F32:
        """(h, w) float32 in -3..3: logarithm of object over background, both shared with neighbouring cells."""
        index = self._index(lab, places)
        object_, background = (self._shared(side)[index] for side in (OBJECT, BACKGROUND))
        return np.clip(np.log((object_ + FEW) / (background + FEW)), -MOST, MOST).astype(np.float32)

    def _shared(self, side: int) -> F32:
        counts: npt.NDArray[np.floating] = self._counts[side].reshape(self._shape)
        for axis in range(5):
            counts = smoothed(counts, axis)
        return np.asarray(counts, np.float32).ravel()

    def _index(self, lab: U8, places: F32) -> npt.NDArray[np.intp]:
        rows, columns = self._shape[:2]
        column = np.clip(np.rint(places[..., 0] / self._cell), 0, columns - 1).astype(np.int32)
        row = np.clip(np.rint(places[..., 1] / self._cell), 0, rows - 1).astype(np.int32)
        half = HUES * HUE_STEP // 2
        hues = np.clip((lab[..., 1:].astype(np.int32) - 128 + half) // HUE_STEP, 0, HUES - 1)
        lights = lab[..., 0].astype(np.int32) // LIGHT_STEP
        place = (row * columns + column) * LIGHTS + lights
        return np.asarray((place * HUES + hues[..., 0]) * HUES + hues[..., 1], np.intp)
