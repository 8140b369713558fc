# SPDX-License-Identifier: Apache-2.0
"""How much a pixel's colour speaks for the object, wherever it is: logarithm of the odds from two histograms.

Object colours are the key frame's and, with half their weight, the last frame's; background colours are those around
the object on the key frame, on the last frame, and on this one where the object cannot be.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from void_server.engines.cleanplate.arrays import F32, F64, U8, Bools
from void_server.segmenters.flow.carried import Carried
from void_server.segmenters.flow.picture import Reduced
from void_server.segmenters.flow.settings import BAND

LIGHTS, HUES = 16, 20
"""Bins of L*, and of a* and b* each."""
LIGHT_STEP, HUE_STEP = 16, 6
"""Width of a bin, in steps of the 8-bit coding."""
AROUND = 4 * BAND
"""Distance in u from the object within which background colours are learnt."""
RARE = 1e-4
"""Added to both probabilities, so that colours that were hardly seen say nothing."""
MOST = 3.0
"""Greatest odds, as a logarithm."""


def colour_evidence(anchor: Carried, before: Carried, frame: Reduced) -> F32:
    """(h, w) float32 in -3..3: above 0 where the colour is rather the object's."""
    around = AROUND * frame.unit
    object_ = _spread(_share(anchor, anchor.distance < -1) + 0.5 * _share(before, before.distance < -1))
    ring_then, ring = (np.asarray((c.distance > 1) & (c.distance < around)) for c in (anchor, before))
    clear = np.asarray(ring & (before.distance > BAND * frame.unit))
    others = 0.5 * _share(anchor, ring_then) + _share(before, ring) + _counted(frame.lab, clear)
    background = _spread(others)
    odds = np.clip(np.log((object_ + RARE) / (background + RARE)), -MOST, MOST).astype(np.float32)
    return np.asarray(odds.ravel()[_bins(frame.lab)])


def separation(evidence: F32, distance: F32, unit: float) -> float:
    """How much more the colours inside an edge speak for the object than those outside; 0 without an edge."""
    inside = (distance < 0) & (distance > -BAND * unit)
    outside = (distance > 0) & (distance < BAND * unit)
    if not inside.any() or not outside.any():
        return 0.0
    return float(evidence[inside].mean() - evidence[outside].mean())


def _share(carried: Carried, where: Bools) -> F64:
    return _counted(carried.frame.lab, where)


def _counted(lab: U8, where: Bools) -> F64:
    """The colours there as a histogram that sums to 1; 0 where there is nothing."""
    size = LIGHTS * HUES * HUES
    counts = np.bincount(_bins(lab[where]), minlength=size).astype(np.float64)
    return (counts / max(float(counts.sum()), 1.0)).reshape(LIGHTS, HUES, HUES)


def _bins(lab: U8) -> npt.NDArray[np.intp]:
    half = HUES * HUE_STEP // 2
    hues = np.clip((lab[..., 1:].astype(np.int32) - 128 + half) // HUE_STEP, 0, HUES - 1)
    lights = lab[..., 0].astype(np.int32) // LIGHT_STEP
    return np.asarray((lights * HUES + hues[..., 0]) * HUES + hues[..., 1], np.intp)


def _spread(histogram: F64) -> F64:
    """Each bin shared with its neighbours (1, 2, 1), and the sum brought to 1."""
    shared: npt.NDArray[np.floating] = histogram
    for axis in range(3):
        shared = smoothed(shared, axis)
    return np.asarray(shared / max(float(shared.sum()), 1e-9), np.float64)


def smoothed(values: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.floating]:
    """Values shared with their neighbours along an axis, weights 1, 2, 1."""
    moved = np.moveaxis(values, axis, 0)
    result = moved * moved.dtype.type(0.5)
    result[1:] += moved[:-1] * moved.dtype.type(0.25)
    result[:-1] += moved[1:] * moved.dtype.type(0.25)
    return np.moveaxis(result, 0, axis)
