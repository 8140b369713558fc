# SPDX-License-Identifier: Apache-2.0
"""Shadow, reflection and spill taken off a surface that still shows, so that its texture and grain stay the plate's.

docs/cleanplate.md, step 7a. The plate I is compared with the background R that other frames lend. Light that a
surface lost is a factor, I = g B; light that it gained by reflection is a term, I = B + b; both are smooth. Where the
one or the other explains the plate, the plate with it undone takes the place of R; elsewhere (a mirror image, a thing
that moved, a shadow as black as the noise) R stays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from void_server.engines.cleanplate.arrays import F32, Bools, mean_channel, not_negative, over_channels
from void_server.engines.cleanplate.compose import TILE, Blended, Target
from void_server.engines.cleanplate.grain_left import lit_of_relit, weight_of_power
from void_server.engines.cleanplate.membrane import gaussian, masked_blur, smoothed
from void_server.engines.cleanplate.proxy import EFFECT, ProxyFrame
from void_server.engines.cleanplate.scales import expected, noise_and_texture, smooth_field, squared
from void_server.engines.cleanplate.workbox import Rect, WorkBox

KNOWN = 0.99
"""Use of the borrowed background from which it is evidence."""
LEAST_UNIT = 0.5
"""Pixels: in windows of smaller pictures too few of them would vote, so there the windows are wider."""
WINDOW, FEATHER, CHOICE = 4.0, 1.5, 8.0
"""Standard deviations in units u: of what counts as local, of the transition, of the choice between factor and term."""
LEAST_GAIN, SURE_GAIN = 0.08, 0.16
"""A surface with less light than the first, in any channel, is refilled: its noise would be amplified tenfold."""
MOST_GAIN = 8.0
BEARABLE, UNBEARABLE = 0.4, 0.9
"""Squared difference beyond that on the ring, over the texture's own square, up to which the surface is visible, and
from which it is gone; two unrelated textures have 2."""
NOISES = 2.0
"""How many times the ring's squared difference is bearable everywhere."""
OUTLINE, FAINT_OUTLINE, OUTLINED = 1.5, 4.0, 8.0
"""Standard deviation in units u that leaves outlines and no grain, and the multiples of the ring's square there."""
SLIGHT, ADDED, TEXTURED = 0.01, (0.1, 0.35), (0.07, 0.2)
"""A log gain that is none; shares of the light near by that is added, and of the place where it is not smooth, up to
which and from which it is a mirror image."""
LEAST_OUTLINE = 0.005**2
"""Squared difference that is no outline however clean the ring is."""
WIDE_WINDOW, WEAK, STRONG = 10.0, 0.1, 0.3
"""In units u, what is called wide, and the log gains from which the surface must show in that window too."""
COLOUR_OF_NONE, COLOUR_OF_LIGHT = 0.15, 0.45
"""Greatest difference of a channel's log gain from their mean: a constant, and a share of the mean."""
CORE, SIGNIFICANT = 0.5, 2.0
"""Light within the first times its own noise is no effect at all, beyond the second it is one."""
PREFER_GAIN = 1.3
"""How much better, in squared difference, a term must explain the plate than a factor; light is lost more often."""
DOUBT = 0.2
"""Relative difference to the borrowed background at which confidence has fallen to a half."""
BRIGHTNESSES, FLATTEST = 6, 20.0
"""Classes of brightness, and the percentile of local noise in each that is grain alone: elsewhere texture adds."""
GRAIN_OF_SOURCES = 1 / 3
"""Squared grain of an average of three sources in relation to that of one frame."""
UNDONE, CHANCE = (0.03, 0.1), 70.0
"""Change of the grain's power, as a logarithm, up to which no light was undone, and from which it was; percentile of
what plate and sources differ by where nothing happened, up to which it is chance."""
PLACED, BEYOND_GRAIN = (0.8, 0.95), (3.0, 4.5)
"""Share of noise in what plate and sources differ by where nothing happened, from which the sources lie where they
belong; multiples of that difference up to which, and from which, more is no noise of the surface. Measured on three
shots: 0.9 to 0.99 on one at rest, 0.2 to 0.9 on two whose sources lie beside themselves by parts of a pixel."""


