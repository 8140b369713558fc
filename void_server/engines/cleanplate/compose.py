# SPDX-License-Identifier: Apache-2.0
"""The chosen sources made into one picture: sampled at plate resolution, harmonised, blended by bands.

docs/cleanplate.md, steps 5 and 7. Low frequencies are blended over the sources; with grain kept, the high band comes
from one source a pixel, since a mean of frames would take the grain away. Sources are read one at a time, so that
memory does not grow with their number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from void_server.engines.cleanplate.arrays import (
    F32,
    I32,
    Bools,
    finite_view,
    not_negative,
    over_channels,
    pixel_grid,
)
from void_server.engines.cleanplate.harmonise import apply_log_gain, log_gain
from void_server.engines.cleanplate.membrane import gaussian, masked_blur, membrane
from void_server.engines.cleanplate.sampling import noise_left, sample_finite
from void_server.engines.cleanplate.settings import CleanplateSettings
from void_server.engines.cleanplate.shot import ShotReader
from void_server.engines.cleanplate.sources import Source
from void_server.engines.cleanplate.workbox import Rect, WorkBox

# Standard deviations in units u: of the low band (docs/cleanplate.md, step 5), of the cross-dissolve between sources in
# the low band, and of the smoothing that keeps one source's high band together.
BAND_SPLIT, SEAM, LABEL_SEAM = 2.0, 2.0, 4.0
LEAST_BAND_SPLIT = 1.5
"""In proxy pixels: grain is as fine as the pixels however small the picture, and must fall into the high band."""
LEAST_EDGE_WEIGHT, LEAST_WEIGHT = 0.01, 1e-6
ROUNDING = 1e-5
AROUND = 6
"""Proxy pixels that the kernel needs around the places of a sample, and to spare."""
TILE = 192
"""Side, in plate pixels, of the pieces in which plates are sampled."""


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

    @cached_property
    def small(self) -> F32:
        """(h, w, 3) the plate at proxy resolution, at least 0."""
        return self.box.reduce(not_negative(self.plate))

    @cached_property
    def tracked(self) -> F32:
        """(h, w) share of tracked pixels under the low band's kernel, more than 0."""
        return np.maximum(gaussian(self.on_grid(np.ones(len(self.pixels), np.float32)), self.split), 1e-6)

    @cached_property
    def _places(self) -> NDArray[np.intp]:
        """(N,) where the tracked pixels are in the box at proxy resolution, row after row."""
        x0, y0, x1, _ = self.box.proxy
        return (self.pixels[:, 1] - y0).astype(np.intp) * (x1 - x0) + self.pixels[:, 0] - x0

    def on_grid(self, values: F32) -> F32:
        """(N,) or (N, c) values of the tracked pixels placed in the box at proxy resolution; 0 elsewhere."""
        height, width = self.box.proxy_size
        grid = np.zeros((height * width, *values.shape[1:]), np.float32)
        grid[self._places] = values
        return grid.reshape(height, width, *values.shape[1:])

    def low_band(self, picture: F32, shown: Bools) -> F32:
        """(h, w, 3) the low frequencies of a (h, w, 3) picture, from where it shows background only, at least 0."""
        return masked_blur(np.maximum(picture, 0), shown.astype(np.float32), self.split)

    def reduced(self, plate: F32) -> F32:
        """A finite (H, W, 3) plate, of this frame or another, at least 0 and averaged to proxy resolution."""
        size = tuple(
            round(side / scale) for side, scale in zip(plate.shape[1::-1], self.box.scale, strict=True)
        )
        return np.asarray(cv2.resize(not_negative(plate), size, interpolation=cv2.INTER_AREA), np.float32)

    def part_around(self, plate: F32, places: F32) -> tuple[F32, I32]:
        """What of a plate is needed to sample it at (h, w, 2) places in proxy pixels, finite, and where it begins, in
        proxy pixels (x, y): the corner of a proxy pixel.
        """
        times = self.box.times
        if times is None:
            return finite_view(plate), np.zeros(2, np.int32)
        across, down = cv2.split(places)
        first = np.array((across.min(), down.min())) - AROUND
        last = np.array((across.max(), down.max())) + AROUND
        size = np.array(plate.shape[1::-1]) // times
        left, top = np.clip(first, 0, size - 1).astype(int)
        right, bottom = np.clip(np.ceil(last), (left + 1, top + 1), size).astype(int)
        part = plate[top * times[1] : bottom * times[1], left * times[0] : right * times[0]]
        return finite_view(part), np.array((left, top), np.int32)


