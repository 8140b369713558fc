# SPDX-License-Identifier: Apache-2.0
"""How alike two quadmask sequences are: intersection over union, and how well their boundaries meet.

Measures J and F of Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation"
(CVPR 2016, DAVIS), with F's tolerance of 0.8 % of the picture's diagonal. A region is where its matte is at least 0.5.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from void_server.quadmask.regions import Quadmask

Bools = npt.NDArray[np.bool_]
Region = Literal["remove", "affected", "overlap"]

REGIONS: tuple[Region, ...] = ("remove", "affected", "overlap")
LEVEL = 0.5
TOLERANCE = 0.008
"""Distance at which two boundaries still meet, as a share of the picture's diagonal."""


@dataclass(frozen=True)
class Likeness:
    """How alike one region is in two sequences; 1 is the same, and two empty regions are the same.

    Attributes:
        iou: intersection over union of each frame, 0..1.
        boundary: F of each frame, 0..1.
        clip_iou: all frames' intersections over all frames' unions: large frames count more, empty ones not.
        clip_boundary: mean of F over the frames.
    """

    iou: list[float]
    boundary: list[float]
    clip_iou: float
    clip_boundary: float


def compare(ours: Iterable[Quadmask], truth: Iterable[Quadmask]) -> dict[Region, Likeness]:
    """Compares two sequences frame by frame; only a frame of each is looked at at a time.

    Raises:
        ValueError: they differ in length, or two frames in size.
    """
    counts: dict[Region, list[tuple[int, int]]] = {region: [] for region in REGIONS}
    scores: dict[Region, list[float]] = {region: [] for region in REGIONS}
    for one, two in zip(ours, truth, strict=True):
        for region in REGIONS:
            here, there = (getattr(quadmask, region) >= LEVEL for quadmask in (one, two))
            counts[region].append(_counts(here, there))
            scores[region].append(boundary_score(here, there))
    return {region: _likeness(counts[region], scores[region]) for region in REGIONS}


def intersection_over_union(ours: Bools, truth: Bools) -> float:
    """J of two masks (h, w), 0..1; 1 when both are empty."""
    return _ratio(*_counts(ours, truth))


def boundary_score(ours: Bools, truth: Bools, tolerance: float = TOLERANCE) -> float:
    """F of two masks (h, w), 0..1: the harmonic mean of the boundaries' precision and recall.

    Args:
        tolerance: share of the diagonal within which boundary pixels meet.
    """
    if ours.shape != truth.shape:
        raise ValueError(f"masks differ in shape: {ours.shape}, {truth.shape}")
    radius = math.ceil(tolerance * math.hypot(*ours.shape))
    one, two = boundary(ours), boundary(truth)
    if not one.any() or not two.any():
        return float(one.any() == two.any())
    precision = float(_near(two, radius)[one].mean())
    recall = float(_near(one, radius)[two].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def boundary(mask: Bools) -> Bools:
    """The boundary's pixels: those that differ from their neighbour to the right, below, or both."""
    below, right = mask[np.r_[1 : len(mask), -1]], mask[:, np.r_[1 : mask.shape[1], -1]]
    corner = below[:, np.r_[1 : mask.shape[1], -1]]
    return np.asarray((mask != below) | (mask != right) | (mask != corner))


def _near(mask: Bools, radius: int) -> Bools:
    distance = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= radius)


def _likeness(counts: Sequence[tuple[int, int]], scores: list[float]) -> Likeness:
    return Likeness(
        [_ratio(*pair) for pair in counts],
        scores,
        _ratio(sum(c[0] for c in counts), sum(c[1] for c in counts)),
        float(np.mean(scores)) if scores else 1.0,
    )


def _counts(ours: Bools, truth: Bools) -> tuple[int, int]:
    """Pixels of the intersection, and of the union."""
    return int(np.count_nonzero(ours & truth)), int(np.count_nonzero(ours | truth))


def _ratio(intersection: int, union: int) -> float:
    return intersection / union if union else 1.0
