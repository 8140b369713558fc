# SPDX-License-Identifier: Apache-2.0
"""Motion between neighbouring frames: a homography and, outside the guard, the flow that it leaves over.

docs/cleanplate.md, steps 2 and 3. The motion of a pixel is f(x) = H(x + r(x)), and it is valid where going there and
back returns to the start (ProPainter's rule, `model/propainter.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from void_server.engines.cleanplate import camera
from void_server.engines.cleanplate.arrays import (
    F16,
    F32,
    F64,
    U8,
    Arrays,
    Bools,
    grown,
    pixel_grid,
    sample_vectors,
)
from void_server.engines.cleanplate.proxy import GUARD, ProxyFrame
from void_server.engines.cleanplate.residual import View, measure_residuals
from void_server.engines.cleanplate.settings import CleanplateSettings
from void_server.errors import InvalidInput

FLAGS = tuple(np.uint8(bit) for bit in (1, 2, 4, 8))
RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE = 0.01, 0.5
COARSE = 4
EDGE = 24.0
"""Beside what was not measured, in units u, flow is drawn towards the smooth cover that stood in for it: the flow's
patches and its smoothing reach so far. PSNR of the fill on a moving camera with parallax, hidden motion completed from
what is further away than this: 30.5 dB at 0, 33.8 at 8, 35.1 at 16, 35.5 at 24."""
LEAST_TRUSTED = 0.1
"""Share of the frame below which that edge is halved, since some measurement beats none."""


@dataclass(frozen=True)
class FlowField:
    """Motion from one frame to a neighbour, in proxy pixels.

    Attributes:
        matrix: (3, 3) float64.
        residual: (h, w, 2) float16, added to a pixel's position before the matrix.
        error: (h, w) float16, distance by which going there and back misses the start.
        valid: (h, w) bool.
        measured: (h, w) bool, where flow was looked at; it is extended from around elsewhere.
        trusted: (h, w) bool, measured well away from where it was not.
        moving: (h, w) bool, what moves on its own before the background, whose motion is held instead (`settle_pair`).
    """

    matrix: F64
    residual: F16
    error: F16
    valid: Bools
    measured: Bools
    trusted: Bools
    moving: Bools

    @cached_property
    def coarse(self) -> F32:
        """(ceil(h / 4), ceil(w / 4), 2) float32, every fourth pixel of the residual: it is smooth."""
        return self.residual[::COARSE, ::COARSE].astype(np.float32)

    @cached_property
    def coarse_trusted(self) -> F32:
        """The same of `trusted`, 0 or 1."""
        return self.trusted[::COARSE, ::COARSE].astype(np.float32)


@dataclass(frozen=True)
class PairMotion:
    """Motion between frames i and i + 1, both ways, with how it was found.

    Attributes:
        forward: i to i + 1.
        backward: i + 1 to i.
        model: `identity`, `similarity`, `homography`, or `mesh`: one of these, and a coarse mesh within the
            residual.
        features: how many features were followed.
        inliers: share of the features that the model explains, 0..1.
    """

    forward: FlowField
    backward: FlowField
    model: str
    features: int
    inliers: float

    def to_arrays(self) -> Arrays:
        """As named arrays, for storage."""
        arrays: Arrays = {
            "model": np.frombuffer(self.model.encode("ascii"), np.uint8),
            "figures": np.array([self.features, self.inliers], np.float64),
        }
        for name, field in (("forward", self.forward), ("backward", self.backward)):
            arrays[f"{name}.matrix"] = field.matrix
            arrays[f"{name}.residual"] = field.residual
            arrays[f"{name}.error"] = field.error
            flags = zip(FLAGS, (field.valid, field.measured, field.trusted, field.moving), strict=True)
            arrays[f"{name}.flags"] = np.asarray(
                np.sum([mask * bit for bit, mask in flags], axis=0), np.uint8
            )
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> PairMotion:
        """The motion that `to_arrays` gave."""
        forward, backward = (
            FlowField(
                arrays[f"{name}.matrix"],
                arrays[f"{name}.residual"],
                arrays[f"{name}.error"],
                *((arrays[f"{name}.flags"] & bit) != 0 for bit in FLAGS),
            )
            for name in ("forward", "backward")
        )
        features, inliers = (float(v) for v in arrays["figures"])
        return cls(forward, backward, arrays["model"].tobytes().decode("ascii"), int(features), inliers)


def estimate_pair(first: ProxyFrame, second: ProxyFrame, settings: CleanplateSettings) -> PairMotion:
    """Measures the motion between two neighbouring frames.

    Raises:
        InvalidInput: the two proxies do not have the same size.
    """
    if first.size != second.size:
        raise InvalidInput(
            f"Two frames of one shot have proxies of {first.size} and {second.size} pixels.",
            fix="Place all plates of the shot on one window.",
        )
    unit = first.unit
    one, two = (cv2.cvtColor(frame.picture, cv2.COLOR_RGB2GRAY) for frame in (first, second))
    guard_one, guard_two = first.where(GUARD), second.where(GUARD)
    level_two = levelled(two, one, ~(guard_one | guard_two))
    found = camera.estimate_camera(one, level_two, ~guard_one, ~guard_two, unit, settings.features)
    back = np.linalg.inv(found.matrix).astype(np.float64)
    left = measure_residuals(
        View(one, guard_one), View(level_two, guard_two), found.matrix, found.mesh, flow_algorithm(settings)
    )
    ahead, behind = left.ahead.motion, left.behind.motion
    still = np.zeros(first.size, bool)
    trusted_ahead, trusted_behind = (_away_from(~r.measured, unit) for r in (left.ahead, left.behind))
    error_ahead, valid_ahead = _round_trip(found.matrix, ahead, back, behind, guard_one, unit)
    error_behind, valid_behind = _round_trip(back, behind, found.matrix, ahead, guard_two, unit)
    return PairMotion(
        FlowField(
            found.matrix,
            ahead.astype(np.float16),
            error_ahead,
            valid_ahead,
            left.ahead.measured,
            trusted_ahead,
            still,
        ),
        FlowField(
            back,
            behind.astype(np.float16),
            error_behind,
            valid_behind,
            left.behind.measured,
            trusted_behind,
            still,
        ),
        "mesh" if left.by_mesh else found.model,
        found.features,
        found.mesh.explained if left.by_mesh and found.mesh else found.inliers,
    )


def flow_algorithm(settings: CleanplateSettings) -> cv2.DISOpticalFlow:
    """Dense inverse search as the quality asks for it."""
    # Measured: once the homography has removed the large motion, FAST is nearly as good as MEDIUM.
    preset = (
        cv2.DISOPTICAL_FLOW_PRESET_MEDIUM if settings.quality == "final" else cv2.DISOPTICAL_FLOW_PRESET_FAST
    )
    return cv2.DISOpticalFlow.create(preset)


def levelled(picture: U8, reference: U8, trusted: Bools) -> U8:
    """The picture shifted to the reference's median level: in a log encoding, that undoes a change of exposure."""
    if not trusted.any():
        return picture
    shift = float(np.median(reference[trusted])) - float(np.median(picture[trusted]))
    if abs(shift) < 1:
        return picture
    return np.clip(np.round(picture.astype(np.float32) + shift), 0, 255).astype(np.uint8)


