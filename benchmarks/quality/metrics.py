# SPDX-License-Identifier: Apache-2.0
"""Figures beyond PSNR, each made so that the cheap way to a good value spoils another one.

All pictures are display-like (`scores.view`), (H, W, 3) float32 a frame, unless a function says otherwise. Ratios are
against the truth *with the plate's grain* (`reference.Reference.grained`), as a rendered truth has none: a fill whose
grain matches the plate is at 1, one without grain below. Ratios are taken over sums with a FLOOR under both, so that
what no monitor shows makes no figure. docs/benchmarks.md says what is good, and how each can be fooled.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.reference import Contour, Flow, Mask, gradient, warped
from benchmarks.quality.scores import F32

FLOOR = 1 / 12 / 255**2
"""Mean square of what rounding to 8 bits does."""

SIGMA = 2.0
"""Pixels; splits the low band from the high one."""

BLOCK = 16
FLANK, OFFSETS = 6, range(-3, 9)
"""Pixels: the flanks of a seam, and where around the contour one is looked for (grow and feather put it outside)."""

AROUND = 8
"""Pixels around the object in which its outline would show."""

LEAST_LIGHT = 2.0**-10
LUMINANCE = np.array((0.2126, 0.7152, 0.0722), np.float32)
"""ITU-R BT.709."""


def light(picture: F32) -> F32:
    """Undoes `scores.view`: display-like 0..1 to scene-linear, up to 2^12."""
    curve = np.power((np.maximum(picture, 0) + 0.055) / 1.055, 2.4)
    toned = np.where(picture <= 0.04045, np.maximum(picture, 0) / 12.92, curve)
    toned = np.minimum(toned, 1 - 2.0**-12)
    return np.asarray(toned / (1 - toned), np.float32)


def stops(picture: F32) -> F32:
    """log2 of the luminance of display-like colours; (..., 3) to (...), float32, black is -10."""
    return np.asarray(np.log2(light(picture) @ LUMINANCE + LEAST_LIGHT), np.float32)


def warp_ratio(
    result: Sequence[F32], grained: Sequence[F32], flows: Sequence[Flow], holes: Sequence[Mask]
) -> float:
    """Warping error of the result over that of the truth, along the truth's motion; 1 is ideal.

    The error (Lai et al., "Learning blind video temporal consistency", ECCV 2018) is the mean square between frame i
    and frame i + 1 drawn back along the flow, in the hole of frame i where the flow is valid. By itself it is least for
    a blur; the truth's own error says what is right. Above 1 the fill boils, below it is smoother than the scene.
    """
    found = wanted = 0.0
    count = 0
    for i, flow in enumerate(flows):
        mask = holes[i] & flow.valid
        found += float(
            np.square((result[i] - warped(result[i + 1], flow.vectors))[mask], dtype=np.float64).sum()
        )
        wanted += float(
            np.square((grained[i] - warped(grained[i + 1], flow.vectors))[mask], dtype=np.float64).sum()
        )
        count += int(mask.sum()) * 3
    return _ratio(found, wanted, count)


def flicker(result: Sequence[F32], truth: Sequence[F32], holes: Sequence[Mask]) -> float:
    """Standard deviation over time, in stops, of the hole's mean log-luminance less the truth's in the same hole.

    The truth's hole, and not a ring, is what is taken off: a hole that moves over light and dark ground changes against
    its ring though nothing flickers. A level that is wrong but steady is no flicker; PSNR has that.
    """
    gaps = [
        float((stops(got[mask]) - stops(want[mask])).mean(dtype=np.float64))
        for got, want, mask in zip(result, truth, holes, strict=True)
        if mask.any()
    ]
    return float(np.std(gaps)) if len(gaps) > 1 else float("nan")


def high_ratio(result: Sequence[F32], grained: Sequence[F32], holes: Sequence[Mask]) -> float:
    """Energy of the high band (less a Gaussian of SIGMA) over that of the truth; 1 is ideal.

    The ratio of each block of BLOCK x BLOCK pixels counts by the hole's pixels in it, and their geometric mean is
    taken: over a whole picture the few strong edges would drown a flat wall that lost its grain.
    """
    logs, weights = [], []
    for got, want, mask in zip(result, grained, holes, strict=True):
        counts = _blocks(mask.astype(np.float64))
        one, two = (_blocks((np.square(_high(p)).sum(-1, dtype=np.float64)) * mask) for p in (got, want))
        some = counts > 0
        floor = FLOOR * 3 * counts[some]
        logs.append(np.log((one[some] + floor) / (two[some] + floor)))
        weights.append(counts[some])
    total = np.concatenate(weights).sum() if weights else 0
    if total == 0:
        return float("nan")
    return float(np.exp((np.concatenate(logs) * np.concatenate(weights)).sum() / total))


def low_psnr(result: Sequence[F32], truth: Sequence[F32], masks: Sequence[Mask]) -> float:
    """PSNR in dB of the low band (a Gaussian of SIGMA): what is right of a fill whose grain cannot be the truth's."""
    total, count = 0.0, 0
    for got, want, mask in zip(result, truth, masks, strict=True):
        total += float(np.square(_low(got - want)[mask], dtype=np.float64).sum())
        count += int(mask.sum()) * 3
    return float(-10 * np.log10(max(total / count, 1e-12))) if count else float("nan")