@dataclass(frozen=True)
class Blended:
    """The background as the sources show it.

    Attributes:
        colour: (H, W, 3) float32, scene-linear.
        use: (H, W) float32 0..1, how far it is to be used: 1 where sources show the background, falling to 0 towards
            what none of them shows.
        trace: (H, W, 3) float32, where the high band comes from: x and y in the plate, and the source's position in
            the shot; the position is -1 where there is no source. None unless it was asked for.
        kept: (H, W) float32 0..1, share of the sources' grain, in power, that averaging them left.
        fine: (H, W) float32 0..1, share of white noise's power that sampling them between pixels left.
        lit: (h, w, 3) float32 at proxy resolution, by how much their light was raised.
        lost: (h, w) float32 0..1 at proxy resolution, share of what is kept that blending took in the low band.
    """

    colour: F32
    use: F32
    trace: F32 | None
    kept: F32
    fine: F32
    lit: F32
    lost: F32


def blend_sources(
    target: Target, sources: list[Source], shot: ShotReader, settings: CleanplateSettings
) -> Blended:
    """Samples, harmonises and blends the sources.

    The low band is made from reduced plates, at proxy resolution. At plate resolution only what the result takes its
    high band from is sampled, in tiles.
    """
    raw = [target.on_grid(source.weight) for source in sources]
    fit = [_away_from_edge(target, source) for source in sources]
    weights = _smooth_weights(target, raw, fit)
    labels = _high_band_labels(target, raw, fit)
    total = _BandSum(target, settings.grain)
    trace = np.full((*target.box.full_size, 3), -1, np.float32) if settings.trace else None
    x0, y0, x1, y1 = target.box.proxy
    cubic = settings.quality == "final"
    for source, weight, label in zip(sources, weights, labels, strict=True):
        shows = target.on_grid(source.visible.astype(np.float32)) > 0
        moved = _displacement(target, source, shows)
        places = moved + pixel_grid((y1, x1))[y0:, x0:]
        part, corner = target.part_around(_lent(source, shot), places)
        small = sample_finite(target.reduced(part), places - corner.astype(np.float32), cubic=cubic)
        first = (corner * target.box.scale).astype(np.float32)
        gain, low = _gain(target, small, shows), target.low_band(small, shows)
        total.add_low(apply_log_gain(low, gain, target.eps), weight)
        lift = total.lift(low, gain)
        share = label if settings.grain else weight
        total.add_light(gain, weight, share)
        for tile in target.box.tiles(share > 0, TILE):
            positions = target.box.positions(moved, tile)
            there = positions - first
            picture = sample_finite(part, there, cubic=cubic)
            total.add(tile, picture, lift, share, noise_left(there))
            if trace is not None:
                chosen = target.box.enlarge_part(label, tile) > 0.5
                part = trace[tile[1] : tile[3], tile[0] : tile[2]]
                part[chosen, :2], part[chosen, 2] = positions[chosen], source.frame
    return Blended(total.result(), _use(target, weights), trace, *total.grain(), *total.light())


def _lent(source: Source, shot: ShotReader) -> F32:
    clean = shot.clean_plate(source.frame) if source.painted else None
    return shot.plate(source.frame) if clean is None else clean