@dataclass(frozen=True)
class Relit:
    """The effect undone, over the work box at plate resolution.

    Attributes:
        background: the borrowed background with the plate's own surface where it shows.
        own: (H, W) float32 0..1, the plate's share in it.
        doubt: (H, W) float32 0..1, how far a divided pixel is to be doubted.
        gain, offset: (H, W, 3) float32, scene-linear: plate = background * gain + offset; 1 and 0 where nothing was
            undone. None unless they were asked for.
        lit: (h, w, 3) float32 at proxy resolution, see `lit_of_relit`; None where nothing was undone.
    """

    background: Blended
    own: F32
    doubt: F32
    gain: F32 | None
    offset: F32 | None
    lit: F32 | None


def relight(
    target: Target,
    borrowed: Blended,
    proxy: ProxyFrame,
    *,
    grain: bool,
    layers: bool = False,
    rounds: int = 2,
) -> Relit:
    """Undoes shadow and reflection where the surface still shows.

    Args:
        target: the frame to be filled.
        borrowed: what the sources lend.
        proxy: the frame as analysis sees it, for its regions.
        grain: True takes a visible surface from the plate, less of it where undoing its light raised its grain or it
            differs from the sources by more than grain, so that their own brings that down; False averages it with
            the sources, by how noisy each is.
        layers: True keeps gain and offset.
        rounds: how often the light is measured, from the second time on without what turned out to be no surface.
    """
    box = target.box
    place = box.crop(proxy.where(EFFECT)) & target.fill
    seen = box.reduce(borrowed.use) >= KNOWN
    gain, offset = (np.full((*box.full_size, 3), v, np.float32) if layers else None for v in (1, 0))
    if not (place & seen).any():
        none = np.zeros(box.full_size, np.float32)
        return Relit(borrowed, none, none, gain, offset, None)
    pair = _Pair.of(target, borrowed, place, seen)
    light = _explained(pair, rounds)
    lit = lit_of_relit(pair.level, light.gain, light.offset)
    shown = own = box.enlarge(light.share)
    if grain:
        own = own * box.enlarge(weight_of_power(_power(target, borrowed, pair, light, lit)))
    else:
        own = own * _weight_against_noise(target, pair, _squared_difference(target, borrowed, pair, light))
    colour, trace = borrowed.colour.copy(), borrowed.trace
    for tile in box.tiles(light.share > 0, TILE):
        part = _part(tile)
        share, factor, term = over_channels(own[part], 3), *light.enlarged(box, tile)
        colour[part] += ((target.plate[part] - term) / factor - colour[part]) * share
        if gain is not None and offset is not None:
            seen_of_it = over_channels(shown[part], 3)
            gain[part] += (factor - 1) * seen_of_it
            offset[part] += term * seen_of_it
    if trace is not None:
        trace = np.where((own > 0.5)[..., None], np.float32(-1), trace)
    background = replace(borrowed, colour=colour, trace=trace)
    return Relit(background, own, box.enlarge(light.doubt), gain, offset, lit)


def _part(tile: Rect) -> tuple[slice, slice]:
    return slice(tile[1], tile[3]), slice(tile[0], tile[2])


@dataclass(frozen=True)
class _Light:
    """What is to be undone, over the work box at proxy resolution: plate = surface * gain + offset.

    Attributes:
        gain, offset: (h, w, 3) float32; 1 and 0 where nothing was looked at.
        share: (h, w) float32 0..1, how far the surface is the plate's.
        doubt: (h, w) float32 0..1.
    """

    gain: F32
    offset: F32
    share: F32
    doubt: F32

    def enlarged(self, box: WorkBox, tile: Rect) -> tuple[F32, F32]:
        """Gain and offset in a tile at plate resolution."""
        return box.enlarge_part(self.gain, tile), box.enlarge_part(self.offset, tile)


