# SPDX-License-Identifier: Apache-2.0
"""Between a plate and the model's picture of it: reduced for the model, and brought back where it is to be filled.

All pictures are encoded values (plates/encoding.py): 0..1 over most of the shot, and beyond for what is brighter.
"""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools, bounds
from void_server.engines.cleanplate.membrane import coarse_mean, coarseness, enlarged, masked_blur, membrane
from void_server.quadmask.grid import gridded_matte
from void_server.quadmask.regions import CODE_AFFECTED, CODE_BACKGROUND, CODE_OVERLAP, CODE_REMOVE

TOUCHED = 0.02
"""Matte from which a pixel belongs to a region, as for the blend."""
COVERED = 0.25
"""Share of a model pixel from which it is removed or affected: more than by chance, and before half of it is the
object's rim, which the model would keep."""
KEPT = 0.5
"""Share of a model pixel from which it is kept: no cell is widened over it."""
NEAR = 4.0
"""Standard deviation, in model pixels, of averages beside the region: of the plate's highlights, of the level."""
RING = 48
"""Model pixels around the region from which highlights are taken."""
LEVEL_RING = 24
"""Model pixels around what is not known in which the level of the model's picture is compared."""
FEW = 4
"""Model pixels of them below which there are none."""
DARKER, SURELY_WHITE = 0.06, 0.02
"""Encoded values below the model's own white where its picture begins to be white, and from which it is. Twice and
two thirds of what a VAE is usually off."""

Rect = tuple[int, int, int, int]


