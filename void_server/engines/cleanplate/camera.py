# SPDX-License-Identifier: Apache-2.0
"""The camera's motion between two neighbouring frames as one homography, measured away from the object.

docs/cleanplate.md, step 2: corner features, Lucas-Kanade forward and backward, MAGSAC. A camera that stands still is
recognised as such, since noise in the parameters of a motion that is not there would add up over a long track. Where
much moves further from that than flow follows, a mesh leads it there.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, F64, U8, Bools
from void_server.engines.cleanplate.mesh import Features, Mesh, fit_mesh

# docs/cleanplate.md, step 2; lengths in units u.
FEATURES, ROUND_TRIP, INLIER = 1500, 0.7, 1.5
LEAST_INLIERS, LEAST_SHARE = 40, 0.4
LEAST_SIMILARITY_INLIERS = 8
PARAMETERS = {"identity": 0, "similarity": 4, "homography": 8}
PRECISION = 0.02
"""Residuals below this, in units u, are as good as none; it keeps the choice of a model finite on noiseless input."""


@dataclass(frozen=True)
class CameraMotion:
    """matrix: (3, 3) float64, proxy pixels of one frame to proxy pixels of the other; model: which kind was taken;
    features: how many were followed; inliers: the share of them, 0..1, that the matrix explains; mesh: what may be
    added to a place before the matrix, where flow alone does not follow.
    """

    matrix: F64
    model: str
    features: int
    inliers: float
    mesh: Mesh | None = None


def estimate_camera(
    first: U8, second: U8, first_trusted: Bools, second_trusted: Bools, unit: float, features: int = FEATURES
) -> CameraMotion:
    """Motion of the trusted parts of `first` (h, w) uint8 to `second`; identity where no motion can be measured."""
    here, there = _follow_features(first, second, first_trusted, second_trusted, unit, features)
    if len(here) < LEAST_SIMILARITY_INLIERS:
        return CameraMotion(np.eye(3), "identity", len(here), 0.0)
    # Both estimators below start from a seed of their own, so that a pair gives the same bits in any process.
    threshold = max(INLIER * unit, 0.5)
    fullest = _homography(here, there, threshold)
    if fullest is None:
        fullest = _similarity(here, there, threshold)
    if fullest is None:
        return CameraMotion(np.eye(3), "identity", len(here), 0.0, _mesh(np.eye(3), here, there, first, unit))
    matrix, inliers, model = fullest
    still = _score(np.eye(3), "identity", here[inliers], there[inliers], unit)
    if still <= _score(matrix, model, here[inliers], there[inliers], unit):
        matrix, model = np.eye(3), "identity"
    mesh = _mesh(matrix, here, there, first, unit)
    return CameraMotion(matrix, model, len(here), float(inliers.mean()), mesh)


def _follow_features(
    first: U8, second: U8, trusted: Bools, arrives: Bools, unit: float, features: int
) -> tuple[F32, F32]:
    nothing = np.zeros((0, 2), np.float32)
    corners = cv2.goodFeaturesToTrack(
        first, features, 0.005, max(4.0, 8 * unit), mask=trusted.astype(np.uint8) * 255, blockSize=5
    )
    if corners is None or len(corners) == 0:
        return nothing, nothing
    side = 2 * max(7, round(10 * unit)) + 1
    window = (side, side)
    ahead, found, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None, winSize=window, maxLevel=4)
    back, found_back, _ = cv2.calcOpticalFlowPyrLK(second, first, ahead, None, winSize=window, maxLevel=4)
    here, there, returned = (points.reshape(-1, 2) for points in (corners, ahead, back))
    good = (found.ravel() > 0) & (found_back.ravel() > 0) & np.isfinite(there).all(1)
    good &= np.hypot(*(here - returned).T) < max(ROUND_TRIP * unit, 0.3)
    column, row = np.round(np.where(np.isfinite(there), there, -1)).astype(int).T
    inside = (column >= 0) & (row >= 0) & (column < arrives.shape[1]) & (row < arrives.shape[0])
    good &= inside
    good[good] &= arrives[row[good], column[good]]
    return here[good], there[good]


def _homography(here: F32, there: F32, threshold: float) -> tuple[F64, Bools, str] | None:
    if len(here) < LEAST_INLIERS:
        return None
    matrix, mask = cv2.findHomography(
        here, there, cv2.USAC_MAGSAC, threshold, maxIters=2000, confidence=0.999
    )
    if matrix is None or not np.isfinite(matrix).all():
        return None
    inliers = mask.ravel() > 0
    if inliers.sum() < LEAST_INLIERS or inliers.mean() < LEAST_SHARE or not _plausible(matrix, here):
        return None
    return np.asarray(matrix, np.float64), inliers, "homography"


def _similarity(here: F32, there: F32, threshold: float) -> tuple[F64, Bools, str] | None:
    matrix, mask = cv2.estimateAffinePartial2D(
        here, there, method=cv2.RANSAC, ransacReprojThreshold=threshold
    )
    if matrix is None or not np.isfinite(matrix).all():
        return None
    inliers = mask.ravel() > 0
    if inliers.sum() < LEAST_SIMILARITY_INLIERS or inliers.mean() < LEAST_SHARE:
        return None
    full = np.vstack([matrix, [0, 0, 1]]).astype(np.float64)
    return (full, inliers, "similarity") if _plausible(full, here) else None


def _mesh(matrix: F64, here: F32, there: F32, picture: U8, unit: float) -> Mesh | None:
    back = np.linalg.inv(matrix).astype(np.float64)
    ahead = Features(here, apply(back, there) - here)
    behind = Features(there, apply(matrix, here) - there)
    return fit_mesh(ahead, behind, (picture.shape[0], picture.shape[1]), unit)


def _plausible(matrix: F64, points: F32) -> bool:
    """Neighbouring frames of one shot do not mirror, collapse or magnify the picture more than twofold."""
    determinant = float(np.linalg.det(matrix[:2, :2]))
    depth = points @ matrix[2, :2] + matrix[2, 2]
    return 0.25 < determinant < 4 and bool((depth > 0.5).all()) and bool((depth < 2).all())


def _score(matrix: F64, model: str, here: F32, there: F32, unit: float) -> float:
    """Bayesian information criterion (Schwarz, "Estimating the dimension of a model", 1978), least is best."""
    observations = 2 * len(here)
    squares = float(np.square(apply(matrix, here) - there).sum(dtype=np.float64))
    variance = squares / observations + (PRECISION * unit) ** 2
    return float(observations * np.log(variance) + PARAMETERS[model] * np.log(observations))


def apply(matrix: F64, points: F32) -> F32:
    """(..., 2) float32 points (x, y) through a homography; pixel centres at whole numbers."""
    # OpenCV computes in double precision too, and three to four times as fast as NumPy.
    moved = cv2.perspectiveTransform(np.asarray(points, np.float32).reshape(-1, 1, 2), matrix)
    return np.zeros(points.shape, np.float32) if moved is None else np.asarray(moved).reshape(points.shape)