def _gain(target: Target, picture: F32, shows: Bools) -> F32:
    """(h, w, 3) log gain from the picture (h, w, 3) of a source to the target.

    Both low bands are taken over the same pixels: else texture beside the hole would pass for light.
    """
    both = ~target.hole & shows
    here, there = target.low_band(target.small, both), target.low_band(picture, both)
    return log_gain(here, there, target.ring & shows, target.eps, target.unit)


def _displacement(target: Target, source: Source, shows: Bools) -> F32:
    """(h, w, 2) proxy pixels, extended smoothly over what the source does not show, so that edges interpolate well."""
    moved = target.on_grid(source.points - target.pixels.astype(np.float32))
    return membrane(moved, shows.astype(np.float32))


def _smooth_weights(target: Target, raw: list[F32], fit: list[F32]) -> list[F32]:
    """Blending weights at proxy resolution, which cross-dissolve between sources and never leave what each shows."""
    total = np.maximum(np.sum(raw, axis=0), 1e-12)
    return [
        gaussian((weight / total).astype(np.float32), SEAM * target.unit) * inner
        for inner, weight in zip(fit, raw, strict=True)
    ]


def _high_band_labels(target: Target, raw: list[F32], inner: list[F32]) -> list[F32]:
    """For each source, (h, w) 0 or 1 where the high band is taken from it: one source a pixel, in coherent patches."""
    if not raw:
        return []
    fit = np.stack(inner)
    first = (np.stack([gaussian(weight, LABEL_SEAM * target.unit) for weight in raw]) * fit).argmax(axis=0)
    voted = cv2.medianBlur(first.astype(np.uint8), 5)
    fit_of_voted, fit_of_first = (
        np.take_along_axis(fit, choice[None].astype(np.intp), axis=0)[0] for choice in (voted, first)
    )
    label = np.where(fit_of_voted >= fit_of_first, voted, first)
    return [((label == index) & (fit[index] > 0)).astype(np.float32) for index in range(len(raw))]


def _away_from_edge(target: Target, source: Source) -> F32:
    """(h, w) 0 where a source shows nothing, 1 once nine tenths of the low band's kernel see it."""
    shows = target.on_grid(source.visible.astype(np.float32))
    share = gaussian(shows, target.split) / target.tracked
    inner = np.clip(10 * share - 9, LEAST_EDGE_WEIGHT, 1)
    return np.asarray(inner * shows, np.float32)


def _use(target: Target, weights: list[F32]) -> F32:
    if not weights:
        return np.zeros(target.box.full_size, np.float32)
    covered = (np.sum(weights, axis=0) > LEAST_WEIGHT).astype(np.float32)
    outside = ~(target.fill | target.ring)
    ramp = 2 * gaussian(np.where(outside, 1, covered).astype(np.float32), target.unit) - 1
    return np.clip(target.box.enlarge(np.where(covered > 0, np.clip(ramp, 0, 1), 0).astype(np.float32)), 0, 1)


