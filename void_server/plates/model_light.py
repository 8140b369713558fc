# SPDX-License-Identifier: Apache-2.0
"""Scene-linear light as the display-like picture that a video model was trained on, and exactly back.

Four steps, each strictly monotone and undone in reverse order: the shot's exposure, which brings its median to mid
grey; the plate's primaries to those of Rec.709, by the matrix that OCIO gives (`colour.rec709_matrix`); where these
primaries are narrower, colours beyond them are drawn in; then the curve of sRGB up to a knee, and above it a
logarithmic shoulder that brings the brightest of the shot to 1. Nothing is clamped: what lies beyond 0..1 is clipped
only where the model is shown it (`engines/void/plate_size.reduced`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from void_server.plates.colour import Matrix
from void_server.plates.encoding import DEFAULT_MEDIAN, FrameStatistics

F32 = npt.NDArray[np.float32]

IDENTITY: Matrix = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
SLOPE, TURN = 12.9232102, 0.0392857 / 12.9232102
"""Of the linear part of sRGB and where it ends, in light. IEC 61966-2-1 rounds them to 12.92 and 0.0031308; these are
the exact solutions for 0.055 and 2.4, with which the curve has no kink."""
KNEE = 0.6
"""Exposed light at which the shoulder begins, 1.7 stops over mid grey; sRGB is 0.80 there. Chosen, so that skin and
walls lie under it."""
BRIGHTEST = 99.99
"""Percentile of the shot's samples that the shoulder brings to 1; what is brighter is clipped for the model."""
CEILINGS = (1.0, 64.0)
"""Least and most exposed light that is brought to 1. More would leave a stop of highlight less than 0.03 of the
picture's range, about a VAE's own error."""
DRAWN_IN = 0.8
"""Distance from neutral, as a share of the brightest component, from which colours are drawn in. Of the order of the
thresholds of the ACES 1.3 reference gamut compression."""
MOST_DISTANCE = 1.6
"""Distance that is drawn in to 1 at most; surface colours hardly reach it, whatever the primaries."""
LEAST_LIGHT = 2.0**-10
"""Exposed light that is added to the brightest component, so that noise around black has no colour."""
_GREATEST = 1e20


