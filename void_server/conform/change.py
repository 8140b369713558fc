# SPDX-License-Identifier: Apache-2.0
"""Where an engine changed something beyond its own error; elsewhere the plate's own bits are to stay.

What a model returns differs from what it was shown everywhere, also where it changed nothing. How much, is measured
where it was not told to change anything, over a few frames, and as a function of how much detail there is: that is its
reconstruction error there. What it was told to change counts as changed only where it differs by more, at one of three
scales: a contour in a few pixels, a faint shadow only in the mean over many. All pictures are encoded values 0..1 at
the model's size (plates/model_light.py).

The limit of this: what an engine changed by less than its own error, at each of the scales, is taken for unchanged, and
the plate's remains. `LEAST` is 1 % of light at mid grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from void_server.plates.exr import above_zero
from void_server.quadmask.growth import fall

F32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

SCALES = (1.5, 4.0)
"""Standard deviations, in model pixels, of the averages in which the two are compared: the finest is the size of a
VAE's own error."""
COARSE = (10.0,)
"""The same, of a mean over frames: the size of a small shadow, which stays where an error of the model's does not."""
TOGETHER = 2
"""Frames each way of which that mean is."""
QUANTILE = 0.98
"""Of the errors where nothing was to change, that counts as the error there. What of the rest is left after the specks
are taken out is filled: that errs towards filling."""
LEAST = 0.0025
"""Encoded error that is always allowed: about 1 % of light at mid grey, half of what a faint shadow of 2 % makes."""
LEAST_KNOWN = 0.5
"""Share of an average below which it counts for less."""
KINDS = 6
"""Of surroundings, by their detail, each with an error of its own."""
DETAIL = 2.0
"""Standard deviation, in model pixels, of the blur whose remainder is detail."""
FEW = 2000
"""Pixels of evidence below which no error is known, and all counts as changed."""
SPECK = 60
"""Model pixels that a change has at least; less is an error's tail."""
STRONG = 2.0
"""Times the error that a change reaches somewhere; one that nowhere does is an error's tail (hysteresis after Canny, "A
computational approach to edge detection", 1986)."""
FAINT, WEAK = 1.3, 0.7
"""The same in the mean over frames, and what it then has all around."""
TAIL, TAILED = 8, 1.7
"""Model pixels around what was found whose difference is its blur, and says nothing of its own; and times the error
from which it has such a blur."""
CLOSED = 4
"""Model pixels: narrower gaps within what changed are closed."""
HOLE = 400
"""Model pixels: smaller holes within what changed are filled."""
GROWN, SOFT = 3.0, 4.0
"""Model pixels by which what changed grows, and over which it then falls to nothing."""
MOVES = 6
"""Model pixels that a change may move from frame to frame and be the same."""
STEADY = 3
"""Frames over which a change fades in before it begins and out after it ended, so that no edge jumps."""


HALF_STEP, LEAST_STEP = 2.0**-11, 2.0**-25
"""Half a step of half-float: relative, and of its smallest numbers."""
SAME = 4
"""Plate pixels, as a radius: less of the plate than such a disc is no part of it, and over as many the change falls."""


@dataclass(frozen=True)
class Difference:
    """What a model's picture differs by from what it was shown.

    Attributes:
        apart: (h, w, 3) float32.
        detail: (h, w) float32, how much of it there is around each pixel.
        known: (h, w) float32 0 or 1, where it counts.
    """

    apart: F32
    detail: F32
    known: F32

    @classmethod
    def between(cls, made: F32, seen: F32) -> Difference:
        """Of the model's picture without its colour shift, and what it was shown, both (h, w, 3)."""
        apart = np.asarray(made - seen, np.float32)
        # What was clipped for the model was shown as white or black, and can be no more than that in its answer.
        apart[((seen >= 1) & (made > 1)) | ((seen <= 0) & (made < 0))] = 0
        fine = np.abs(seen - cv2.GaussianBlur(seen, (0, 0), DETAIL)).mean(axis=2)
        return cls(apart, cv2.GaussianBlur(fine, (0, 0), SCALES[1]), np.ones(fine.shape, np.float32))

    @classmethod
    def mean(cls, middle: Difference, near: Sequence[Difference]) -> Difference:
        """Over a frame and those near it, each as far as it counts; nothing counts that does not in the middle."""
        mass = np.maximum(sum(d.known for d in near), np.float32(1))
        apart = sum(d.apart * d.known[..., None] for d in near) / mass[..., None]
        return cls(np.asarray(apart, np.float32), middle.detail, middle.known)

    def without(self, exceeded: F32) -> Difference:
        """Less what a finer scale found, or that would smear over its surroundings in a coarser one."""
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * TAIL + 1, 2 * TAIL + 1))
        spread = cv2.dilate((exceeded > TAILED).astype(np.uint8), disc) > 0
        return replace(self, known=np.where(spread, 0, self.known).astype(np.float32))

    def sizes(self, scale: float) -> list[F32]:
        """(h, w) float32 each: how much of it is left in averages over `scale` pixels: root mean square over the
        channels, and of their mean, in which a shadow stands out and an error of colour does not.
        """
        weight = self.known
        mass = cv2.GaussianBlur(weight, (0, 0), scale)
        total = cv2.GaussianBlur(self.apart * weight[..., None], (0, 0), scale)
        # Of a few pixels the mean is less sure than the error's measure takes it to be.
        mean = total / np.maximum(mass, LEAST_KNOWN)[..., None]
        found = np.sqrt(np.square(mean).mean(axis=2)), np.abs(mean.mean(axis=2))
        return [np.asarray(size, np.float32) for size in found]