def reduced(encoded: F32, height: int, width: int) -> F32:
    """(height, width, 3) float32 0..1: what the model sees of an encoded plate (H, W, 3); NaN counts as 0."""
    known = np.clip(np.nan_to_num(encoded, nan=0.0, posinf=1.0, neginf=0.0), 0, 1).astype(np.float32)
    return np.asarray(cv2.resize(known, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def codes(remove: F32, affected: F32, keep: F32, height: int, width: int) -> F32:
    """(height, width) float32: the quadmask's codes 0, 63, 127 and 255 at the model's size, from mattes (H, W) 0..1;
    where `keep` is 1, nothing is masked.
    """
    free = keep < 1
    removed, changed = (
        _share((matte > TOUCHED) & free, height, width) >= COVERED for matte in (remove, affected)
    )
    return _coded(removed, changed)


def in_whole_cells(coded: F32, keep: F32) -> F32:
    """Codes whose affected region is widened to whole cells of the grid over the model's picture, as VOID was trained
    (`quadmask.grid`). What is removed stays to the pixel; the same again for what has whole cells.

    Args:
        coded: (h, w) float32 of 0, 63, 127 and 255, at the model's size.
        keep: (H, W) float32 0..1; no cell is widened over a pixel of which half is kept.

    Returns:
        (h, w) float32.
    """
    changed = (coded == CODE_OVERLAP) | (coded == CODE_AFFECTED)
    cells = gridded_matte(changed.astype(np.float32)) > 0
    kept = _share(keep >= 1, *coded.shape) >= KEPT
    return _coded(coded <= CODE_OVERLAP, changed | (cells & ~kept))


def _coded(removed: Bools, changed: Bools) -> F32:
    under = np.where(changed, CODE_OVERLAP, CODE_REMOVE)
    return np.where(removed, under, np.where(changed, CODE_AFFECTED, CODE_BACKGROUND)).astype(np.float32)


def _share(region: Bools, height: int, width: int) -> F32:
    """(height, width) float32: how much of each pixel of a smaller picture a region (H, W) covers."""
    covered = region.astype(np.float32)
    return np.asarray(cv2.resize(covered, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def box_around(region: Bools, margin: int) -> Rect | None:
    """(x0, y0, x1, y1) of a region (H, W) with so many pixels around it; None where it is empty."""
    found = bounds(region)
    if found is None:
        return None
    x0, y0, x1, y1 = found
    height, width = region.shape
    return max(0, x0 - margin), max(0, y0 - margin), min(width, x1 + margin), min(height, y1 + margin)


def grown_region(region: Bools, margin: int) -> Bools:
    """(H, W) bool: the region and `margin` pixels around it."""
    return np.asarray(_distance(region) <= margin)


def at_plate_size(made: F32, encoded: F32, region: Bools, told: Bools | None = None) -> F32:
    """The model's picture at the plate's size; what is white in it as bright as what is white beside the region.

    The model was shown nothing above 1 (`reduced`), so its answer does not say how bright a highlight is. The plate's
    own highlights around the region do.

    Args:
        made: (h, w, 3) float32, what the model made of the frame, without its colour shift.
        encoded: (H, W, 3) float32, the frame.
        region: (H, W) bool, what is to be filled.
        told: (h, w) bool, what the model was told to change, where it says nothing of the plate either; None: no more
            than the region.

    Returns:
        (H, W, 3) float32.
    """
    height, width = encoded.shape[:2]
    scale = max(height / made.shape[0], width / made.shape[1])
    larger = np.asarray(cv2.resize(made, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    with np.errstate(invalid="ignore"):
        bright = encoded > 1
    if not bright.any():
        return larger
    changed = region
    if told is not None:
        large = cv2.resize(told.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        changed = region | (large > 0)
    outside = _distance(changed)
    beside = (outside > scale) & (outside <= RING * scale)
    for channel in range(3):
        there = beside & bright[..., channel] & np.isfinite(encoded[..., channel])
        if np.count_nonzero(there) >= FEW * scale * scale:
            larger[..., channel] = _brightened(larger[..., channel], encoded[..., channel], there, scale)
    return larger


def at_level_beside(larger: F32, made: F32, encoded: F32, region: Bools, told: Bools) -> F32:
    """The model's picture at the plate's size, at the level of what is known beside it.

    What is joined with real pixels must not differ from them in level along the join, however little of the colour
    shift is left: how far the two are apart there is carried smoothly into the rest.

    Args:
        larger: (H, W, 3) float32, as `at_plate_size` gives it of `made` (h, w, 3).
        encoded: (H, W, 3) float32, what is known; what is not finite or beyond 0..1 is not compared.
        region: (H, W) bool, where nothing is known.
        told: (h, w) bool, where the model was told to change something and nothing is known.

    Returns:
        (H, W, 3) float32.
    """
    height, width = encoded.shape[:2]
    scale = max(height / made.shape[0], width / made.shape[1])
    # What lies beyond 0..1 was clipped for the model: there the two differ for another reason.
    with np.errstate(invalid="ignore"):
        shown = ((encoded >= 0) & (encoded <= 1)).all(axis=2)
    large = cv2.resize(told.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    outside = _distance(region | (large > 0))
    evidence = (shown & (outside > scale) & (outside <= LEVEL_RING * scale)).astype(np.float32)
    if not evidence.any():
        return larger
    apart = np.where(evidence[..., None] > 0, encoded - larger, 0).astype(np.float32)
    factor = coarseness(NEAR * scale)
    values, weight = coarse_mean(apart, evidence, factor)
    steady = masked_blur(values, weight, NEAR * scale / factor)
    offset = enlarged(membrane(steady, np.minimum(4 * weight, 1)), larger)
    return np.asarray(larger + offset, np.float32)


def _brightened(made: F32, encoded: F32, there: Bools, scale: float) -> F32:
    """One channel (H, W) whose white is as bright as the plate's around it, smoothly carried over."""
    white = float(np.median(made[there]))
    t = np.clip((made - (white - DARKER)) / (DARKER - SURELY_WHITE), 0, 1)
    share = t * t * (3 - 2 * t)
    if not share.any():
        return made
    factor = coarseness(NEAR * scale)
    values, weight = coarse_mean(
        np.where(there, encoded, 0).astype(np.float32), there.astype(np.float32), factor
    )
    steady = masked_blur(values, weight, NEAR * scale / factor)
    light = enlarged(membrane(steady, np.minimum(4 * weight, 1)), made)
    return np.asarray(made + share * (np.maximum(light, made) - made), np.float32)


def _distance(region: Bools) -> F32:
    outside = (~region).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
