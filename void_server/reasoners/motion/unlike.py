# SPDX-License-Identifier: Apache-2.0
"""How unlike a frame is to an earlier state of the same place: texture too, not only light."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools
from void_server.engines.cleanplate.membrane import gaussian

AVERAGED = 3.0
"""Standard deviation, in units u, over which absolute differences are averaged."""
SLACK = 2.0
"""Misplacement, in units u each way, that is no difference: the best of nine shifts counts."""
NOISES, FAINTEST, COARSEST = 3.0, 0.025, 0.08
"""Unlike is what differs by so many times the median of the picture, within these display-like bounds."""
MOST_NOISE = 0.04
"""Median difference beyond which two pictures do not fit one another, and nothing is told."""


def unlike(shown: F32, earlier: F32, known: Bools, unit: float) -> tuple[Bools, float]:
    """Where two pictures of one place differ.

    Args:
        shown, earlier: (h, w, 3) float32, display-like 0..1.
        known: (h, w) bool, where both show the place.
        unit: the length u in pixels.

    Returns:
        (h, w) bool, nothing where the pictures do not fit at all; and the median difference.
    """
    if not known.any():
        return np.zeros_like(known), 0.0
    level = np.median((shown - earlier)[known], axis=0)
    weight = known.astype(np.float32)
    mass = gaussian(weight, AVERAGED * unit)
    slack = SLACK * unit
    least = np.full(known.shape, np.inf, np.float32)
    for across, down in product((-slack, 0.0, slack), repeat=2):
        matrix = np.array([[1, 0, across], [0, 1, down]], np.float64)
        size = (known.shape[1], known.shape[0])
        moved = cv2.warpAffine(earlier, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        absolute = np.abs(shown - moved - level).max(axis=-1).astype(np.float32) * weight
        np.minimum(least, gaussian(absolute, AVERAGED * unit) / np.maximum(mass, 1e-6), out=least)
    noise = float(np.median(least[known]))
    if noise > MOST_NOISE:
        return np.zeros_like(known), noise
    threshold = float(np.clip(NOISES * noise, FAINTEST, COARSEST))
    return known & (least > threshold) & (mass > LEAST_SHARE), noise


LEAST_SHARE = 0.3
"""Share of the surroundings that must be known."""