@dataclass(frozen=True)
class Errors:
    """A model's reconstruction error, as a function of detail.

    Attributes:
        scales: pixels.
        detail: (kinds,) ascending.
        sizes: (scales, 2, kinds) never falling; see `Difference.sizes`.
    """

    scales: tuple[float, ...]
    detail: F32
    sizes: F32

    @classmethod
    def measured(
        cls, differences: Sequence[Difference], told: Sequence[Bools], scales: tuple[float, ...] = SCALES
    ) -> Errors | None:
        """Over frames, where none was `told` (h, w) to change; None where there is too little of that."""
        details: list[F32] = []
        found: list[list[F32]] = [[] for _ in range(2 * len(scales))]
        for difference, changed in zip(differences, told, strict=True):
            distance = cv2.distanceTransform((~changed).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            # Far enough for the averages not to reach what changed; a coarse one needs fewer samples.
            away = distance > 2 * scales[-1]
            details.append(difference.detail[away])
            every = [size for scale in scales for size in difference.sizes(scale)]
            for values, size in zip(found, every, strict=True):
                values.append(size[away])
        detail = np.concatenate(details)
        if detail.size < FEW:
            return None
        edges = np.quantile(detail, np.linspace(0, 1, KINDS + 1))
        kind = np.clip(np.searchsorted(edges, detail, side="right") - 1, 0, KINDS - 1)
        sizes = [[_quantile(np.concatenate(values)[kind == k]) for k in range(KINDS)] for values in found]
        rising = np.maximum.accumulate(np.maximum(np.array(sizes, np.float32), LEAST), axis=1)
        middle = ((edges[1:] + edges[:-1]) / 2).astype(np.float32)
        return cls(scales, middle, rising.reshape(len(scales), 2, KINDS))

    def exceeded(self, difference: Difference) -> F32:
        """(h, w) float32: the greatest of the differences over the error at their scale; over 1 it is a change."""
        greatest = np.zeros(difference.detail.shape, np.float32)
        for scale, errors in zip(self.scales, self.sizes, strict=True):
            left = difference.without(greatest)
            for size, error in zip(left.sizes(scale), errors, strict=True):
                expected = np.interp(difference.detail, self.detail, error)
                np.maximum(greatest, (size / expected).astype(np.float32), out=greatest)
        return greatest


def exceeded_over_time(
    differences: Mapping[int, Difference], told: Mapping[int, Bools], positions: Sequence[int]
) -> dict[int, F32]:
    """By position, how far frames differ by more than the error, at every scale; all of it where no error is known.

    Args:
        differences: by position: those of the frames, and of those up to `TOGETHER` away, all at the same place.
        told: the same: where the engine was told to change something.
    """
    fine = Errors.measured([*differences.values()], [told[p] for p in differences])
    if fine is None:
        return {p: np.full(told[p].shape, np.inf, np.float32) for p in positions}
    found = {p: fine.exceeded(d) for p, d in differences.items()}
    left = {p: d.without(found[p]) for p, d in differences.items()}
    found = {p: _lasting(p, found) for p in positions}
    means = {
        p: Difference.mean(left[p], [d for n, d in left.items() if abs(n - p) <= TOGETHER]) for p in positions
    }
    coarse = Errors.measured([*means.values()], [told[p] for p in positions], COARSE)
    if coarse is None:
        return {p: found[p] for p in positions}
    return {p: np.maximum(found[p], _around_strong(coarse.exceeded(means[p]))) for p in positions}


def _lasting(position: int, found: Mapping[int, F32]) -> F32:
    """What the frame before or after has too, near by: a change lasts, an error of one frame does not."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * MOVES + 1, 2 * MOVES + 1))
    near = [cv2.dilate(found[n], disc) for n in (position - 1, position + 1) if n in found]
    return np.minimum(found[position], np.maximum.reduce(near)) if near else found[position]


def _around_strong(exceeded: F32) -> F32:
    """What is faint but connected with what is strong is as strong; the rest is nothing."""
    _, labels = cv2.connectedComponents((exceeded > WEAK).astype(np.uint8), connectivity=8)
    strong = np.unique(labels[exceeded >= FAINT])
    return np.where(np.isin(labels, strong[strong > 0]), np.maximum(exceeded, STRONG), 0).astype(np.float32)


def _quantile(values: F32) -> float:
    return float(np.quantile(values, QUANTILE)) if values.size else 0.0


def changed(exceeded: F32, told: Bools) -> F32:
    """(h, w) float32 0..1: where a frame was changed, whole and soft outward.

    Args:
        exceeded: as `Errors.exceeded` gives it.
        told: (h, w), what the engine was told to change; beyond it nothing counts.
    """
    hit = ((exceeded > 1) & told).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hit, connectivity=8)
    strongest = np.zeros(count, np.float32)
    np.maximum.at(strongest, labels.ravel(), exceeded.ravel())
    kept = (stats[:, cv2.CC_STAT_AREA] >= SPECK) & (strongest >= STRONG)
    kept[0] = False
    whole = kept[labels].astype(np.uint8)
    if not whole.any():
        return np.zeros(exceeded.shape, np.float32)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * CLOSED + 1, 2 * CLOSED + 1))
    padded = cv2.copyMakeBorder(whole, CLOSED, CLOSED, CLOSED, CLOSED, cv2.BORDER_REPLICATE)
    whole = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disc)[CLOSED:-CLOSED, CLOSED:-CLOSED]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - whole, connectivity=4)
    holes = stats[:, cv2.CC_STAT_AREA] < HOLE
    holes[0] = False
    whole = whole | holes[labels].astype(np.uint8)
    outside = np.ascontiguousarray(1 - whole)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return fall(distance - np.float32(GROWN), SOFT)


def steady_change(position: int, changes: Mapping[int, F32]) -> F32:
    """(h, w) float32 0..1: the change of a frame, that of its neighbours fading in and out within it.

    From one frame to the next it differs by 1 / `STEADY` at most, wherever all neighbours are known.

    Args:
        position: of the frame.
        changes: by position: that of the frame, and of those less than `STEADY` frames away.
    """
    found = np.array(changes[position], np.float32)
    for number, change in changes.items():
        share = 1 - abs(number - position) / STEADY
        if share > 0:
            np.maximum(found, np.float32(share) * change, out=found)
    return found


def unlike(plate: npt.NDArray[Any], fill: F32) -> F32:
    """Where a fill is not the plate: the change of an engine that copies what it leaves as it is.

    Args:
        plate: (h, w, c) of any float type.
        fill: (h, w, c) float32, in the same space.

    Returns:
        (h, w) float32 0..1; 0 only where all of `SAME` pixels around are the plate's to half a step of half-float.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        given = plate.astype(np.float32)
        near = np.abs(fill - given) <= np.maximum(
            np.abs(given) * np.float32(HALF_STEP), np.float32(LEAST_STEP)
        )
    same = (near | (np.isnan(given) & np.isnan(fill))).all(axis=2).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * SAME + 1, 2 * SAME + 1))
    beyond = 4 * SAME
    padded = cv2.copyMakeBorder(same, beyond, beyond, beyond, beyond, cv2.BORDER_REFLECT)
    whole = cv2.morphologyEx(padded, cv2.MORPH_OPEN, disc)[beyond:-beyond, beyond:-beyond]
    distance = cv2.distanceTransform(np.ascontiguousarray(whole), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return fall(distance, SAME)


def narrowed(whole: npt.NDArray[Any], sure: npt.NDArray[Any], change: F32) -> npt.NDArray[Any]:
    """A blend matte made as small as the change allows.

    Args:
        whole: (h, w) the blend matte of all of the region.
        sure: (h, w) that of what is to be removed, which is always filled; nowhere above `whole`.
        change: (h, w) float32 0..1.

    Returns:
        (h, w) of the type of `whole`, quantised to it: 0 where the plate's bits stay.
    """
    narrow = np.zeros_like(whole)
    some = above_zero(whole)
    rows, columns = np.flatnonzero(some.any(axis=1)), np.flatnonzero(some.any(axis=0))
    if rows.size:
        box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        narrow[box] = np.maximum(sure[box], whole[box] * change[box].astype(whole.dtype))
    return narrow
