# SPDX-License-Identifier: Apache-2.0
"""SAM2's logits as a soft matte of the plate.

SAM2 answers on a grid of 256x256 cells, whatever the plate is: on 4K a cell is 16 pixels wide. Within one and a half
cells of its edge a guided filter moves the matte to the plate's own edge; elsewhere the answer stays as it is.
"""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import Bools, bounds
from void_server.segmenters.flow.distance import signed_distance
from void_server.segmenters.guided import sharpened, tiles
from void_server.segmenters.protocol import F32
from void_server.segmenters.sam2.predictor import Alive, always

REACH = 1.5
"""Cells of SAM2's answer around its edge within which the matte is moved."""


def plate_logits(logits: F32, size: tuple[int, int]) -> F32:
    """Logits (h, w) at the size (H, W) of the plate, bilinear, as SAM2 itself enlarges them."""
    large = cv2.resize(logits, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32)


def soft_matte(picture: F32, logits: F32, alive: Alive = always) -> F32:
    """The matte at the plate's size.

    Args:
        picture: (H, W, 3) float32, display-like 0..1.
        logits: (h, w) float32, above 0 inside the object.
        alive: where to cancel.

    Returns:
        (H, W) float32 0..1: 1 inside and 0 outside of the enlarged answer, but for `REACH` cells around its edge.
    """
    size = picture.shape[0], picture.shape[1]
    hard = plate_logits(logits, size) > 0
    matte = hard.astype(np.float32)
    box = bounds(hard)
    if box is None or hard.all():
        return matte
    cell = max(1.0, size[0] / logits.shape[0], size[1] / logits.shape[1])
    radius = max(1, round(REACH * cell))
    # The filter reaches two radii beyond the last pixel that it may change.
    margin = 4 * radius
    part = (
        slice(max(0, box[1] - margin), box[3] + margin),
        slice(max(0, box[0] - margin), box[2] + margin),
    )
    matte[part] = _moved(picture[part], hard[part], cell, radius, alive)
    return matte


def _moved(picture: F32, hard: Bools, cell: float, radius: int, alive: Alive) -> F32:
    """The mask as a matte whose edge is that of the picture."""
    distance = signed_distance(hard)
    coarse = np.clip(0.5 - distance / cell, 0, 1).astype(np.float32)
    matte = hard.astype(np.float32)
    for tile in tiles((hard.shape[0], hard.shape[1])):
        near = np.abs(distance[tile]) < REACH * cell
        if near.any():
            alive()
            matte[tile] = np.where(near, sharpened(picture, coarse, tile, radius), matte[tile])
    return matte
