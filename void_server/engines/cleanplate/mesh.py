# SPDX-License-Identifier: Apache-2.0
"""Motion on a coarse mesh of vertices, for scenes whose depths move too differently for one camera model.

docs/cleanplate.md, step 2; after Liu et al., "MeshFlow: Minimum latency online video stabilization" (ECCV 2016): each
vertex takes the median motion of the features near it, then the median of the vertices around it. The mesh only brings
flow near enough to measure the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, Bools
from void_server.engines.cleanplate.membrane import membrane

LONG, SHORT = 16, 9
"""Vertices along the two sides of the picture: Liu et al. take 16 each way, of which 9 keep the cells square."""
LEAST_FEATURES, LEAST_NEAR = 40, 3
"""Features that a mesh needs, as a homography does; and near a vertex, the fewest whose median drops one that errs."""
FLOW_REACH, LEAST_BEYOND = 24.0, 0.1
"""How far flow follows by itself, in units u, and the share of features further off that asks for a mesh. Measured with
bands of texture that move by different amounts: flow alone keeps within 0.3 px at 23 u, and misses some at 50 u."""
EXPLAINED, LEAST_SHARE = 6.0, 0.4
"""Distance, in units u, at which a feature is explained, since flow finds the rest; and the share that must be, as of
the camera models: across a cut, features agree on nothing."""


@dataclass(frozen=True)
class Features:
    """(N, 2) float32 places (x, y) of features, and their motion (N, 2), proxy pixels."""

    places: F32
    motion: F32

    def less(self, motion: F32) -> Features:
        """The same features with what is left of their motion."""
        return Features(self.places, self.motion - motion)

    def share_within(self, distance: float) -> float:
        """The share that moves less than a distance; 0 of none."""
        return float((np.hypot(*self.motion.T) < distance).mean()) if len(self.places) else 0.0


@dataclass(frozen=True)
class Mesh:
    """Motion of the vertices before the camera's matrix M, in proxy pixels: a place x goes near M(x + motion(x)).

    Attributes:
        ahead: (rows, columns, 2) float32 in the first frame.
        behind: (rows, columns, 2) float32 in the second frame, M being the inverse there.
        explained: share of the features, 0..1.
    """

    ahead: F32
    behind: F32
    explained: float


def fit_mesh(ahead: Features, behind: Features, size: tuple[int, int], unit: float) -> Mesh | None:
    """The mesh of the features of two frames.

    Args:
        ahead, behind: the features in each of the two frames, and what the camera leaves of their motion to the other.
        size: (h, w) of the proxy.
        unit: the length u in proxy pixels.

    Returns:
        None where flow needs no mesh, or where the features do not agree with their neighbours.
    """
    beyond = 1 - ahead.share_within(FLOW_REACH * unit)
    if len(ahead.places) < LEAST_FEATURES or beyond < LEAST_BEYOND:
        return None
    vertices = [vertex_motion(features, size) for features in (ahead, behind)]
    if vertices[0] is None or vertices[1] is None:
        return None
    explained = min(
        features.less(motion_at(mesh, features.places, size)).share_within(EXPLAINED * unit)
        for features, mesh in ((ahead, vertices[0]), (behind, vertices[1]))
    )
    return Mesh(vertices[0], vertices[1], explained) if explained >= LEAST_SHARE else None


def vertex_motion(features: Features, size: tuple[int, int]) -> F32 | None:
    """(rows, columns, 2) float32, what the vertices take of the features' motion; None where none has enough near."""
    vertices = _vertices(size)
    known = np.zeros(vertices.shape[:2], np.float32)
    found = np.zeros_like(vertices)
    apart = vertices[:, :, None] - features.places
    # As far as the neighbours, so that two vertices share the features between them.
    reach = max(vertices[-1, -1] / np.maximum(np.array(vertices.shape[1::-1]) - 1, 1))
    near: Bools = np.square(apart).sum(-1) <= reach**2
    for vertex in zip(*np.nonzero(near.sum(-1) >= LEAST_NEAR), strict=True):
        found[vertex], known[vertex] = np.median(features.motion[near[vertex]], axis=0), 1
    if not known.any():
        return None
    full = membrane(found, known)
    medians = [cv2.medianBlur(np.ascontiguousarray(full[..., axis]), 3) for axis in (0, 1)]
    return np.asarray(np.stack(medians, axis=-1), np.float32)


def motion_at(vertices: F32, places: F32, size: tuple[int, int]) -> F32:
    """(N, 2) float32 motion of the mesh at (N, 2) places (x, y)."""
    return np.asarray(_interpolated(vertices, places[None], size)[0], np.float32)


def motion_of_pixels(vertices: F32, size: tuple[int, int]) -> F32:
    """(h, w, 2) float32 motion of the mesh at every pixel."""
    columns, rows = np.meshgrid(np.arange(size[1], dtype=np.float32), np.arange(size[0], dtype=np.float32))
    return _interpolated(vertices, np.stack([columns, rows], axis=-1), size)


def _vertices(size: tuple[int, int]) -> F32:
    """(rows, columns, 2): where the vertices are (x, y); the outermost on the picture's outermost pixels."""
    height, width = size
    rows, columns = (SHORT, LONG) if width >= height else (LONG, SHORT)
    across, down = np.linspace(0, width - 1, columns), np.linspace(0, height - 1, rows)
    return np.stack(np.meshgrid(across, down), axis=-1).astype(np.float32)


def _interpolated(vertices: F32, places: F32, size: tuple[int, int]) -> F32:
    last = np.array(vertices.shape[1::-1]) - 1
    at = (places * (last / np.maximum(np.array(size[::-1]) - 1, 1))).astype(np.float32)
    # Cubic: a kink of the mesh would stay where flow cannot be measured.
    found = cv2.remap(vertices, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
