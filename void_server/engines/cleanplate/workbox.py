# SPDX-License-Identifier: Apache-2.0
"""The part of the frame that is worked on, at proxy and at plate resolution, and the way between the two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

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

    def enlarge_part(self, grid: F32, part: Rect) -> F32:
        """A part of what `enlarge` gives, a rectangle in plate pixels from the box's corner."""
        x0, y0, x1, y1 = part
        (height, width), (tall, wide) = self.full_size, grid.shape[:2]
        if (tall, wide) == (height, width):
            return grid[y0:y1, x0:x1]
        across, down = wide / width, tall / height
        matrix = np.array(
            [[across, 0, (x0 + 0.5) * across - 0.5], [0, down, (y0 + 0.5) * down - 0.5]], np.float64
        )
        larger = cv2.warpAffine(
            grid,
            matrix,
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(larger.reshape(y1 - y0, x1 - x0, *grid.shape[2:]), np.float32)

    def tiles(self, wanted: Bools, side: int) -> Iterator[Rect]:
        """Rectangles in plate pixels from the box's corner, which do not overlap and hold all that bilinear enlarging
        of `wanted` (h, w) makes more than 0.

        Args:
            wanted: in the box at proxy resolution.
            side: of a rectangle, in proxy pixels: small ones fit the processor's cache.
        """
        (height, width), (tall, wide) = self.full_size, wanted.shape
        for top, left in product(range(0, tall, side), range(0, wide, side)):
            bottom, right = min(tall, top + side), min(wide, left + side)
            if wanted[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1].any():
                yield (
                    left * width // wide,
                    top * height // tall,
                    right * width // wide,
                    bottom * height // tall,
                )

    def positions(self, moved_by: F32, part: Rect | None = None) -> F32:
        """Plate positions (H, W, 2) that every plate pixel of the box has in another frame.

        Args:
            moved_by: (h, w, 2) float32, displacement of every proxy pixel of the box, in proxy pixels.
            part: a rectangle in plate pixels from the box's corner, for that part alone.
        """
        left, top, right, bottom = part or (0, 0, self.full_size[1], self.full_size[0])
        (across, down), (px, py) = self.scale, self.proxy[:2]
        fx, fy, width, height = self.full[0] + left, self.full[1] + top, right - left, bottom - top
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
