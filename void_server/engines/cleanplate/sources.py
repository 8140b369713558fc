# SPDX-License-Identifier: Apache-2.0
"""Which frames lend to which pixels: weights by distance, track error and agreement around the hole.

docs/cleanplate.md, step 5. A few frames are chosen for the whole target, since each costs a full-resolution read; among
them each pixel takes up to `sources_of_a_pixel`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from void_server.engines.cleanplate.arrays import F32, I32, Bools, mean_channel
from void_server.engines.cleanplate.membrane import membrane
from void_server.engines.cleanplate.proxy import ProxyFrame
from void_server.engines.cleanplate.settings import CleanplateSettings
from void_server.engines.cleanplate.shot import ShotReader
from void_server.engines.cleanplate.tracks import Candidate, sample

# docs/cleanplate.md, step 5.
FRAMES_OF_DECAY, ERROR_OF_DECAY, MOST_ERROR, LEAST_DISAGREEMENT = 12.0, 4.0, 20.0, 0.01
REJECTED_ABOVE = 3.0
DOUBTFUL = 0.1
"""Encoded disagreement 0..1 up to which it may be one edge a pixel off. Measured: 0.04 to 0.11 where what was lent was
right, on two rendered shots and a real clip; 0.12 to 0.4 where a hand passed, on another."""
WORTH_A_FRAME = 0.01
PREFERRED = 1e4
"""How much more the artist's clean plates weigh than what the engine finds: whatever the distance, they decide."""
OTHER_SIDE_BONUS = 1.5
ENOUGH_OF_RING, ENOUGH_OF_HOLE = 6000, 12_000
"""Pixels, at least, from which frames are compared: they stand for regions."""
AGREEMENT_CELL = 12.0
"""Side, in units u, of the cells in which disagreement around the hole is averaged before it is extended inwards."""


@dataclass(frozen=True)
class Source:
    """A frame that lends.

    Attributes:
        frame: its position in the shot.
        points: (N, 2) float32, proxy positions in it.
        visible: (N,) bool, where it shows background.
        weight: (N,) float32, 0 where it is not used.
        disagreement: (N,) float32, mean encoded difference 0..1 around the hole, gain removed.
        error: (N,) float32, summed round-trip error, proxy pixels.
        painted: True when the artist's clean plate of the frame lends, not its plate.
    """

    frame: int
    points: F32
    visible: Bools
    weight: F32
    disagreement: F32
    error: F32
    painted: bool = False


def choose(
    candidates: list[Candidate],
    target: ProxyFrame,
    pixels: I32,
    in_hole: Bools,
    on_ring: Bools,
    shot: ShotReader,
    settings: CleanplateSettings,
) -> list[Source]:
    """Chooses the frames that lend, and the pixels that each lends to.

    Args:
        candidates: what `follow` found.
        target: the frame to be filled.
        pixels: (N, 2) int32, (x, y) of the tracked proxy pixels.
        in_hole, on_ring: (N,) bool, which of them are to be filled, and which give evidence.
        shot, settings: as for `fill_frame`.

    Returns:
        Sources in the order in which they were chosen; empty when no frame shows anything of the hole.
    """
    useful = [candidate for candidate in candidates if (candidate.visible & in_hole).any()]
    if not useful:
        return []
    around = [_disagreement(candidate, target, pixels, on_ring, shot) for candidate in useful]
    weights = _all_weights(useful, around, target.unit)
    picks = _pick_frames(weights, np.array([candidate.offset for candidate in useful]), in_hole, settings)
    used = _pick_for_pixels(weights[picks], settings.sources_of_a_pixel)
    return [
        Source(
            useful[index].frame,
            useful[index].points,
            useful[index].visible,
            np.where(mask, weights[index], 0).astype(np.float32),
            around[index],
            useful[index].error,
            useful[index].painted,
        )
        for index, mask in zip(picks, used, strict=True)
    ]


def _all_weights(candidates: list[Candidate], around: list[F32], unit: float) -> F32:
    """(S, N): each candidate's weight, 0 where it is not to lend.

    Where one disagrees by more than is usual, but not by much more, it lends only what no other shows: one long edge a
    pixel off can do that, and what would be made up there is further off.
    """
    wholes = [float(np.median(disagreement)) for disagreement in around]
    limit = REJECTED_ABOVE * float(np.median(wholes)) + LEAST_DISAGREEMENT
    usable = [
        candidate.visible & (candidate.painted | (disagreement <= limit))
        for candidate, disagreement in zip(candidates, around, strict=True)
    ]
    unshown = ~np.logical_or.reduce(usable)
    for candidate, disagreement, whole, lends in zip(candidates, around, wholes, usable, strict=True):
        if whole <= limit:
            lends |= candidate.visible & unshown & (disagreement <= DOUBTFUL)
    return np.stack(
        [
            np.where(lends, _weight(candidate, disagreement, unit), 0)
            for candidate, disagreement, lends in zip(candidates, around, usable, strict=True)
        ]
    )


