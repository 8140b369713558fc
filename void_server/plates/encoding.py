# SPDX-License-Identifier: Apache-2.0
"""One display-like mapping for a whole shot, in which matching, flow and models see it; exactly undone
afterwards.

s(x) = sign(x) * log2(1 + |x| / epsilon), then (s - low) / (high - low) for each channel. Epsilon is 0.004
times the median luminance of the shot (2**-8 of its mid grey), so that the mapping does not depend on
exposure; low and high are the 1 % and 99 % percentiles over the whole shot, never of one frame, so that
brightness is comparable in time. Values above 1 and below 0 pass unclamped. Source of epsilon and
percentiles: docs/cleanplate.md, step 0; the signed logarithm is the symmetric "symlog" (Webber, "A
bi-symmetric log transformation for wide-range data", 2013).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

EPSILON_OF_MEDIAN = 0.004
DEFAULT_MEDIAN = 0.18
"""Taken where a shot has no positive luminance: mid grey of a scene-linear picture."""
PERCENTILES = (1.0, 99.0)
LEAST_SPAN = 0.5
"""Stops between low and high at least, so that a flat shot does not blow up its noise."""
LUMINANCE = (0.2126, 0.7152, 0.0722)
"""ITU-R BT.709; for a scale any primaries' luminance is near enough."""

BINS_PER_STOP = 16
STOPS = 40
"""The histogram covers magnitudes of 2**-40 to 2**40 on both sides of 0."""
_SIDE = 2 * STOPS * BINS_PER_STOP
_BINS = 2 * _SIDE + 1
_PIXELS = 1 << 15
"""Pixels that are encoded at a time."""
_GREATEST = 1e20
"""Light beyond any plate, whose logarithm is still finite."""
MOST_SAMPLES = 1_000_000
"""Pixels of a frame that are counted at most, on a regular grid."""


@dataclass(frozen=True)
class FrameStatistics:
    """Histograms of one frame, or of several together.

    Attributes:
        counts: (channels + 1, bins) int64: finite samples by signed logarithmic bin for each channel, then
            luminance.
    """

    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, linear: npt.NDArray[np.float32], step: int = 0) -> FrameStatistics:
        """Of a scene-linear picture (h, w, c), c 3 or 1; samples that are not finite are left out.

        Args:
            step: every so many lines and columns count; 0 = `grid_step` of the picture.
        """
        height, width, channels = linear.shape
        step = step or grid_step(height, width)
        samples = linear[::step, ::step].reshape(-1, channels).astype(np.float64)
        weights = np.array(LUMINANCE if channels == 3 else [1 / channels] * channels)
        with np.errstate(invalid="ignore"):
            luminance = samples @ weights
        return cls(np.stack([_histogram(column) for column in (*samples.T, luminance)]))

    def merge(self, other: FrameStatistics) -> FrameStatistics:
        """Of both together; the order does not matter."""
        return FrameStatistics(self.counts + other.counts)

    @classmethod
    def together(cls, statistics: Iterable[FrameStatistics]) -> FrameStatistics:
        """Of a whole shot; merged as they come, so that a lazy iterable is never held whole.

        Raises:
            ValueError: there is none.
        """
        frames = iter(statistics)
        first = next(frames, None)
        if first is None:
            raise ValueError("a shot has at least one frame")
        return reduce(FrameStatistics.merge, frames, first)

    def scale(self) -> float:
        """The median luminance, that of the lit pixels alone where most is black; > 0."""
        return _scale(self.counts[-1])

    def brightest(self, percent: float) -> float:
        """The greatest of the channels' percentiles."""
        return max(_percentile(channel, percent) for channel in self.counts[:-1])

    def to_arrays(self) -> dict[str, npt.NDArray[np.int64]]:
        """For storing."""
        return {"counts": self.counts}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> FrameStatistics:
        """What `to_arrays` gave."""
        return cls(np.asarray(arrays["counts"], np.int64))


