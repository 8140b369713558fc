# SPDX-License-Identifier: Apache-2.0
"""The grain that a shot's truth would have had: truths are rendered without grain, plates are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.scores import F32

BINS, STEPS = 16, 4
"""Levels at which the grain is measured; shifts of a quarter of the picture by which it is borrowed."""

SAMPLES = 20_000
"""Pixels a channel and frame that are enough to know its strength."""


def grain_everywhere(
    noisy: Sequence[F32], smooth: Sequence[F32], known: Sequence[NDArray[np.bool_]]
) -> list[F32]:
    """Grain for every pixel of `smooth`, real where it is known.

    Grain depends on the level: its strength is measured in bins of equal counts of the level, channel by channel, over
    the whole shot (as Flame's Match Grain does with luminance). Where it is not known, real grain is taken from
    another place of the same frame and scaled to the level, so that it keeps its spectrum and is new in every frame.

    Args:
        noisy, smooth: (H, W, 3) float32 a frame, any one encoding.
        known: (H, W) a frame; True where `noisy` differs from `smooth` by nothing but grain.

    Returns:
        (H, W, 3) float32 a frame, to be added to `smooth`; 0 where none can be borrowed.
    """
    curves = _strengths(noisy, smooth, known)
    return [_frame(n, s, k, curves) for n, s, k in zip(noisy, smooth, known, strict=True)]


def _strengths(
    noisy: Sequence[F32], smooth: Sequence[F32], known: Sequence[NDArray[np.bool_]]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Levels and the standard deviation there, a channel; both (up to BINS,)."""
    curves = []
    for channel in range(smooth[0].shape[2]):
        levels, grains = [], []
        for n, s, k in zip(noisy, smooth, known, strict=True):
            level = s[..., channel][k]
            step = max(1, level.size // SAMPLES)
            levels.append(level[::step])
            grains.append((n[..., channel][k] - level)[::step])
        level = np.concatenate(levels).astype(np.float64)
        grain = np.concatenate(grains).astype(np.float64)
        if level.size == 0:
            curves.append((np.zeros(1), np.zeros(1)))
            continue
        bins = np.array_split(np.argsort(level, kind="stable"), min(BINS, level.size))
        curves.append(
            (
                np.array([np.median(level[b]) for b in bins]),
                np.array([np.sqrt(np.mean(np.square(grain[b]))) for b in bins]),
            )
        )
    return curves


def _frame(
    noisy: F32,
    smooth: F32,
    known: NDArray[np.bool_],
    curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> F32:
    height, width = known.shape
    strength = np.stack(
        [np.interp(smooth[..., c], *curve).astype(np.float32) for c, curve in enumerate(curves)], axis=-1
    )
    grain = np.where(known[..., None], noisy - smooth, 0).astype(np.float32)
    unit = grain / np.maximum(strength, np.float32(1e-12))
    missing = ~known
    for number in range(1, STEPS * STEPS):
        if not missing.any():
            break
        shift = (number // STEPS * height // STEPS, number % STEPS * width // STEPS)
        take = missing & np.roll(known, shift, (0, 1))
        grain[take] = (np.roll(unit, shift, (0, 1)) * strength)[take]
        missing &= ~take
    return grain
