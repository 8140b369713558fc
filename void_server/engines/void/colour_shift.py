# SPDX-License-Identifier: Apache-2.0
"""By how much the model's picture is off in colour, measured where nothing was to change, and taken out again.

The VAE and the noise on the plate's pixels move the level and the contrast of all of the picture a little: once as a
whole, from frame to frame, and once slowly over the picture. The first is fitted for each frame by itself, as nearly
all of the frame is evidence for it; the second over a few frames together, so that it does not flicker. Both are a
gain and an offset for each channel, by least squares that hardly listen to what does not fit (Huber, "Robust
estimation of a location parameter", 1964): what the model changed unasked is no shift of its colour.

All pictures are encoded values (plates/model_light.py) at the model's size, 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from void_server.engines.cleanplate.arrays import F32, F64, Bools
from void_server.engines.cleanplate.membrane import coarse_mean, enlarged, gaussian, membrane

CELL = 8
"""Model pixels each way of which the mean is compared: a VAE softens finer detail, which is no shift of colour."""
LEAST_SHOWN = 0.25
"""Share of a cell that must be evidence."""
FULL = 0.98
"""Encoded value from which the plate may have been clipped for the model, or the answer be clipped itself."""
SPREAD = 3.0
"""Standard deviation, in cells, of the average that is the slow part in space."""
SPREAD_OVER_TIME = 2.0
"""The same in frames."""
REACH = 4
"""Frames each way that are read for it."""
PRIOR = 0.05
"""Encoded contrast up to which a gain is doubted: flat surroundings say an offset, and no gain."""
ROUNDS = 4
"""Of the fit, each with the weights that the last one left."""
HUBER = 1.345
"""Standard deviations up to which a difference counts in full: 95 % efficient for normal errors (Huber)."""
LEAST_ERROR = 1e-3
"""Encoded error below which nothing is an outlier."""
FEW = 12
"""Cells of evidence below which nothing is corrected."""
FULL_MASS = 0.5
"""Blurred weight from which the slow part is known; below, its surroundings speak too."""
MOMENTS = 13
"""A weight, and four sums for each of three channels."""


@dataclass(frozen=True)
class Cells:
    """What is compared of a frame, as means over cells.

    Attributes:
        made, seen: (h, w, 3) float32, the model's picture and what it was shown.
        weight: (h, w) float32 0..1, how much of a cell is evidence.
    """

    made: F32
    seen: F32
    weight: F32

    @classmethod
    def of(cls, made: F32, seen: F32, told: Bools) -> Cells:
        """Of a frame (h, w, 3), without what the model was `told` (h, w) to change, and without what is clipped."""
        within = (np.minimum(made, seen).min(axis=2) > 1 - FULL) & (np.maximum(made, seen).max(axis=2) < FULL)
        known = (within & ~told).astype(np.float32)
        means, weight = coarse_mean(np.concatenate([made, seen], axis=2), known, CELL)
        return cls(
            means[..., :3], means[..., 3:], np.where(weight >= LEAST_SHOWN, weight, 0).astype(np.float32)
        )


@dataclass(frozen=True)
class ColourShift:
    """What is done to the model's picture: `gain` * made + `offset`.

    Attributes:
        gain, offset: (h, w, 3) float32 by cells.
    """

    gain: F32
    offset: F32

    def removed(self, made: F32) -> F32:
        """The picture (H, W, 3) without the shift, float32; it may leave 0..1."""
        return np.asarray(enlarged(self.gain, made) * made + enlarged(self.offset, made), np.float32)

    @property
    def figures(self) -> dict[str, float]:
        """`gain` and `offset`, means over picture and channels, for provenance."""
        means = {"gain": self.gain, "offset": self.offset}
        return {name: round(float(field.mean(dtype=np.float64)), 5) for name, field in means.items()}


def colour_shift(position: int, frames: Mapping[int, Cells]) -> ColourShift:
    """What to do to the model's picture of a frame.

    Args:
        position: of the frame.
        frames: it and its neighbours, up to `REACH` frames each way, by position.
    """
    here = frames[position]
    gain, offset = _whole(here)
    total = np.zeros((*here.weight.shape, MOMENTS), np.float64)
    for number, cells in sorted(frames.items()):
        # What a frame's own fit leaves: its level is its own affair, its slope over the picture that of all.
        own = (gain, offset) if number == position else _whole(cells)
        near = float(np.exp(-0.5 * ((number - position) / SPREAD_OVER_TIME) ** 2))
        total += near * _moments(cells, *own)
    factor, term = _slow(total.astype(np.float32))
    return ColourShift(np.asarray(factor * gain, np.float32), np.asarray(factor * offset + term, np.float32))


def _whole(cells: Cells) -> tuple[F64, F64]:
    """(3,) gain and (3,) offset of a whole frame."""
    some = cells.weight > 0
    gain, offset = np.ones(3), np.zeros(3)
    if np.count_nonzero(some) < FEW:
        return gain, offset
    made, seen = cells.made[some].astype(np.float64), cells.seen[some].astype(np.float64)
    # One picture's outlier is one in all channels.
    weight = cells.weight[some].astype(np.float64)
    for _ in range(ROUNDS):
        mass = weight.sum()
        middle, wanted = (weight @ made) / mass, (weight @ seen) / mass
        apart = made - middle
        gain = (weight @ (apart * (seen - wanted)) / mass + PRIOR**2) / (weight @ apart**2 / mass + PRIOR**2)
        offset = wanted - gain * middle
        weight = cells.weight[some] * _trusted(np.abs(seen - gain * made - offset).max(axis=1))
    return gain, offset


def _trusted(error: F64) -> F64:
    """Huber's weights; the spread of the errors from their median, which outliers do not move."""
    spread = max(float(np.median(error)) / 0.6745, LEAST_ERROR)
    return np.asarray(np.minimum(1, HUBER * spread / np.maximum(error, 1e-12)), np.float64)


def _moments(cells: Cells, gain: F64, offset: F64) -> F64:
    """(h, w, MOMENTS): the weight, and times it for each channel the corrected picture, what it is off, their product,
    and the square of the first.
    """
    made = cells.made * gain + offset
    off = cells.seen - made
    weight, some = np.zeros(cells.weight.shape), cells.weight > 0
    if np.count_nonzero(some) >= FEW:
        weight[some] = cells.weight[some] * _trusted(np.abs(off).max(axis=2)[some].astype(np.float64))
    sums = np.concatenate([np.ones((*weight.shape, 1)), made, off, made * off, made * made], axis=2)
    return np.asarray(sums * weight[..., None], np.float64)


def _slow(moments: F32) -> tuple[F32, F32]:
    """(h, w, 3) gain and offset that vary slowly over the picture, carried to where nothing is compared."""
    spread = gaussian(moments, SPREAD)
    mass = spread[..., :1]
    known = np.minimum(mass[..., 0] / FULL_MASS, 1)
    means = spread[..., 1:] / np.maximum(mass, 1e-6)
    made, off, product, square = (means[..., 3 * n : 3 * n + 3] for n in range(4))
    slope = (product - made * off) / (np.maximum(square - made * made, 0) + np.float32(PRIOR**2))
    gain, offset = (membrane(f.astype(np.float32), known) for f in (1 + slope, off - slope * made))
    # Where nothing is compared at all, nothing is corrected.
    return (gain, offset) if known.any() else (np.ones_like(gain), offset)
