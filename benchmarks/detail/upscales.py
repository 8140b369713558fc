# SPDX-License-Identifier: Apache-2.0
"""Other ways to bring a model's picture to the plate's size, each with the colour that the product gives its own."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from void_server.engines.void.plate_size import at_plate_size

F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

RADIUS, EPSILON = 4, 1e-3
"""Of the guided filter: half its window in the model's pixels, and the variance that counts as flat."""


def enlarged(made: F32, plate: F32, region: Bools, told: Bools, way: int) -> F32:
    """(H, W, 3) by a filter of OpenCV."""
    size = (plate.shape[1], plate.shape[0])
    return np.asarray(
        cv2.resize(made, size, interpolation=way) + _colour(made, plate, region, told), np.float32
    )


def guided(made: F32, plate: F32, region: Bools, told: Bools, guide: F32) -> F32:
    """(H, W, 3) by the fast guided filter (He and Sun, arXiv:1505.00996), one channel by its own: in each window of
    the small picture the answer is a linear function of the guide, and the coefficients are enlarged.
    """
    height, width = made.shape[:2]
    guide = np.nan_to_num(guide).astype(np.float32)
    small = cv2.resize(guide, (width, height), interpolation=cv2.INTER_AREA)
    window = (2 * RADIUS + 1, 2 * RADIUS + 1)

    def mean(picture: F32) -> F32:
        return np.asarray(cv2.boxFilter(picture, -1, window, borderType=cv2.BORDER_REFLECT_101), np.float32)

    ours, theirs = mean(made), mean(small)
    factor = (mean(made * small) - ours * theirs) / (mean(small * small) - theirs**2 + EPSILON)
    rest = ours - factor * theirs
    size = (plate.shape[1], plate.shape[0])
    factor, rest = (cv2.resize(mean(p), size, interpolation=cv2.INTER_LINEAR) for p in (factor, rest))
    return np.asarray(factor * guide + rest + _colour(made, plate, region, told), np.float32)


def _colour(made: F32, plate: F32, region: Bools, told: Bools) -> F32:
    """What the product adds to its own enlargement so that it has the plate's colour beside the region."""
    size = (plate.shape[1], plate.shape[0])
    bare = cv2.resize(made, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(at_plate_size(made, plate, region, told) - bare, np.float32)
