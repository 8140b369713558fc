# SPDX-License-Identifier: Apache-2.0
"""The light of neighbouring fills brought together along the motion, so that nothing flickers or boils.

docs/cleanplate.md, step 10. Each frame is filled on its own, from sources and under gains of its own. What two fills
show of the same place may differ by their errors only, in the low band; its mean over a few frames has less of them.
No frame waits for another's result: what is averaged is what `fill` gave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F16, F32, Arrays, Bools, finite, over_channels, pixel_grid
from void_server.engines.cleanplate.fill import FrameFill
from void_server.engines.cleanplate.harmonise import apply_log_gain, epsilon, log_gain
from void_server.engines.cleanplate.membrane import gaussian, masked_blur
from void_server.engines.cleanplate.other_times import MotionReader
from void_server.engines.cleanplate.proxy import FILL, HOLE
from void_server.engines.cleanplate.shot import ShotReader
from void_server.engines.cleanplate.tracks import field_between, sample, step
from void_server.engines.cleanplate.workbox import Rect, WorkBox, to_full

STRIDE = 2
"""Proxy pixels, each way, that are taken together."""
ENOUGH_OF_PIXEL = 4
"""Pixels of the plate, each way, of which their mean is taken."""
NEIGHBOURS = 3
"""Frames each way (docs/cleanplate.md, step 10)."""
BAND = 5.0
"""Standard deviation of the low band in units u."""
LEAST_BAND = 1.5
"""In proxy pixels."""
DECAY = 2.0
"""Frames over which a neighbour's vote falls to 1/e."""
MOST = 0.35
"""Log light by which a neighbour's vote may differ: more would be another thing, not another light."""
FILLED = 0.95
"""Share from which a proxy pixel counts as filled, or as the plate's own."""