def seam_ratio(result: Sequence[F32], grained: Sequence[F32], contours: Sequence[Sequence[Contour]]) -> float:
    """How much more a line along a contour shows than in the truth; 1 is ideal, above an edge, below a smear.

    At each distance d from a contour: the mean |gradient across it| over the mean of those FLANK pixels to either side,
    and that over the same figure of the truth. Fills end at different distances (a matte may have been grown and
    feathered), so the d of OFFSETS farthest from 1 counts, of the worse contour.
    """
    worst = float("nan")
    for lines in zip(*contours, strict=True):
        got, want = _profile(result, lines), _profile(grained, lines)
        ratios = np.array([_edge(got, d) / _edge(want, d) for d in OFFSETS])
        ratios = ratios[np.isfinite(ratios)]
        if ratios.size:
            found = float(ratios[np.argmax(np.abs(np.log(ratios)))])
            worst = found if np.isnan(worst) or abs(np.log(found)) > abs(np.log(worst)) else worst
    return worst


def residual_object(
    result: Sequence[F32],
    truth: Sequence[F32],
    plates: Sequence[F32],
    rotos: Sequence[F32],
    affected: Sequence[Mask],
) -> tuple[float, float]:
    """How like the object the error is (normalised cross-correlation -1..1), and how much of the object is left (0..1).

    Error and object are what result and plate have beyond the truth. Correlating result and plate themselves says
    little: both may share the room's shading with the object gone. Their differences still share minus the truth, so
    that any blur would look like an object; the truth's own pattern is therefore regressed out of both, inside the
    object and over all. AROUND pixels around the object take part, less its shadow, as only there the outline of an
    even ghost shows. The second figure is the slope of error on object: a ghost too faint to see has a
    correlation, but no slope.
    """
    cross = errors = objects = 0.0
    for got, want, plate, roto, changed in zip(result, truth, plates, rotos, affected, strict=True):
        within = roto > 0
        if not within.any():
            continue
        near = cv2.dilate(within.astype(np.uint8), np.ones((2 * AROUND + 1,) * 2, np.uint8)) > 0
        near &= within | ~changed
        inside = within[near]
        floor = FLOOR * inside.size
        for channel in range(want.shape[2]):
            there = want[..., channel][near].astype(np.float64)
            texture = np.where(inside, there - there[inside].mean(), 0)
            known = np.stack([np.ones_like(there), there, texture], axis=1)
            error = _beyond(got[..., channel][near] - there, known)
            thing = _beyond(np.where(inside, plate[..., channel][near] - there, 0), known)
            cross += float(error @ thing)
            errors += float(error @ error) + floor
            objects += float(thing @ thing) + floor
    if objects == 0:
        return float("nan"), float("nan")
    return cross / float(np.sqrt(errors * objects)), cross / objects


def effect_left(
    result: Sequence[F32], truth: Sequence[F32], plates: Sequence[F32], affected: Sequence[Mask]
) -> float:
    """How much of shadow or reflection is left, 0..1; negative where too much was taken away.

    It is the slope, through 0, of the result's stops over the truth on the plate's stops over the truth.
    """
    cross = total = 0.0
    for got, want, plate, mask in zip(result, truth, plates, affected, strict=True):
        zero = stops(want[mask]).astype(np.float64)
        there = stops(plate[mask]) - zero
        cross += float((stops(got[mask]) - zero) @ there)
        total += float(there @ there)
    return cross / total if total > 0 else float("nan")


def rank_correlation(one: Sequence[float], two: Sequence[float]) -> float:
    """Spearman's rank correlation (1904), equal values sharing the mean of their ranks.

    NaN for fewer than 3 pairs, or where one side never changes.
    """
    a, b = (_ranks(np.asarray(values, np.float64)) for values in (one, two))
    if a.size < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def frame_errors(result: Sequence[F32], truth: Sequence[F32], holes: Sequence[Mask]) -> list[float]:
    """Root mean square error in each frame's hole; NaN where there is none."""
    return [
        float(np.sqrt(np.square((got - want)[mask], dtype=np.float64).mean())) if mask.any() else float("nan")
        for got, want, mask in zip(result, truth, holes, strict=True)
    ]


def _ratio(found: float, wanted: float, count: int) -> float:
    return (found + FLOOR * count) / (wanted + FLOOR * count) if count else float("nan")


def _low(picture: F32) -> F32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), SIGMA), np.float32)


def _high(picture: F32) -> F32:
    return picture - _low(picture)


def _blocks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over blocks of BLOCK x BLOCK; (H, W) to (rows, columns)."""
    rows, columns = (np.arange(0, size, BLOCK) for size in values.shape)
    return np.asarray(np.add.reduceat(np.add.reduceat(values, rows, 0), columns, 1))


def _profile(pictures: Sequence[F32], contours: Sequence[Contour]) -> NDArray[np.float64]:
    """Mean |gradient across the contour| by distance, from OFFSETS.start - FLANK on; NaN where no pixel is."""
    first, size = OFFSETS.start - FLANK, len(OFFSETS) + 2 * FLANK
    totals, counts = np.zeros(size), np.zeros(size)
    for picture, line in zip(pictures, contours, strict=True):
        near = np.abs(line.distance) < size
        place = np.floor(line.distance[near]).astype(np.int64) - first
        slopes = np.abs((gradient(picture)[near] * line.normal[near][:, None, :]).sum(-1)).mean(-1)
        fits = (place >= 0) & (place < size)
        totals += np.bincount(place[fits], slopes[fits], minlength=size)
        counts += np.bincount(place[fits], minlength=size)
    with np.errstate(invalid="ignore"):
        return totals / counts


def _edge(profile: NDArray[np.float64], offset: int) -> float:
    place = offset - OFFSETS.start + FLANK
    floor = np.sqrt(FLOOR)
    flanks = (profile[place - FLANK] + profile[place + FLANK]) / 2
    return float((profile[place] + floor) / (flanks + floor))


def _beyond(values: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a linear regression on the columns of `known` leaves."""
    factors = np.linalg.lstsq(known, values, rcond=None)[0]
    return np.asarray(values - known @ factors)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[place])