@dataclass(frozen=True)
class _Pair:
    """Plate and borrowed background at proxy resolution.

    Attributes:
        here, there: (h, w, 3) float32, plate and background, at least 0.
        level: (h, w, 3) float32, above 0, the background without its texture: what differences are in relation to.
        evidence: (h, w) float32 0 or 1, where the two may be compared.
        place: (h, w) bool, where the plate is to be used if it can.
        calm: (h, w) bool, where both show the same under the same light; never empty.
        texture: (h, w) float32, the background's squared local contrast.
        eps: see `Target`.
        unit: the length u in pixels, at least LEAST_UNIT.
        masses: blurs of the evidence by standard deviation, filled as they are needed.
    """

    here: F32
    there: F32
    level: F32
    evidence: F32
    place: Bools
    calm: Bools
    texture: F32
    eps: float
    unit: float
    masses: dict[float, F32]

    @classmethod
    def of(cls, target: Target, borrowed: Blended, place: Bools, seen: Bools) -> _Pair:
        here, unit, masses = target.small, max(target.unit, LEAST_UNIT), dict[float, F32]()
        there = target.box.reduce(not_negative(borrowed.colour))
        evidence = ((place | target.ring | (target.fill & ~target.hole)) & seen).astype(np.float32)
        level = np.maximum(_mean(there, evidence, WINDOW * unit, masses), 0) + np.float32(4 * target.eps)
        calm = target.ring & ~place & seen
        if not calm.any():
            # The whole picture is affected: what differs least is taken for unaffected.
            apart = mean_channel(np.abs((here - there) / level))
            calm = place & seen & (apart <= np.percentile(apart[place & seen], 25))
        relative = there / level
        contrast = squared(relative - gaussian(relative, WINDOW * unit))
        texture = _mean(contrast, evidence, WINDOW * unit, masses)
        return cls(here, there, level, evidence, place & seen, calm, texture, target.eps, unit, masses)

    def mean(self, values: F32, window: float = WINDOW) -> F32:
        """(h, w) or (h, w, c): local mean over the evidence; `window` in units u."""
        return _mean(values, self.evidence, window * self.unit, self.masses)

    def left(self, found: F32) -> F32:
        """(h, w, 3) what is left between a divided plate and the background, in relation to its level."""
        return np.asarray((found - self.there) / self.level, np.float32)


def _mean(values: F32, evidence: F32, sigma: float, masses: dict[float, F32]) -> F32:
    """What `masked_blur` gives, with the blur of the evidence kept for the next time."""
    if sigma not in masses:
        masses[sigma] = gaussian(evidence, sigma)
    return masked_blur(values, evidence, sigma, masses[sigma])


def _explained(pair: _Pair, rounds: int) -> _Light:
    sure = pair.evidence
    # More than once: what turned out to be no surface must not lend its light to its neighbours.
    for _ in range(rounds):
        means = _Means(pair, sure)
        gain, gain_rough = _gain(pair, means)
        offset, offset_rough = _offset(pair, means)
        by_gain, by_offset = pair.here / gain, pair.here - offset
        term = _term(pair, by_gain, by_offset)
        term_of_channels = over_channels(term, 3)
        found = np.asarray(by_gain + (by_offset - by_gain) * term_of_channels, np.float32)
        rough = gain_rough + (offset_rough - gain_rough) * term
        surface = _visible(pair, found, gain) * _plausible(gain, term)
        visible = np.asarray(surface * (1 - _mirrors(pair, gain, rough)), np.float32)
        sure = pair.evidence * np.maximum(visible, 0.02).astype(np.float32)
    both = np.asarray(1 / ((1 - term_of_channels) / gain + term_of_channels), np.float32)
    left = pair.mean(squared(pair.left(found)))
    return _Light(
        both,
        both * term_of_channels * offset,
        _inside(pair, visible),
        left / (left + np.float32(DOUBT**2)),
    )


class _Means:
    """Averages of plate and background by evidence in relation to its brightness, so that a highlight does not speak
    for all around it.
    """

    def __init__(self, pair: _Pair, sure: F32) -> None:
        brightness = mean_channel(gaussian(pair.here + pair.there, 2 * pair.unit)) + np.float32(2 * pair.eps)
        self._weights = sure / brightness
        weights = over_channels(self._weights, 3)
        self._here, self._there = weights * pair.here, weights * pair.there
        self._known: dict[float, tuple[F32, F32, F32]] = {}

    def over(self, sigma: float) -> tuple[F32, F32, F32]:
        """(h, w, 3) each: the mass, and the sums of plate and background over it, under a Gaussian."""
        if sigma not in self._known:
            mass = over_channels(smoothed(self._weights, sigma), 3)
            self._known[sigma] = mass, smoothed(self._here, sigma), smoothed(self._there, sigma)
        return self._known[sigma]


def _gain(pair: _Pair, means: _Means) -> tuple[F32, F32]:
    eps, least = np.float32(pair.eps), np.float32(1e-20)

    def log_ratio(sigma: float) -> F32:
        # A ratio of means, not a mean of ratios: noise and sub-pixel shifts cancel out of it.
        mass, here, there = means.over(sigma)
        ratio = cv2.log(np.maximum(here + eps * mass, least) / np.maximum(there + eps * mass, least))
        ratio[mass <= 1e-9] = 0
        return np.asarray(ratio, np.float32)

    field, noise, rough = smooth_field(log_ratio, pair.calm, pair.texture, pair.unit)
    field = _cored(field, noise)
    limited = np.clip(field, math.log(LEAST_GAIN / 2), math.log(MOST_GAIN))
    return np.asarray(cv2.exp(limited), np.float32), rough


