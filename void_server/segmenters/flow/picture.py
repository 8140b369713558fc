# SPDX-License-Identifier: Apache-2.0
"""A frame at the size that the segmenter works at."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, U8
from void_server.segmenters.flow.settings import LONG_SIDE

CALM = 0.7
"""Standard deviation in pixels of the blur before colours are compared: grain is no colour."""


@dataclass(frozen=True)
class Reduced:
    """One frame.

    Attributes:
        colour: (h, w, 3) uint8 RGB, display-like.
        lab: (h, w, 3) uint8, CIE L*a*b* as OpenCV codes it, slightly blurred.
        unit: the length u in pixels.
    """

    colour: U8
    lab: U8
    unit: float

    @property
    def grey(self) -> U8:
        """(h, w) uint8."""
        return np.asarray(cv2.cvtColor(self.colour, cv2.COLOR_RGB2GRAY), np.uint8)


def reduced(picture: F32) -> Reduced:
    """A picture (H, W, 3) float32, display-like 0..1, with its long side at most 960 pixels; NaN counts as 0."""
    height, width = reduced_size(picture.shape)
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    colour = np.rint(np.clip(np.nan_to_num(small), 0, 1) * 255).astype(np.uint8)
    lab = cv2.cvtColor(cv2.GaussianBlur(colour, (0, 0), CALM), cv2.COLOR_RGB2LAB)
    return Reduced(colour, np.asarray(lab, np.uint8), max(height, width) / LONG_SIDE)


def reduced_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of the reduced picture."""
    ratio = min(1.0, LONG_SIDE / max(shape[:2]))
    return max(1, round(shape[0] * ratio)), max(1, round(shape[1] * ratio))
