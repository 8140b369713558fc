# SPDX-License-Identifier: Apache-2.0
"""Movers that touch one another told apart by how each of them moves.

docs/motion_reasoner.md, "Moved things". Flow blurs the edges of what moves, so that the masks of things that pass one
another run together; between the two their motion leaps all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, I32, Bools, pixel_grid
from void_server.engines.cleanplate.camera import apply
from void_server.engines.cleanplate.membrane import gaussian
from void_server.engines.cleanplate.motion import levelled
from void_server.engines.cleanplate.proxy import HOLE
from void_server.engines.cleanplate.residual import LEAST_FLOW_SIDE
from void_server.reasoners.motion.background import SurveyReader

LEAP = 0.3
"""Change of motion from pixel to pixel that is an edge between two things, in 1 per frame: what turns as one changes by
its angle, and 0.3 radians in a frame is faster than things topple."""
SMOOTH_PIXELS = 2.0
"""Standard deviation over which motion is smoothed before that, in pixels, as flow's own blur is."""
SLOWEST = 1.0
"""Units u per frame below which a place is the blurred rim of a mover, not part of its inside."""
LEAST_SIDE = 20.0
"""Side, in units u, of the square that the inside of a thing covers at least."""


@dataclass(frozen=True)
class OwnMotion:
    """How a frame's pixels move, in proxy pixels a frame, measured afresh: the survey holds what is behind movers.

    Attributes:
        vectors: (h, w, 2) float32, motion against the camera; 0 at the object, which moves too.
        speed: (h, w) float32, against the camera or the surface around, whichever is less: before a mover the surface's
            motion may be drawn along with it, and against the camera what stands at a depth of its own moves too.
    """

    vectors: F32
    speed: F32


def own_motion(position: int, survey: SurveyReader) -> OwnMotion:
    """Motion from a frame to the next, or of the last from the one before."""
    forward = position < len(survey.frames) - 1
    field = survey.motion(position).forward if forward else survey.motion(position - 1).backward
    here, there = survey.proxy(position), survey.proxy(position + 1 if forward else position - 1)
    one, two = (cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY) for frame in (here, there))
    places = apply(field.matrix, pixel_grid(one.shape))
    held = cv2.remap(two, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    held = levelled(np.asarray(held, np.uint8), one, ~(here.where(HOLE) | there.where(HOLE)))
    flow = np.zeros((*one.shape, 2), np.float32)
    if min(one.shape) >= LEAST_FLOW_SIDE:
        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(one, held, None)
    moved = np.where(field.measured[..., None], flow, 0).astype(np.float32)
    smooth = gaussian(moved, SMOOTH_PIXELS)
    against = np.where(field.measured[..., None], smooth - field.residual.astype(np.float32), 0)
    speed = np.minimum(np.hypot(*np.moveaxis(smooth, -1, 0)), np.hypot(*np.moveaxis(against, -1, 0)))
    return OwnMotion(smooth if forward else -smooth, speed.astype(np.float32))


def apart(mask: Bools, motion: OwnMotion, unit: float) -> list[tuple[Bools, Bools]]:
    """The things whose movers a connected mask holds.

    Args:
        mask: (h, w) bool.
        motion: the frame's.
        unit: the length u in pixels.

    Returns:
        For each thing its inside, (h, w) bool, which may reach beyond the mask, and its part of the mask, the same;
        these are the mask together. Nothing where no thing is seen to move.
    """
    inside = (_change(motion.vectors) < LEAP) & (motion.speed > SLOWEST * unit)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=4)
    kept = stats[:, cv2.CC_STAT_AREA] >= (LEAST_SIDE * unit) ** 2
    kept &= np.isin(np.arange(count), labels[mask])
    kept[0] = False
    if not kept.any():
        return []
    owner = _nearest(np.where(kept[labels], labels, 0).astype(np.int32))
    return [(labels == label, mask & (owner == label)) for label in np.flatnonzero(kept)]


def _change(motion: F32) -> F32:
    """(h, w) how much a motion changes from pixel to pixel: the root of the sum of its squared derivatives."""
    squares = [
        np.square(cv2.Sobel(motion[..., c], cv2.CV_32F, dx, 1 - dx, scale=1 / 8))
        for c in range(2)
        for dx in (0, 1)
    ]
    return np.asarray(np.sqrt(np.sum(squares, axis=0)), np.float32)


def _nearest(labels: I32) -> I32:
    """(h, w) int32: the label that is nearest, where there is none (0)."""
    _, seeds = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_seed = np.zeros(int(seeds.max()) + 1, labels.dtype)
    of_seed[seeds[labels > 0]] = labels[labels > 0]
    return np.asarray(of_seed[seeds])
