# SPDX-License-Identifier: Apache-2.0
"""The power of noise inside the blend matte over that of the plate's grain, with its standard error over frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.shots import Shot

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEVELS = 3
LIGHT = 4.0
"""Standard deviation in pixels of what counts as light and no grain: it is taken off both sides. Of a Gaussian's grain
of 0.6 px it takes 4 % of the power."""
APART = 17
"""Side in pixels by which mattes are grown before the plate beside them counts as untouched."""
AIM = 0.1
OF_NORMAL = 0.995
"""Variance of a normal variable that is held within three of its deviations."""


@dataclass(frozen=True)
class Sides:
    """One frame's noise in units in which its power should be equal on both sides.

    Attributes:
        inside, bare: (N, 3) of the result, with and without the grain that was added.
        level: (N,) mean level of the result there.
        beside: (M, 3) of the plate.
        around: (M,) its level, where the units leave a difference by level; None where they leave none.
    """

    inside: F32
    bare: F32
    level: F32
    beside: F32
    around: F32 | None


@dataclass(frozen=True)
class Ratios:
    """Means and standard errors over frames: (3,) a channel, (LEVELS,) by level, and (3,) without added grain."""

    whole: F64
    whole_error: F64
    levels: F64
    levels_error: F64
    bare: F64

    @property
    def verdict(self) -> str:
        """Whether every channel is within the aim, or by how much it is not."""
        beyond = np.abs(self.whole - 1) > AIM
        if not beyond.any():
            return "within 10 %"
        wrong = [
            f"{c} {100 * (v - 1):+.0f} %" for c, v, b in zip("RGB", self.whole, beyond, strict=True) if b
        ]
        return "not: " + ", ".join(wrong)


def ratios(frames: Sequence[Sides], own: float) -> Ratios:
    """The ratios over frames; `own` is the power of what noise both sides lack, over that of the plate's grain.

    The fill carries as much of that noise as of the grain.
    """
    table = []
    for frame in frames:
        beside = np.array([robust(frame.beside[:, c]) for c in range(3)])
        bare = np.array([robust(frame.bare[:, c]) for c in range(3)]) / beside
        whole = np.array([robust(frame.inside[:, c]) for c in range(3)]) / beside
        by_level = []
        for part, there in _thirds(frame):
            made, left = (
                np.mean([robust(v[part, c]) / robust(frame.beside[there, c]) for c in range(3)])
                for v in (frame.inside, frame.bare)
            )
            by_level.append((made + own * left) / (1 + own))
        table.append([*((whole + own * bare) / (1 + own)), *by_level, *bare])
    values = np.array(table)
    mean, error = values.mean(0), np.full(values.shape[1], np.nan)
    if len(values) > 1:
        error = values.std(0, ddof=1) / np.sqrt(len(values))
    return Ratios(mean[:3], error[:3], mean[3:6], error[3:6], mean[6:])


def _thirds(frame: Sides) -> list[tuple[Bools, Bools]]:
    """What of the inside, and what beside it, lies in each third of the inside's levels."""
    edges = np.quantile(frame.level, np.linspace(0, 1, LEVELS + 1))
    edges[0], edges[-1] = -np.inf, np.inf
    parts = []
    for low, high in pairwise(edges):
        here = (frame.level >= low) & (frame.level < high)
        everywhere = np.ones(len(frame.beside), bool)
        parts.append(
            (here, everywhere if frame.around is None else (frame.around >= low) & (frame.around < high))
        )
    return parts


def robust(values: NDArray[np.floating]) -> float:
    """Variance of values brought to within three deviations, as the median tells them: a few edges are no grain."""
    middle = np.median(values)
    spread = 3 * 1.4826 * np.median(np.abs(values - middle))
    return float(np.var(np.clip(values - middle, -spread, spread), dtype=np.float64)) / OF_NORMAL


def without_light(noise: F32, where: Bools) -> F32:
    """(H, W, 3) noise without what is broader than LIGHT, seen from within (H, W) `where` alone."""
    mask = where.astype(np.float32)
    around = np.maximum(cv2.GaussianBlur(mask, (0, 0), LIGHT), 1e-6)[..., None]
    mean = cv2.GaussianBlur(noise * mask[..., None], (0, 0), LIGHT) / around
    return np.asarray(noise - mean, np.float32)


def untouched(shot: Shot, position: int) -> Bools:
    """(H, W) where a frame shows neither the object nor anything of it."""
    touched = (shot.remove[position] > 0) | (shot.affected[position] > 0)
    return np.asarray(cv2.dilate(touched.astype(np.uint8), np.ones((APART, APART), np.uint8)) == 0)


def at_other_times(
    shot: Shot, noise: Callable[[int], F32], seed: int, *, pairs: bool = False
) -> tuple[F32, Bools]:
    """(H, W, 3) noise of a shot at rest, each pixel of a frame that shows it, and (H, W) where any does.

    Args:
        noise: (H, W, 3) by position, of a frame, or of it and the next one.
        pairs: both frames have to show a pixel.
        seed: of the order in which frames are asked.
    """
    found = np.zeros((*shot.remove[0].shape, 3), np.float32)
    open_ = np.ones(shot.remove[0].shape, bool)
    for position in np.random.default_rng(seed).permutation(len(shot.plates) - pairs):
        taken = open_ & untouched(shot, position)
        if pairs:
            taken &= untouched(shot, position + 1)
        if taken.any():
            found[taken] = noise(int(position))[taken]
            open_ &= ~taken
    return found, ~open_


def alike(colours: F32, others: F32, seed: int, step: float = 0.08) -> NDArray[np.intp]:
    """For each of (N, 3) colours the index of one of (M, 3) others that differs by about a step a channel at most, as a
    share of it; none for colours without any.
    """
    random = np.random.default_rng(seed)
    ours, theirs = (
        np.floor(np.log(np.maximum(v, 1e-4)) / step).astype(np.int64) + 512 for v in (colours, others)
    )
    places = np.array([1 << 40, 1 << 20, 1])
    keys, wanted = theirs @ places, ours @ places
    shuffled = random.permutation(len(keys))
    order = shuffled[np.argsort(keys[shuffled], kind="stable")]
    first, last = (np.searchsorted(keys[order], wanted, side=side) for side in ("left", "right"))
    found = last > first
    taken = first[found] + np.floor(random.random(found.sum()) * (last - first)[found]).astype(np.intp)
    return np.asarray(order[taken], np.intp)
