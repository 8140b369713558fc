# SPDX-License-Identifier: Apache-2.0
"""Taking out of a background what a small misplacement of it makes differ, so that light alone is left.

docs/motion_reasoner.md, step 2. A displacement and a change of light are fitted together: texture shifts along its
gradient, light does not care for it.
"""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools
from void_server.engines.cleanplate.membrane import gaussian

AROUND = 24.0
"""Standard deviation, in units u, of the surroundings that are taken to be misplaced alike."""
FARTHEST = 6.0
"""Longest misplacement, in units u, that is taken out: further away a gradient does not tell what stands there."""
LEAST_SLOPE = 0.002
"""Display-like values per proxy pixel: where texture is fainter, misplacement makes no difference worth the name."""
LEAST_EXPLAINED = 0.2
"""Share of the differences' variance that a displacement explains, from which on it is one: a shadow alone, whose edge
lies somehow on the texture, is explained by chance, and less."""


def placed(shown: F32, plain: F32, known: Bools, unit: float) -> F32:
    """A background brought to where the frame shows it, so far as it is misplaced by little.

    Args:
        shown, plain: (h, w, 3) float32, display-like 0..1: the frame and its background.
        known: (h, w) bool, where both show the place.
        unit: the length u in pixels.

    Returns:
        (h, w, 3) float32.
    """
    across, down = _slopes(plain)
    moved = _displacement(across, down, shown - plain, known, AROUND * unit)
    length = np.hypot(moved[..., :1], moved[..., 1:])
    moved *= np.minimum(1, FARTHEST * unit / np.maximum(length, 1e-6))
    return np.asarray(plain + across * moved[..., :1] + down * moved[..., 1:], np.float32)


def _displacement(across: F32, down: F32, difference: F32, known: Bools, sigma: float) -> F32:
    """(h, w, 2) float32, proxy pixels: by least squares around each place, any offset of a channel left aside.

    Lucas and Kanade, "An iterative image registration technique with an application to stereo vision", 1981, one step.
    """
    weight = known.astype(np.float32)
    mass = np.maximum(gaussian(weight, sigma), 1e-6)[..., None]

    def mean(values: F32) -> F32:
        return np.asarray(gaussian((values * weight[..., None]).astype(np.float32), sigma) / mass)

    def joint(one: F32, other: F32) -> F32:
        return np.asarray((mean(one * other) - mean(one) * mean(other)).sum(axis=-1))

    least = 3 * LEAST_SLOPE**2
    xx, yy, xy = joint(across, across) + least, joint(down, down) + least, joint(across, down)
    x, y = joint(across, difference), joint(down, difference)
    found = np.stack([yy * x - xy * y, xx * y - xy * x], axis=-1) / (xx * yy - xy * xy)[..., None]
    explained = found[..., 0] * x + found[..., 1] * y
    found[explained < LEAST_EXPLAINED * joint(difference, difference)] = 0
    return np.asarray(found, np.float32)


def _slopes(picture: F32) -> tuple[F32, F32]:
    """(h, w, 3) derivatives to the right and downward, per pixel."""
    soft = gaussian(picture, 1.0)
    across, down = (cv2.Sobel(soft, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    return np.asarray(across, np.float32), np.asarray(down, np.float32)
