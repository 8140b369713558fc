# SPDX-License-Identifier: Apache-2.0
"""How much a result flickers, and whether it does so more where pieces of the work meet than elsewhere.

What moves is no flicker: each frame is held against the one before it, drawn to it along the motion that both show, and
the plate beside the region is measured in the same way. What is left is coarse, since grain changes by right.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from void_server.plates.encoding import symlog

F32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

LONG_SIDE = 480
"""Pixels to which the longer side is reduced: coarser than grain, finer than what is seen as a pulse."""
COARSE = 2.0
"""Standard deviation, in these pixels, of the mean under which light is compared."""
SMALLEST = 24
"""Such pixels below which no motion is found (DIS looks at patches of 8 on several levels)."""
FEW = 32
"""Pixels below which nothing is measured."""
LEAST = 0.002
"""Stops added to both: far below what is seen (a step of 1 % is 0.014), so that a still plate is no division by
nothing."""
NEAR = 6
"""Pairs each way with which that at a border is compared: a shot's motion changes slowly, a border's pulse does not.
Half as many beats where the shot has a rhythm."""


@dataclass(frozen=True)
class Flicker:
    """Mean absolute change of light in stops from one frame to the next, motion taken out.

    Attributes:
        inside: of the result where both frames are blended.
        beside: of the plate next to it; None where too little of it is seen.
    """

    inside: float
    beside: float | None


def flicker(
    current: npt.NDArray[np.floating[Any]],
    previous: npt.NDArray[np.floating[Any]],
    inside: tuple[Bools, Bools],
    epsilon: float,
) -> Flicker | None:
    """Between two results on the same window; None where there is too little to compare.

    Args:
        current, previous: (h, w, c) scene-linear; outside their blend mattes they are the plate.
        inside: (h, w) of each, current and previous, where it is blended.
        epsilon: the shot's (`ShotEncoding.epsilon`).
    """
    times = max(1.0, max(current.shape[:2]) / LONG_SIDE)
    size = tuple(round(side / times) for side in current.shape[1::-1])
    if min(size) < SMALLEST:
        return None
    (now, seen), (then, seen_then) = (_reduced(p, size, epsilon) for p in (current, previous))
    share, share_then = (cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA) for m in inside)
    flow = _motion(now, then)
    drawn, known_then, made_then = (_drawn(values, flow) for values in (then, seen_then, share_then))
    known = ((seen > 0.99) & (known_then > 0.99)).astype(np.float32)
    apart = np.where(known > 0, now - drawn, 0).astype(np.float32)
    within = (share > 0.5) & (made_then > 0.5) & (known > 0)
    without = (share == 0) & (made_then < 1e-3) & (known > 0)
    if np.count_nonzero(within) < FEW:
        return None
    beside = _mean(apart, without) if np.count_nonzero(without) >= FEW else None
    return Flicker(_mean(apart, within), beside)


def _reduced(picture: npt.NDArray[Any], size: Sequence[int], epsilon: float) -> tuple[F32, F32]:
    """(h, w) light in stops, and how much of each pixel is known."""
    light = symlog(picture.mean(axis=-1, dtype=np.float64), epsilon).astype(np.float32)
    known = np.isfinite(light)
    small, share = (
        cv2.resize(values.astype(np.float32), tuple(size), interpolation=cv2.INTER_AREA)
        for values in (np.where(known, light, 0), known)
    )
    return np.asarray(small, np.float32), np.asarray(share, np.float32)


def _motion(now: F32, then: F32) -> F32:
    """(h, w, 2) from each pixel to where it was."""
    low, high = (float(v) for v in np.quantile(now, (0.01, 0.99)))
    views = [np.clip((p - low) * (255 / max(high - low, 1e-3)), 0, 255).astype(np.uint8) for p in (now, then)]
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(finder.calc(views[0], views[1], None), np.float32)


def _drawn(values: F32, flow: F32) -> F32:
    """(h, w) values of the frame before, where the flow leads; 0 beyond."""
    height, width = values.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    found = cv2.remap(
        values, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    )
    return np.asarray(found, np.float32)


def _mean(apart: F32, where: Bools) -> float:
    """Of the absolute change there, under a mean that sees nothing of what lies beyond."""
    weight = where.astype(np.float32)
    mass = cv2.GaussianBlur(weight, (0, 0), COARSE)
    coarse = cv2.GaussianBlur(apart * weight, (0, 0), COARSE)[where] / np.maximum(mass[where], 1e-6)
    return float(np.abs(coarse).mean(dtype=np.float64))


@dataclass(frozen=True)
class AtBorders:
    """Flicker at borders against elsewhere.

    Attributes:
        borders: pairs at borders that were measured, with others near them.
        ratio: mean over them of the flicker there, over that of the pairs near by that are at none; 1 is a border that
            is not seen.
        chance: share 0..1 of all other places for the same comb of borders along the shot with a ratio at least as
            great: how easily it is chance. None where there is no other place.
    """

    borders: int
    ratio: float
    chance: float | None


def at_borders(pairs: Mapping[int, Flicker], borders: Collection[int], step: int = 1) -> AtBorders | None:
    """Whether the borders are seen.

    A pair's flicker is taken over that of the plate beside it where the plate flickers more than in half of the
    pairs: so what the whole shot does does not count. The chance is found by moving the comb of borders along the
    shot, round its end: neighbouring pairs are alike, so that pairs shuffled one by one would seem surer than they
    are.

    Args:
        pairs: by position of the later frame.
        borders: positions of later frames whose pairs lie at a border.
        step: pairs after which the shot's own rhythm comes again, as of a model that makes several frames of each of
            its own; only pairs of the borders' beat are compared.

    Returns:
        None where no border has others near it.
    """
    if not pairs:
        return None
    known = [pair.beside for pair in pairs.values() if pair.beside is not None]
    usual = float(np.median(known)) if known else 0.0
    sizes = {p: (f.inside + LEAST) / (max(f.beside or 0.0, usual) + LEAST) for p, f in pairs.items()}
    found = _ratios(sizes, frozenset(borders), step)
    if not found:
        return None
    ratio, places = float(np.mean(found)), sorted(sizes)
    number = {place: n for n, place in enumerate(places)}
    comb = [number[b] for b in borders if b in number]
    moved = [
        _ratios(sizes, frozenset(places[(n + shift) % len(places)] for n in comb), step)
        for shift in range(step, len(places), step)
    ]
    others = [float(np.mean(r)) for r in moved if r]
    chance = float(np.mean([o >= ratio for o in others])) if others else None
    return AtBorders(len(found), ratio, chance)


def _ratios(sizes: Mapping[int, float], borders: frozenset[int], step: int) -> list[float]:
    """Of each border's pair over the mean of those of its beat within `NEAR` beats, or pairs, that are at none."""
    found, beats = [], NEAR if step == 1 else NEAR // 2
    for border in sorted(borders & sizes.keys()):
        around = range(border - beats * step, border + beats * step + 1, step)
        near = [sizes[p] for p in around if p in sizes and p not in borders]
        if near:
            found.append(sizes[border] / float(np.mean(near)))
    return found
