# SPDX-License-Identifier: Apache-2.0
"""The chosen sources made into one picture: sampled at plate resolution, harmonised, blended by bands.

docs/cleanplate.md, steps 5 and 7. Low frequencies are blended over the sources; with grain kept, the high band comes
from one source a pixel, since a mean of frames would take the grain away. Sources are read one at a time, so that
memory does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, I32, Bools
from void_server.engines.cleanplate.harmonise import apply_log_gain, log_gain
from void_server.engines.cleanplate.membrane import gaussian, masked_blur, membrane
from void_server.engines.cleanplate.sampling import sample_plate
from void_server.engines.cleanplate.settings import CleanplateSettings
from void_server.engines.cleanplate.shot import ShotReader
from void_server.engines.cleanplate.sources import Source
from void_server.engines.cleanplate.workbox import WorkBox

# Standard deviations in units u: of the low band (docs/cleanplate.md, step 5), of the cross-dissolve between sources in
# the low band, and of the smoothing that keeps one source's high band together.
BAND_SPLIT, SEAM, LABEL_SEAM = 2.0, 2.0, 4.0
LEAST_BAND_SPLIT = 1.5
"""In proxy pixels: grain is as fine as the pixels however small the picture, and must fall into the high band."""
LEAST_EDGE_WEIGHT = 0.01


@dataclass(frozen=True)
class Target:
    """The frame to be filled, cut to its work box.

    Attributes:
        box: the part that is worked on.
        pixels: (N, 2) int32, (x, y) in the whole proxy, of the tracked pixels.
        plate: (H, W, 3) float32, scene-linear, finite.
        hole, ring, fill: (h, w) bool, the regions at proxy resolution.
        filled: (H, W) bool, plate pixels that are to be filled.
        known: (H, W) bool, plate pixels that no part of the hole touches.
        eps: see `harmonise.epsilon`.
        unit: the length u in proxy pixels.
    """

    box: WorkBox
    pixels: I32
    plate: F32
    hole: Bools
    ring: Bools
    fill: Bools
    filled: Bools
    known: Bools
    eps: float
    unit: float

    @property
    def split(self) -> float:
        """Standard deviation, in proxy pixels, that divides the low band from the high."""
        return max(BAND_SPLIT * self.unit, LEAST_BAND_SPLIT)

    def on_grid(self, values: F32) -> F32:
        """(N,) or (N, c) values of the tracked pixels placed in the box at proxy resolution; 0 elsewhere."""
        grid = np.zeros((*self.box.proxy_size, *values.shape[1:]), np.float32)
        grid[self.pixels[:, 1] - self.box.proxy[1], self.pixels[:, 0] - self.box.proxy[0]] = values
        return grid

    def low_band(self, picture: F32, shown: Bools) -> F32:
        """(h, w, 3) the low frequencies of a (H, W, 3) picture, from where it shows background only, at least 0."""
        weight = self.box.reduce(shown.astype(np.float32))
        total = self.box.reduce(np.where(shown[..., None], np.maximum(picture, 0), 0).astype(np.float32))
        mean = (total / np.maximum(weight, 1e-6)[..., None]).astype(np.float32)
        return masked_blur(mean, weight, self.split)


@dataclass(frozen=True)
class Blended:
    """The background as the sources show it.

    Attributes:
        colour: (H, W, 3) float32, scene-linear.
        use: (H, W) float32 0..1, how far it is to be used: 1 where sources show the background, falling to 0 towards
            what none of them shows.
        trace: (H, W, 3) float32, where the high band comes from: x and y in the plate, and the source's position in
            the shot; the position is -1 where there is no source. None unless it was asked for.
    """

    colour: F32
    use: F32
    trace: F32 | None


def blend_sources(
    target: Target, sources: list[Source], shot: ShotReader, settings: CleanplateSettings
) -> Blended:
    """Samples, harmonises and blends the sources."""
    weights = _smooth_weights(target, sources)
    labels = _high_band_labels(target, sources)
    total = _BandSum(target.box.full_size, target.eps, settings.grain)
    trace = np.full((*target.box.full_size, 3), -1, np.float32) if settings.trace else None
    for source, weight, label in zip(sources, weights, labels, strict=True):
        shows = target.on_grid(source.visible.astype(np.float32)) > 0
        positions = target.box.positions(_displacement(target, source, shows))
        picture = sample_plate(_lent(source, shot), positions)
        shown = target.box.enlarge(shows.astype(np.float32)) > 0.5
        if trace is not None:
            chosen = target.box.enlarge(label) > 0.5
            trace[chosen, :2], trace[chosen, 2] = positions[chosen], source.frame
        low, gain = target.low_band(picture, shown), _gain(target, picture, shows, shown)
        total.add(
            apply_log_gain(picture, target.box.enlarge(gain), target.eps),
            target.box.enlarge(apply_log_gain(low, gain, target.eps)),
            target.box.enlarge(weight),
            target.box.enlarge(label),
        )
    return Blended(total.result(), _use(target, weights), trace)


def _lent(source: Source, shot: ShotReader) -> F32:
    clean = shot.clean_plate(source.frame) if source.painted else None
    return shot.plate(source.frame) if clean is None else clean


def _gain(target: Target, picture: F32, shows: Bools, shown: Bools) -> F32:
    """(h, w, 3) log gain from the picture of a source to the target.

    Both low bands are taken over the same pixels: else texture beside the hole would pass for light.
    """
    both = target.known & shown
    here, there = target.low_band(target.plate, both), target.low_band(picture, both)
    return log_gain(here, there, target.ring & shows, target.eps, target.unit)


def _displacement(target: Target, source: Source, shows: Bools) -> F32:
    """(h, w, 2) proxy pixels, extended smoothly over what the source does not show, so that edges interpolate well."""
    moved = target.on_grid(source.points - target.pixels.astype(np.float32))
    return membrane(moved, shows.astype(np.float32))


def _smooth_weights(target: Target, sources: list[Source]) -> list[F32]:
    """Blending weights at proxy resolution, which cross-dissolve between sources and never leave what each shows."""
    raw = [target.on_grid(source.weight) for source in sources]
    total = np.maximum(np.sum(raw, axis=0), 1e-12)
    return [
        gaussian((weight / total).astype(np.float32), SEAM * target.unit) * _away_from_edge(target, source)
        for source, weight in zip(sources, raw, strict=True)
    ]


def _high_band_labels(target: Target, sources: list[Source]) -> list[F32]:
    """For each source, (h, w) 0 or 1 where the high band is taken from it: one source a pixel, in coherent patches."""
    if not sources:
        return []
    fit = np.stack([_away_from_edge(target, source) for source in sources])
    raw = [target.on_grid(source.weight) for source in sources]
    first = (np.stack([gaussian(weight, LABEL_SEAM * target.unit) for weight in raw]) * fit).argmax(axis=0)
    voted = cv2.medianBlur(first.astype(np.uint8), 5)
    fit_of_voted, fit_of_first = (
        np.take_along_axis(fit, choice[None].astype(np.intp), axis=0)[0] for choice in (voted, first)
    )
    label = np.where(fit_of_voted >= fit_of_first, voted, first)
    return [((label == index) & (fit[index] > 0)).astype(np.float32) for index in range(len(sources))]


def _away_from_edge(target: Target, source: Source) -> F32:
    """(h, w) 0 where a source shows nothing, 1 once nine tenths of the low band's kernel see it."""
    shows = target.on_grid(source.visible.astype(np.float32))
    tracked = target.on_grid(np.ones(len(target.pixels), np.float32))
    share = gaussian(shows, target.split) / np.maximum(gaussian(tracked, target.split), 1e-6)
    inner = np.clip(10 * share - 9, LEAST_EDGE_WEIGHT, 1)
    return np.asarray(inner * shows, np.float32)


