# SPDX-License-Identifier: Apache-2.0
"""Shapes as signed distances in pixels: below 0 inside, so that shapes can be moved, blended and thresholded."""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools

NOWHERE = 1000.0
"""Distance from a shape that is not there."""
MEETING = 0.3
"""Share of the smaller shape that lies in the other, from which two are morphed; below that one of them is wrong, and
no mean is right."""


def signed_distance(mask: Bools) -> F32:
    """(h, w) float32: distance from the edge, which runs between pixels; `NOWHERE` for an empty mask."""
    if not mask.any():
        return np.full(mask.shape, NOWHERE, np.float32)
    inside = mask.astype(np.uint8)
    out = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    if mask.all():
        return np.full(mask.shape, -NOWHERE, np.float32)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(np.where(mask, 0.5 - within, out - 0.5), np.float32)


def from_matte(matte: F32) -> F32:
    """Signed distance of a soft matte: that of its half, and the softness itself where the edge runs."""
    hard = signed_distance(matte >= 0.5)
    edge = (np.abs(hard) < 1) & (matte > 0) & (matte < 1)
    return np.where(edge, 0.5 - matte, hard).astype(np.float32)


def shifted(distance: F32, motion: tuple[float, float]) -> F32:
    """The shape moved by (x, y) pixels; what comes in over the border goes on as it was there."""
    matrix = np.array([[1, 0, motion[0]], [0, 1, motion[1]]], np.float64)
    size = (distance.shape[1], distance.shape[0])
    return np.asarray(cv2.warpAffine(distance, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.float32)


def blended(one: F32, two: F32, share: float) -> F32:
    """A shape between two, which morphs rather than fades (signed distance blending).

    Args:
        one, two: signed distances (h, w).
        share: of the second, 0..1.

    Returns:
        The mean of the distances. Where one is empty, the other; where they hardly meet, the one with more share.
    """
    here, there = one < 0, two < 0
    if not here.any() or not there.any():
        return two if there.any() else one
    smaller = min(np.count_nonzero(here), np.count_nonzero(there))
    if np.count_nonzero(here & there) < MEETING * smaller:
        return two if share > 0.5 else one
    return np.asarray(one * np.float32(1 - share) + two * np.float32(share), np.float32)
