# SPDX-License-Identifier: Apache-2.0
"""Real pixels and a model's small picture of the same place joined: where the two say the same, the real ones are used.

A model answers in a few hundred pixels, softened by its VAE and a little off in colour; another engine has rebuilt the
place from real pixels at full resolution, and cannot know what would have happened. So they are compared at the model's
size, the real ones as soft as the model's are where nothing was to change, by the error that the model makes there.
Where they differ by no more, the real pixels are those that the model would have drawn. Where they differ, the model's
picture is enlarged, and gets of the real pixels' fine detail as much as it follows them at its own size.

Pictures are encoded values (plates/encoding.py), 0..1 over most of a shot. Pure functions of arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

SOFTENINGS = (0.0, 0.5, 0.7, 0.9, 1.2, 1.6, 2.0)
"""Standard deviations of a Gaussian, in model pixels, one of which is what the VAE takes away; the nearest is found."""
POOL = 1.5
"""Standard deviation, in model pixels, of the place over which two pictures are compared: less than a thing that a
latent of 8 x 8 pixels can show, and more than the grain of one."""
FOLLOWED = 3.0
"""The same of the place over which one picture is said to follow the other: it takes more of them to tell."""
NEAR, FAR = 6.0, 36.0
"""Standard deviations, in model pixels, over which the model's own shift of colour is averaged beside the region, and
carried into it."""
LEAST_ERROR = 0.008
"""Encoded difference that is never held against a model: two steps of 8 bits."""
MOST_ERROR = 0.06
"""Encoded error of the model on flat ground at most: what is off by more beside the region agrees with nothing."""
MISPLACED = 0.25
"""Model pixels by which an edge may lie elsewhere and be the same edge: no model places it better."""
SURE = 95.0
"""Percentile of the error where nothing was to change that still is no difference."""
MOST_SPREAD = 1.0
"""Doublings of the expected error up to which that percentile is believed, less and less beyond, and not at all from
twice as many: something else differs there."""
AGREES, DIFFERS = 0.5, 1.3
"""Doublings of the greatest usual error up to which two pictures agree wholly, and from which they do not at all."""
CLEAR = 2
"""Model pixels around a difference that are the model's too: its edge is softer than the difference shows."""
SHOWN = 0.98
"""Share of a model pixel that real pixels must cover to be compared."""
LEAST_EVIDENCE = 64
"""Model pixels below which nothing is measured, and the constants stand for it."""
MOST_FOLLOWED = 1.5
"""Factor by which detail of real pixels is strengthened at most; a shadow that is gone makes it brighter."""


@dataclass(frozen=True)
class Comparison:
    """How far a model's picture and real pixels are apart, pixel by pixel of the model.

    Attributes:
        apart: (h, w) float32, doublings of the difference over the model's greatest usual error; 0 and less is none.
        follows: (h, w) float32, 0..`MOST_FOLLOWED`: how much of the real pixels' detail the model's picture has.
        shown: (h, w) float32, 1 where real pixels show the place; where it is 0, the other two mean nothing.
        sigma: standard deviation, in model pixels, of the Gaussian that makes real pixels as soft as the model's.
    """

    apart: F32
    follows: F32
    shown: F32
    sigma: float


def compared(made: F32, real: F32, seen: F32, untouched: Bools) -> Comparison:
    """Compare a model's picture with real pixels.

    Args:
        made: (h, w, 3) float32, the model's.
        real: (h, w, 3) float32, the real pixels reduced to the model's size (`plate_size.reduced`).
        seen: (h, w) float32 0..1, how much of each pixel is real.
        untouched: (h, w) bool, where nothing was to change, so that what differs there is the model's own error.
    """
    finite = np.isfinite(made).all(axis=2) & np.isfinite(real).all(axis=2)
    shown = ((seen >= SHOWN) & finite).astype(np.float32)
    made, real = (np.nan_to_num(p, nan=0.0, posinf=1.0, neginf=0.0).astype(np.float32) for p in (made, real))
    evidence = (untouched & (shown > 0)).astype(np.float32)
    sigma = _softening(made, real, shown, evidence)
    soft = _mean_over(real, shown, sigma)
    toned = _toned(made, soft, evidence)
    slope = _mean_over(_steepness(soft), shown, POOL)
    floor, steep = _usual(_mean_over(_square(toned - soft), shown, POOL), slope, evidence)
    expected = np.clip(floor, LEAST_ERROR**2, MOST_ERROR**2) + (min(steep, 1.0) + MISPLACED**2) * slope
    # What is measured beside the region may be less sure within it: it moves the colour, and not what is usual.
    level = toned + _shift(soft - toned, evidence)
    off = _mean_over(_square(level - soft), shown, POOL)
    apart = 0.5 * np.log2(np.maximum(off, 1e-12) / expected)
    usual = np.percentile(apart[evidence > 0], SURE) if evidence.sum() >= LEAST_EVIDENCE else 0.0
    apart = (apart - max(0.0, min(usual, 2 * MOST_SPREAD - usual))).astype(np.float32)
    return Comparison(apart, _followed(level, soft, shown), shown, sigma)


