# SPDX-License-Identifier: Apache-2.0
"""What no frame shows: a smooth fill from around, in compressed light (docs/cleanplate.md, step 8, first case)."""

from __future__ import annotations

import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools
from void_server.engines.cleanplate.harmonise import EPSILON_OF_MEDIAN
from void_server.engines.cleanplate.membrane import membrane

MOST = 1 - 1e-6
"""Of compressed light, so that it can be undone."""


def fill_unseen(colour: F32, known: F32, eps: float, fallback: F32) -> F32:
    """Extends a picture over what is not known.

    Args:
        colour: (H, W, 3) float32, scene-linear, finite.
        known: (H, W) float32, 0..1, how far each pixel is background.
        eps: see `harmonise.epsilon`.
        fallback: (3,) float32, the colour where nothing at all is known.

    Returns:
        (H, W, 3) float32, scene-linear, at least 0 where nothing is known.
    """
    if not (known > 0).any():
        return np.broadcast_to(fallback, colour.shape).astype(np.float32)
    # Compressed, so that a lamp at the edge does not flood the hole; a logarithm would darken noise near black.
    middle = np.float32(eps / EPSILON_OF_MEDIAN)
    light = np.maximum(colour, -middle / 2)
    extended = membrane(np.asarray(light / (light + middle), np.float32), known)
    return np.asarray(np.maximum(middle * extended / (1 - np.minimum(extended, MOST)), 0), np.float32)


def median_colour(plate: F32, usable: Bools) -> F32:
    """(3,) float32: the median of the usable pixels of a (H, W, 3) plate; black when none is usable."""
    if not usable.any():
        return np.zeros(3, np.float32)
    return np.asarray(np.median(plate[usable], axis=0), np.float32)
