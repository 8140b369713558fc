# SPDX-License-Identifier: Apache-2.0
"""What the camera's motion leaves over between two neighbouring frames, measured by flow outside the guards.

docs/cleanplate.md, step 3. A picture is brought near the other one by the camera's matrix, and by a mesh where flow
could not follow; where flow was not trusted it is extended smoothly from around.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate import camera
from void_server.engines.cleanplate.arrays import F32, F64, U8, Bools, pixel_grid, sample_vectors
from void_server.engines.cleanplate.membrane import membrane
from void_server.engines.cleanplate.mesh import Mesh, motion_of_pixels

LEAST_FLOW_SIDE = 32
"""Pixels below which a side is too short for the flow: of 31 x 96 pixels, OpenCV 5.0 ends with a segmentation fault."""
LEAST_GAIN_AT_REST = 0.08
"""Where the camera stands still, flow is kept only if it lowers the mean picture difference by this share. Fitting
flow to grain lowers it by about 2 %, and would drift over a long track."""
LEAST_GAIN_OF_MESH = 0.05
"""A mesh is kept only if flow from it lowers the mean picture difference by this share below flow alone."""


@dataclass(frozen=True)
class Residual:
    """r of M(x + r(x)), (h, w, 2) float32, and where it was measured, (h, w) bool; it is extended elsewhere."""

    motion: F32
    measured: Bools


@dataclass(frozen=True)
class View:
    """A frame's picture, (h, w) uint8, and its guard, (h, w) bool."""

    picture: U8
    guard: Bools


@dataclass(frozen=True)
class Residuals:
    """Both ways, and whether a mesh led there."""

    ahead: Residual
    behind: Residual
    by_mesh: bool


def measure_residuals(
    first: View, second: View, matrix: F64, mesh: Mesh | None, flow: cv2.DISOpticalFlow
) -> Residuals:
    """What a camera's matrix from the first to the second leaves over.

    Args:
        first, second: two neighbours of one size, at the same level of light.
        matrix: (3, 3), proxy pixels of the first to those of the second.
        mesh: what may lead where flow from the matrix alone does not follow.
        flow: the algorithm.
    """
    back = np.linalg.inv(matrix).astype(np.float64)
    ahead = _residual(first, second, _Way(matrix), flow)
    if mesh is not None:
        size = first.guard.shape
        led = _residual(first, second, _Way(matrix, motion_of_pixels(mesh.ahead, size)), flow)
        both = ahead.measured & led.measured
        with_mesh, without = (_miss(first, second, matrix, r.motion, both) for r in (led, ahead))
        if with_mesh < (1 - LEAST_GAIN_OF_MESH) * without:
            led_back = _residual(second, first, _Way(back, motion_of_pixels(mesh.behind, size)), flow)
            return Residuals(led, led_back, by_mesh=True)
    return Residuals(ahead, _residual(second, first, _Way(back), flow), by_mesh=False)


def _miss(first: View, second: View, matrix: F64, motion: F32, where: Bools) -> float:
    """Mean difference of the pictures somewhere; 0 if that is nowhere."""
    if not where.any():
        return 0.0
    places = camera.apply(matrix, pixel_grid(first.picture.shape) + motion)
    found = cv2.remap(second.picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return float(cv2.absdiff(first.picture, found)[where].mean())


@dataclass(frozen=True)
class _Way:
    """Where a picture's pixels are near in another one: M(x + mesh(x)), before flow is measured."""

    matrix: F64
    mesh: F32 | None = None

    @property
    def still(self) -> bool:
        return self.mesh is None and np.array_equal(self.matrix, np.eye(3))

    def align(self, there: View) -> tuple[U8, Bools, Bools]:
        """The other picture seen from here, where its guard lies, and what is outside of it."""
        if self.mesh is not None:
            return self._align_by_mesh(self.mesh, there)
        size = (there.guard.shape[1], there.guard.shape[0])
        to_here = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        aligned = cv2.warpPerspective(
            there.picture, self.matrix, size, flags=to_here, borderMode=cv2.BORDER_REPLICATE
        )
        outside = cv2.warpPerspective(
            np.zeros_like(there.picture),
            self.matrix,
            size,
            flags=to_here,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=255,
        )
        moved_guard = cv2.warpPerspective(
            there.guard.astype(np.uint8) * 255, self.matrix, size, flags=to_here
        )
        return np.asarray(aligned, np.uint8), np.asarray(moved_guard > 0), np.asarray(outside > 0)

    def _align_by_mesh(self, mesh: F32, there: View) -> tuple[U8, Bools, Bools]:
        height, width = there.guard.shape
        places = camera.apply(self.matrix, pixel_grid(there.guard.shape) + mesh)
        aligned = cv2.remap(there.picture, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        moved_guard = cv2.remap(there.guard.astype(np.uint8) * 255, places, None, cv2.INTER_LINEAR)
        inside = (places >= 0).all(-1) & (places[..., 0] <= width - 1) & (places[..., 1] <= height - 1)
        return np.asarray(aligned, np.uint8), np.asarray(moved_guard > 0), np.asarray(~inside)

    def residual(self, left_over: F32) -> F32:
        """r such that M(x + r(x)) is the place that flow found: M(y + mesh(y)), where y = x + left_over(x)."""
        if self.mesh is None:
            return left_over
        return left_over + sample_vectors(self.mesh, pixel_grid(left_over.shape) + left_over)


def _residual(here: View, there: View, way: _Way, flow: cv2.DISOpticalFlow) -> Residual:
    """r such that here(x) looks like there(M(x + r(x))), extended smoothly over the guards."""
    height, width = here.guard.shape
    aligned, moved_guard, outside = way.align(there)
    masked = here.guard | moved_guard
    trusted = ~masked & ~outside
    nothing = np.zeros((height, width, 2), np.float32)
    if min(height, width) < LEAST_FLOW_SIDE or not trusted.any():
        return Residual(way.residual(nothing), trusted)
    covered_here, covered_there = _cover(here.picture, masked), _cover(aligned, masked)
    measured = np.asarray(flow.calc(covered_here, covered_there, None), np.float32)
    least_gain = LEAST_GAIN_AT_REST if way.still else 0.0
    if _gain(covered_here, covered_there, measured, trusted) <= least_gain:
        return Residual(way.residual(nothing), trusted)
    return Residual(way.residual(membrane(measured, trusted.astype(np.float32))), trusted)


def _cover(picture: U8, masked: Bools) -> U8:
    """The picture with the masked part filled smoothly, so that flow around it is not drawn to what moves in it."""
    if not masked.any():
        return picture
    filled = membrane(picture.astype(np.float32), (~masked).astype(np.float32))
    return np.clip(np.round(filled), 0, 255).astype(np.uint8)


def _gain(here: U8, there: U8, flow: F32, trusted: Bools) -> float:
    """The share by which flow lowers the mean difference of two pictures."""
    before = float(cv2.absdiff(here, there)[trusted].mean())
    moved_to = pixel_grid(here.shape) + flow
    moved = cv2.remap(there, moved_to, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    after = float(cv2.absdiff(here, moved)[trusted].mean())
    return 1 - after / before if before > 0 else 0.0