def softened(real: F32, shown: F32, sigma: float) -> F32:
    """(h, w, 3) float32: reduced real pixels as soft as the model's picture, from what is shown alone."""
    return _mean_over(np.nan_to_num(real, nan=0.0, posinf=1.0, neginf=0.0), shown, sigma)


def agreement(apart: F32, shown: F32) -> F32:
    """How far real pixels may stand for the model's, from a comparison.

    Args:
        apart: (h, w) float32, as `Comparison.apart`, of one frame or averaged over several.
        shown: (h, w) float32 0..1.

    Returns:
        (h, w) float32 0..1: 1 where the two agree, 0 where they do not or nothing is shown, softly between.
    """
    away = np.where(shown > 0, apart, np.float32(2 * DIFFERS)).astype(np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * CLEAR + 1, 2 * CLEAR + 1))
    # A thing may look like its background within its outline: what a difference encloses is part of it.
    away = cv2.morphologyEx(away, cv2.MORPH_CLOSE, disc, borderType=cv2.BORDER_REPLICATE)
    away = cv2.dilate(away, disc, borderType=cv2.BORDER_REPLICATE)
    t = np.clip((away - AGREES) / (DIFFERS - AGREES), 0, 1)
    agreed = (1 - t * t * (3 - 2 * t)).astype(np.float32)
    # Only ever less: what is shown but in part stays the model's.
    softened = _blur(cv2.erode(agreed, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_REPLICATE), 1.0)
    return np.asarray(np.where(agreed >= 1, softened, np.minimum(softened, agreed)), np.float32)


