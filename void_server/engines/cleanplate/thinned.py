# SPDX-License-Identifier: Apache-2.0
"""Previews of large plates: of every second pixel, or every third and so on, and enlarged.

Pixel i of a thinned plate is pixel `times` * i of the whole one: a view, of which only what is needed is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, bounds, finite_view
from void_server.engines.cleanplate.motion import PairMotion
from void_server.engines.cleanplate.proxy import ProxyFrame
from void_server.engines.cleanplate.shot import ShotReader

if TYPE_CHECKING:
    from void_server.engines.cleanplate.fill import FrameFill

LONG_SIDE = 1920
"""Long side, in pixels, of a preview at least, where the plate has as much."""


def thinning(full_size: tuple[int, int]) -> int:
    """Which pixel of a plate (H, W) a preview takes: every, every second, and so on."""
    return max(1, max(full_size) // LONG_SIDE)


@dataclass(frozen=True)
class ThinnedShot:
    """A `ShotReader` of every `times`-th pixel of the plates; proxies and motions are the shot's."""

    shot: ShotReader
    times: int

    @property
    def frames(self) -> Sequence[int]:
        """The positions 0..n-1."""
        return self.shot.frames

    def proxy(self, position: int) -> ProxyFrame:
        """What `prepare_frame` made of the frame, as if of the thinned plate."""
        proxy = self.shot.proxy(position)
        height, width = proxy.full_size
        return replace(proxy, full_size=(height // self.times, width // self.times))

    def motion(self, position: int) -> PairMotion:
        """What `settle_pair` made of the frames position and position + 1."""
        return self.shot.motion(position)

    def plate(self, position: int) -> F32:
        """(H // times, W // times, 3) float32, scene-linear."""
        return self._thinned(self.shot.plate(position))

    def clean_plate(self, position: int) -> F32 | None:
        """The same of the artist's clean plate."""
        clean = self.shot.clean_plate(position)
        return None if clean is None else self._thinned(clean)

    def _thinned(self, plate: F32) -> F32:
        height, width = (side // self.times for side in plate.shape[:2])
        return plate[: height * self.times : self.times, : width * self.times : self.times]


def enlarged(fill: FrameFill, plate: F32, times: int) -> FrameFill:
    """The fill of a thinned plate at the size of the whole one.

    Args:
        fill: of a `ThinnedShot`.
        plate: (H, W, 3) float32, the frame's whole plate, which is kept where nothing was filled.
        times: as the shot was thinned.
    """
    if fill.empty:
        return fill
    x0, y0, x1, y1 = (side * times for side in fill.box)
    # Pixels at the border that are too few for one of the thinned plate belong to the last one.
    x1, y1 = (
        whole if whole - side < times else side
        for side, whole in zip((x1, y1), plate.shape[1::-1], strict=True)
    )
    size = x1 - x0, y1 - y0

    def larger(values: F32, kernel: int = cv2.INTER_LINEAR) -> F32:
        matrix = np.array([[1 / times, 0, 0], [0, 1 / times, 0]])
        flags = kernel | cv2.WARP_INVERSE_MAP
        return np.asarray(
            cv2.warpAffine(values, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32
        )

    def larger_share(values: F32) -> F32:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)

    own = np.zeros_like(fill.confidence) if fill.relit is None else fill.relit
    untouched = larger_share(fill.borrowed + fill.synthesised + own) <= 0
    colour = larger(fill.colour)
    rect = bounds(untouched)
    if rect is not None:
        part = slice(rect[1], rect[3]), slice(rect[0], rect[2])
        cv2.copyTo(finite_view(plate[y0:y1, x0:x1][part]), untouched[part].view(np.uint8), colour[part])
    trace = None
    if fill.trace is not None:
        rows, columns = (
            np.minimum(np.arange(n) // times, m - 1) for n, m in zip(size[::-1], own.shape, strict=True)
        )
        trace = fill.trace[rows[:, None], columns]
        trace[..., 0] = trace[..., 0] * times + np.arange(size[0]) % times
        trace[..., 1] = trace[..., 1] * times + np.arange(size[1])[:, None] % times
    return replace(
        fill,
        box=(x0, y0, x1, y1),
        colour=colour,
        confidence=larger_share(fill.confidence),
        borrowed=larger_share(fill.borrowed),
        synthesised=larger_share(fill.synthesised),
        trace=trace,
        relit=None if fill.relit is None else larger_share(fill.relit),
        gain=None if fill.gain is None else larger(fill.gain),
        offset=None if fill.offset is None else larger(fill.offset),
        kept=None,
        fine=None,
        lit=None,
        lost=None,
    )
