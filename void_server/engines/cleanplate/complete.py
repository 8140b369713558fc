# SPDX-License-Identifier: Apache-2.0
"""What no frame shows: a smooth fill from around, in log light (docs/cleanplate.md, step 8, first case)."""

from __future__ import annotations

import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools
from void_server.engines.cleanplate.membrane import masked_blur, membrane

NOISE_SIGMA = 2.0
"""Plate pixels: of the local mean that is continued."""


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
    # Log light, so that a lamp at the edge does not flood the hole; of a local mean, since noise makes logarithms darker.
    mean = np.maximum(masked_blur(colour, known, NOISE_SIGMA), 0)
    extended = membrane(np.log(mean + np.float32(eps)), known)
    return np.asarray(np.exp(extended) - np.float32(eps), np.float32)


def median_colour(plate: F32, usable: Bools) -> F32:
    """(3,) float32: the median of the usable pixels of a (H, W, 3) plate; black when none is usable."""
    if not usable.any():
        return np.zeros(3, np.float32)
    return np.asarray(np.median(plate[usable], axis=0), np.float32)
