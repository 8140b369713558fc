# SPDX-License-Identifier: Apache-2.0
"""What a shot's results are held against, made once: truth with the plate's grain, its motion, masks and contours."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.grain import grain_everywhere
from benchmarks.quality.scores import CHANGED, F32, OBJECT, PRESENT, view
from benchmarks.quality.shots import Shot

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Flow:
    """Motion of the truth from one frame to the next.

    Attributes:
        vectors: (H, W, 2) float32, pixels right and down.
        valid: (H, W), where forward and backward flow agree and the target lies in the picture.
    """

    vectors: F32
    valid: Mask


@dataclass(frozen=True)
class Contour:
    """Where a mask ends.

    Attributes:
        distance: (H, W) float32, pixels to the contour, positive outside; infinite where there is none.
        normal: (H, W, 2) float32, the direction across it, right and down.
    """

    distance: F32
    normal: F32


@dataclass(frozen=True)
class Reference:
    """Every list has one item a frame, `flows` one fewer; pictures are display-like (`scores.view`), (H, W, 3).

    Attributes:
        truth: the clean plates.
        grained: the truth as the camera would have given it: the plate where nothing was changed, the clean plate with
            the plate's grain elsewhere.
        plates: the plates.
        roto: (H, W) float32 0..1.
        hole: (H, W), object or affected, as `scores.score` has "both".
        object, affected: (H, W), as `scores.score` has them.
        flows: of the truth.
        contours: a frame's contours, of the hole and of the object.
    """

    truth: list[F32]
    grained: list[F32]
    plates: list[F32]
    roto: list[F32]
    hole: list[Mask]
    object: list[Mask]
    affected: list[Mask]
    flows: list[Flow]
    contours: list[tuple[Contour, Contour]]


def reference(shot: Shot) -> Reference:
    """Everything about a shot that does not depend on a result."""
    truth, plates = [view(p) for p in shot.clean], [view(p) for p in shot.plates]
    mattes = list(zip(shot.remove, shot.affected, strict=True))
    known = [(roto <= 0) & (affected <= 0) for roto, affected in mattes]
    grain = grain_everywhere(plates, truth, known)
    hole = [(roto > PRESENT) | (affected > CHANGED) for roto, affected in mattes]
    return Reference(
        truth,
        [clean + noise for clean, noise in zip(truth, grain, strict=True)],
        plates,
        shot.remove,
        hole,
        [roto > OBJECT for roto in shot.remove],
        [(affected > CHANGED) & (roto <= PRESENT) for roto, affected in mattes],
        [flow_between(one, two) for one, two in pairwise(truth)],
        [(contour(mask), contour(roto > PRESENT)) for mask, roto in zip(hole, shot.remove, strict=True)],
    )


def flow_between(one: F32, two: F32) -> Flow:
    """Dense inverse search flow (Kroeger et al., ECCV 2016; OpenCV's MEDIUM preset) with a check there and back.

    A vector is valid where |f + b(x + f)|² < 0.01 (|f|² + |b|²) + 0.5 (Sundaram et al., "Dense point trajectories",
    ECCV 2010, with the constants that ProPainter uses).
    """
    grey = [
        cv2.cvtColor((np.clip(p, 0, 1) * 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY)
        for p in (one, two)
    ]
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    forward = np.asarray(search.calc(grey[0], grey[1], None), np.float32)
    backward = np.asarray(search.calc(grey[1], grey[0], None), np.float32)
    returned = warped(backward, forward)
    gap = np.square(forward + returned).sum(-1)
    size = np.square(forward).sum(-1) + np.square(returned).sum(-1)
    height, width = gap.shape
    x, y = _targets(forward)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return Flow(forward, np.asarray((gap < 0.01 * size + 0.5) & inside))


def warped(picture: F32, vectors: F32) -> F32:
    """The picture sampled (cubic) at each pixel's target; (H, W, c) and (H, W, 2) to (H, W, c), float32."""
    return np.asarray(
        cv2.remap(picture, *_targets(vectors), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _targets(vectors: F32) -> tuple[F32, F32]:
    height, width = vectors.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    return columns + vectors[..., 0], rows + vectors[..., 1]


def contour(mask: Mask) -> Contour:
    """The mask's contour; a mask that is empty or full has none."""
    if mask.all() or not mask.any():
        return Contour(np.full(mask.shape, np.inf, np.float32), np.zeros((*mask.shape, 2), np.float32))
    inside = mask.astype(np.uint8)
    outward = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inward = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = np.where(mask, 0.5 - inward, outward - 0.5).astype(np.float32)
    slope = gradient(cv2.GaussianBlur(distance, (0, 0), 1.0)[..., None])[..., 0, :]
    length = np.linalg.norm(slope, axis=-1, keepdims=True)
    return Contour(distance, np.asarray(slope / np.maximum(length, 1e-6), np.float32))


def gradient(picture: F32) -> F32:
    """Central differences; (H, W, c) to (H, W, c, 2) right and down, a pixel."""
    kernel = np.array([[-0.5, 0, 0.5]], np.float32)
    right, down = (
        cv2.filter2D(picture, -1, k, borderType=cv2.BORDER_REPLICATE).reshape(picture.shape)
        for k in (kernel, kernel.T)
    )
    return np.stack([right, down], axis=-1)
