# SPDX-License-Identifier: Apache-2.0
"""Solves, coarse to fine, from where each pixel of a hole is to be copied.

Alternates between searching the nearest patches and renewing the hole from them (Wexler et al., PAMI 2007), on a
pyramid whose coarsest hole is about one patch wide. Averaging what all patches say of a pixel settles the structure on
the coarsest level; from there on pixels are copied by the offset that their neighbourhood agrees on, since averages
drift towards what is smooth (measured on a stone wall: 0.8 of the true high band instead of 0.4).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, I32, Bools
from void_server.engines.cleanplate.membrane import membrane
from void_server.engines.cleanplate.nearest_patches import (
    CHUNK,
    LIGHT,
    RADIUS,
    SIDE,
    TEXTURE,
    Domain,
    Matches,
    Sources,
)

LEVELS = 7
LEAST_SIDE = 24
"""The coarsest picture keeps at least this short side, so that there is something to choose from."""
ROUNDS_COARSEST, ROUNDS_FINEST = 10, 3
"""Search-and-average rounds; in between by linear interpolation over the levels."""
PASSES = 2
DISTANCE_FALL = 1.3
"""A patch counts less by this factor with each pixel it lies deeper in the hole (Wexler 2007, section 3.2: 1.3)."""
DEEPEST = 24.0
SHARPEST = 0.5
"""Quantile of the distances that sets the width of the average; Wexler takes 0.75, which is softer."""
AGREEMENT_PASSES, AGREEMENT_RADIUS = 2, 2
"""A 5 x 5 neighbourhood lies within the patch, whose source is known entirely: what is agreed on can be copied."""


@dataclass(frozen=True)
class Offsets:
    """The solved field.

    Attributes:
        offset: (h, w, 2) int32, (x, y) from a pixel to its source; 0 where there is none.
        solved: (h, w) bool, where there is one: the hole, and up to a patch radius around it.
        distance: (h, w) float32, root mean square difference of the patches, in log light; 0 where not solved.
    """

    offset: I32
    solved: Bools
    distance: F32


@dataclass(frozen=True)
class Level:
    """One level of the pyramid: features (h, w, 5), what is known, what is to be filled, and the reach there."""

    features: F32
    known: Bools
    wanted: Bools
    hole: Bools
    reach: F32


def solve_offsets(
    light: F32, known: Bools, hole: Bools, reach: F32, random: np.random.Generator
) -> Offsets | None:
    """Where each pixel of the hole is best copied from.

    Args:
        light: (h, w, 3) float32, log light; any finite value where it is not known.
        known, hole: (h, w) bool, disjoint.
        reach: (h, w) float32, greatest offset in pixels.
        random: decides where is searched.

    Returns:
        None when the picture is smaller than a patch or no patch is known entirely.
    """
    levels: list[tuple[Level, Domain]] = []
    for level in _pyramid(light, known, hole, reach):
        domain = Domain.of(level.known, level.wanted, level.reach)
        if domain is None:
            break
        levels.append((level, domain))
    if not levels:
        return None
    last = len(levels) - 1
    level, domain = levels[last]
    matches = _coarsest(level, domain, random)
    for index in range(last - 1, -1, -1):
        coarse, (level, domain) = domain, levels[index]
        rounds = round(ROUNDS_FINEST + (ROUNDS_COARSEST - ROUNDS_FINEST) * index / last)
        matches = _refined(level, domain, _finer(domain, coarse, matches), rounds, random)
    return _field(level, domain, matches)


def _coarsest(level: Level, domain: Domain, random: np.random.Generator) -> Matches:
    sources = Sources(level.features, domain, random)
    features, fall = _peeled(level, domain, sources), _fall(level, domain)
    matches = sources.search(features, domain.nearest[domain.targets], PASSES, random)
    for turn in range(1, ROUNDS_COARSEST):
        if turn <= ROUNDS_COARSEST // 2:
            features = _averaged(features, level, domain, matches, fall)
        else:
            features = _copied(features, level, domain, matches)
        matches = sources.search(features, matches.source, PASSES, random)
    return matches


def _refined(level: Level, domain: Domain, start: I32, rounds: int, random: np.random.Generator) -> Matches:
    sources = Sources(level.features, domain, random)
    matches = Matches(start, np.zeros(len(start), np.float32))
    features = _averaged(level.features, level, domain, matches, _fall(level, domain))
    for turn in range(rounds):
        if turn > 0:
            features = _copied(features, level, domain, matches)
        matches = sources.search(features, matches.source, PASSES, random)
    return matches


def _pyramid(light: F32, known: Bools, hole: Bools, reach: F32) -> list[Level]:
    level = _level(_with_texture(light, known), known, hole, reach)
    levels = [level]
    while (
        len(levels) < LEVELS
        and min(level.known.shape) // 2 >= LEAST_SIDE
        and _depth(level.hole) > RADIUS + 0.5
    ):
        known = _halved(level.known.astype(np.float32)) >= 1
        hole = _halved(level.hole.astype(np.float32)) > 0
        weight = level.known.astype(np.float32)
        mass = np.maximum(_halved(weight), 1e-6)[..., None]
        features = _halved(level.features * weight[..., None]) / mass
        smaller = np.asarray(_halved(level.reach) / 2, np.float32)
        level = _level(np.asarray(features, np.float32), known, hole, smaller)
        levels.append(level)
    return levels


def _level(features: F32, known: Bools, hole: Bools, reach: F32) -> Level:
    """Unknown pixels so near that patches of the hole touch them are solved with it, as nothing else is there."""
    near = cv2.dilate(hole.astype(np.uint8), np.ones((4 * RADIUS + 1, 4 * RADIUS + 1), np.uint8)) > 0
    weight = known.astype(np.float32)
    filled = np.concatenate([membrane(features[..., part], weight) for part in (LIGHT, TEXTURE)], axis=2)
    return Level(filled, known, near & ~known, hole, reach)


def _peeled(level: Level, domain: Domain, sources: Sources) -> F32:
    """The coarsest picture filled ring by ring from its rim inwards, each pixel from the best match of what is there.

    A start that is smooth all over draws the search towards smooth, middling sources (Newson 2014, section 3.4).
    """
    height, width = domain.size
    features = level.features.copy()
    flat = features.reshape(height * width, -1)
    filled = level.known.copy()
    while True:
        ring = level.wanted & ~filled & (cv2.dilate(filled.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
        pixels = np.flatnonzero(ring).astype(np.int32)
        if len(pixels) == 0:
            return features
        y, x = pixels // width, pixels % width
        inner_y = np.clip(y, RADIUS, height - 1 - RADIUS)
        inner_x = np.clip(x, RADIUS, width - 1 - RADIUS)
        centres = (inner_y * width + inner_x).astype(np.int32)
        found = sources.search_partial(features, filled, centres, domain.slot[centres])
        flat[pixels] = flat[found + pixels - centres]
        filled |= ring


def _halved(picture: F32) -> F32:
    """Half the size by means of 2 x 2; an odd last row or column counts twice."""
    height, width = picture.shape[:2]
    padding = [(0, height % 2), (0, width % 2)] + [(0, 0)] * (picture.ndim - 2)
    even = np.pad(picture, padding, mode="edge")
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4, np.float32)


def _with_texture(light: F32, known: Bools) -> F32:
    """(h, w, 5): log light and, of its grey, the absolute differences across and down between known pixels."""
    grey = light.mean(axis=2)
    texture = np.zeros((*grey.shape, 2), np.float32)
    texture[:, 1:, 0] = np.abs(np.diff(grey, axis=1)) * (known[:, 1:] & known[:, :-1])
    texture[1:, :, 1] = np.abs(np.diff(grey, axis=0)) * (known[1:] & known[:-1])
    return np.concatenate([light, texture], axis=2)


def _depth(hole: Bools) -> float:
    """Greatest distance of a pixel of the hole from its outside."""
    padded = np.pad(hole.astype(np.uint8), 1)
    return float(cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_5).max())


def _fall(level: Level, domain: Domain) -> F32:
    """(n,) weight of each target by how deep in the hole it lies."""
    depth = cv2.distanceTransform(level.wanted.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    falls = DISTANCE_FALL ** -np.minimum(depth.ravel()[domain.targets], DEEPEST)
    return np.asarray(falls, np.float32)


def _finer(domain: Domain, coarse: Domain, matches: Matches) -> I32:
    """The field of the coarser level as a start for this one."""
    width, coarse_width = domain.size[1], coarse.size[1]
    y, x = domain.targets // width, domain.targets % width
    # A target whose parent is no target itself lies at the rim; one pixel inwards there is one.
    parent = np.clip(coarse.slot[(y // 2) * coarse_width + x // 2], 0, None)
    shift_y = matches.source // coarse_width - coarse.targets // coarse_width
    shift_x = matches.source % coarse_width - coarse.targets % coarse_width
    known = coarse.slot[(y // 2) * coarse_width + x // 2] >= 0
    to_y = np.clip(y + np.where(known, 2 * shift_y[parent], 0), 0, domain.size[0] - 1)
    to_x = np.clip(x + np.where(known, 2 * shift_x[parent], 0), 0, domain.size[1] - 1)
    return np.asarray(domain.nearest[to_y * width + to_x], np.int32)


def _averaged(features: F32, level: Level, domain: Domain, matches: Matches, fall: F32) -> F32:
    """The picture with its hole as the matches want it: a mean over all patches that cover a pixel."""
    width, channels = domain.size[1], features.shape[2]
    known_values = level.features.reshape(-1, channels)
    total = np.zeros((known_values.shape[0], channels), np.float32)
    mass = np.zeros(known_values.shape[0], np.float32)
    weight = _weights(matches.distance) * fall
    for down in range(-RADIUS, RADIUS + 1):
        for across in range(-RADIUS, RADIUS + 1):
            shift = down * width + across
            # No target twice, so that plain indexing adds up.
            total[domain.targets + shift] += known_values[matches.source + shift] * weight[:, None]
            mass[domain.targets + shift] += weight
    change = level.wanted.ravel() & (mass > 0)
    result = features.reshape(-1, channels).copy()
    result[change] = total[change] / mass[change, None]
    return result.reshape(features.shape)


def _copied(features: F32, level: Level, domain: Domain, matches: Matches) -> F32:
    """The picture with its hole copied by the offsets that are agreed on: as sharp as its sources, seams included."""
    field = _field(level, domain, matches)
    change = level.wanted & field.solved
    rows, columns = np.nonzero(change)
    shift = field.offset[rows, columns]
    result = features.copy()
    result[rows, columns] = level.features[rows + shift[:, 1], columns + shift[:, 0]]
    return result


def _weights(distance: F32) -> F32:
    width = max(float(np.quantile(distance, SHARPEST)), 1e-8)
    return np.asarray(np.exp(-np.minimum(distance / (2 * width), 30)), np.float32)


def _field(level: Level, domain: Domain, matches: Matches) -> Offsets:
    height, width = domain.size
    to, at = matches.source, domain.targets
    shift = np.stack([to % width - at % width, to // width - at // width], axis=1).astype(np.int32)
    weight = _weights(matches.distance)
    for _ in range(AGREEMENT_PASSES):
        shift = _agreed(shift, weight, level.known, domain)
    offset = np.zeros((height, width, 2), np.int32)
    solved = np.zeros((height, width), bool)
    distance = np.zeros((height, width), np.float32)
    offset.reshape(-1, 2)[at] = shift
    solved.ravel()[at] = True
    distance.ravel()[at] = np.sqrt(matches.distance / (3 * SIDE * SIDE))
    return Offsets(offset, solved, distance)


def _agreed(shift: I32, weight: F32, known: Bools, domain: Domain) -> I32:
    """Each target's offset replaced by the one that most of its neighbours hold, by weight.

    Neighbours of one offset copy one coherent piece of picture: fewer seams than pixels that decide alone.
    """
    height, width = domain.size
    span = np.arange(-AGREEMENT_RADIUS, AGREEMENT_RADIUS + 1)
    around = (span[:, None] * width + span).ravel()
    result = shift.copy()
    for begin in range(0, len(shift), CHUNK):
        at = domain.targets[begin : begin + CHUNK]
        # A patch lies inside the picture, so its centre has neighbours on all sides.
        slots = domain.slot[at[:, None] + around]
        offsets = shift[slots]
        y, x = at[:, None] // width + offsets[..., 1], at[:, None] % width + offsets[..., 0]
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        copyable = inside & known.ravel()[np.where(inside, y * width + x, 0)] & (slots >= 0)
        code = np.where(copyable, offsets[..., 1] * (4 * width) + offsets[..., 0], -(2**30))
        votes = np.where(copyable, weight[slots], 0)
        score = np.stack([(votes * (code == code[:, i, None])).sum(axis=1) for i in range(len(around))], 1)
        best = np.where(copyable, score, -1).argmax(axis=1)
        result[begin : begin + CHUNK] = offsets[np.arange(len(at)), best]
    return result