def _weight(candidate: Candidate, disagreement: F32, unit: float) -> F32:
    near = np.exp(-abs(candidate.offset) / FRAMES_OF_DECAY)
    steady = np.exp(-np.minimum(candidate.error / unit, MOST_ERROR) / ERROR_OF_DECAY)
    alike = np.square(LEAST_DISAGREEMENT / (LEAST_DISAGREEMENT + disagreement))
    if candidate.painted:
        near *= PREFERRED
    return np.asarray(near * steady * alike, np.float32)


def _disagreement(
    candidate: Candidate, target: ProxyFrame, pixels: I32, on_ring: Bools, shot: ShotReader
) -> F32:
    """(N,) mean |difference| 0..1 of the encoded pictures on the ring, gain removed, extended into the hole."""
    seen = _thinned(on_ring & candidate.visible, ENOUGH_OF_RING)
    if seen.size == 0:
        return np.full(len(pixels), LEAST_DISAGREEMENT, np.float32)
    there = sample(shot.proxy(candidate.frame).picture, candidate.points[seen]).astype(np.float32)
    here = target.picture[pixels[seen, 1], pixels[seen, 0]].astype(np.float32)
    difference = (there - here) / 255
    # A change of exposure is a shift in a log encoding; harmonising removes it, so it is no disagreement.
    difference = mean_channel(np.abs(difference - np.median(difference, axis=0))[:, None])[:, 0]
    return _extended(difference, pixels[seen], pixels, target)


def _thinned(mask: Bools, enough: int) -> NDArray[np.intp]:
    """The places of a mask, evenly thinned to as many as tell enough."""
    places = np.flatnonzero(mask)
    return places[:: max(1, places.size // enough)]


def _extended(values: F32, places: I32, everywhere: I32, target: ProxyFrame) -> F32:
    """Values at some pixels, averaged in cells and extended smoothly to all the others."""
    cell = max(1, round(AGREEMENT_CELL * target.unit))
    height, width = (-(-side // cell) for side in target.size)
    index = (places[:, 1] // cell) * width + places[:, 0] // cell
    count = np.bincount(index, minlength=height * width).reshape(height, width).astype(np.float32)
    total = np.bincount(index, weights=values, minlength=height * width).reshape(height, width)
    mean = (total / np.maximum(count, 1)).astype(np.float32)
    field = membrane(mean, np.minimum(count / 4, 1).astype(np.float32))
    return sample(field, ((everywhere + 0.5) / cell - 0.5).astype(np.float32))


def _pick_frames(weights: F32, offsets: I32, in_hole: Bools, settings: CleanplateSettings) -> list[int]:
    """Greedy cover: first every pixel once, then twice and so on, by whichever frame adds most.

    A frame is taken only while it adds a source to at least 1 % of the hole.
    """
    enough = ENOUGH_OF_HOLE if settings.quality == "final" else ENOUGH_OF_RING
    inside = weights[:, _thinned(in_hole, enough)]
    best = inside.max(axis=0)
    value = inside / np.maximum(best, 1e-12)
    coverable, available = best > 0, (inside > 0).sum(axis=0)
    least = WORTH_A_FRAME * max(1, int(coverable.sum()))
    held, balance = np.zeros(inside.shape[1], int), np.zeros(inside.shape[1], int)
    picks: list[int] = []
    for wanted in range(1, settings.lenders + 1):
        while len(picks) < settings.source_frames:
            open_ = (held < np.minimum(wanted, available)) & coverable
            bonus = np.where(np.sign(offsets)[:, None] * balance < 0, OTHER_SIDE_BONUS, 1.0)
            gains = (value * bonus)[:, open_].sum(axis=1)
            gains[picks] = 0
            pick = int(np.argmax(gains))
            shown = inside[pick] > 0
            if gains[pick] <= 0 or np.count_nonzero(shown & open_) < least:
                break
            picks.append(pick)
            held += shown
            balance += np.where(shown, int(np.sign(offsets[pick])), 0)
    return picks


def _pick_for_pixels(weights: F32, most: int) -> Bools:
    """(S, N) bool: each pixel's `most` heaviest sources among the chosen frames; ties go to the earlier choice."""
    if len(weights) == 0:
        return np.zeros(weights.shape, bool)
    order = np.argsort(-weights, axis=0, kind="stable")
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(len(weights))[:, None], axis=0)
    return np.asarray((rank < most) & (weights > 0))
