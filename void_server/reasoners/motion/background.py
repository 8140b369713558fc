# SPDX-License-Identifier: Apache-2.0
"""What is behind a part of a frame: the median over many frames, each point followed along the background's motion.

The median, not the nearest frame: a shadow that moves with the object covers each point in a few frames only, and these
are outvoted (docs/motion_reasoner.md, step 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from void_server.engines.cleanplate import PairMotion, ProxyFrame
from void_server.engines.cleanplate.arrays import F32, Bools, sample_vectors
from void_server.engines.cleanplate.camera import apply
from void_server.engines.cleanplate.motion import FlowField
from void_server.engines.cleanplate.tracks import occupied
from void_server.reasoners.motion.settings import LOOKED_AT, REACH

Rect = tuple[int, int, int, int]
U16 = npt.NDArray[np.uint16]

_LEVELS = 256
"""Steps of a level of the 8-bit pictures that interpolation between pixels keeps."""


class SurveyReader(Protocol):
    """A survey of a shot by consecutive positions 0..n-1, read lazily and cached as the caller sees fit."""

    @property
    def frames(self) -> Sequence[int]:
        """The positions 0..n-1."""
        ...

    def proxy(self, position: int) -> ProxyFrame:
        """What `prepare_frame` made of the frame with the removed object's matte alone."""
        ...

    def motion(self, position: int) -> PairMotion:
        """What `survey_pair`, `settle_pair` and then `anchored` made of the frames position and position + 1."""
        ...

    def stroke(self, position: int) -> Bools | None:
        """(h, w) bool at proxy resolution: what the artist drew as affected; None where nothing is drawn."""
        ...


@dataclass(frozen=True)
class Background:
    """A part of a frame without what moves in it.

    Attributes:
        picture: (h, w, 3) float32, encoded values 0..255 as in `ProxyFrame.picture`; 0 without a vote.
        votes: (h, w) int, frames in which each point was seen.
    """

    picture: F32
    votes: npt.NDArray[np.intp]


def median_background(
    target: int, box: Rect, survey: SurveyReader, directions: Sequence[int] = (-1, 1)
) -> Background:
    """The background of the target frame inside `box` (x0, y0, x1, y1), proxy pixels, ends exclusive.

    Args:
        directions: -1 for the frames before, 1 for those after.
    """
    samples, seen = [], []
    for direction in directions:
        for picture, visible in _seen_one_way(target, direction, box, survey):
            samples.append(np.where(visible[..., None], picture, np.iinfo(np.uint16).max).astype(np.uint16))
            seen.append(visible)
    height, width = box[3] - box[1], box[2] - box[0]
    if not samples:
        return Background(np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.intp))
    votes = np.stack(seen).sum(axis=0, dtype=np.intp)
    # What is not visible sorts behind everything that is, so the middle vote is the median.
    ordered = np.sort(np.stack(samples), axis=0)
    middle = np.take_along_axis(ordered, np.maximum(votes - 1, 0)[None, ..., None] // 2, axis=0)[0]
    return Background(
        np.where(votes[..., None] > 0, middle / np.float32(_LEVELS), 0).astype(np.float32), votes
    )


def _seen_one_way(
    target: int, direction: int, box: Rect, survey: SurveyReader
) -> Iterator[tuple[U16, Bools]]:
    """Each frame looked at: the box's points as they look there, in 1/256 levels, and where they are background."""
    x0, y0, x1, y1 = box
    here = survey.proxy(target).picture[y0:y1, x0:x1].astype(np.float32)
    across, down = np.meshgrid(np.arange(x0, x1, dtype=np.float32), np.arange(y0, y1, dtype=np.float32))
    points = np.stack([across, down], axis=-1)
    alive = np.ones(points.shape[:2], bool)
    for distance in range(1, REACH + 1):
        frame = target + direction * distance
        if not 0 <= frame < len(survey.frames):
            return
        field = survey.motion(frame - 1).forward if direction > 0 else survey.motion(frame).backward
        points, still = _step(field, points)
        alive = alive & still
        if not alive.any():
            return
        if distance in LOOKED_AT:
            proxy = survey.proxy(frame)
            visible = alive & (_sampled(occupied(frame, survey).astype(np.float32), points) <= 0)
            picture = _levelled(_sampled(proxy.picture.astype(np.float32), points), here, visible)
            # At most 65280; the greatest number stands for what is not seen.
            yield np.rint(np.clip(picture, 0, 255) * _LEVELS).astype(np.uint16), visible


def _levelled(picture: F32, reference: F32, visible: Bools) -> F32:
    """The picture at the reference's exposure: in a log encoding, the median difference of each channel."""
    if not visible.any():
        return picture
    return np.asarray(picture + np.median(reference[visible] - picture[visible], axis=0), np.float32)


def _step(field: FlowField, points: F32) -> tuple[F32, Bools]:
    """One frame further: positions, and whether the motion there is valid and stays inside the frame."""
    height, width = field.valid.shape
    moved = apply(field.matrix, points + sample_vectors(field.residual.astype(np.float32), points))
    inside = (moved >= 0).all(-1) & (moved[..., 0] <= width - 1) & (moved[..., 1] <= height - 1)
    column = np.clip(np.rint(points[..., 0]), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(points[..., 1]), 0, height - 1).astype(np.intp)
    return moved, np.asarray(inside & field.valid[row, column])


def _sampled(picture: F32, points: F32) -> F32:
    found = cv2.remap(picture, points, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
