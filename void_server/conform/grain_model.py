# SPDX-License-Identifier: Apache-2.0
"""What is known of a shot's grain: its strength by level, its spectrum, how its channels go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

MOST = 65504.0
"""The greatest half float, for what is not finite."""


@dataclass(frozen=True)
class GrainModel:
    """The grain of a shot, in scene-linear light.

    Attributes:
        levels: (C, B) float64, ascending: the mean intensity of each bin, a channel.
        sigma: (C, B) float64, >= 0: the grain's standard deviation there. Between bins it runs straight; beyond the
            first and the last it stays.
        counts: (C, B) float64, pixels that were measured a bin.
        spectrum: (C, N, N) float64, >= 0, in the order of `numpy.fft.fft2`, of mean 1: the power spectrum of the grain
            divided by sigma.
        correlation: (C, C) float64, of the channels, 1 on its diagonal.
        confidence: 0..1; 0 where no grain is to be added.
        reason: a sentence; why none is known, or what it was measured on.
        mix: (C, C) float64, >= 0, of rows that sum to 1: the intensity that the grain of channel c goes with is the
            sum over j of mix[c, j] times the level of channel j. None where that is each channel's own level.
    """

    levels: F64
    sigma: F64
    counts: F64
    spectrum: F64
    correlation: F64
    confidence: float
    reason: str
    mix: F64 | None = None

    @property
    def known(self) -> bool:
        """Whether grain was found; if not, none is to be added."""
        return self.confidence > 0

    @staticmethod
    def unknown(reason: str) -> GrainModel:
        """No grain was found."""
        none = np.zeros((0, 0))
        return GrainModel(none, none, none, np.zeros((0, 0, 0)), none, 0.0, reason)

    def strength(self, picture: F32) -> F32:
        """The grain's standard deviation at each sample.

        Args:
            picture: (…, C) float32, scene-linear; NaN counts as the darkest level, infinities as the nearest one.

        Returns:
            The same shape, float32, scene-linear; 0 where no grain is known.
        """
        if not self.known:
            return np.zeros_like(picture, np.float32)
        level = np.nan_to_num(picture, nan=-MOST, posinf=MOST, neginf=-MOST)
        if self.mix is not None:
            shape = level.shape
            level = cv2.transform(level.reshape(-1, 1, shape[-1]), self.mix.astype(np.float32)).reshape(shape)
        curves = zip(self.levels, self.sigma, strict=True)
        return np.stack(
            [np.interp(level[..., c], *curve).astype(np.float32) for c, curve in enumerate(curves)], axis=-1
        )

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As named arrays, for storage."""
        return {
            "levels": self.levels,
            "sigma": self.sigma,
            "counts": self.counts,
            "spectrum": self.spectrum,
            "correlation": self.correlation,
            "confidence": np.array([self.confidence]),
            "reason": np.frombuffer(self.reason.encode(), np.uint8),
            "mix": np.zeros((0, 0)) if self.mix is None else self.mix,
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> GrainModel:
        """The model that `to_arrays` gave."""
        return cls(
            levels=arrays["levels"],
            sigma=arrays["sigma"],
            counts=arrays["counts"],
            spectrum=arrays["spectrum"],
            correlation=arrays["correlation"],
            confidence=float(arrays["confidence"][0]),
            reason=arrays["reason"].tobytes().decode(),
            mix=arrays["mix"] if arrays["mix"].size else None,
        )

    def summary(self) -> dict[str, Any]:
        """JSON-ready, for the sidecar: `confidence`, `reason`, and of a known grain `levels` and `sigma` a channel,
        `mix`, how much of each channel's level the intensity of a channel is, of which `levels` are,
        `correlation` of the channels, and `neighbours`, the correlation of a pixel with the next one, across and down,
        a channel.
        """
        said: dict[str, Any] = {"confidence": round(self.confidence, 3), "reason": self.reason}
        if not self.known:
            return said
        near = np.real(np.fft.ifft2(self.spectrum))
        mix = np.eye(len(self.levels)) if self.mix is None else self.mix
        return said | {
            "mix": np.round(mix, 3).tolist(),
            "levels": np.round(self.levels, 6).tolist(),
            "sigma": np.round(self.sigma, 6).tolist(),
            "correlation": np.round(self.correlation, 3).tolist(),
            "neighbours": np.round(np.stack([near[:, 0, 1], near[:, 1, 0]], axis=1), 3).tolist(),
        }
