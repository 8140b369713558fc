# SPDX-License-Identifier: Apache-2.0
"""A matte made larger, smaller or softer, in pixels of the plate.

A matte only ever softens outward: inward, the object's fringe would show.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from void_server.quadmask.regions import Values

HARD_EDGE = 1e-3
"""Feather in pixels below which the edge is hard: no pixel centre lies in between, and the ramp would overflow."""
SOLID = 0.5
"""Matte value from which a pixel is inside the shape that a feather starts from, as for codes."""


def grown(matte: Values, pixels: float) -> Values:
    """A matte whose every level set is grown by a Euclidean disc, or shrunk by it.

    Args:
        matte: (h, w) float32 0..1, soft edges keep their softness.
        pixels: radius of the disc in plate pixels; below 0 the matte shrinks. What lies beyond the picture neither
            grows into it nor eats from it.

    Returns:
        (h, w) float32 0..1.
    """
    if not math.isfinite(pixels):
        raise ValueError(f"growth of {pixels} pixels")
    if pixels < 0:
        return np.asarray(1 - grown(np.asarray(1 - matte, np.float32), -pixels), np.float32)
    box = _box(matte > 0, math.floor(pixels))
    result = np.zeros(matte.shape, np.float32)
    if box is not None:
        result[box] = _widened(np.ascontiguousarray(matte[box], np.float32), pixels)
    return result


def feathered(matte: Values, pixels: float) -> Values:
    """A matte that also falls to 0 outward of its solid part.

    Args:
        matte: (h, w) float32 0..1.
        pixels: plate pixels over which it falls (smoothstep); 0 leaves it as it is.

    Returns:
        (h, w) float32 0..1, nowhere below the matte.
    """
    if not 0 <= pixels < math.inf:
        raise ValueError(f"a feather of {pixels} pixels; it goes outward only")
    solid = matte >= SOLID
    box = _box(solid, math.ceil(pixels))
    result = np.array(matte, np.float32)
    if box is None or pixels < HARD_EDGE:
        return result
    outside = np.ascontiguousarray(~solid[box], dtype=np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    np.maximum(result[box], fall(distance, pixels), out=result[box])
    return result


def fall(distance: npt.NDArray[np.float32], feather: float) -> Values:
    """1 up to distance 0, then smoothstep down to 0 at `feather`; both in pixels."""
    if feather < HARD_EDGE:
        return (distance <= 0).astype(np.float32)
    t: Values = np.clip(distance / np.float32(feather), 0, 1)
    falling: Values = 1 - t * t * (3 - 2 * t)
    return falling


def _widened(matte: Values, radius: float) -> Values:
    """The greatest value within a disc, built from rows that widen towards its middle: no kernel of its size."""
    result, row, width = matte.copy(), matte, 0
    height = matte.shape[0]
    for away in range(min(math.floor(radius), height - 1), -1, -1):
        wanted = math.floor(math.sqrt(radius * radius - away * away))
        if wanted > width:
            row = cv2.dilate(row, np.ones((1, 2 * (wanted - width) + 1), np.uint8))
            width = wanted
        np.maximum(result[away:], row[: height - away], out=result[away:])
        np.maximum(result[: height - away], row[away:], out=result[: height - away])
    return result


def _box(mask: npt.NDArray[np.bool_], reach: int) -> tuple[slice, slice] | None:
    """The rows and columns within `reach` of what is True; None where nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return (
        slice(max(0, int(rows[0]) - reach), int(rows[-1]) + reach + 1),
        slice(max(0, int(columns[0]) - reach), int(columns[-1]) + reach + 1),
    )