class _BandSum:
    """Adds up sources: a weighted mean of low bands and a chosen high band, or a weighted mean of everything.

    The high band is kept as the factor (picture + eps) / (low + eps): where blended and chosen low band are equal it
    gives back the chosen frame's samples, and next to an HDR highlight it cannot fall below zero as a difference can.
    Low bands are enlarged as logarithms, so that the enlarged factor and what it divides stay each other's inverse.
    """

    def __init__(self, target: Target, grain: bool) -> None:
        self._box, self._eps, self._grain = target.box, np.float32(target.eps), grain
        self._mean = np.zeros((*target.box.proxy_size, 3), np.float32)
        self._weight = np.zeros(target.box.proxy_size, np.float32)
        self._sum = np.zeros((*target.box.full_size, 3), np.float32)
        self._shares = np.zeros(target.box.full_size, np.float32)
        self._squares = np.zeros(target.box.full_size, np.float32)
        self._left = np.zeros(target.box.full_size, np.float32)
        self._gains = np.zeros((*target.box.proxy_size, 3), np.float32)
        self._own, self._both = (np.zeros(target.box.proxy_size, np.float32) for _ in range(2))

    def add_low(self, low: F32, weight: F32) -> None:
        """A source's (h, w, 3) low band and its (h, w) weight."""
        self._mean += low * over_channels(weight, 3)
        self._weight += weight

    def add_light(self, gain: F32, weight: F32, share: F32) -> None:
        """A source's (h, w, 3) log gain and its (h, w) weights in the low and in the high band."""
        self._gains += gain * over_channels(share * share, 3)
        self._own += share * share
        self._both += share * weight

    def lift(self, low: F32, gain: F32) -> F32:
        """(h, w, 3) log of what picture + eps is to be multiplied with, from a source's low band and its log gain.

        With grain that leaves the high band, from which the gain, being in the low band too, cancels out.
        """
        return -_log(np.maximum(low, 0) + self._eps) if self._grain else gain

    def add(self, tile: Rect, picture: F32, lift: F32, share: F32, left: F32) -> None:
        """A tile of a source's picture at plate resolution, which is written to, and how much it counts there.

        Args:
            tile: in plate pixels from the box's corner.
            picture: (b, a, 3), scene-linear.
            lift: (h, w, 3), what `lift` gave.
            share: (h, w).
            left: (b, a), what sampling left of noise.
        """
        x0, y0, x1, y1 = tile
        counts = self._box.enlarge_part(share, tile)
        square = counts * counts
        self._squares[y0:y1, x0:x1] += square
        self._left[y0:y1, x0:x1] += square * left
        picture += self._eps
        picture *= _exp(self._box.enlarge_part(lift, tile))
        if float(counts.min()) < 1:
            picture *= over_channels(counts, 3)
        self._sum[y0:y1, x0:x1] += picture
        self._shares[y0:y1, x0:x1] += counts

    def grain(self) -> tuple[F32, F32]:
        """`kept` and `fine` of `Blended`; 0 and 1 where nothing is shown."""
        shown = self._shares > ROUNDING
        kept = self._squares / np.maximum(np.square(self._shares), ROUNDING)
        fine = self._left / np.maximum(self._squares, 1e-12)
        return (
            np.where(shown, np.clip(kept, 0, 1), 0).astype(np.float32),
            np.where(shown, np.clip(fine, 0, 1), 1).astype(np.float32),
        )

    def light(self) -> tuple[F32, F32]:
        """`lit` and `lost` of `Blended`; 1 and 0 where nothing is shown."""
        squares = np.maximum(self._own, 1e-6)
        common = self._both / (squares * np.maximum(self._weight, 1e-6)) if self._grain else squares / squares
        lost = np.where((self._own > 0) & (self._weight > LEAST_WEIGHT), 1 - common, 0)
        return _exp(self._gains / over_channels(squares, 3)), np.clip(lost, 0, 1).astype(np.float32)

    def result(self) -> F32:
        """(H, W, 3) of the box; 0 away from where anything is shown."""
        shown = self._weight > LEAST_WEIGHT
        mean = self._mean / over_channels(np.where(shown, self._weight, 1).astype(np.float32), 3)
        # Extended, so that what is enlarged beside the unseen takes nothing of its blackness.
        light = membrane(_log(np.maximum(mean, 0) + self._eps), shown.astype(np.float32))
        for tile in self._box.tiles(shown, TILE):
            x0, y0, x1, y1 = tile
            high, shares = self._sum[y0:y1, x0:x1], self._shares[y0:y1, x0:x1]
            if np.abs(shares - 1).max() > ROUNDING:
                high *= over_channels(np.asarray(1 / np.maximum(shares, 1e-6), np.float32), 3)
                high[shares <= 0] = 1 if self._grain else self._eps
            if self._grain:
                high *= _exp(self._box.enlarge_part(light, tile))
            high -= self._eps
        return self._sum


def _log(values: F32) -> F32:
    return np.asarray(cv2.log(np.ascontiguousarray(values)), np.float32)


def _exp(values: F32) -> F32:
    return np.asarray(cv2.exp(np.ascontiguousarray(values)), np.float32)