def _away_from(unmeasured: Bools, unit: float) -> Bools:
    edge = EDGE * unit
    while True:
        result = ~grown(unmeasured, edge)
        if edge < 1 or np.count_nonzero(result) >= LEAST_TRUSTED * result.size:
            return np.asarray(result)
        edge /= 2


def _round_trip(
    matrix: F64, ahead: F32, back: F64, behind: F32, guard: Bools, unit: float
) -> tuple[F16, Bools]:
    """How far there-and-back misses, and where that is too far. Inside the guard both are taken from around it."""
    height, width = guard.shape
    start = pixel_grid(guard.shape)
    arrived = camera.apply(matrix, start + ahead)
    returned = camera.apply(back, arrived + sample_vectors(behind, arrived))
    error = cv2.magnitude(*cv2.split(returned - start))
    across, down = cv2.split(arrived - start)
    travelled = across * across + down * down
    valid = np.square(error) < RELATIVE_TOLERANCE * 2 * travelled + ABSOLUTE_TOLERANCE * unit * unit
    across, down = cv2.split(arrived)
    inside = (across >= 0) & (down >= 0) & (across <= width - 1) & (down <= height - 1)
    around = grown(guard, 15 * unit) & ~guard & inside
    if guard.any():
        inherited = float(np.median(error[around])) if around.any() else 0.0
        error[guard] = inherited
        valid[guard] = (
            inherited**2 < RELATIVE_TOLERANCE * 2 * travelled[guard] + ABSOLUTE_TOLERANCE * unit * unit
        )
    return np.minimum(error, 1000).astype(np.float16), np.asarray(valid & inside)