def _use(target: Target, weights: list[F32]) -> F32:
    if not weights:
        return np.zeros(target.box.full_size, np.float32)
    covered = (np.sum(weights, axis=0) > 1e-6).astype(np.float32)
    outside = ~(target.fill | target.ring)
    ramp = 2 * gaussian(np.where(outside, 1, covered).astype(np.float32), target.unit) - 1
    return np.clip(target.box.enlarge(np.where(covered > 0, np.clip(ramp, 0, 1), 0).astype(np.float32)), 0, 1)


class _BandSum:
    """Adds up sources: a weighted mean of low bands and a chosen high band, or a weighted mean of everything.

    The high band is kept as the factor (picture + eps) / (low + eps): where blended and chosen low band are equal it
    gives back the chosen frame's samples, and next to an HDR highlight it cannot fall below zero as a difference can.
    """

    def __init__(self, size: tuple[int, int], eps: float, grain: bool) -> None:
        self._eps, self._grain = np.float32(eps), grain
        self._mean = np.zeros((*size, 3), np.float32)
        self._weight = np.zeros((*size, 1), np.float32)
        self._factor = np.zeros((*size, 3), np.float32) if grain else None
        self._labels = np.zeros((*size, 1), np.float32) if grain else None

    def add(self, picture: F32, low: F32, weight: F32, label: F32) -> None:
        self._weight += weight[..., None]
        if self._factor is None or self._labels is None:
            self._mean += picture * weight[..., None]
            return
        self._mean += low * weight[..., None]
        self._factor += (picture + self._eps) / (np.maximum(low, 0) + self._eps) * label[..., None]
        self._labels += label[..., None]

    def result(self) -> F32:
        mean = np.asarray(self._mean / np.maximum(self._weight, 1e-6), np.float32)
        if self._factor is None or self._labels is None:
            return mean
        factor = np.where(self._labels > 0, self._factor / np.maximum(self._labels, 1e-6), 1)
        return np.asarray((mean + self._eps) * factor - self._eps, np.float32)
