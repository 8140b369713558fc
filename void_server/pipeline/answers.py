# SPDX-License-Identifier: Apache-2.0
"""A frame of the answer of `void` among its neighbours: without the colour shift, and where it changed anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from void_server.conform.change import (
    STEADY,
    TOGETHER,
    Difference,
    changed,
    exceeded_over_time,
    steady_change,
)
from void_server.engines.cleanplate.arrays import F32, Bools
from void_server.engines.void.colour_shift import REACH, Cells, ColourShift, colour_shift

NEIGHBOURS = REACH + STEADY - 1 + TOGETHER
"""Frames each way that are read for one."""


@dataclass(frozen=True)
class Answer:
    """One frame of it.

    Attributes:
        made: (h, w, 3) float32 0..1, the model's picture.
        seen: the same of what it was shown.
        told: (h, w) bool, what it was told to change.
        corner: (x, y) of what it saw, in model pixels of a picture at rest; any origin.
    """

    made: F32
    seen: F32
    told: Bools
    corner: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Corrected:
    """What a frame's answer amounts to.

    Attributes:
        made: (h, w, 3) float32, without the colour shift.
        change: (h, w) float32 0..1: where the plate is to be replaced.
        shift: what was done to it.
    """

    made: F32
    change: F32
    shift: ColourShift


def corrected(position: int, last: int, load: Callable[[int], Answer]) -> Corrected:
    """A frame's answer, corrected.

    Args:
        position: of the frame, 0 to `last`.
        load: gives the answer to a frame; asked several times for the same.
    """
    cells = cache(lambda p: Cells.of(load(p).made, load(p).seen, load(p).told))

    def around(middle: int, reach: int) -> range:
        return range(max(0, middle - reach), min(last, middle + reach) + 1)

    steady, compared = around(position, STEADY - 1), around(position, STEADY - 1 + TOGETHER)
    shifts = {p: colour_shift(p, {n: cells(n) for n in around(p, REACH)}) for p in compared}
    clean = {p: shift.removed(load(p).made) for p, shift in shifts.items()}
    moves = {p: _move(load(p).corner, load(position).corner) for p in compared}
    apart = {
        p: Difference.between(_moved(made, moves[p]), _moved(load(p).seen, moves[p]))
        for p, made in clean.items()
    }
    # What a neighbour did not see is as if it had been told to change it: nothing is measured there.
    told = {p: _moved((~load(p).told).astype(np.float32), moves[p]) < 1 for p in compared}
    exceeded = exceeded_over_time(apart, told, steady)
    change = steady_change(position, {p: changed(exceeded[p], told[p]) for p in steady})
    return Corrected(clean[position], change, shifts[position])


def _move(there: tuple[float, float], here: tuple[float, float]) -> tuple[float, float]:
    """Model pixels by which a neighbour's picture lies beside this frame's, as both saw another part of the plate."""
    return there[0] - here[0], there[1] - here[1]


def _moved(picture: F32, move: tuple[float, float]) -> F32:
    """A neighbour's picture where this frame has it; 0 beyond it."""
    if move == (0, 0):
        return picture
    matrix = np.array([[1, 0, move[0]], [0, 1, move[1]]], np.float64)
    size = picture.shape[1], picture.shape[0]
    return np.asarray(cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR), np.float32)
