# SPDX-License-Identifier: Apache-2.0
"""The grain of a shot out of samples of some of its frames: a curve by level, a spectrum, correlations.

Where texture is drawn between pixels, a share of it stays in the samples. Blocks are therefore chosen by the slopes
that the neighbours of a frame show, which the frame's own grain does not enter, and how the samples grow with the slope
is fitted and taken off.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.conform.grain_intensity import channel_mix, without_negatives
from void_server.conform.grain_model import F64, GrainModel
from void_server.conform.grain_samples import GrainSamples

VERSION = "4"
"""Part of the unit keys: raised by any change that can change a bit of an estimate."""
_TILES = 4
"""Transformed at a time."""

BINS = 12
"""Levels a channel (ENGINE_FACTS, section 3, item 6)."""
BLOCKS = 4
"""Blocks along a tile's side."""
LEAST_BLOCKS = 200
"""Blocks of 64 pixels and more below which the power is uncertain by more than 4 %."""
LEAST_SHARE = 0.01
"""Grain weaker than this share of the level is not added: 1 % is about one code value of 255 on a display at middle
grey. The noise of path tracers and of lossy codecs lies below (0.7 % on two rendered shots that have no grain)."""
CALMEST, LEAST_CALM, CALM_BLOCKS = 0.15, 0.04, 800
"""Share of the blocks of a level that is used: those with the least slopes; the greatest, the least, and as many blocks
as are wanted between them. Measured on a shot with texture in every tile: of the calmest 15 % half had less than 0.5 of
their grain's power beside it as texture, of the calmest 4 % half less than 0.2."""
OUTLIER = 4.0
"""Times its expected power from which either difference of a block shows something that moves by itself, or an edge."""
GROUPS, SLOPES = 6, 8
"""Levels at which the growth of power with slopes is looked at, and parts by slope of each."""
UNEVEN = 2.2
"""Times that the power of the strongest fifth of a level's calm blocks may be that of the weakest fifth. Measured: 1.3
to 1.9 where grain is the most of it (1.3 is what chance gives white grain in 64 pixels), 2.3 to 5 where texture is."""
LEAST_OF_LEVEL = 16
"""Calm blocks below which nothing is known of such a level."""
MOST_TEXTURE = 0.5
"""Share of the samples' power that texture may explain; beyond, grain is not told from it."""
ABOVE, FROM_ABOVE, ROUNDS = 0.08, 0.15, 12
"""Share by which the power of a level may pass the smooth curve: two standard deviations of one with `LEAST_BLOCKS`;
weight of a level above it over that of one below; rounds until the weights stay."""
SURE_BLOCKS = 600
"""Blocks at which their number no longer lowers the confidence."""


@dataclass(frozen=True)
class _Blocks:
    """M blocks: (M, C) mean level, (M, C) mean product of the two differences, (M, C) half of the greater mean square
    of the two, (M,) slope.
    """

    level: F64
    power: F64
    most: F64
    slope: F64

    def of(self, chosen: npt.NDArray[np.bool_]) -> _Blocks:
        return _Blocks(self.level[chosen], self.power[chosen], self.most[chosen], self.slope[chosen])


@dataclass(frozen=True)
class _Curves:
    """(C, B) each, and (C, C) mix: see `GrainModel`; power is the square of sigma."""

    levels: F64
    power: F64
    counts: F64
    mix: F64

    @staticmethod
    def through(blocks: _Blocks, mix: F64, *, mean: bool) -> _Curves:
        """Bins of equal counts; their mean power, or the median, which bears outliers."""
        table, level = [], blocks.level @ mix.T
        for c in range(level.shape[1]):
            order = np.argsort(level[:, c], kind="stable")
            for part in np.array_split(order, BINS):
                power = blocks.power[part, c]
                middle = power.mean() if mean else np.median(power)
                table.append((level[part, c].mean(), max(float(middle), 0.0), part.size))
        curves = np.array(table, np.float64).reshape(-1, BINS, 3)
        return _Curves(curves[..., 0], curves[..., 1], curves[..., 2], mix)

    def at(self, level: npt.NDArray[np.floating]) -> F64:
        """(…, C) the power at a level."""
        level = level @ self.mix.T
        pairs = zip(self.levels, self.power, strict=True)
        return np.stack([np.interp(level[..., c], *pair) for c, pair in enumerate(pairs)], axis=-1)


