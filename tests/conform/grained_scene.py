# SPDX-License-Identifier: Apache-2.0
"""A textured picture in motion with grain of known strength, spectrum and correlation."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from void_server.conform.grain_samples import GrainSamples, grain_samples
from void_server.plates.encoding import FrameStatistics, ShotEncoding

STRENGTH, CORRELATION = 0.04, 0.2
SIZE = 240, 440


def true_sigma(level: np.ndarray) -> np.ndarray:
    """The standard deviation of the grain at a level."""
    return STRENGTH * np.sqrt(0.18 * np.maximum(level, 0) + 0.0004)


def white(shape: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """(h, w, 3) of power 1; each two channels have CORRELATION in common."""
    own, common = random.standard_normal((*shape, 3)), random.standard_normal((*shape, 1))
    return np.sqrt(1 - CORRELATION) * own + np.sqrt(CORRELATION) * common


@lru_cache(maxsize=2)
def _wall(texture: float, seed: int) -> np.ndarray:
    """(2 h, 2 w, 3), smooth light and texture of two sizes."""
    random, shape = np.random.default_rng(seed), (720, 1280)
    light = cv2.resize(random.random((5, 9)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    parts = [
        cv2.GaussianBlur(random.standard_normal(shape).astype(np.float32), (0, 0), s) for s in (3.0, 12.0)
    ]
    fine, coarse = (part / part.std() for part in parts)
    grey = (0.05 + 0.4 * np.clip(light, 0, 1)) * np.exp(texture * (0.5 * fine + coarse))
    return np.stack([1.1 * grey, grey, 0.8 * grey], axis=-1).astype(np.float32)


def frames(
    *,
    velocity: tuple[float, float],
    size: float = 0.0,
    texture: float = 0.2,
    seed: int = 0,
    grain: float = 1.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three frames (h, w, 3) float32 of a camera that moves by `velocity` pixels a frame.

    `size` is the standard deviation, in pixels, of the Gaussian that the grain is filtered with.
    """
    wall, random, made = _wall(texture, seed), np.random.default_rng(seed + 100), []
    for k in range(3):
        shift = np.array([[2, 0, 100 + 2 * k * velocity[0]], [0, 2, 60 + 2 * k * velocity[1]]], np.float32)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        picture = np.maximum(cv2.warpAffine(wall, shift, SIZE[::-1], flags=flags), 0.002)
        noise = white(SIZE, random)
        if size:
            noise = cv2.GaussianBlur(noise, (0, 0), size)
            noise /= noise.std()
        made.append((picture + grain * noise * true_sigma(picture)).astype(np.float32))
    return made[0], made[1], made[2]


def samples_of(plates: tuple[np.ndarray, np.ndarray, np.ndarray]) -> GrainSamples | None:
    """What `grain_samples` gives for them."""
    encoding = ShotEncoding.from_statistics([FrameStatistics.of(p) for p in plates])
    views = [cv2.cvtColor(encoding.to_uint8(p), cv2.COLOR_RGB2GRAY) for p in plates]
    return grain_samples(plates, (views[0], views[1], views[2]))
