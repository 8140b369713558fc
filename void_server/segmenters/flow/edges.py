# SPDX-License-Identifier: Apache-2.0
"""A shape of the reduced picture as a soft matte of the plate, its edge where the plate has one."""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32
from void_server.engines.cleanplate.membrane import gaussian
from void_server.segmenters.guided import sharpened, tiles

REACH = 3.0
"""Pixels of the reduced picture around the edge that are looked at."""
STAIRS, FAR = 0.8, 20.0
"""Standard deviation of the blur that takes out the stairs of a mask, and the distance beyond which none is needed;
reduced pixels."""


def plate_matte(picture: F32, distance: F32) -> F32:
    """The matte at the plate's size.

    Args:
        picture: (H, W, 3) float32, display-like 0..1.
        distance: (h, w) float32, signed distance at the reduced size, in its pixels.

    Returns:
        (H, W) float32 0..1. Where plate and reduced picture are of one size the edge is a pixel wide; where the plate
        is larger it follows the plate's own edges (a guided filter), within three reduced pixels.
    """
    height, width = picture.shape[:2]
    if not (distance < 0).any():
        return np.zeros((height, width), np.float32)
    # The edge of a mask runs between pixels; smoothed, it says how much of each it covers.
    distance = gaussian(np.clip(distance, -FAR, FAR), STAIRS)
    if (height, width) == distance.shape:
        return np.asarray(np.clip(np.float32(0.5) - distance, 0, 1), np.float32)
    large = cv2.resize(distance, (width, height), interpolation=cv2.INTER_LINEAR)
    coarse = np.asarray(np.clip(0.5 - large / 2, 0, 1), np.float32)
    matte = coarse.copy()
    radius = max(1, round(REACH * width / distance.shape[1]))
    for tile in tiles((height, width)):
        near = np.abs(large[tile]) < REACH
        if near.any():
            matte[tile] = np.where(near, sharpened(picture, coarse, tile, radius), matte[tile])
    return matte