def estimate_grain(samples: Iterable[GrainSamples]) -> GrainModel:
    """The model of a shot's grain; one without grain, with the reason, where the samples do not show any surely."""
    taken = list(samples)
    tiles = sum(len(s.slope) for s in taken)
    if tiles * BLOCKS**2 < LEAST_BLOCKS:
        return GrainModel.unknown("Too few places of the shot could be followed over three frames.")
    blocks = _in_blocks(taken)
    used, share = _calm(blocks), np.zeros(len(blocks.slope))
    mix = np.eye(blocks.level.shape[1])
    curves = _Curves.through(blocks.of(used), mix, mean=False)
    for _ in range(3):
        expected = np.maximum(curves.at(blocks.level), 1e-12)
        alike = (blocks.most / expected).max(1) < OUTLIER
        share = _of_texture(blocks, expected, alike)
        calm = used & alike & (share <= MOST_TEXTURE)
        if np.count_nonzero(used & alike) < LEAST_BLOCKS:
            return GrainModel.unknown("Too few places of the shot are alike over three frames.")
        if np.count_nonzero(calm) < LEAST_BLOCKS:
            return GrainModel.unknown("Texture that moves hides the grain, if there is any.")
        mix = _mix_of(blocks, expected, calm)
        curves = _Curves.through(blocks.of(calm), mix, mean=True)
    chosen = calm.reshape(tiles, BLOCKS, BLOCKS)
    if blocks.slope.any():
        spread = _by_chance(*_spectra(taken, curves, chosen), (taken[0].slope.shape[1] // BLOCKS) ** 2)
        share = np.maximum(share, _above_weakest(blocks, curves, calm, spread))
    cleared = replace(blocks, power=blocks.power * (1 - share[:, None]))
    curves, texture = _Curves.through(cleared.of(calm), mix, mean=True), float(share[calm].mean())
    if blocks.slope.any():
        curves = replace(curves, power=_below_texture(curves))
    relative = float(np.median(np.sqrt(curves.power) / np.maximum(curves.levels, 1e-6)))
    if relative < LEAST_SHARE:
        return GrainModel.unknown(
            f"What grain there is, {100 * relative:.2g} % of the level, is less than {100 * LEAST_SHARE:g} %."
        )
    spectrum, correlation = _spectra(taken, curves, chosen)
    count = int(np.count_nonzero(calm))
    side = taken[0].slope.shape[1] // BLOCKS
    return GrainModel(
        curves.levels,
        np.sqrt(curves.power),
        curves.counts * side**2,
        spectrum,
        correlation,
        min(1.0, count / SURE_BLOCKS) * (1 - texture),
        f"Measured on {count} blocks of {side} x {side} pixels; {100 * texture:.0f} % of their power was texture.",
        None if np.array_equal(mix, np.eye(len(mix))) else mix,
    )


def _mix_of(blocks: _Blocks, expected: F64, calm: npt.NDArray[np.bool_]) -> F64:
    """(C, C) what the calm blocks tell of the intensity."""
    return channel_mix(blocks.level[calm], blocks.power[calm], expected[calm])


def _in_blocks(taken: list[GrainSamples]) -> _Blocks:
    parts = []
    for one in taken:
        side = one.slope.shape[1]
        # The fit took some of a tile's dimensions out of either difference.
        power = _means(one.before * one.after) / (1 - 2 * one.rank / side**2)
        most = np.maximum(_means(np.square(one.before)), _means(np.square(one.after))) / 2
        parts.append((_means(one.level), power, most, _means(one.slope[..., None])))
    level, power, most, slope = (np.concatenate(values) for values in zip(*parts, strict=True))
    return _Blocks(level, power, most, slope[:, 0])


def _means(tiles: npt.NDArray[np.floating]) -> F64:
    """(T * BLOCKS * BLOCKS, C) the mean of each block."""
    count, side, _, channels = tiles.shape
    cut = tiles.reshape(count, BLOCKS, side // BLOCKS, BLOCKS, side // BLOCKS, channels)
    return np.asarray(cut.mean((2, 4), dtype=np.float64).reshape(-1, channels), np.float64)


def _calm(blocks: _Blocks) -> npt.NDArray[np.bool_]:
    """(M,) the blocks with the least slopes among those of about their level."""
    chosen, share = np.zeros(len(blocks.slope), bool), _share(len(blocks.slope))
    for part in np.array_split(np.argsort(blocks.level.mean(1), kind="stable"), BINS):
        chosen[part] = blocks.slope[part] <= np.quantile(blocks.slope[part], share)
    return chosen


def _share(blocks: int) -> float:
    """The share of so many blocks that is used."""
    return float(np.clip(CALM_BLOCKS / max(blocks, 1), LEAST_CALM, CALMEST))


def _of_texture(blocks: _Blocks, expected: F64, alike: npt.NDArray[np.bool_]) -> F64:
    """(M,) share 0..1 of the calm blocks' power that grows with the slopes, by level; 1 where it is not even.

    Of a level, blocks in the order of their slopes make SLOPES parts; a straight line through the medians of the first
    half of them, each weighed by its own power, tells what is left without any slope.
    """
    share = np.zeros(len(blocks.slope))
    if not blocks.slope.any():
        return share
    ratio = (blocks.power / expected).mean(1)
    for level in np.array_split(np.argsort(blocks.level.mean(1), kind="stable"), GROUPS):
        order = level[np.argsort(blocks.slope[level], kind="stable")]
        parts = np.array_split(order, SLOPES)[: SLOPES // 2]
        there = np.array([max(float(np.median(ratio[p])), 1e-3) for p in parts])
        slope = np.array([float(blocks.slope[p].mean()) for p in parts])
        calm = order[: max(1, round(_share(len(blocks.slope)) * order.size))]
        calm = calm[alike[calm]]
        low, high = np.quantile(ratio[calm], (0.2, 0.8)) if calm.size else (0.0, 0.0)
        if calm.size < LEAST_OF_LEVEL or high > UNEVEN * low:
            share[level] = 1
            continue
        if slope[-1] <= slope[0]:
            continue
        growth, rest = np.polyfit(slope, there, 1, w=1 / there)
        explained = growth * float(blocks.slope[calm].mean())
        share[level] = np.clip(explained / max(explained + rest, 1e-6), 0, 1) if rest > 0 else 1
    return share


def _by_chance(spectrum: F64, correlation: F64, pixels: int) -> float:
    """Standard deviation over mean of a block's power: the mean over channels and pixels of a * b, where a and b have
    one of three equal normal variables in common, so that its variance is 5 times the square of the grain's power.
    """
    alike = np.einsum("cij,dij->cd", spectrum, spectrum) / spectrum[0].size
    return float(np.sqrt(5 / pixels * np.mean(np.square(correlation) * alike)))


def _above_weakest(blocks: _Blocks, curves: _Curves, calm: npt.NDArray[np.bool_], spread: float) -> F64:
    """(M,) share 0..1 of the calm blocks' power above what their weakest fifth tells, by level.

    Texture only adds, here more and there less; grain is the same everywhere, and its weakest fifth begins 0.84
    standard deviations below the mean.
    """
    share = np.zeros(len(blocks.slope))
    ratio = (blocks.power / np.maximum(curves.at(blocks.level), 1e-12)).mean(1)
    for level in np.array_split(np.argsort(blocks.level.mean(1), kind="stable"), GROUPS):
        there = ratio[level[calm[level]]]
        if there.size < LEAST_OF_LEVEL:
            continue
        mean = float(np.quantile(there, 0.2)) / max(1 - 0.84 * spread, 0.3)
        share[level] = np.clip(1 - mean / max(float(there.mean()), 1e-12), 0, 1)
    return share


def _below_texture(curves: _Curves) -> F64:
    """(C, B) the power without what stands out of a smooth curve through the levels.

    Where all places of a level are textured, as the tiles of a floor, no block of it is calm, and the power of that
    level alone is too great. Grain's own is smooth: that of a sensor is read noise, shot noise and a gain's, a
    polynomial of the level without negative terms (EMVA 1288, release 4.0, section 2); a curve of them is
    fitted from below, and a level may pass it by `ABOVE`.
    """
    found = curves.power.copy()
    for levels, power in zip(curves.levels, found, strict=True):
        light = np.maximum(levels / max(float(levels.max()), 1e-12), 0)
        terms = np.stack([np.ones_like(light), light, light**2], axis=1) / np.maximum(power, 1e-20)[:, None]
        weight = np.ones(len(power))
        for _ in range(ROUNDS):
            fit = without_negatives(terms * weight[:, None], weight)
            weight = np.where(terms @ fit < 1, FROM_ABOVE, 1.0)
        np.minimum(power, (1 + ABOVE) * (terms @ fit) * np.maximum(power, 1e-20), out=power)
    return found


def _spectra(taken: list[GrainSamples], curves: _Curves, calm: npt.NDArray[np.bool_]) -> tuple[F64, F64]:
    """(C, N, N) power spectra of mean 1, and the (C, C) correlation of the channels, from the calm blocks alone.

    The spectrum is that of the autocovariance over all pairs of pixels that both lie in calm blocks.
    """
    side, channels = taken[0].slope.shape[1], taken[0].level.shape[3]
    products = np.zeros((channels, 2 * side, 2 * side))
    pairs = np.zeros((2 * side, 2 * side))
    common = np.zeros((channels, channels))
    first = 0
    for one in taken:
        mask = calm[first : first + len(one.slope)].repeat(side // BLOCKS, 1).repeat(side // BLOCKS, 2)
        first += len(one.slope)
        scale = mask[..., None] / np.sqrt(np.maximum(curves.at(one.level), 1e-12))
        before, after = one.before * scale, one.after * scale
        pairs += _correlated(mask, mask)
        for c in range(channels):
            products[c] += _correlated(before[..., c], after[..., c])
        common += np.einsum("tijc,tijd->cd", before, after)
    covariance = products / np.maximum(pairs, 1)
    covariance = (covariance + np.roll(covariance[:, ::-1, ::-1], (1, 1), axis=(1, 2))) / 2
    spectrum = np.maximum(np.real(np.fft.fft2(_tapered(covariance, side))), 0)
    spectrum /= np.maximum(spectrum.mean((1, 2), keepdims=True), 1e-12)
    common = (common + common.T) / 2
    scale = np.sqrt(np.maximum(np.diag(common), 1e-12))
    correlation = np.clip(common / scale[:, None] / scale[None, :], -1, 1)
    np.fill_diagonal(correlation, 1)
    return spectrum, correlation


def _correlated(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> F64:
    """(2 N, 2 N) sum over the tiles of the circular correlation of (T, N, N), each beside as much of 0."""
    size, axes = (2 * first.shape[1], 2 * first.shape[2]), (1, 2)
    total = np.zeros((size[0], size[1] // 2 + 1), np.complex128)
    # Some tiles at a time, so that their transforms stay in the processor's cache.
    for begin in range(0, len(first), _TILES):
        some = slice(begin, begin + _TILES)
        ahead = np.fft.rfft2(first[some].astype(np.float64), size, axes)
        behind = ahead if second is first else np.fft.rfft2(second[some].astype(np.float64), size, axes)
        total += (ahead * np.conj(behind)).sum(0)
    return np.asarray(np.fft.irfft2(total, size), np.float64)


def _tapered(covariance: F64, side: int) -> F64:
    """(C, side, side) of a (C, 2 side, 2 side) autocovariance, falling to 0 at a quarter of the side (Hann's window on
    the outer half of that): beyond, there is only the error of the estimate.
    """
    lag = np.abs(np.fft.fftfreq(side, 1 / side))
    reach = side / 4
    fall = 0.5 + 0.5 * np.cos(np.pi * np.clip((lag - reach / 2) / (reach / 2), 0, 1))
    at = np.fft.fftfreq(side, 1 / side).astype(int)
    cut = covariance[:, at[:, None], at[None, :]]
    return np.asarray(cut * fall[:, None] * fall[None, :], np.float64)
