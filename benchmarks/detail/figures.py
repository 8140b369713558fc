# SPDX-License-Identifier: Apache-2.0
"""Figures of the ways over a shot, in its region and against the truth, as display-like values (`scores.view`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.detail.run import Frame, Rebuilt
from benchmarks.quality.reference import gradient
from benchmarks.quality.scores import structural_similarity, view
from void_server.pipeline.regions import cut

SAME, OTHER = 0.02, 0.1
"""Encoded differences at the model's size, largest channel: below the first two pictures show the same, above the
second not."""


@dataclass
class Way:
    """What is summed up over the frames for one way."""

    square: float = 0.0
    count: int = 0
    similar: list[float] = field(default_factory=list)
    slope: list[float] = field(default_factory=list)

    @property
    def psnr(self) -> float:
        """Decibels."""
        return float(-10 * np.log10(max(self.square / self.count, 1e-12)))

    @property
    def ssim(self) -> float:
        """0..1."""
        return float(np.mean(self.similar))

    @property
    def gradient_error(self) -> float:
        """Mean of |gradient - true gradient|, in thousandths a pixel."""
        return 1000 * float(np.mean(self.slope))


@dataclass
class Table:
    """All ways of a case; `real` is the share of real pixels in the region, `same` and `other` are
    that of each of the model's pixels where the rebuilt picture is what the model means to show, and where it is not.
    """

    ways: dict[str, Way] = field(default_factory=dict)
    real: list[float] = field(default_factory=list)
    same: list[NDArray[np.float32]] = field(default_factory=list)
    other: list[NDArray[np.float32]] = field(default_factory=list)


def measured(rebuilt: Rebuilt, frames: Iterable[Frame]) -> Table:
    """Against what the answers were made from."""
    table = Table()
    for frame in frames:
        wanted = cut(rebuilt.wanted[frame.position].astype(np.float32), frame.crop)
        truth, region = view(wanted), frame.region
        for name, picture in frame.ways.items():
            got, way = view(rebuilt.encoding.decode(picture)), table.ways.setdefault(name, Way())
            error = np.square((got - truth)[region], dtype=np.float64)
            way.square, way.count = way.square + float(error.sum()), way.count + error.size
            way.similar.append(float(structural_similarity(got, truth)[region].mean()))
            way.slope.append(float(np.abs(gradient(got) - gradient(truth))[region].mean()))
        table.real.append(float(frame.share[region].mean()))
        height, width = frame.comparison.inside.shape
        apart = np.abs(
            _small(frame.seen.real, height, width) - _small(rebuilt.encoding.encode(wanted), height, width)
        ).max(axis=2)
        share, known = _small(frame.share, height, width), frame.comparison.inside > 0
        table.same.append(share[known & (apart < SAME)])
        table.other.append(share[known & (apart > OTHER)])
    return table


def share_of(parts: list[NDArray[np.float32]]) -> str:
    """The mean of all, and of how many."""
    everything = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return f"{everything.mean():.2f} of {everything.size}" if everything.size else "none"


def _small(picture: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)
