# SPDX-License-Identifier: Apache-2.0
"""How the object moves from pixel to pixel: optical flow inside it, smoothed, and carried on beyond its edge.

DIS (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016) on the pictures with the object's
motion as a whole taken out. Only the object's own flow moves its edge; the background's never does.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, F64, U8, pixel_grid, sample_vectors
from void_server.engines.cleanplate.membrane import gaussian
from void_server.segmenters.flow.carried import Carried
from void_server.segmenters.flow.distance import shifted
from void_server.segmenters.flow.picture import Reduced
from void_server.segmenters.flow.settings import BAND

LEAST_SIDE = 32
"""Least side of a picture that DIS is given: OpenCV 5.0 crashes where one side is below 16."""
RETURNS = 1.5
"""Pixels by which going there and back may miss its start."""
SMOOTH, LEAST_SMOOTH = 0.12, 4.0
"""Standard deviation over which flow is averaged: of the root of the object's area, and at least so many pixels."""
WHOLE = 0.02
"""Weight of the motion as a whole, which decides where no flow is near."""
BACKTRACKS = 4
"""Rounds in which the place that a pixel came from is found."""


@dataclass(frozen=True)
class Flowed:
    """The object moved by flow.

    Attributes:
        distance: (h, w) float32, as in `Carried`.
        motion: (2,) float64, median of the object's flow, (x, y) pixels.
        background: (2,) float64, the same around it.
        consistent: share of the object whose flow there and back returns, 0..1.
    """

    distance: F32
    motion: F64
    background: F64
    consistent: float


def flowed(before: Carried, frame: Reduced, guess: tuple[float, float]) -> Flowed:
    """Moves the object on by flow; `guess` is its motion as a whole, (x, y) pixels."""
    mask = before.mask
    start = pixel_grid(mask.shape)
    moved = np.rint(shifted(frame.grey.astype(np.float32), (-guess[0], -guess[1]))).astype(np.uint8)
    ahead, behind = dense_flow(before.frame.grey, moved), dense_flow(moved, before.frame.grey)
    missed = cv2.magnitude(*cv2.split(ahead + sample_vectors(behind, start + ahead)))
    flow = np.asarray(ahead + np.array(guess, np.float32), np.float32)
    good = mask & (missed < RETURNS)
    trusted = good if good.any() else mask
    motion = np.median(flow[trusted], axis=0).astype(np.float64)
    weight = np.where(mask, np.exp(-np.square(missed / RETURNS)) + 1e-6, 0).astype(np.float32)
    field = _smooth(flow, weight, motion, max(LEAST_SMOOTH, SMOOTH * float(np.sqrt(mask.sum()))))
    places = start - motion.astype(np.float32)
    for _ in range(BACKTRACKS):
        places = start - sample_vectors(field, places)
    distance = cv2.remap(before.distance, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    band = BAND * frame.unit
    ring = (before.distance > band) & (before.distance < 6 * band)
    background = np.median(flow[ring], axis=0).astype(np.float64) if ring.any() else np.zeros(2)
    consistent = float(np.count_nonzero(good) / max(1, int(np.count_nonzero(mask))))
    return Flowed(np.asarray(distance, np.float32), motion, background, consistent)


def dense_flow(one: U8, two: U8) -> F32:
    """(h, w, 2) float32 flow (x, y) in pixels from one grey picture to another; tiny ones are continued first."""
    height, width = one.shape
    below, right = max(0, LEAST_SIDE - height), max(0, LEAST_SIDE - width)
    here, there = (cv2.copyMakeBorder(p, 0, below, 0, right, cv2.BORDER_REPLICATE) for p in (one, two))
    found = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(here, there, None)
    return np.ascontiguousarray(found[:height, :width], np.float32)


def _smooth(flow: F32, weight: F32, motion: F64, sigma: float) -> F32:
    total = gaussian(weight, sigma) + np.float32(WHOLE)
    parts = [
        (gaussian(weight * flow[..., c], sigma) + np.float32(WHOLE * motion[c])) / total for c in range(2)
    ]
    return np.ascontiguousarray(np.stack(parts, axis=-1), np.float32)
