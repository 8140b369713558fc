# SPDX-License-Identifier: Apache-2.0
"""Pixel rectangles as OpenEXR means them: origin at the top left, y down, corners of any sign.

OpenEXR stores inclusive corners (`box2i`); a `Window` keeps the corner of least x and y with a width and a
height, so that it slices arrays directly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, order=True)
class Window:
    """A rectangle of pixels: x and y of its top left pixel (may be negative), width and height in pixels (>=
    0).
    """

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 0 or self.height < 0:
            raise ValueError(f"a window cannot have a negative size: {self.width}x{self.height}")

    @classmethod
    def from_corners(cls, x_min: int, y_min: int, x_max: int, y_max: int) -> Window:
        """The window of OpenEXR's inclusive corners."""
        return cls(x_min, y_min, x_max - x_min + 1, y_max - y_min + 1)

    @property
    def corners(self) -> tuple[int, int, int, int]:
        """OpenEXR's inclusive corners: x min, y min, x max, y max."""
        return self.x, self.y, self.x + self.width - 1, self.y + self.height - 1

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of an array that holds one value for each pixel: height, width."""
        return self.height, self.width

    @property
    def pixels(self) -> int:
        """How many pixels the window holds."""
        return self.width * self.height

    @property
    def is_empty(self) -> bool:
        """True where the window holds no pixel."""
        return self.pixels == 0

    def __str__(self) -> str:
        return f"{self.width}x{self.height} at ({self.x}, {self.y})"

    def contains(self, other: Window) -> bool:
        """True if every pixel of `other` lies in this window; the empty window lies in every one."""
        return other.is_empty or self.intersect(other) == other

    def intersect(self, other: Window) -> Window:
        """The pixels that both windows hold; of zero size where there is none."""
        left, top = max(self.x, other.x), max(self.y, other.y)
        right = min(self.x + self.width, other.x + other.width)
        bottom = min(self.y + self.height, other.y + other.height)
        return Window(left, top, max(0, right - left), max(0, bottom - top))

    def union(self, other: Window) -> Window:
        """The smallest window that holds both; an empty one adds nothing."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        left, top = min(self.x, other.x), min(self.y, other.y)
        right = max(self.x + self.width, other.x + other.width)
        bottom = max(self.y + self.height, other.y + other.height)
        return Window(left, top, right - left, bottom - top)

    def slices(self, inner: Window) -> tuple[slice, slice]:
        """Row and column slices of `inner` in an array that covers this window.

        Raises:
            ValueError: `inner` reaches outside this window.
        """
        if not self.contains(inner):
            raise ValueError(f"{inner} is not inside {self}")
        if inner.is_empty:
            return slice(0, 0), slice(0, 0)
        top, left = inner.y - self.y, inner.x - self.x
        return slice(top, top + inner.height), slice(left, left + inner.width)


def place(values: npt.NDArray[np.generic], source: Window, target: Window) -> npt.NDArray[np.generic]:
    """`values` moved from one window onto another; zero where `source` does not reach.

    Args:
        values: (h, w) or (h, w, c), covering `source`; any dtype.
        source: the window that `values` covers.
        target: the window that the answer covers.

    Returns:
        (target h, target w[, c]) of the same dtype; a fresh array unless the windows are equal.
    """
    if values.shape[:2] != source.shape:
        raise ValueError(f"values of shape {values.shape} do not cover {source}")
    if source == target:
        return values
    placed = np.zeros(target.shape + values.shape[2:], values.dtype)
    common = source.intersect(target)
    placed[target.slices(common)] = values[source.slices(common)]
    return placed
