# SPDX-License-Identifier: Apache-2.0
"""The light of a borrowed picture brought to that of the target: mean-value cloning in log light.

docs/cleanplate.md, step 7. The gain is measured on the ring, extended as a membrane over the hole and smoothed, so that
it carries light and no texture; being a factor, it clips nothing and cannot change a sign.
"""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools, mean_channel
from void_server.engines.cleanplate.membrane import (
    coarse_mean,
    coarseness,
    enlarged,
    gaussian,
    masked_blur,
    membrane,
)

# docs/cleanplate.md: epsilon and step 7.
EPSILON_OF_MEDIAN = 0.004
GREATEST_LOG_GAIN = 0.7
GAIN_SIGMA = 4.0
BRIGHT = 16.0
MOST_SAMPLES = 8000
"""Pixels of the evidence whose medians are taken."""


def epsilon(known: F32) -> float:
    """The offset that keeps logarithms of black finite, in the plate's units: 0.004 of the median luminance.

    Args:
        known: (n, 3) float32, scene-linear samples of the plate outside its hole.
    """
    if known.size == 0:
        return 1e-4
    level = float(np.median(known.mean(axis=1)))
    if level <= 0:
        level = float(np.maximum(known, 0).mean())
    return max(EPSILON_OF_MEDIAN * level, 1e-6)


def log_gain(target_low: F32, source_low: F32, evidence: Bools, eps: float, unit: float) -> F32:
    """The smooth log gain that takes a source to the target.

    Args:
        target_low, source_low: (h, w, 3) float32, at least 0: both pictures without their high band.
        evidence: (h, w) bool, where both show the same background.
        eps: see `epsilon`.
        unit: the length u in pixels.

    Returns:
        (h, w, 3) float32 within +-0.7 of its median on the evidence; 0 when there is no evidence.
    """
    if not evidence.any():
        return np.zeros_like(target_low)
    offset = np.float32(eps)
    ratio = cv2.log((np.maximum(target_low, 0) + offset) / (np.maximum(source_low, 0) + offset))
    places = np.flatnonzero(evidence)
    places = places[:: -(-places.size // MOST_SAMPLES)]
    # A flash or a fade changes all of the frame and may be any factor; what differs from it much is not light.
    level = [float(v) for v in np.median(ratio.reshape(-1, 3)[places], axis=0)]
    ratio = np.clip(cv2.subtract(ratio, (*level, 0.0)), -GREATEST_LOG_GAIN, GREATEST_LOG_GAIN)
    ratio = cv2.add(ratio, (*level, 0.0))
    grey = max(float(np.median(target_low.reshape(-1, 3)[places])), eps)
    brightness = mean_channel(target_low) / (BRIGHT * grey)
    weight = (evidence / (1 + brightness * brightness)).astype(np.float32)
    factor = coarseness(GAIN_SIGMA * unit)
    sigma = GAIN_SIGMA * unit / factor
    coarse, known = coarse_mean(ratio, weight, factor)
    steady = masked_blur(coarse, known, sigma)
    return enlarged(gaussian(membrane(steady, known), sigma), ratio)


def apply_log_gain(picture: F32, gain: F32, eps: float) -> F32:
    """(picture + eps) * exp(gain) - eps."""
    lit = cv2.exp(np.ascontiguousarray(gain, np.float32)).reshape(gain.shape)
    lit *= picture + np.float32(eps)
    lit -= np.float32(eps)
    return np.asarray(lit, np.float32)
