# SPDX-License-Identifier: Apache-2.0
"""Samples of a plate's grain: what a frame does not share with the two beside it, tile by tile along the motion.

Grain is new in every frame and the scene is not. With a = frame - (frame before, drawn to it) and b = frame - (frame
after, drawn to it), the mean of a * b is the power of this frame's grain alone: that of the other two, which drawing
between pixels takes power from, is in only one of them each. No kernel has to be known (ENGINE_FACTS' recipe, (I_t -
warp(I_t+1)) / sqrt(2), would need it).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

TILE = 32
"""Side of a tile in pixels: eight times the size of coarse grain, small enough for one motion."""
MOST_TILES = 360
"""Tiles of one frame: 370 000 pixels tell a curve of 12 levels to some 2 %."""
WINDOW, PYRAMID = 31, 5
"""Of Lucas-Kanade: side of its window in pixels, and levels."""
RETURN = 0.3
"""Pixels by which following a tile there and back may miss its start; else the shot's affine motion is taken."""
NEARER, MOST_MOVING = 0.7, 0.2
"""A tile moved if following it lowers its mean square difference, under a Gaussian of 1.5 px, to less than this: chance
alone lowers that of grain by a few percent. A camera moved if more than this share of the tiles did, or most
of those that can be followed."""
RANK, RANK_AT_REST = 10, 4
"""Dimensions of what is taken out of a tile's differences: a level, its slopes, a gain, and a motion."""
NEAR = 2
"""Pixels each way from which a slope enters a sample: half of the kernel that draws between pixels."""
SMOOTH = 0.8
"""Standard deviation, in pixels, of the Gaussian under which texture and level are looked at."""
_TILES = 8
"""Fitted at a time."""


@dataclass(frozen=True)
class GrainSamples:
    """Tiles of one frame, T of them, of N x N pixels and C channels; float32, scene-linear.

    Attributes:
        before, after: (T, N, N, C), the frame less its neighbour drawn to it, smooth changes of light and small errors
            of motion taken out.
        level: (T, N, N, C), what the neighbours show there.
        slope: (T, N, N), steepest square slope of that level near each pixel, over the square level: where much of the
            picture may have stayed in `before` and `after`. 0 where nothing moved, so that none did.
        rank: dimensions that were taken out of each tile of `before` and of `after`.
    """

    before: F32
    after: F32
    level: F32
    slope: F32
    rank: int


def grain_samples(
    plates: tuple[F32, F32, F32], views: tuple[U8, U8, U8], tile: int = TILE
) -> GrainSamples | None:
    """Takes samples of the middle one of three neighbouring frames.

    Args:
        plates: three (H, W, C) float32, scene-linear; tiles with a sample that is not finite are left out.
        views: three (H, W) uint8, the same display-like, for following.
        tile: side of a tile in pixels.

    Returns:
        None where no tile can be followed in both directions.
    """
    height, width = views[1].shape
    corners = _corners(height, width, tile)
    corners = corners[_finite(plates[1], corners, tile)]
    if len(corners) == 0:
        return None
    moved = [_followed(views[1], other, corners, tile) for other in (views[0], views[2])]
    usable = np.ones(len(corners), bool)
    for shift in moved:
        start = corners + shift
        usable &= np.isfinite(shift).all(1) & (start >= 4).all(1)
        usable &= (start[:, 0] <= width - tile - 5) & (start[:, 1] <= height - tile - 5)
    if not usable.any():
        return None
    corners = corners[usable]
    here = _tiles(plates[1], corners.astype(np.float32), tile)
    first, last = (
        _tiles(plate, (corners + shift[usable]).astype(np.float32), tile)
        for plate, shift in zip((plates[0], plates[2]), moved, strict=True)
    )
    with np.errstate(invalid="ignore", over="ignore"):
        finite = np.isfinite(first).all((1, 2, 3)) & np.isfinite(last).all((1, 2, 3))
    here, first, last = here[finite], first[finite], last[finite]
    if len(here) == 0:
        return None
    # What is taken out follows the third frame, whose grain is in neither term of the difference.
    at_rest = not any(shift.any() for shift in moved)
    rank = RANK_AT_REST if at_rest else RANK
    before, after = _without(here - first, last, rank), _without(here - last, first, rank)
    level = _blurred((first + last) * np.float32(0.5), SMOOTH)
    slope = np.zeros(level.shape[:3], np.float32) if at_rest else _steepest(level)
    return GrainSamples(before, after, level, slope, rank)


def _corners(height: int, width: int, tile: int) -> npt.NDArray[np.int32]:
    """(T, 2) x and y of tiles spread evenly over the picture."""
    rows, columns = (np.arange(8, side - tile - 7, tile) for side in (height, width))
    if rows.size * columns.size == 0:
        return np.zeros((0, 2), np.int32)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    if len(grid) <= MOST_TILES:
        return np.asarray(grid, np.int32)
    # A step that shares no factor with the row's length visits all columns.
    taken = np.unique(np.linspace(0, len(grid) - 1, MOST_TILES).round().astype(int))
    return np.asarray(grid[taken], np.int32)


def _finite(plate: F32, corners: npt.NDArray[np.int32], tile: int) -> npt.NDArray[np.bool_]:
    return np.array([np.isfinite(plate[y : y + tile, x : x + tile]).all() for x, y in corners], bool)


