# SPDX-License-Identifier: Apache-2.0
"""Where a fill from other frames is the plate again, within its own reconstruction error: there the plate's bits stay.

Real pixels of another frame are never those of the plate: their grain is another, they were sampled between pixels, and
their light was fitted. How much that makes is measured around the region, where the fill was made in the same way and
nothing was to change, as a function of detail, at three scales (`change.Difference`). Within the region the fill counts
as a change where it differs by more.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from void_server.conform.change import F32, Bools, Difference, changed

SCALES = (1.5, 4.0, 10.0)
"""Standard deviations in pixels of the averages that are compared: of a contour, and of shadows, which grain hides in
anything finer."""
QUANTILE = 0.98
"""Of the differences around the region, that counts as the error there."""
LEAST = 0.0015
"""Encoded difference that is always allowed: some 0.5 % of light at mid grey, a quarter of a faint shadow of 2 %."""
KINDS = 4
"""Of surroundings, by their detail."""
FEW = 1000
"""Pixels around the region below which no error is known, and all counts as changed."""
APART = 2
"""Pixels around the region that say nothing of the error: mattes end a little early."""


def change_of_fill(made: F32, seen: F32, region: Bools, filled: Bools) -> F32:
    """Where a fill is more than the plate.

    Args:
        made, seen: (h, w, 3) fill and plate, encoded values 0..1 of the shot, at a size at which grain is fine.
        region: (h, w), what may change.
        filled: (h, w), what the engine filled: the region, and a margin around it that the error is measured in.

    Returns:
        (h, w) float32 0..1, soft outward; 1 everywhere where the margin is too small to tell.
    """
    difference = replace(Difference.between(made, seen), known=filled.astype(np.float32))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * APART + 1, 2 * APART + 1))
    ring = filled & (cv2.dilate(region.astype(np.uint8), disc) == 0)
    if np.count_nonzero(ring) < FEW:
        return np.ones(region.shape, np.float32)
    alone = replace(difference, known=ring.astype(np.float32))
    detail = difference.detail[ring]
    edges = np.quantile(detail, np.linspace(0, 1, KINDS + 1))
    kind = np.clip(np.searchsorted(edges, detail, side="right") - 1, 0, KINDS - 1)
    middle = (edges[1:] + edges[:-1]) / 2
    exceeded = np.zeros(region.shape, np.float32)
    for scale in SCALES:
        left = difference.without(exceeded)
        for size, error in zip(left.sizes(scale), alone.sizes(scale), strict=True):
            around = error[ring]
            # Equal details, as of a plate of one colour, leave kinds empty: theirs is the error of all.
            parts = [around[kind == k] if (kind == k).any() else around for k in range(KINDS)]
            errors = np.maximum.accumulate([max(LEAST, float(np.quantile(p, QUANTILE))) for p in parts])
            np.maximum(
                exceeded,
                (size / np.interp(difference.detail, middle, errors)).astype(np.float32),
                out=exceeded,
            )
    return changed(exceeded, region | filled)
