# SPDX-License-Identifier: Apache-2.0
"""Texture completion: what no frame shows, copied in coherent pieces from elsewhere in the same picture.

docs/cleanplate.md, step 8. Where from is solved on a reduced picture (`offsets`); every pixel is then copied from the
full one, so that sharpness and grain are the plate's own, and only the low band is brought to the surroundings.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from void_server.engines.cleanplate.arrays import F32, I32, Bools, bounds, grown
from void_server.engines.cleanplate.membrane import masked_blur, membrane
from void_server.engines.cleanplate.nearest_patches import CHUNK
from void_server.engines.cleanplate.offsets import Offsets, solve_offsets
from void_server.engines.cleanplate.seams import joining_gain

LONG_SIDE = 1280
"""The field is solved on at most this long side,"""
HOLE_PIXELS = 70_000
"""and for at most this many pixels of hole: about 6 s on one core."""
LOW_BAND = 2.0
"""Standard deviation, in pixels of the solved picture, above which light is blended rather than copied; as the split of
step 5."""
LEAST_REACH = 48.0
CHECK_PIXELS = 16_000
"""Pixels of hole at which the self-check is solved: a rehearsal, not the performance."""
SURE, LOST = 0.3, 0.1
"""Trust from which the low band is the copied one, and at which it is the membrane's. A perfect sample of a random
texture errs by twice the variance that its mean does, trust 1/3: below that it is worse than chance."""


@dataclass(frozen=True)
class TextureSettings:
    """How textures are completed.

    Attributes:
        reach: how far from a pixel its source may lie, in sizes (longer side) of the hole that it belongs to.
        check: whether `trust` is measured; about a third more time. Without it trust is 1 where anything was copied.
    """

    reach: float = 2.5
    check: bool = True


@dataclass(frozen=True)
class CompletedTexture:
    """A picture whose hole was filled from its own known pixels.

    Attributes:
        colour: (H, W, 3) float32, scene-linear, finite; outside the hole the picture as it was.
        source: (H, W, 2) int32, (x, y) of the known pixel that each filled pixel is a copy of, up to its low band; -1
            outside the hole, and everywhere when nothing is known.
        cost: mean difference between patches of the hole and their sources, in log light (0.1 is about 10 %);
            infinite when there was nothing to copy patches from.
        trust: 0..1, how the low band of a rehearsal on known pixels around the hole compares with that of a smooth
            fill: 0.5 is equally good, 1/3 a plausible random texture, 0 a smooth fill is far better. Below 0.3 the
            low band of `colour` goes over to the smooth fill's, until at 0.1 only fine texture is copied.
        advantage: dB by which the rehearsal, all bands together, is better than the smooth fill's: positive where
            texture is regular enough to be foreseen. 0 without a check.
    """

    colour: F32
    source: I32
    cost: float
    trust: float
    advantage: float


def complete_texture(
    linear: F32,
    known: Bools,
    hole: Bools,
    eps: float,
    random: np.random.Generator,
    settings: TextureSettings | None = None,
) -> CompletedTexture:
    """Fills the hole of one picture with its own texture.

    Args:
        linear: (H, W, 3) float32, scene-linear, finite.
        known: (H, W) bool, where the picture is background and may be copied.
        hole: (H, W) bool, what to fill, disjoint from known; what is neither is left alone.
        eps: see `harmonise.epsilon`.
        random: seeded by the caller from shot and frame; nothing else is random. The same seed gives the same bits on
            the same machine with the same number of BLAS threads.
        settings: reach and whether to rehearse.

    Returns:
        The filled picture. Where no patch is known entirely each pixel takes a smooth fill (trust 0, infinite cost)
        and names its nearest known pixel; where nothing is known at all the hole becomes black.
    """
    settings = settings or TextureSettings()
    known = known & ~hole
    colour = linear.astype(np.float32)
    source = np.full((*hole.shape, 2), -1, np.int32)
    if not hole.any():
        return CompletedTexture(colour, source, 0.0, 1.0, 0.0)
    if not known.any():
        colour[hole] = 0
        return CompletedTexture(colour, source, np.inf, 0.0, 0.0)
    x0, y0, x1, y1 = _window(known, hole, settings.reach)
    part = (slice(y0, y1), slice(x0, x1))
    filled, found, cost, (trust, advantage) = _complete(
        colour[part], known[part], hole[part], eps, random, settings
    )
    colour[part] = filled
    source[part][hole[part]] = found[hole[part]] + np.array((x0, y0), np.int32)
    return CompletedTexture(colour, source, cost, trust, advantage)


def _window(known: Bools, hole: Bools, reach: float) -> tuple[int, int, int, int]:
    """The part of the picture that can matter: the hole and the reach around it, or all where that shows nothing."""
    height, width = hole.shape
    left, top, right, bottom = bounds(hole) or (0, 0, width, height)
    far = int(max(reach * max(right - left, bottom - top), 4 * LEAST_REACH))
    x0, y0, x1, y1 = max(0, left - far), max(0, top - far), min(width, right + far), min(height, bottom + far)
    if not known[y0:y1, x0:x1].any():
        return 0, 0, width, height
    return x0, y0, x1, y1


def _complete(
    linear: F32, known: Bools, hole: Bools, eps: float, random: np.random.Generator, settings: TextureSettings
) -> tuple[F32, I32, float, tuple[float, float]]:
    light = np.log(np.maximum(linear, 0) + np.float32(eps))
    reduction = _reduction(hole)
    small, small_known, small_hole = _reduced(light, known, hole, reduction)
    reach = _reach(small_hole, settings.reach)
    field = solve_offsets(small, small_known, small_hole, reach, random)
    if field is None:
        extended = membrane(light, known.astype(np.float32))
        filled = np.where(hole[..., None], np.exp(extended) - np.float32(eps), linear)
        return np.asarray(filled, np.float32), _nearest(known), np.inf, (0.0, 0.0)
    inside = field.solved & small_hole
    cost = float(field.distance[inside].mean(dtype=np.float64)) if inside.any() else np.inf
    trust, advantage = 1.0, 0.0
    if settings.check:
        trust, advantage = _rehearsed(small, small_known, small_hole, reach, random)
    share = float(np.clip((trust - LOST) / (SURE - LOST), 0, 1))
    source = _lifted(field, reduction, known, hole)
    smooth = membrane(light, known.astype(np.float32)) if share < 1 else None
    gain = joining_gain(light, known, hole, source, LOW_BAND * reduction, smooth, share)[hole]
    at = source[hole]
    copied = linear[at[:, 1], at[:, 0]]
    lit = (copied + np.float32(eps)) * np.exp(gain) - np.float32(eps)
    # No gain may take a pixel out of the range of what was recorded, least of all below zero.
    filled = linear.copy()
    filled[hole] = np.clip(lit, copied.min(axis=0), copied.max(axis=0))
    return filled, source, cost, (trust, advantage)


def _reduction(hole: Bools) -> int:
    """Plate pixels per solved pixel: whole, so that an offset can be lifted exactly."""
    long_side = -(-max(hole.shape) // LONG_SIDE)
    many = int(np.ceil(np.sqrt(np.count_nonzero(hole) / HOLE_PIXELS)))
    return int(max(1, long_side, many))


def _reduced(light: F32, known: Bools, hole: Bools, reduction: int) -> tuple[F32, Bools, Bools]:
    """Blocks of pixels averaged in log light. A block is known when all of it is, and hole when any of it is."""
    if reduction == 1:
        return light, known, hole
    height, width = (-(-side // reduction) * reduction for side in hole.shape)
    padding = ((0, height - hole.shape[0]), (0, width - hole.shape[1]))
    size = (width // reduction, height // reduction)
    mean = cv2.resize(np.pad(light, (*padding, (0, 0)), mode="edge"), size, interpolation=cv2.INTER_AREA)
    blocks = (size[1], reduction, size[0], reduction)
    all_known = np.pad(known, padding, constant_values=True).reshape(blocks).all(axis=(1, 3))
    any_hole = np.pad(hole, padding).reshape(blocks).any(axis=(1, 3))
    return np.asarray(mean, np.float32), np.asarray(all_known), np.asarray(any_hole)


def _reach(hole: Bools, times: float) -> F32:
    """(h, w) float32: greatest offset at each pixel, from the size of the nearest separate hole."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=8)
    sizes = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]).astype(np.float32)
    sizes[0] = 0
    _, labels = cv2.distanceTransformWithLabels((~hole).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    part_of_label = np.zeros(int(labels.max()) + 1, np.int32)
    part_of_label[labels[hole]] = parts[hole]
    return np.asarray(np.maximum(times * sizes[part_of_label[labels]], LEAST_REACH), np.float32)


def _nearest(known: Bools) -> I32:
    """(h, w, 2) int32: (x, y) of the known pixel nearest to each pixel."""
    _, labels = cv2.distanceTransformWithLabels(
        (~known).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place = np.zeros((int(labels.max()) + 1, 2), np.int32)
    rows, columns = np.nonzero(known)
    place[labels[known]] = np.stack([columns, rows], axis=1)
    return np.asarray(place[labels])


def _lifted(field: Offsets, reduction: int, known: Bools, hole: Bools) -> I32:
    """(H, W, 2) int32: for each pixel of the hole its source in the full picture; elsewhere the pixel itself.

    Between pieces of different offset the border is drawn where their bilinear shares are equal, not along the blocks.
    """
    height, width = hole.shape
    rows, columns = np.nonzero(hole)
    source = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.int32)
    found = np.empty((len(rows), 2), np.int32)
    for begin in range(0, len(rows), CHUNK):
        part = slice(begin, begin + CHUNK)
        found[part] = _most_shared(field, reduction, known, rows[part], columns[part])
    source[rows, columns] = found
    lost = found[:, 0] < 0
    if lost.any():
        source[rows[lost], columns[lost]] = _nearest(known)[rows[lost], columns[lost]]
    return source


def _most_shared(
    field: Offsets, reduction: int, known: Bools, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> I32:
    """(n, 2) int32: the sources (x, y) of pixels by the four solved pixels around each; -1 where none is known."""
    height, width = known.shape
    down, across = (rows + 0.5) / reduction - 0.5, (columns + 0.5) / reduction - 0.5
    top, left = np.floor(down).astype(int), np.floor(across).astype(int)
    places, shares = [], []
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        share = (1 - np.abs(down - top - y)) * (1 - np.abs(across - left - x))
        at_y = np.clip(top + y, 0, field.solved.shape[0] - 1)
        at_x = np.clip(left + x, 0, field.solved.shape[1] - 1)
        place = np.stack([columns, rows], axis=1) + field.offset[at_y, at_x] * reduction
        inside = ((place >= 0) & (place < (width, height))).all(axis=1) & field.solved[at_y, at_x]
        place = np.where(inside[:, None], place, 0)
        inside &= known[place[:, 1], place[:, 0]]
        places.append(np.where(inside[:, None], place, -1))
        shares.append(np.where(inside, share, 0))
    score = np.stack(
        [
            sum(
                (share * (other == place).all(axis=1) for other, share in zip(places, shares, strict=True)),
                start=own * 0,
            )
            + np.where(own > 0, 1e-6, 0)
            for place, own in zip(places, shares, strict=True)
        ]
    )
    best = score.argmax(axis=0)
    return np.asarray(np.stack(places)[best, np.arange(len(rows))], np.int32)


def _rehearsed(
    light: F32, known: Bools, hole: Bools, reach: F32, random: np.random.Generator
) -> tuple[float, float]:
    """How well a hidden band around the hole is completed, against the membrane: trust, and advantage in dB."""
    reduction = max(2, int(np.ceil(np.sqrt(np.count_nonzero(hole) / CHECK_PIXELS))))
    small, small_known, small_hole = _reduced(light, known, hole, reduction)
    depth = float(cv2.distanceTransform(np.pad(small_hole.astype(np.uint8), 1), cv2.DIST_L2, 5).max())
    band = grown(small_hole, max(3.0, depth / 2)) & small_known
    rest = small_known & ~band
    if not band.any() or not rest.any():
        return 0.0, 0.0
    rows, columns = (
        np.minimum(np.arange(n) * reduction, m - 1) for n, m in zip(rest.shape, reach.shape, strict=True)
    )
    there = reach[rows[:, None], columns] / reduction
    field = solve_offsets(small, rest, small_hole | band, np.maximum(there, LEAST_REACH / 2), random)
    if field is None:
        return 0.0, 0.0
    hidden = small_hole | band
    source = _lifted(field, 1, rest, hidden)
    weight = rest.astype(np.float32)
    smooth = membrane(small, weight)
    gain = joining_gain(small, rest, hidden, source, LOW_BAND)
    textured = small[source[..., 1], source[..., 0]] + gain
    seen = (small_known | small_hole).astype(np.float32)
    errors, whole = [], []
    for fill in (textured, smooth):
        difference = np.where((band)[..., None], fill - small, 0)
        low = masked_blur(difference, seen, LOW_BAND)[band]
        errors.append(float(np.square(low).mean(dtype=np.float64)) + 1e-10)
        whole.append(float(np.square(difference[band]).mean(dtype=np.float64)) + 1e-10)
    return errors[1] / (errors[0] + errors[1]), float(10 * np.log10(whole[1] / whole[0]))
