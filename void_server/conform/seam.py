# SPDX-License-Identifier: Apache-2.0
"""How much the edge of what was replaced shows: jumps of the gradient there, against those of the plate beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from void_server.plates.encoding import symlog
from void_server.plates.exr import above_zero

FLANK = (2.0, 10.0)
"""Pixels outward of the blend matte between which the plate is measured: near enough to be of the same surfaces."""
REACH = 12
"""Pixels around the blend matte that are read."""
LEAST = 0.01
"""Stops: added to both, below what is seen, so that a flat plate is no division by nothing."""
FEW = 16
"""Pixels below which nothing is measured."""


def seam_ratio(
    result: npt.NDArray[Any],
    blend: npt.NDArray[Any],
    epsilon: float,
    to_linear: Callable[[npt.NDArray[Any]], npt.NDArray[np.floating]] = np.asarray,
) -> float | None:
    """The mean jump of the gradient across the edge over that of the plate beside it, both along the edge's normal.

    The edge is all that is blended and the pixels on both sides of it. 1 is a plate without a seam; above, an edge
    shows; below, it is smeared.

    Args:
        result: (h, w, c) in the plate's space; where `blend` is 0 it is the plate.
        blend: (h, w) 0..1, as published.
        epsilon: the shot's (`ShotEncoding.epsilon`).
        to_linear: makes samples scene-linear, where they are not; given those alone that are looked at.

    Returns:
        None where there is no edge, or no plate beside it.
    """
    some = above_zero(blend)
    rows, columns = np.flatnonzero(some.any(axis=1)), np.flatnonzero(some.any(axis=0))
    if rows.size == 0:
        return None
    box = (
        slice(max(0, int(rows[0]) - REACH), int(rows[-1]) + REACH + 1),
        slice(max(0, int(columns[0]) - REACH), int(columns[-1]) + REACH + 1),
    )
    light = symlog(to_linear(result[box]).mean(axis=-1, dtype=np.float64), epsilon).astype(np.float32)
    known = np.isfinite(light)
    light = np.where(known, light, 0)
    outward = _distance(~some[box]) - _distance(some[box])
    full = (blend[box] >= 1).astype(np.uint8)
    inner = cv2.erode(full, np.ones((3, 3), np.uint8), borderValue=1)
    edge = (outward <= 1.5) & (inner == 0) & known
    beside = (outward > FLANK[0]) & (outward <= FLANK[1]) & known
    if min(np.count_nonzero(edge), np.count_nonzero(beside)) < FEW:
        return None
    jump = _jump(light, cv2.GaussianBlur(outward, (0, 0), 2.0))
    at_edge, at_side = (float(jump[where].mean(dtype=np.float64)) for where in (edge, beside))
    return (at_edge + LEAST) / (at_side + LEAST)


def _jump(light: npt.NDArray[np.float32], outward: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """(h, w): how much the gradient along the normal changes from the pixel before to the pixel after."""
    x, y = (cv2.Sobel(outward, cv2.CV_32F, *order, ksize=3) for order in ((1, 0), (0, 1)))
    length = np.maximum(np.hypot(x, y), 1e-6)
    x, y = x / length, y / length
    across = cv2.filter2D(light, cv2.CV_32F, np.array([[1, -2, 1]], np.float32))
    down = cv2.filter2D(light, cv2.CV_32F, np.array([[1], [-2], [1]], np.float32))
    both = cv2.filter2D(light, cv2.CV_32F, np.array([[1, 0, -1], [0, 0, 0], [-1, 0, 1]], np.float32) / 4)
    return np.asarray(np.abs(x * x * across + 2 * x * y * both + y * y * down), np.float32)


def _distance(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    found = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(found, np.float32)
