# SPDX-License-Identifier: Apache-2.0
"""Figures of a result against the truth, on display-like values.

Pictures are compared as x / (1 + x) (Reinhard et al., "Photographic tone reproduction", SIGGRAPH 2002, equation 3) and
then the sRGB curve (IEC 61966-2-1), so that highlights do not drown everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shots import Shot

F32 = NDArray[np.float32]
OBJECT, PRESENT, CHANGED, HALF = 0.5, 0.02, 0.2, 0.5
"""The object is where roto > 0.5; affected where the affected matte > 0.2 and roto <= 0.02; both where either is."""


@dataclass(frozen=True)
class Score:
    """PSNR in dB on the object, on what it affects, and on both; SSIM (0..1) in the box around both."""

    object: float
    affected: float
    both: float
    ssim: float


def view(linear: NDArray[Any]) -> F32:
    """Scene-linear to display-like values in 0..1; NaN and negatives are 0."""
    light = np.maximum(np.nan_to_num(linear.astype(np.float32)), 0)
    toned = light / (1 + light)
    curve = 1.055 * np.power(np.maximum(toned, 1e-8), 1 / 2.4) - 0.055
    return np.asarray(np.where(toned <= 0.0031308, 12.92 * toned, curve), np.float32)


def score(shot: Shot, result: Sequence[F32], truth: Sequence[F32]) -> Score:
    """Scores a whole shot; `result` and `truth` are display-like (`view`)."""
    squares = {"object": [0.0, 0], "affected": [0.0, 0], "both": [0.0, 0]}
    similar = []
    for got, want, roto, affected in zip(result, truth, shot.remove, shot.affected, strict=True):
        error = np.square(got.astype(np.float64) - want)
        both = (roto > PRESENT) | (affected > CHANGED)
        masks = {"object": roto > OBJECT, "affected": (affected > CHANGED) & (roto <= PRESENT), "both": both}
        for name, mask in masks.items():
            squares[name][0] += float(error[mask].sum())
            squares[name][1] += int(mask.sum()) * got.shape[2]
        if both.any():
            similar.append(_ssim_in_box(got, want, both))
    return Score(
        object=_psnr(*squares["object"]),
        affected=_psnr(*squares["affected"]),
        both=_psnr(*squares["both"]),
        ssim=float(np.mean(similar)) if similar else float("nan"),
    )


def overlap(shot: Shot, affected: Sequence[F32]) -> float:
    """Intersection over union of affected mattes with the true ones, both above 0.5, where roto < 0.02."""
    common = either = 0
    for found, true, roto in zip(affected, shot.affected, shot.remove, strict=True):
        here, there, beside = found > HALF, true > HALF, roto < PRESENT
        common += int(np.count_nonzero(here & there & beside))
        either += int(np.count_nonzero((here | there) & beside))
    return common / either if either else float("nan")


def _psnr(total: float, count: float) -> float:
    return float("nan") if count == 0 else float(-10 * np.log10(max(total / count, 1e-12)))


def _ssim_in_box(got: F32, want: F32, mask: NDArray[np.bool_]) -> float:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return float(structural_similarity(got, want)[box].mean(dtype=np.float64))


def structural_similarity(a: F32, b: F32) -> F32:
    """SSIM map with an 11 x 11 Gaussian window, sigma 1.5 (Wang et al., IEEE TIP 13(4), 2004), values in 0..1."""

    def mean(picture: F32) -> F32:
        return np.asarray(cv2.GaussianBlur(picture, (11, 11), 1.5), np.float32)

    one, two = np.float32(0.01**2), np.float32(0.03**2)
    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + one) * (2 * covariance + two)
    return np.asarray(top / ((mean_a**2 + mean_b**2 + one) * (variance_a + variance_b + two)), np.float32)