@dataclass(frozen=True)
class ModelLight:
    """The mapping of one shot.

    Attributes:
        exposure: factor on scene-linear light; > 0.
        ceiling: exposed light that maps to 1; at least 1.
        matrix: from the plate's scene-linear primaries to those of Rec.709, by rows.
    """

    exposure: float
    ceiling: float
    matrix: Matrix = IDENTITY

    @classmethod
    def of_shot(
        cls, statistics: FrameStatistics, stops: float = 0.0, matrix: Matrix = IDENTITY
    ) -> ModelLight:
        """The mapping of the shot whose frames together have these statistics.

        Args:
            statistics: merged over the shot, so that brightness is comparable in time.
            stops: by which the model is to see it brighter.
        """
        exposure = DEFAULT_MEDIAN / statistics.scale() * 2.0**stops
        ceiling = float(np.clip(statistics.brightest(BRIGHTEST) * exposure, *CEILINGS))
        return cls(float(exposure), ceiling, matrix)

    def encode(self, linear: npt.NDArray[np.floating]) -> F32:
        """Scene-linear (h, w, 3) to encoded float32, most of it 0..1; infinity counts as 1e20, NaN spoils its pixel."""
        exposed = np.clip(linear, -_GREATEST, _GREATEST).astype(np.float32) * np.float32(self.exposure)
        if self._wide:
            exposed = _drawn(_transformed(exposed, np.array(self.matrix)), self._reach)
        return self._curve(exposed)

    def decode(self, encoded: npt.NDArray[np.floating]) -> F32:
        """The inverse of `encode`, up to float32 rounding: 2e-5 of a pixel's greatest component."""
        light = self._uncurved(np.asarray(encoded, np.float32))
        if self._wide:
            light = _transformed(_undrawn(light, self._reach), np.linalg.inv(np.array(self.matrix)))
        return np.asarray(light / np.float32(self.exposure), np.float32)

    @property
    def _wide(self) -> bool:
        return self.matrix != IDENTITY

    @cached_property
    def _reach(self) -> float:
        """The roundness of the curve that draws in; 0 where the plate's primaries are not wider than Rec.709's."""
        corners = np.array(list(product((0, 1), repeat=3))[1:], np.float64) @ np.array(self.matrix).T
        most = corners.max(axis=1)
        apart = (most - corners.min(axis=1))[most > 0] / most[most > 0]
        furthest = min(float(apart.max(initial=0)), MOST_DISTANCE)
        return _roundness((furthest - DRAWN_IN) / (1 - DRAWN_IN), 1.0) if furthest > 1 + 1e-4 else 0.0

    @cached_property
    def _shoulder(self) -> tuple[float, float, float]:
        """Value and slope at the knee, and the roundness above it."""
        value = 1.055 * KNEE ** (1 / 2.4) - 0.055
        slope = 1.055 / 2.4 * KNEE ** (1 / 2.4 - 1)
        return value, slope, _roundness(slope * (self.ceiling - KNEE), 1 - value)

    def _curve(self, light: F32) -> F32:
        value, slope, roundness = (np.float32(v) for v in self._shoulder)
        size = np.abs(light)
        with np.errstate(invalid="ignore"):
            curved = np.where(
                size <= TURN,
                size * np.float32(SLOPE),
                np.float32(1.055) * np.power(size, np.float32(1 / 2.4)) - np.float32(0.055),
            )
            np.copysign(curved, light, out=curved)
            above = light > KNEE
            curved[above] = value + roundness * np.log1p(
                slope / roundness * (light[above] - np.float32(KNEE))
            )
        return np.asarray(curved, np.float32)

    def _uncurved(self, encoded: F32) -> F32:
        value, slope, roundness = (np.float32(v) for v in self._shoulder)
        size = np.abs(encoded)
        with np.errstate(invalid="ignore", over="ignore"):
            light = np.where(
                size <= TURN * SLOPE,
                size / np.float32(SLOPE),
                np.power((size + np.float32(0.055)) / np.float32(1.055), np.float32(2.4)),
            )
            np.copysign(light, encoded, out=light)
            above = encoded > value
            light[above] = np.float32(KNEE) + roundness / slope * np.expm1(
                (encoded[above] - value) / roundness
            )
        return np.asarray(light, np.float32)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "exposure": self.exposure,
            "ceiling": self.ceiling,
            "matrix": [list(row) for row in self.matrix],
        }

    @classmethod
    def from_dict(cls, tree: Mapping[str, Any]) -> ModelLight:
        """What `to_dict` gave."""
        red, green, blue = ((float(a), float(b), float(c)) for a, b, c in tree["matrix"])
        return cls(float(tree["exposure"]), float(tree["ceiling"]), (red, green, blue))


def _roundness(span: float, reached: float) -> float:
    """The r with which r * log1p(span / r), whose slope at 0 is 1, is `reached`; 0 < reached < span."""
    low, high = 1e-6, 1e6
    for _ in range(200):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if middle * np.log1p(span / middle) < reached else (low, middle)
    return float((low * high) ** 0.5)


def _transformed(picture: F32, matrix: npt.NDArray[np.float64]) -> F32:
    flat = np.ascontiguousarray(picture).reshape(-1, 1, 3)
    return np.asarray(cv2.transform(flat, matrix).reshape(picture.shape), np.float32)


def _drawn(light: F32, roundness: float) -> F32:
    """Colours drawn towards their own brightest component, which stays, so that the way back is known."""
    if roundness == 0:
        return light
    brightest = light.max(axis=-1, keepdims=True)
    unit = np.abs(brightest) + np.float32(LEAST_LIGHT)
    distance = (brightest - light) / unit
    with np.errstate(invalid="ignore"):
        far = np.maximum(distance - np.float32(DRAWN_IN), 0) / np.float32(1 - DRAWN_IN)
        nearer = DRAWN_IN + (1 - DRAWN_IN) * np.float32(roundness) * np.log1p(far / np.float32(roundness))
        drawn = brightest - nearer.astype(np.float32) * unit
        return np.asarray(np.where(distance > DRAWN_IN, drawn, light), np.float32)


def _undrawn(light: F32, roundness: float) -> F32:
    if roundness == 0:
        return light
    brightest = light.max(axis=-1, keepdims=True)
    unit = np.abs(brightest) + np.float32(LEAST_LIGHT)
    distance = (brightest - light) / unit
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.maximum(distance - np.float32(DRAWN_IN), 0) / np.float32((1 - DRAWN_IN) * roundness)
        further = DRAWN_IN + np.float32((1 - DRAWN_IN) * roundness) * np.expm1(near)
        spread = brightest - further.astype(np.float32) * unit
        return np.asarray(np.where(distance > DRAWN_IN, spread, light), np.float32)