def enlarged_matte(matte: F32, height: int, width: int) -> F32:
    """(height, width) float32: a matte (h, w) 0..1 at the plate's size; what is 1 or 0 around a pixel stays so."""
    return np.asarray(cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def fine_detail(real: F32, small: F32, seen: F32) -> F32:
    """What real pixels show that the model's size does not.

    Args:
        real: (H, W, 3) float32.
        small: (h, w, 3) float32, the same reduced and as soft as the model's picture.
        seen: (H, W) float32 0..1, how much of each pixel is real.

    Returns:
        (H, W, 3) float32, of mean about 0, 0 where nothing is real.
    """
    height, width = real.shape[:2]
    low = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    fine = np.where((seen >= 1)[..., None], real - low, 0)
    return np.nan_to_num(fine, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def joined(real: F32, other: F32, agreed: F32) -> F32:
    """(H, W, 3) float32: real pixels where `agreed` (H, W) is 1, their own bits; `other` where it is 0; mixed between.

    Args:
        real, other: (H, W, 3) float32; what is not finite is not taken, whatever `agreed` says.
    """
    share = agreed[..., None]
    share = np.where(np.isfinite(real).all(axis=2, keepdims=True), share, 0)
    share = np.where(np.isfinite(other).all(axis=2, keepdims=True), share, np.where(share > 0, 1, 0))
    with np.errstate(invalid="ignore", over="ignore"):
        mixed = real * share + other * (1 - share)
    return np.where(share >= 1, real, np.where(share <= 0, other, mixed)).astype(np.float32)


def _softening(made: F32, real: F32, shown: F32, evidence: F32) -> float:
    """Standard deviation, of `SOFTENINGS`, at which real pixels are most like the model's where nothing was to change;
    the middle one where too little shows. Correlation decides: the difference would favour what is smoothest.
    """
    if evidence.sum() < LEAST_EVIDENCE:
        return SOFTENINGS[len(SOFTENINGS) // 2]
    ours = _detail(made, shown) * evidence[..., None]

    def likeness(sigma: float) -> float:
        theirs = _detail(_mean_over(real, shown, sigma), shown) * evidence[..., None]
        both, own = (float((p * theirs).sum(dtype=np.float64)) for p in (ours, theirs))
        return float(both / max(own, 1e-12) ** 0.5)

    return float(max(SOFTENINGS, key=likeness))


def _toned(made: F32, soft: F32, evidence: F32) -> F32:
    """The model's picture under the gain and the offset, of each channel, that bring it to real pixels beside it."""
    count = float(evidence.sum(dtype=np.float64))
    if count < LEAST_EVIDENCE:
        return made
    toned = np.empty_like(made)
    for channel in range(made.shape[2]):
        ours, theirs = (p[..., channel][evidence > 0].astype(np.float64) for p in (made, soft))
        centre, wanted = ours.mean(), theirs.mean()
        # Where all is of one colour nothing tells a gain, and it stays 1.
        spread = ((ours - centre) ** 2).mean() + LEAST_ERROR**2
        gain = (((ours - centre) * (theirs - wanted)).mean() + LEAST_ERROR**2) / spread
        toned[..., channel] = (made[..., channel] - centre) * np.clip(gain, 0.7, 1.4) + wanted
    return toned


def _shift(apart: F32, evidence: F32) -> F32:
    """(h, w, 3) what the model's picture is off by beside the region, smoothly carried into it."""
    if evidence.sum() < LEAST_EVIDENCE:
        return np.zeros_like(apart)
    near, far = (_mean_over(apart, evidence, sigma) for sigma in (NEAR, FAR))
    share = np.minimum(4 * _blur(evidence, NEAR), 1)[..., None]
    return np.asarray(near * share + far * (1 - share), np.float32)


def _usual(square: F32, slope: F32, evidence: F32) -> tuple[float, float]:
    """The model's own error, squared: on flat ground, and for each unit of squared steepness. Least squares over what
    is left without the greatest tenth, which may be something that the mattes do not tell.
    """
    if evidence.sum() < LEAST_EVIDENCE:
        return LEAST_ERROR**2, 0.0
    values, steep = (p[evidence > 0].astype(np.float64) for p in (square, slope))
    few = values <= np.percentile(values, 90)
    values, steep = values[few], steep[few]
    around = steep - steep.mean()
    factor = max(0.0, float((around * values).mean() / max((around**2).mean(), 1e-12)))
    return max(0.0, float(values.mean() - factor * steep.mean())), factor


def _followed(made: F32, soft: F32, shown: F32) -> F32:
    """The factor by which a picture follows another one, times how surely it does (squared correlation)."""
    one, two = (_detail(p, shown) for p in (made, soft))
    common = _mean_over((one * two).mean(axis=2), shown, FOLLOWED)
    ours, theirs = (_mean_over(_square(p), shown, FOLLOWED) for p in (one, two))
    least = LEAST_ERROR**2 / 4
    sure = np.square(common) / ((ours + least) * (theirs + least))
    follows = np.maximum(common, 0) / (theirs + least) * sure
    return np.asarray(np.clip(follows, 0, MOST_FOLLOWED), np.float32)


def _detail(picture: F32, shown: F32) -> F32:
    return np.asarray(picture - _mean_over(picture, shown, FOLLOWED), np.float32)


def _steepness(picture: F32) -> F32:
    """(h, w) squared gradient, mean of the channels."""
    kernel = np.array([[-0.5, 0, 0.5]], np.float32)
    right, down = (
        cv2.filter2D(picture, -1, k, borderType=cv2.BORDER_REPLICATE).reshape(picture.shape)
        for k in (kernel, kernel.T)
    )
    return np.asarray(_square(right) + _square(down), np.float32)


def _square(picture: F32) -> F32:
    return np.asarray(np.square(picture).mean(axis=2), np.float32)


def _mean_over(values: F32, weight: F32, sigma: float) -> F32:
    """Gaussian average over what has weight (Knutsson and Westin, "Normalized convolution", CVPR 1993); the values
    themselves where nothing near has.
    """
    if sigma <= 0:
        return values
    over = weight if values.ndim == 2 else weight[..., None]
    mass = _blur(weight, sigma)
    share = mass if values.ndim == 2 else mass[..., None]
    return np.where(share > 1e-4, _blur(values * over, sigma) / np.maximum(share, 1e-4), values).astype(
        np.float32
    )


def _blur(picture: F32, sigma: float) -> F32:
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred.reshape(picture.shape), np.float32)
