# SPDX-License-Identifier: Apache-2.0
"""The part of the frame that is worked on, at proxy and at plate resolution, and the way between the two."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools, bounds
from void_server.engines.cleanplate.proxy import AFFECTED_GROWTH, FILL, RING_WIDTH, ProxyFrame

Rect = tuple[int, int, int, int]


@dataclass(frozen=True)
class WorkBox:
    """A rectangle in both resolutions; rectangles are (x0, y0, x1, y1), ends exclusive.

    Attributes:
        proxy: in proxy pixels: what is to be filled, and the ring around it.
        full: the same in plate pixels, rounded outwards.
        scale: plate pixels per proxy pixel, (across, down).
    """

    proxy: Rect
    full: Rect
    scale: tuple[float, float]

    @classmethod
    def around(cls, frame: ProxyFrame) -> WorkBox | None:
        """The box that a frame needs, or None when nothing of it is to be filled."""
        rect = bounds(frame.where(FILL))
        if rect is None:
            return None
        pad = int(np.ceil((RING_WIDTH + AFFECTED_GROWTH) * frame.unit)) + 1
        height, width = frame.size
        x0, y0 = max(0, rect[0] - pad), max(0, rect[1] - pad)
        x1, y1 = min(width, rect[2] + pad), min(height, rect[3] + pad)
        return cls((x0, y0, x1, y1), to_full((x0, y0, x1, y1), frame), frame.scale)

    @property
    def proxy_size(self) -> tuple[int, int]:
        """(h, w) in proxy pixels."""
        return self.proxy[3] - self.proxy[1], self.proxy[2] - self.proxy[0]

    @property
    def full_size(self) -> tuple[int, int]:
        """(h, w) in plate pixels."""
        return self.full[3] - self.full[1], self.full[2] - self.full[0]

    def crop(self, mask: Bools) -> Bools:
        """A proxy-sized mask, cut to the box."""
        x0, y0, x1, y1 = self.proxy
        return mask[y0:y1, x0:x1]

    def enlarge(self, grid: F32) -> F32:
        """(h, w) or (h, w, c) of the box at proxy resolution, interpolated to plate resolution."""
        height, width = self.full_size
        if grid.shape[:2] == (height, width):
            return grid
        larger = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(larger.reshape(height, width, *grid.shape[2:]), np.float32)

    def reduce(self, picture: F32) -> F32:
        """(H, W) or (H, W, c) of the box at plate resolution, averaged to proxy resolution."""
        height, width = self.proxy_size
        if picture.shape[:2] == (height, width):
            return picture
        smaller = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(smaller.reshape(height, width, *picture.shape[2:]), np.float32)

    def positions(self, moved_by: F32) -> F32:
        """Plate positions (H, W, 2) that every plate pixel of the box has in another frame.

        Args:
            moved_by: (h, w, 2) float32, displacement of every proxy pixel of the box, in proxy pixels.
        """
        (across, down), (px, py), (fx, fy) = self.scale, self.proxy[:2], self.full[:2]
        height, width = self.full_size
        x = (np.arange(width, dtype=np.float64) + fx + 0.5) / across - 0.5
        y = (np.arange(height, dtype=np.float64) + fy + 0.5) / down - 0.5
        columns, rows = np.meshgrid((x - px).astype(np.float32), (y - py).astype(np.float32))
        shift = cv2.remap(moved_by, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        full_columns, full_rows = np.meshgrid(
            np.arange(width, dtype=np.float32) + fx, np.arange(height, dtype=np.float32) + fy
        )
        return np.stack(
            [full_columns + shift[..., 0] * np.float32(across), full_rows + shift[..., 1] * np.float32(down)],
            -1,
        )


def to_full(rect: Rect, frame: ProxyFrame) -> Rect:
    """A proxy rectangle in plate pixels, rounded outwards and kept inside the plate."""
    (across, down), (height, width) = frame.scale, frame.full_size
    return (
        max(0, int(np.floor(rect[0] * across))),
        max(0, int(np.floor(rect[1] * down))),
        min(width, int(np.ceil(rect[2] * across))),
        min(height, int(np.ceil(rect[3] * down))),
    )
