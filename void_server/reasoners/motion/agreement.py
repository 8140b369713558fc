# SPDX-License-Identifier: Apache-2.0
"""What the neighbouring frames' proposals agree on, each shifted by the object's own motion.

docs/motion_reasoner.md, step 5. A shadow goes where its object goes; what something else moves, or what a misplaced
edge makes of a frame, does not.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools
from void_server.engines.cleanplate.membrane import gaussian
from void_server.reasoners.motion.proposal import Proposal
from void_server.reasoners.motion.whereabouts import object_motion

AGREEING_FRAMES = 3
"""Frames before and after that are asked."""


def agree(own: Proposal, neighbours: Sequence[Proposal]) -> Bools:
    """The part of a frame's proposals that moves with the object.

    Args:
        own: the frame's proposal.
        neighbours: those of frames near it, in any order; those that abstained or show no object say nothing.

    Returns:
        (h, w) bool at proxy resolution: where more than half of all that say something, the frame itself counted
        once, propose it at the same place relative to the object; and what the artist pointed at on this very frame.
        None of these when the frame itself abstained. In any case what the object moved.
    """
    agreed = _agreed_light(own, neighbours)
    return agreed if own.moved is None else agreed | own.moved


def _agreed_light(own: Proposal, neighbours: Sequence[Proposal]) -> Bools:
    if own.object_box is None or own.figures["abstained"]:
        return np.zeros_like(own.affected)
    votes = own.affected.astype(np.float32)
    voters = 1
    for other in neighbours:
        if other.object_box is None or other.figures["abstained"]:
            continue
        votes += _shifted(other.affected, object_motion(other.object_box, own.object_box, votes.shape))
        voters += 1
    agreed = np.asarray(votes > voters / 2)
    return agreed if own.pointed_at is None else agreed | own.pointed_at


def proposed_matte(affected: Bools, size: tuple[int, int]) -> F32:
    """(H, W) float32 0..1: a proposal at the plate's size (H, W), its edge softened by a pixel of the proxy."""
    soft = gaussian(affected.astype(np.float32), 1.0)
    whole = cv2.resize(soft, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(whole, 0, 1), np.float32)


def _shifted(mask: Bools, shift: tuple[float, float]) -> F32:
    height, width = mask.shape
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    moved = cv2.warpAffine(mask.astype(np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(moved, np.float32)
