# SPDX-License-Identifier: Apache-2.0
"""Texture completion: what no frame shows, copied in coherent pieces from elsewhere in the same picture.

docs/cleanplate.md, step 8. Where from is solved on a reduced picture (`offsets`); every pixel is then copied from the
full one, so that sharpness and grain are the plate's own, and only the low band is brought to the surroundings.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, I32, Bools, bounds, grown
from void_server.engines.cleanplate.harmonise import GREATEST_LOG_GAIN
from void_server.engines.cleanplate.membrane import masked_blur, membrane
from void_server.engines.cleanplate.offsets import Offsets, solve_offsets

LONG_SIDE = 1280
"""The field is solved on at most this long side,"""
HOLE_PIXELS = 70_000
"""and for at most this many pixels of hole: about 6 s on one core."""
LOW_BAND = 2.0
"""Standard deviation, in pixels of the solved picture, above which light is blended rather than copied; as the split of
step 5."""
MISFIT = 0.3
"""Log difference at the rim at which it counts half: from there it is a wrong match rather than other light."""
FADE = 4.0
"""Depth, in low-band deviations, over which a step at the rim is spread."""
LEAST_REACH = 48.0
CHECK_PIXELS = 16_000
"""Pixels of hole at which the self-check is solved: a rehearsal, not the performance."""
SURE, LOST = 0.3, 0.1
"""Trust from which the low band is the copied one, and at which it is the membrane's. A perfect sample of a random texture
errs by twice the variance that its mean does, trust 1/3: below that it is worse than chance."""


@dataclass(frozen=True)
class TextureSettings:
    """How textures are completed.

    Attributes:
        reach: how far from a pixel its source may lie, in sizes (longer side) of the hole that it belongs to.
        check: whether `trust` is measured; about a quarter more time. Without it trust is 1 where anything was copied.
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
    """

    colour: F32
    source: I32
    cost: float
    trust: float


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
        random: seeded by the caller from shot and frame; nothing else is random.
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
        return CompletedTexture(colour, source, 0.0, 1.0)
    if not known.any():
        colour[hole] = 0
        return CompletedTexture(colour, source, np.inf, 0.0)
    x0, y0, x1, y1 = _window(known, hole, settings.reach)
    part = (slice(y0, y1), slice(x0, x1))
    filled, found, cost, trust = _complete(colour[part], known[part], hole[part], eps, random, settings)
    colour[part] = filled
    source[part][hole[part]] = found[hole[part]] + np.array((x0, y0), np.int32)
    return CompletedTexture(colour, source, cost, trust)


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
) -> tuple[F32, I32, float, float]:
    light = np.log(np.maximum(linear, 0) + np.float32(eps))
    reduction = _reduction(hole)
    small, small_known, small_hole = _reduced(light, known, hole, reduction)
    reach = _reach(small_hole, settings.reach)
    smooth = membrane(light, known.astype(np.float32))
    field = solve_offsets(small, small_known, small_hole, reach, random)
    if field is None:
        filled = np.where(hole[..., None], np.exp(smooth) - np.float32(eps), linear)
        return np.asarray(filled, np.float32), _nearest(known), np.inf, 0.0
    inside = field.solved & small_hole
    cost = float(field.distance[inside].mean(dtype=np.float64)) if inside.any() else np.inf
    trust = _rehearsed(small, small_known, small_hole, reach, random) if settings.check else 1.0
    source = _lifted(field, reduction, known, hole)
    share = np.clip((trust - LOST) / (SURE - LOST), 0, 1)
    gain = _low_gain(light, known, hole, source, smooth, LOW_BAND * reduction, float(share))
    copied = linear[source[..., 1], source[..., 0]]
    lit = (copied + np.float32(eps)) * np.exp(gain) - np.float32(eps)
    low, high = linear[known].min(axis=0), linear[known].max(axis=0)
    filled = np.where(hole[..., None], np.clip(lit, low, high), linear)
    return np.asarray(filled, np.float32), source, cost, trust


def _reduction(hole: Bools) -> int:
    """Plate pixels per solved pixel: whole, so that an offset can be lifted exactly."""
    long_side = -(-max(hole.shape) // LONG_SIDE)
    many = int(np.ceil(np.sqrt(np.count_nonzero(hole) / HOLE_PIXELS)))
    return max(1, long_side, many)


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
    """(H, W, 2) int32: for each pixel its source in the full picture; a pixel that is not solved is its own."""
    height, width = hole.shape
    rows, columns = np.arange(height) // reduction, np.arange(width) // reduction
    offset = field.offset[rows[:, None], columns] * np.int32(reduction)
    x = np.arange(width, dtype=np.int32) + offset[..., 0]
    y = np.arange(height, dtype=np.int32)[:, None] + offset[..., 1]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    bad = hole & ~(inside & known[y, x])
    source = np.stack([x, y], axis=2).astype(np.int32)
    if bad.any():
        source[bad] = _nearest(known)[bad]
    return source


def _low_gain(
    light: F32, known: Bools, hole: Bools, source: I32, smooth: F32, sigma: float, share: float
) -> F32:
    """(H, W, 3) log gain that joins the pieces and the rim in the low band; 0 deep in a piece that fits.

    Args:
        smooth: the membrane fill in log light.
        sigma: where the low band begins, in pixels.
        share: 0..1, how much of the low band is the copied one, against the membrane's.
    """
    mask = known.astype(np.float32)
    own_low = masked_blur(light, mask, sigma)
    copied = light[source[..., 1], source[..., 0]]
    copied_low = own_low[source[..., 1], source[..., 0]]
    moved = _light_at_rim(light - copied, grown(hole, 2 * sigma) & known, hole, sigma)
    joined = np.where(hole[..., None], copied + moved, light)
    wanted = masked_blur(joined, (known | hole).astype(np.float32), sigma)
    if share < 1:
        calm = np.where(hole[..., None], smooth, light)
        calm_low = masked_blur(calm, (known | hole).astype(np.float32), sigma)
        wanted = calm_low + (wanted - calm_low) * np.float32(share)
    gain = np.clip(wanted - copied_low, -GREATEST_LOG_GAIN, GREATEST_LOG_GAIN)
    return np.asarray(np.where(hole[..., None], gain, 0), np.float32)


def _light_at_rim(step: F32, rim: Bools, hole: Bools, sigma: float) -> F32:
    """(H, W, 3) log gain that takes copied pixels to the light around the hole.

    Over the hole goes what the rim says where it was matched well; a small step that is left fades near the rim.
    """
    steady = masked_blur(np.clip(step, -GREATEST_LOG_GAIN, GREATEST_LOG_GAIN), rim.astype(np.float32), sigma)
    doubt = np.square(steady / MISFIT).max(axis=2)
    weight = np.where(rim, 1 / (1 + np.square(doubt)), 0).astype(np.float32)
    wide = membrane(steady, weight)
    left = np.where(rim[..., None], (steady - wide) * weight[..., None], 0).astype(np.float32)
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    fading = np.exp(-depth / (FADE * sigma)).astype(np.float32)
    return np.asarray(wide + membrane(left, rim.astype(np.float32)) * fading[..., None], np.float32)


def _rehearsed(light: F32, known: Bools, hole: Bools, reach: F32, random: np.random.Generator) -> float:
    """Trust: how well a hidden band around the hole is completed, against the membrane, in the low band."""
    reduction = max(2, int(np.ceil(np.sqrt(np.count_nonzero(hole) / CHECK_PIXELS))))
    small, small_known, small_hole = _reduced(light, known, hole, reduction)
    depth = float(cv2.distanceTransform(np.pad(small_hole.astype(np.uint8), 1), cv2.DIST_L2, 5).max())
    band = grown(small_hole, max(3.0, depth / 2)) & small_known
    rest = small_known & ~band
    if not band.any() or not rest.any():
        return 0.0
    rows, columns = (np.minimum(np.arange(n) * reduction, m - 1) for n, m in zip(rest.shape, reach.shape, strict=True))
    there = reach[rows[:, None], columns] / reduction
    field = solve_offsets(small, rest, small_hole | band, np.maximum(there, LEAST_REACH / 2), random)
    if field is None:
        return 0.0
    hidden = small_hole | band
    source = _lifted(field, 1, rest, hidden)
    weight = rest.astype(np.float32)
    smooth = membrane(small, weight)
    gain = _low_gain(small, rest, hidden, source, smooth, LOW_BAND, 1.0)
    textured = small[source[..., 1], source[..., 0]] + gain
    seen = (small_known | small_hole).astype(np.float32)
    errors = []
    for fill in (textured, smooth):
        difference = np.where((band)[..., None], fill - small, 0)
        low = masked_blur(difference, seen, LOW_BAND)[band]
        errors.append(float(np.square(low).mean(dtype=np.float64)) + 1e-10)
    return errors[1] / (errors[0] + errors[1])