def _offset(pair: _Pair, means: _Means) -> tuple[F32, F32]:
    def relative(sigma: float) -> F32:
        mass, here, there = means.over(sigma)
        mean = (here - there) / (np.maximum(mass, np.float32(1e-20)) * scale)
        mean[mass <= 1e-9] = 0
        return np.asarray(mean, np.float32)

    scale = gaussian(pair.level, CHOICE * pair.unit)
    field, noise, rough = smooth_field(relative, pair.calm, pair.texture, pair.unit)
    return (_cored(field, noise) * scale).astype(np.float32), rough


def _cored(field: F32, noise: F32) -> F32:
    """The field without what is no more than its own noise: where nothing happened the plate comes back as it is."""
    size = np.sqrt(squared(field)) / np.maximum(noise, 1e-6)
    return field * over_channels(_step(size, CORE, SIGNIFICANT), 3)


def _term(pair: _Pair, by_gain: F32, by_offset: F32) -> F32:
    """(h, w) 0..1: how far the effect is a term rather than a factor."""
    squares = [squared(pair.left(found)) for found in (by_gain, by_offset)]
    floor = np.float32(0.1 * np.median(squares[0][pair.calm]) + 1e-8)
    factor, term = (pair.mean(square + floor, CHOICE) for square in squares)
    ratio = cv2.log(np.maximum(factor, 1e-12) / np.maximum(term, 1e-12))
    return _step(ratio, math.log(PREFER_GAIN), 2 * math.log(PREFER_GAIN))


def _visible(pair: _Pair, found: F32, gain: F32) -> F32:
    """(h, w) 0..1: whether the divided plate shows the texture of the background."""
    left = pair.left(found)
    fine = squared(left)
    # Averaged over a few pixels grain is gone, and the outline of what is no light stands out.
    coarse = squared(gaussian(left, OUTLINE * pair.unit))
    refuted = np.zeros(fine.shape, np.float32)
    usual = expected(fine, pair.calm, pair.texture)
    for window in (WINDOW, WIDE_WINDOW):
        local, contrast = (pair.mean(v, window) for v in (fine, pair.texture))
        excess = np.maximum(local - NOISES * usual, 0) / (contrast + usual + 1e-6)
        against = _step(excess, BEARABLE, UNBEARABLE)
        if window == WINDOW:
            outline = pair.mean(coarse) / (expected(coarse, pair.calm, pair.texture) + LEAST_OUTLINE)
            refuted = np.maximum(against, _step(outline, FAINT_OUTLINE, OUTLINED))
        else:
            # A thing that moved has flat parts, which any smooth light explains: its contours speak for them.
            strong = _step(_greatest(np.abs(cv2.log(gain))), WEAK, STRONG)
            refuted = np.maximum(refuted, against * strong)
    return 1 - refuted


def _mirrors(pair: _Pair, gain: F32, rough: F32) -> F32:
    """(h, w) 0..1: whether the effect is an image. A shadow may have an edge; what adds light and has edges mirrors
    something, and its texture would stay.
    """
    strength = mean_channel(cv2.log(gain))
    added, changed, edges = (
        pair.mean(np.asarray(values, np.float32), CHOICE)
        for values in (np.maximum(strength, 0), np.abs(strength) + SLIGHT, rough)
    )
    return _step(added / np.maximum(changed, SLIGHT), *ADDED) * _step(edges, *TEXTURED)


def _plausible(gain: F32, term: F32) -> F32:
    """(h, w) 0..1: whether a factor is light: not too dark to be undone, and not of a strong colour."""
    bright = _step(-_greatest(-gain), LEAST_GAIN, SURE_GAIN)
    strength = cv2.log(gain)
    mean = mean_channel(strength)
    apart = _greatest(np.abs(strength - over_channels(mean, 3)))
    colour = apart / (COLOUR_OF_NONE + COLOUR_OF_LIGHT * np.abs(mean))
    return np.asarray(np.maximum(bright * (1 - _step(colour, 1, 1.5)), term), np.float32)


