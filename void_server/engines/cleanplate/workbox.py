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

    @property
    def times(self) -> tuple[int, int] | None:
        """Plate pixels per proxy pixel, (across, down), where both are whole and the box begins on a proxy pixel."""
        (height, width), (tall, wide) = self.full_size, self.proxy_size
        across, down = width // wide, height // tall
        if (wide * across, tall * down) != (width, height) or self.scale != (across, down):
            return None
        return across, down

    def enlarge_part(self, grid: F32, part: Rect) -> F32:
        """A part of what `enlarge` gives, a rectangle in plate pixels from the box's corner."""
        x0, y0, x1, y1 = part
        (height, width), (tall, wide) = self.full_size, grid.shape[:2]
        if (tall, wide) == (height, width):
            return grid[y0:y1, x0:x1]
        if self.times is not None:
            return _enlarged_part(grid, part, self.times)
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
            side: of a rectangle, about, in plate pixels: small ones fit the processor's cache.
        """
        side = max(8, int(side / max(self.scale)))
        (height, width), (tall, wide) = self.full_size, wanted.shape
        for first_row, first_column in product(range(0, tall, side), range(0, wide, side)):
            above, before = max(0, first_row - 1), max(0, first_column - 1)
            found = bounds(wanted[above : first_row + side + 1, before : first_column + side + 1])
            if found is not None:
                left, top = max(first_column, before + found[0] - 1), max(first_row, above + found[1] - 1)
                right = min(wide, first_column + side, before + found[2] + 1)
                bottom = min(tall, first_row + side, above + found[3] + 1)
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
        if self.times is not None:
            enlarged = self.enlarge_part(moved_by, (left, top, right, bottom))
            x, y = cv2.split(enlarged)
            x *= across
            x += np.arange(fx, fx + width, dtype=np.float32)
            y *= down
            y += np.arange(fy, fy + height, dtype=np.float32)[:, None]
            return np.asarray(cv2.merge((x, y)), np.float32)
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


def _enlarged_part(grid: F32, part: Rect, times: tuple[int, int]) -> F32:
    """A part of the bilinear enlargement by whole numbers: with a border of one pixel it is that of a part."""
    (x0, y0, x1, y1), (across, down) = part, times
    left, top = max(0, x0 // across - 1), max(0, y0 // down - 1)
    small = grid[top : -(-y1 // down) + 1, left : -(-x1 // across) + 1]
    size = small.shape[1] * across, small.shape[0] * down
    larger = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR).reshape(
        size[1], size[0], *grid.shape[2:]
    )
    return np.asarray(
        larger[y0 - top * down : y1 - top * down, x0 - left * across : x1 - left * across], np.float32
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