@dataclass(frozen=True)
class LowBand:
    """What a fill shows, at half the proxy's resolution.

    Attributes:
        box: (x0, y0, x1, y1) in proxy pixels, ends exclusive.
        colour: (h, w, 3) float32 over the box, scene-linear, at least 0: plate and fill together.
        filled: (h, w) float32 0..1, how much of it is borrowed, or the plate's surface with its effect undone.
        own: (h, w) float32 0..1, how much of it is the plate's background.
        eps: see `harmonise.epsilon`.
    """

    box: Rect
    colour: F32
    filled: F32
    own: F32
    eps: float

    def to_arrays(self) -> Arrays:
        """As named arrays, for storage."""
        return {
            "box": np.array(self.box, np.int32),
            "colour": self.colour,
            "filled": self.filled,
            "own": self.own,
            "eps": np.array([self.eps], np.float64),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> LowBand:
        """The low band that `to_arrays` gave."""
        x0, y0, x1, y1 = (int(v) for v in arrays["box"])
        return cls(
            (x0, y0, x1, y1), arrays["colour"], arrays["filled"], arrays["own"], float(arrays["eps"][0])
        )


@dataclass(frozen=True)
class SteadyGain:
    """What steadies one fill.

    Attributes:
        box: (x0, y0, x1, y1) in the plate, ends exclusive.
        log_gain: (h, w, 3) float16 over the box, at half the proxy's resolution; 0 changes nothing.
        eps: the offset of the logarithm, see `harmonise.epsilon`.
    """

    box: Rect
    log_gain: F16
    eps: float

    def to_arrays(self) -> Arrays:
        """As named arrays, for storage."""
        return {
            "box": np.array(self.box, np.int32),
            "log_gain": self.log_gain,
            "eps": np.array([self.eps], np.float64),
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> SteadyGain:
        """The gain that `to_arrays` gave."""
        x0, y0, x1, y1 = (int(v) for v in arrays["box"])
        return cls((x0, y0, x1, y1), arrays["log_gain"], float(arrays["eps"][0]))


def low_band(position: int, fill: FrameFill, shot: ShotReader) -> LowBand | None:
    """What a fill shows, for its neighbours; None where it has nothing to show.

    Args:
        position: the frame.
        fill: what `fill_frame` gave for it.
        shot: its proxy and its plate.
    """
    proxy = shot.proxy(position)
    box = WorkBox.around(proxy)
    if box is None or fill.empty:
        return None
    x0, y0, x1, y1 = box.full
    left, top = fill.box[:2]
    times = max(1, int(min(box.scale) * STRIDE / ENOUGH_OF_PIXEL))
    picture = finite(shot.plate(position)[y0:y1:times, x0:x1:times])
    first = (y0 - top) % times, (x0 - left) % times
    across, down = (left + first[1] - x0) // times, (top + first[0] - y0) // times
    colour = fill.colour[first[0] :: times, first[1] :: times]
    inside = np.s_[down : down + colour.shape[0], across : across + colour.shape[1]]
    picture[inside] = colour
    changed = np.zeros(picture.shape[:2], np.float32)
    borrowed = fill.borrowed if fill.relit is None else fill.borrowed + fill.relit
    changed[inside] = borrowed[first[0] :: times, first[1] :: times]
    own = (~box.crop(proxy.where(HOLE | FILL))).astype(np.float32)
    cv2.max(picture, (0.0, 0.0, 0.0, 0.0), dst=picture)
    colour, filled, own = (_reduced(v, box.proxy_size) for v in (picture, changed, own))
    return LowBand(box.proxy, colour, filled, own, epsilon(colour.reshape(-1, 3)))


def _reduced(picture: F32, proxy_size: tuple[int, int]) -> F32:
    height, width = (-(-side // STRIDE) for side in proxy_size)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)


def steady_gain(position: int, lows: Mapping[int, LowBand], shot: MotionReader) -> SteadyGain:
    """The log gain that brings a fill to the mean of its neighbours.

    Args:
        position: the frame; it must be in `lows`.
        lows: by position, the frame and those of its NEIGHBOURS each way that have a fill.
        shot: motions and proxies between them.

    Returns:
        A gain of 0 where nothing was borrowed or nobody votes.
    """
    here, proxy = lows[position], shot.proxy(position)
    unit = proxy.unit / STRIDE
    start = _places(here)
    total, votes = np.zeros_like(here.colour), np.zeros(here.filled.shape, np.float32)
    for direction in (-1, 1):
        points, alive = start, np.ones(len(start), bool)
        for distance in range(1, NEIGHBOURS + 1):
            frame = position + direction * distance
            there = lows.get(frame)
            if there is None:
                break
            points, still, _ = step(field_between(frame - direction, direction, shot), points)
            alive &= still
            told = _difference(here, there, points, alive, unit)
            if told is not None:
                weight = np.float32(np.exp(-distance / DECAY)) * told[1]
                total += told[0] * over_channels(weight, 3)
                votes += weight
    mean = total / over_channels(1 + votes, 3)
    band = _band(unit)
    steady = masked_blur(np.ascontiguousarray(mean), (votes > 0).astype(np.float32), band)
    reach = gaussian((votes > 0).astype(np.float32), band) * here.filled
    gain = steady * over_channels(reach.astype(np.float32), 3)
    return SteadyGain(to_full(here.box, proxy), gain.astype(np.float16), here.eps)


def steadied(fill: FrameFill, steady: SteadyGain) -> FrameFill:
    """The fill under a gain that steadies it. Where a shadow was divided out, what was divided out changes with it, so
    that plate = colour * gain + offset stays true.
    """
    x0, y0, x1, y1 = steady.box
    left, top, right, bottom = fill.box
    whole = cv2.resize(steady.log_gain.astype(np.float32), (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR)
    gain = np.ascontiguousarray(whole[top - y0 : bottom - y0, left - x0 : right - x0])
    colour = apply_log_gain(fill.colour, gain, steady.eps)
    if fill.gain is None or fill.offset is None or fill.relit is None:
        return replace(fill, colour=colour)
    factor = cv2.exp(gain * over_channels(fill.relit, 3))
    undone = fill.gain / factor
    offset = fill.offset - undone * np.float32(steady.eps) * (factor - 1)
    return replace(fill, colour=colour, gain=undone.astype(np.float32), offset=offset.astype(np.float32))


def _band(unit: float) -> float:
    return max(BAND * unit, LEAST_BAND / STRIDE)


def _pixel(low: LowBand) -> F32:
    """(2,): how many proxy pixels one of its pixels is, across and down."""
    x0, y0, x1, y1 = low.box
    return np.array([(x1 - x0) / low.filled.shape[1], (y1 - y0) / low.filled.shape[0]], np.float32)


def _places(low: LowBand) -> F32:
    """(h * w, 2) the centres (x, y) of its pixels, in proxy pixels."""
    corner = np.array(low.box[:2], np.float32)
    at = pixel_grid(low.filled.shape).reshape(-1, 2)
    return np.asarray((at + 0.5) * _pixel(low) - 0.5 + corner, np.float32)


def _difference(
    here: LowBand, there: LowBand, points: F32, alive: Bools, unit: float
) -> tuple[F32, F32] | None:
    """(h, w, 3) log difference of a neighbour under this frame's light, and (h, w) 0 or 1 where it counts."""
    shape = here.filled.shape
    scale = _pixel(there)
    at = ((points - np.array(there.box[:2], np.float32) + 0.5) / scale - 0.5).astype(np.float32)
    last = np.array(there.filled.shape[::-1], np.float32) - 1
    inside = alive & ((at >= 0) & (at <= last)).all(1)
    if not inside.any():
        return None
    colour = sample(there.colour, at).reshape(*shape, 3)
    filled, own = (sample(mask, at).reshape(shape) for mask in (there.filled, there.own))
    inside = inside.reshape(shape)
    ring = inside & (own > FILLED) & (here.own > FILLED)
    both = inside & (filled > FILLED) & (here.filled > FILLED)
    # Means over the same places: between its pixels a picture is softer, and its logarithm is brighter.
    eps, seen = np.float32(here.eps), (ring | both).astype(np.float32)
    now, then = (masked_blur(np.maximum(c, 0), seen, _band(unit)) for c in (here.colour, colour))
    light = log_gain(now, then, ring, here.eps, unit)
    ratio = cv2.log(then + eps) - cv2.log(now + eps)
    difference = np.clip(ratio + light, -MOST, MOST)
    return np.asarray(difference, np.float32), both.astype(np.float32)
