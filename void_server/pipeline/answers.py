# SPDX-License-Identifier: Apache-2.0
"""A frame of the answer of `void` among its neighbours: without the colour shift, and where it changed anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from void_server.conform.change import STEADY, Difference, Errors, changed, steady_change
from void_server.engines.cleanplate.arrays import F32, Bools
from void_server.engines.void.colour_shift import REACH, Cells, ColourShift, colour_shift

NEIGHBOURS = REACH + STEADY - 1
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

    shifts = {
        p: colour_shift(p, {n: cells(n) for n in around(p, REACH)}) for p in around(position, STEADY - 1)
    }
    clean = {p: shift.removed(load(p).made) for p, shift in shifts.items()}
    apart = {p: Difference.between(made, load(p).seen) for p, made in clean.items()}
    errors = Errors.measured(list(apart.values()), [load(p).told for p in apart])
    if errors is None:
        change = np.ones(load(position).told.shape, np.float32)
    else:
        here = load(position).corner
        changes = {
            p: _moved(changed(errors.exceeded(a), load(p).told), load(p).corner, here)
            for p, a in apart.items()
        }
        change = steady_change(position, changes)
    return Corrected(clean[position], change, shifts[position])


def _moved(change: F32, there: tuple[float, float], here: tuple[float, float]) -> F32:
    """A neighbour's change where this frame has it, as both saw another part of the plate."""
    if there == here:
        return change
    shift = np.array([[1, 0, there[0] - here[0]], [0, 1, there[1] - here[1]]], np.float64)
    size = change.shape[1], change.shape[0]
    return np.asarray(cv2.warpAffine(change, shift, size, flags=cv2.INTER_LINEAR), np.float32)