def _greatest(values: F32) -> F32:
    """(h, w) the greatest of a (h, w, 3) picture's channels."""
    return np.asarray(np.maximum(np.maximum(values[..., 0], values[..., 1]), values[..., 2]), np.float32)


def _inside(pair: _Pair, visible: F32) -> F32:
    """(h, w) 0..1: visibility within the place, falling to 0 before its border with the object and with the unknown."""
    barred = ~(pair.evidence > 0)
    near = gaussian(barred.astype(np.float32), FEATHER * pair.unit)
    ramp = np.clip(1 - 2 * near, 0, 1)
    return (gaussian(visible, pair.unit) * ramp * pair.place).astype(np.float32)


def _power(target: Target, borrowed: Blended, pair: _Pair, light: _Light, lit: F32) -> F32:
    """(h, w, 3) power of what a relit surface shows beside its texture, over that of one frame's grain at its level.

    At least `lit`. Where nothing happened plate and sources differ by the grain of both, of which half is the plate's.
    Where light was undone they may differ by more: a surface has another texture under another light, and a render
    another noise. That stands in the result as grain does, so it is counted, where the sources lie exactly enough
    for the difference to be the surface's. Grain's power is taken to go with the level, as `lit` takes it.
    """
    undone = _step(_greatest(np.abs(cv2.log(lit))), *UNDONE)
    if not (undone > 0).any():
        return lit
    squares = target.box.reduce(_squared_difference(target, borrowed, pair, light)) * pair.level
    local, power = pair.mean(squares), lit.copy()
    for channel in range(lit.shape[2]):
        noise, slope = noise_and_texture(np.ascontiguousarray(squares[..., channel]), pair.calm, pair.texture)
        usual = np.float32(noise) + np.float32(slope) * pair.texture
        ratio = local[..., channel] / usual
        more = np.maximum(ratio - max(1.0, float(np.percentile(ratio[pair.calm], CHANCE))), 0) * undone
        more *= _step(noise / usual, *PLACED) * (1 - _step(ratio, *BEYOND_GRAIN))
        np.maximum(power[..., channel], 1 + 2 * more, out=power[..., channel])
    return power


def _squared_difference(target: Target, borrowed: Blended, pair: _Pair, light: _Light) -> F32:
    """(H, W, 3) float32: squared relative difference between the divided plate and the sources; 0 without evidence."""
    result, level = np.zeros((*target.box.full_size, 3), np.float32), pair.level
    for tile in target.box.tiles(pair.evidence > 0, TILE):
        part = _part(tile)
        factor, term = light.enlarged(target.box, tile)
        difference = (target.plate[part] - term) / factor - borrowed.colour[part]
        result[part] = np.square(difference / target.box.enlarge_part(level, tile))
    return result


def _weight_against_noise(target: Target, pair: _Pair, difference: F32) -> F32:
    """(H, W) 0..1: the plate's weight in the average with the sources, by the inverse of both variances.

    Args:
        difference: (H, W, 3) float32, squared relative difference between the divided plate and the sources: the
            grain of the one and the grain and misplacement of the others.
    """
    local = pair.mean(target.box.reduce(mean_channel(difference)))
    grain = _grain(pair, local)
    usual = (1 + GRAIN_OF_SOURCES) * grain
    sources = np.maximum(local - NOISES * usual, 0) + np.float32(GRAIN_OF_SOURCES) * grain
    return target.box.enlarge(sources / (sources + grain + 1e-9))


def _grain(pair: _Pair, local: F32) -> F32:
    """(h, w) the plate's grain as a squared share of its level: of what differs where nothing happened, the part that
    is there without texture, by brightness; below the darkest that is known as photons have it, as 1 / brightness.
    """
    brightness = gaussian(mean_channel(pair.here), WINDOW * pair.unit) + np.float32(pair.eps)
    known = brightness[pair.calm]
    edges = np.quantile(known, np.linspace(0, 1, BRIGHTNESSES + 1))
    found = []
    for low, high in pairwise(edges):
        within = local[pair.calm][(known >= low) & (known <= high)]
        found.append(float(np.percentile(within, FLATTEST)) / (1 + GRAIN_OF_SOURCES))
    middle = (edges[1:] + edges[:-1]) / 2
    darker = np.maximum(middle[0] / brightness, 1)
    return np.asarray(np.interp(brightness, middle, found) * darker, np.float32)


def _step(values: npt.NDArray[np.floating], low: float, high: float) -> F32:
    """Smoothstep from 0 at `low` to 1 at `high`."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
