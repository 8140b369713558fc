# SPDX-License-Identifier: Apache-2.0
"""What the residual motion of places in one frame is in other frames of the shot.

docs/cleanplate.md, step 4. A homography leaves each surface a residual motion that depends on its depth and on how the
camera moves, so it is much the same a few frames earlier or later; the difference, which is smooth, is measured on what
shows at both times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import cv2
import numpy as np

from void_server.engines.cleanplate import camera
from void_server.engines.cleanplate.arrays import F32, Bools, sample_vectors
from void_server.engines.cleanplate.motion import COARSE, FlowField, PairMotion
from void_server.engines.cleanplate.proxy import ProxyFrame

SETTLE_REACH = 36
"""Pairs each way that are looked at."""
LAGS = (1, 2, 4, 6, 9, 12, 16, 20, 24, 30, SETTLE_REACH)
LEAST_TIES = 50
"""Grid points that two times must share."""

Walk = Literal["camera", "flow", "surface"]
Tie = Callable[[F32, Bools], F32]
"""From (a, b, 2) differences between two times and where they are known, the smooth difference at every place."""


class MotionReader(Protocol):
    """A shot's measured motion, by consecutive positions 0..n-1."""

    @property
    def frames(self) -> Sequence[int]:
        """The positions 0..n-1."""
        ...

    def proxy(self, position: int) -> ProxyFrame:
        """What `prepare_frame` made of the frame."""
        ...

    def motion(self, position: int) -> PairMotion:
        """What `estimate_pair` made of the frames position and position + 1."""
        ...


@dataclass(frozen=True)
class Step:
    """The motion from `frame` to the next frame in `direction`, 1 or -1."""

    frame: int
    direction: int

    def field(self, shot: MotionReader) -> FlowField | None:
        """Its measured field; None where the shot ends."""
        first = self.frame if self.direction > 0 else self.frame - 1
        if not 0 <= first < len(shot.frames) - 1:
            return None
        pair = shot.motion(first)
        return pair.forward if self.direction > 0 else pair.backward


def residual_at_other_times(
    step: Step, grid: F32, known: Bools, walk: Walk, tie: Tie, shot: MotionReader, lags: Sequence[int] = LAGS
) -> F32:
    """What each other time tells of the residual motion of places.

    Args:
        step: whose residual is asked for.
        grid: (a, b, 2) float32, places (x, y) in proxy pixels of the step's frame, evenly spaced.
        known: (a, b) bool, where the step's own measurement is sure of showing the background.
        walk: how places are followed: `camera` stays at a place whatever passes there, `flow` follows surfaces at
            their own depth, `surface` does so only while they are seen without a break.
        tie: the smooth difference between two times.
        shot: the shot.
        lags: how many frames away the other times are, each way.

    Returns:
        (n, a, b, 2) float32, one for each of n other times, NaN where it does not tell.
    """
    field = step.field(shot)
    told = [np.full(grid.shape, np.nan, np.float32)]
    if field is not None:
        here = residual_of(field, grid)
        for there, seen in _visits(step, grid, walk, shot, lags):
            if np.count_nonzero(seen & known) >= LEAST_TIES:
                change = tie(here - there, seen & known)
                told.append(np.where(seen[..., None], there + change, np.nan).astype(np.float32))
    return np.stack(told)


def quantile(values: F32, share: float) -> tuple[F32, Bools]:
    """A quantile (0..1) over the first axis of (n, a, b, c), NaN left out, and (a, b) where there was anything."""
    count = np.count_nonzero(~np.isnan(values[..., 0]), axis=0)
    ordered = np.sort(values, axis=0)
    place = share * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.intp)
    high, part = np.minimum(low + 1, np.maximum(count - 1, 0)), (place - low)[..., None]
    below, above = (np.take_along_axis(ordered, at[None, ..., None], axis=0)[0] for at in (low, high))
    middle = below + (above - below) * part
    return np.where(count[..., None] > 0, middle, 0).astype(np.float32), count > 0


def residual_of(field: FlowField, places: F32) -> F32:
    """(a, b, 2) float32 residual at places, from every fourth pixel: it is smooth, and this costs a sixteenth."""
    return sample_vectors(field.coarse, (places / COARSE).astype(np.float32))


def shows(mask: Bools, places: F32) -> Bools:
    """True where all that was looked at around a place, every fourth pixel, carries the mask."""
    return _shows(mask[::COARSE, ::COARSE].astype(np.float32), places)


def _shows(coarse: F32, places: F32) -> Bools:
    found = cv2.remap(
        coarse, (places / COARSE).astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found >= 0.999)


def _visits(
    step: Step, grid: F32, walk: Walk, shot: MotionReader, lags: Sequence[int]
) -> Iterator[tuple[F32, Bools]]:
    """The residual of the places at one other time after the other, and where it is to be trusted."""
    height, width = shot.proxy(step.frame).size
    for direction in (-1, 1):
        places, unbroken, matrix = grid, np.ones(grid.shape[:2], bool), np.eye(3)
        for lag in range(1, max(lags) + 1):
            crossed = Step(step.frame + direction * (lag - 1), direction).field(shot)
            if crossed is None:
                break
            if walk == "surface":
                unbroken &= shows(crossed.trusted & crossed.valid, places)
            if walk == "camera":
                # Where nothing but the camera counts, only the frames that are looked at need the places.
                matrix = crossed.matrix @ matrix
                places = camera.apply(matrix, grid) if lag in lags else places
            else:
                places = camera.apply(crossed.matrix, places + residual_of(crossed, places))
            other = Step(step.frame + direction * lag, step.direction).field(shot) if lag in lags else None
            if other is not None:
                x, y = places[..., 0], places[..., 1]
                inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
                there = residual_of(other, places)
                yield there, inside & unbroken & _shows(other.coarse_trusted, places)