def _followed(here: U8, there: U8, corners: npt.NDArray[np.int32], tile: int) -> F64:
    """(T, 2) shift of each tile from one view to another in pixels; NaN where it is not known.

    Tiles without texture follow the affine motion of the others: the direction in which they are misplaced shows
    nothing.
    """
    centres = (corners + (tile - 1) / 2).astype(np.float32).reshape(-1, 1, 2)
    size = WINDOW, WINDOW
    ahead, found, _ = cv2.calcOpticalFlowPyrLK(
        here, there, centres, np.empty(0, np.float32), winSize=size, maxLevel=PYRAMID
    )
    back, returned, _ = cv2.calcOpticalFlowPyrLK(
        there, here, ahead, np.empty(0, np.float32), winSize=size, maxLevel=PYRAMID
    )
    missed = np.linalg.norm((back - centres)[:, 0], axis=1)
    good = (found[:, 0] == 1) & (returned[:, 0] == 1) & (missed < RETURN)
    shift = np.where(good[:, None], (ahead - centres)[:, 0], np.nan).astype(np.float64)
    if good.any() and _at_rest(here, there, corners[good], shift[good], tile, len(corners)):
        # Where nothing moves, no motion is the exact one.
        return np.zeros_like(shift)
    if good.sum() >= 6 and not good.all():
        matrix, _ = cv2.estimateAffine2D(centres[good], ahead[good], ransacReprojThreshold=1.5)
        if matrix is not None:
            guess = centres[:, 0] @ matrix[:, :2].T + matrix[:, 2] - centres[:, 0]
            shift[~good] = guess[~good]
    return shift


def _at_rest(here: U8, there: U8, corners: npt.NDArray[np.int32], shift: F64, tile: int, count: int) -> bool:
    """Whether few of `count` tiles are nearer to the other view where they were followed to than where they began.

    Args:
        corners, shift: of the tiles that could be followed.
    """
    one, two = (cv2.GaussianBlur(view.astype(np.float32), (0, 0), 1.5) for view in (here, there))
    start = corners.astype(np.float32)
    first = _tiles(one, start, tile)
    began, arrived = (
        np.square(first - _tiles(two, at.astype(np.float32), tile)).mean((1, 2, 3))
        for at in (start, start + shift)
    )
    moved = int(np.count_nonzero(arrived < NEARER * began))
    return moved <= MOST_MOVING * count and 2 * moved <= len(corners)


def _tiles(plate: F32, corners: F32, tile: int) -> F32:
    """(T, N, N, C) tiles of a plate that begin at (T, 2) places between its pixels."""
    offsets = np.arange(tile, dtype=np.float32)
    across = (corners[:, 0, None] + offsets)[:, None, :].repeat(tile, axis=1)
    down = (corners[:, 1, None] + offsets)[:, :, None].repeat(tile, axis=2)
    first, second = (np.asarray(values.reshape(-1, tile), np.float32) for values in (across, down))
    drawn = cv2.remap(plate, first, second, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(drawn.reshape(len(corners), tile, tile, -1), np.float32)


def _steepest(level: F32) -> F32:
    """(T, N, N), the greatest square slope within `NEAR` pixels each way over the square of the tile's level."""
    square = np.zeros(level.shape[:3], np.float32)
    for axis in (1, 2):
        square += np.square(np.gradient(level, axis=axis)).sum(3)
    square /= np.maximum(np.square(level).sum(3).mean((1, 2), keepdims=True), 1e-12)
    kernel = np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8)
    return np.stack([cv2.dilate(tile, kernel) for tile in square])


def _blurred(tiles: F32, sigma: float) -> F32:
    """The tiles, each blurred alone."""
    return np.stack(
        [
            cv2.GaussianBlur(t, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101).reshape(t.shape)
            for t in tiles
        ]
    )


def _without(difference: F32, other: F32, rank: int) -> F32:
    """(T, N, N, C) differences without what a change of light or a small affine motion of `other` explains."""
    # Some tiles at a time, so that the terms stay in the processor's cache.
    parts = range(0, len(difference), _TILES)
    return np.concatenate(
        [_unexplained(difference[i : i + _TILES], other[i : i + _TILES], rank) for i in parts]
    )


def _unexplained(difference: F32, other: F32, rank: int) -> F32:
    """`_without` of a few tiles."""
    count, side, _, channels = difference.shape
    place = np.linspace(-1, 1, side, dtype=np.float64)
    x, y = np.broadcast_to(place[None, :], (side, side)), np.broadcast_to(place[:, None], (side, side))
    result = np.empty_like(difference)
    for c in range(channels):
        picture = _blurred(other[..., c : c + 1], SMOOTH)[..., 0].astype(np.float64)
        across, down = np.gradient(picture, axis=2), np.gradient(picture, axis=1)
        one = np.broadcast_to(np.ones(()), picture.shape)
        terms = (one, one * x, one * y, picture, across, down, across * x, across * y, down * x, down * y)[
            :rank
        ]
        basis = np.stack([t.reshape(count, -1) for t in terms], axis=2)
        basis /= np.maximum(np.linalg.norm(basis, axis=1, keepdims=True), 1e-12)
        values = difference[..., c].reshape(count, -1, 1).astype(np.float64)
        square = basis.transpose(0, 2, 1) @ basis + 1e-6 * np.eye(len(terms))
        explained = basis @ np.linalg.solve(square, basis.transpose(0, 2, 1) @ values)
        result[..., c] = (values - explained).reshape(count, side, side)
    return result
