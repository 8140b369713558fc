# SPDX-License-Identifier: Apache-2.0
"""The one full-resolution sample of a linear plate.

docs/cleanplate.md, step 4. A cubic kernel overshoots beside HDR highlights, down to values below zero that no camera
recorded; each sample is therefore held within the 4 x 4 samples that it was made from.
"""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, finite_view

MARGIN = 4
"""Pixels of picture kept around the sampled part: two for the kernel, two for rounding."""


def sample_plate(plate: F32, positions: F32, *, cubic: bool = True) -> F32:
    """Samples a plate with a cubic kernel, or a linear one, which is for previews.

    Args:
        plate: (H, W, 3) float32, scene-linear; NaN counts as 0, infinities as the greatest half.
        positions: (h, w, 2) float32, (x, y) in plate pixels, centres at whole numbers; outside the plate the
            nearest border pixel counts.
        cubic: the kernel.

    Returns:
        (h, w, 3) float32, finite, each sample within the range of its 4 x 4 neighbours. Whole positions give the
        plate's own values.
    """
    return sample_finite(finite_view(plate), positions, cubic=cubic)


def sample_finite(plate: F32, positions: F32, *, cubic: bool = True) -> F32:
    """What `sample_plate` gives, of a plate that holds neither NaN nor infinity."""
    height, width = plate.shape[:2]
    across, down = cv2.split(positions)
    np.clip(across, 0, width - 1, out=across)
    np.clip(down, 0, height - 1, out=down)
    left, top = max(0, int(across.min()) - MARGIN), max(0, int(down.min()) - MARGIN)
    right, bottom = min(width, int(across.max()) + MARGIN + 2), min(height, int(down.max()) + MARGIN + 2)
    part = plate[top:bottom, left:right]
    across -= left
    down -= top
    kernel = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    sampled: F32 = cv2.remap(part, across, down, kernel, borderMode=cv2.BORDER_REPLICATE)
    if cubic:
        low, high = _neighbourhood(part, np.floor(across), np.floor(down))
        np.maximum(sampled, low, out=sampled)
        np.minimum(sampled, high, out=sampled)
    return sampled


def _neighbourhood(part: F32, column: F32, row: F32) -> tuple[F32, F32]:
    """Least and greatest of the 4 x 4 samples from one before to two after (column, row)."""
    kernel = np.ones((4, 4), np.uint8)
    low = cv2.erode(part, kernel, anchor=(1, 1))
    high = cv2.dilate(part, kernel, anchor=(1, 1))
    nearest = {"interpolation": cv2.INTER_NEAREST, "borderMode": cv2.BORDER_REPLICATE}
    return cv2.remap(low, column, row, **nearest), cv2.remap(high, column, row, **nearest)


def noise_left(positions: F32) -> F32:
    """(h, w) 0.52..1: share of white noise's power that the cubic kernel leaves at (h, w, 2) positions.

    It is the sum of the squares of the kernel's weights, for either direction a polynomial in f * (1 - f), f being the
    position between two pixels.
    """
    left = np.ones(positions.shape[:2], np.float32)
    for axis in cv2.split(positions):
        between = axis - np.floor(axis)
        between *= 1 - between
        left *= np.polyval(_LEFT, between).astype(np.float32)
    return left


def _polynomial() -> F32:
    """(4,) coefficients for `np.polyval`; the weights are those of OpenCV's `interpolateCubic`, a = -0.75."""
    a, f = -0.75, np.linspace(0, 0.5, 9)
    x = np.stack([1 + f, f, 1 - f, 2 - f])
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    power = np.square(np.where(x <= 1, near, far)).sum(0)
    return np.polyfit(f * (1 - f), power, 3).astype(np.float32)


_LEFT = _polynomial()
