# SPDX-License-Identifier: Apache-2.0
"""A field measured as smoothly as it is: the widest average, at each place, that no narrower one contradicts.

Goldenshluger and Nemirovski, "On spatially adaptive estimation of nonparametric regression" (Mathematical Methods of
Statistics 6, 1997): averages of growing width are taken for as long as they agree with all narrower ones within noise.
So the edge of a shadow is followed, and grain does not enter the field.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools, mean_channel, over_channels
from void_server.engines.cleanplate.membrane import gaussian

SIGMAS = (1.0, 2.0, 4.0, 8.0)
"""Standard deviations of the averages, in units u."""
LEAST_SIGMA = 0.7
"""In pixels of the analysis picture."""
AGREES, CONTRADICTS = 0.8, 2.0
"""Multiples of an average's noise up to which, and from which, a wider one is another value."""
UNEVEN, UNEVEN_SHARE = 0.02, 0.15
"""Difference between a narrow average and the widest worth mentioning: at least, and of the widest."""
LEAST_NOISE = 0.004
MOST_SAMPLES = 5000
"""Pixels of the calm that are looked at."""
OUTLIER = 9.0
"""Times the median from which a squared difference is no noise: an edge within the calm."""


def smooth_field(
    averaged: Callable[[float], F32], calm: Bools, texture: F32, unit: float
) -> tuple[F32, F32, F32]:
    """The field, and the noise of it.

    Args:
        averaged: the field averaged with a Gaussian of a standard deviation in pixels, (h, w, c) float32.
        calm: (h, w) bool, where the field is zero but for noise.
        texture: (h, w) float32, squared contrast, to which the noise of a misplaced picture is proportional.
        unit: the length u in pixels.

    Returns:
        The field (h, w, c) float32, its noise (h, w) float32, and how rough it is (h, w) float32 0..1:
        1 where the widest average is far from it.
    """
    levels = [
        np.asarray(averaged(max(s * unit, LEAST_SIGMA * (i + 1))), np.float32) for i, s in enumerate(SIGMAS)
    ]
    bounds = [np.sqrt(expected(squared(level - levels[-1]), calm, texture)) for level in levels[:-1]]
    bounds = [np.maximum(bound, LEAST_NOISE) for bound in bounds]
    errors = [np.sqrt(expected(squared(level), calm, texture)) for level in levels]
    field, error, trust = levels[0], errors[0], np.ones(calm.shape, np.float32)
    for index, level in enumerate(levels[1:], start=1):
        apart = np.sqrt(squared(level - levels[0])) / bounds[0]
        for finer, bound in zip(levels[1:index], bounds[1:], strict=False):
            np.maximum(apart, np.sqrt(squared(level - finer)) / bound, out=apart)
        agreed = np.clip((CONTRADICTS - apart) / (CONTRADICTS - AGREES), 0, 1).astype(np.float32)
        trust = np.minimum(trust, gaussian(agreed, unit))
        field = field + (level - field) * over_channels(trust, field.shape[2])
        error = error + (errors[index] - error) * trust
    worth_it = np.maximum(UNEVEN, UNEVEN_SHARE * np.sqrt(squared(levels[-1])))
    uneven = np.sqrt(squared(levels[1] - levels[-1])) / np.hypot(CONTRADICTS * bounds[1], worth_it)
    rough = np.clip(uneven - 1, 0, 1).astype(np.float32)
    return np.asarray(field, np.float32), np.asarray(np.maximum(error, LEAST_NOISE), np.float32), rough


def expected(values: F32, calm: Bools, texture: F32) -> F32:
    """(h, w) float32, above 0: what squares are by noise and misplaced texture, a + b texture, fitted to the calm."""
    base, slope = noise_and_texture(values, calm, texture)
    return np.float32(slope) * texture + np.float32(base)


def noise_and_texture(values: F32, calm: Bools, texture: F32) -> tuple[float, float]:
    """The a, above 0, and b, at least 0, of `expected`."""
    places = np.flatnonzero(calm)
    if places.size == 0:
        return 1e-8, 0.0
    places = places[:: -(-places.size // MOST_SAMPLES)]
    known = values.ravel()[places].astype(np.float64)
    known = np.minimum(known, OUTLIER * np.median(known))
    beside = texture.ravel()[places].astype(np.float64)
    spread = float(beside.var())
    slope = (
        float(((known - known.mean()) * (beside - beside.mean())).mean()) / spread if spread > 1e-12 else 0.0
    )
    slope = float(np.clip(slope, 0, known.mean() / max(float(beside.mean()), 1e-12)))
    base = max(float(known.mean()) - slope * float(beside.mean()), 0.0)
    return base + 1e-8, slope


def squared(values: F32) -> F32:
    """(h, w) float32 mean square over the channels of a (h, w, c) picture."""
    return mean_channel(values * values)