@dataclass(frozen=True)
class ShotEncoding:
    """The mapping of one shot.

    Attributes:
        epsilon: scene-linear value where the curve turns from linear to logarithmic; > 0.
        low, high: for each channel, the values of s that map to 0 and 1.
    """

    epsilon: float
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def from_statistics(cls, statistics: Iterable[FrameStatistics]) -> ShotEncoding:
        """The mapping of the shot whose frames have these statistics; their order does not matter.

        Raises:
            ValueError: there is none.
        """
        merged = FrameStatistics.together(statistics)
        channels = merged.counts[:-1]
        epsilon = EPSILON_OF_MEDIAN * merged.scale()
        limits = [_symlog(np.array([_percentile(c, p) for p in PERCENTILES]), epsilon) for c in channels]
        low = tuple(float(pair[0]) for pair in limits)
        return cls(
            epsilon,
            low,
            tuple(max(float(pair[1]), a + LEAST_SPAN) for a, pair in zip(low, limits, strict=True)),
        )

    def encode(self, linear: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Scene-linear (..., c) to encoded float32; most of the shot lies in 0..1, nothing is clamped."""
        low, high = np.array(self.low), np.array(self.high)
        stops = _symlog(linear.astype(np.float64), self.epsilon)
        encoded: npt.NDArray[np.float32] = ((stops - low) / (high - low)).astype(np.float32)
        return encoded

    def decode(self, encoded: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """The exact inverse of `encode`, up to float32 rounding (relative 1e-5)."""
        low, high = np.array(self.low), np.array(self.high)
        s = encoded.astype(np.float64) * (high - low) + low
        with np.errstate(over="ignore"):
            magnitude = self.epsilon * np.expm1(np.abs(s) * np.log(2))
            linear: npt.NDArray[np.float32] = (np.sign(s) * magnitude).astype(np.float32)
        return linear

    def to_uint8(self, linear: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
        """Encoded, clamped and rounded to 0..255, for analysis only; NaN and -infinity are 0, infinity
        255.
        """
        flat = linear.reshape(-1, 1, linear.shape[-1])
        encoded = np.empty(flat.shape, np.uint8)
        # Some pixels at a time, so that the many passes stay in the processor's cache.
        for first in range(0, len(flat), _PIXELS):
            encoded[first : first + _PIXELS] = self._levels(flat[first : first + _PIXELS])
        return encoded.reshape(linear.shape)

    def _levels(self, linear: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
        """`to_uint8` of (n, 1, c)."""
        # In single precision and with OpenCV's logarithm, which is many times as fast and far finer than 8 bits.
        light = np.asarray(linear, np.float32)
        light = np.nan_to_num(np.clip(light, -_GREATEST, _GREATEST), nan=-_GREATEST)
        stops = cv2.log(1 + np.abs(light) * np.float32(1 / self.epsilon))
        low, high = (np.broadcast_to(limit, linear.shape[-1:]) for limit in (self.low, self.high))
        scale = 255 / (high - low)
        matrix = np.column_stack([np.diag(scale / np.log(2)), -scale * low])
        encoded = cv2.transform(np.copysign(stops.reshape(light.shape), light), matrix).reshape(linear.shape)
        rounded: npt.NDArray[np.uint8] = np.rint(np.clip(encoded, 0, 255)).astype(np.uint8)
        return rounded

    def to_arrays(self) -> dict[str, npt.NDArray[np.float64]]:
        """For storing."""
        return {"epsilon": np.array([self.epsilon]), "low": np.array(self.low), "high": np.array(self.high)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> ShotEncoding:
        """What `to_arrays` gave."""
        low, high = (tuple(float(v) for v in arrays[name]) for name in ("low", "high"))
        return cls(float(arrays["epsilon"][0]), low, high)


def grid_step(height: int, width: int) -> int:
    """Lines and columns from one counted pixel to the next, so that at most `MOST_SAMPLES` are counted."""
    return max(1, int(np.ceil(np.sqrt(height * width / MOST_SAMPLES))))


def symlog(linear: npt.NDArray[np.floating], epsilon: float) -> npt.NDArray[np.float64]:
    """sign(x) * log2(1 + |x| / epsilon): stops above epsilon, of either sign."""
    return _symlog(linear.astype(np.float64), epsilon)


def _symlog(x: npt.NDArray[np.float64], epsilon: float) -> npt.NDArray[np.float64]:
    stops: npt.NDArray[np.float64] = np.sign(x) * np.log1p(np.abs(x) / epsilon) / np.log(2)
    return stops


def _histogram(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    finite = samples[np.isfinite(samples)]
    with np.errstate(divide="ignore"):
        stops = np.log2(np.abs(finite))
    rank = (
        np.clip(np.floor((np.maximum(stops, -STOPS) + STOPS) * BINS_PER_STOP), 0, _SIDE - 1).astype(np.int64)
        + 1
    )
    rank[np.abs(finite) < 2.0**-STOPS] = 0
    bins = _SIDE + np.where(finite < 0, -rank, rank)
    return np.bincount(bins, minlength=_BINS).astype(np.int64)


def _percentile(counts: npt.NDArray[np.int64], percent: float) -> float:
    """The middle of the bin that holds the percentile; 0 where nothing was counted."""
    total = int(counts.sum())
    if total == 0:
        return 0.0
    reached = int(np.searchsorted(np.cumsum(counts), max(1, np.ceil(total * percent / 100))))
    rank = reached - _SIDE
    return 0.0 if rank == 0 else float(np.sign(rank) * 2.0 ** ((abs(rank) - 0.5) / BINS_PER_STOP - STOPS))


def _scale(luminance: npt.NDArray[np.int64]) -> float:
    """The median luminance; that of the positive pixels alone where most of the shot is black."""
    positive = luminance.copy()
    positive[: _SIDE + 1] = 0
    return next((m for m in (_percentile(luminance, 50), _percentile(positive, 50)) if m > 0), DEFAULT_MEDIAN)
