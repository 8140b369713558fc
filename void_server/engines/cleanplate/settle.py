# SPDX-License-Identifier: Apache-2.0
"""The background's own motion, where the object or something else that moves stands before it.

docs/cleanplate.md, step 4. Flow is not measured under the object and not trusted beside it, and a surface there may be
at a depth of its own, so that an extension from around would misplace it: its motion is taken from the times at which
it shows. What moves on its own is told by the same comparison.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from void_server.engines.cleanplate import camera
from void_server.engines.cleanplate.arrays import F16, F32, Bools, bounds, grown, pixel_grid
from void_server.engines.cleanplate.membrane import membrane
from void_server.engines.cleanplate.motion import COARSE, EDGE, FlowField, PairMotion
from void_server.engines.cleanplate.other_times import (
    LAGS,
    MotionReader,
    Step,
    Walk,
    quantile,
    residual_at_other_times,
    residual_of,
    shows,
)
from void_server.engines.cleanplate.proxy import GUARD, ProxyFrame

AT_OTHER_TIMES: tuple[tuple[Walk, float], ...] = (("camera", 0.5), ("surface", 0.8))
"""A mover is unlike what its place does at most other times, and unlike itself at a fifth of them at least."""
SMALL_PROXY = 480
"""Pixels of long side, as of a preview, up to which movers are looked for at the nearer times alone."""
SURROUNDINGS = 30.0
"""Width, in units u, of the band whose measurements tie two times together."""
SPACING, MOVER_SPACING = 4.0, 8.0
"""Distance, in units u, of the places at which the smooth residual is completed, and movers are looked for."""
MOVER_SPEED, MOVER_NOISE = 1.0, 6.0
"""What differs by so many units u a frame from what its place does at other times moves on its own, and by so many
times the frame's median difference."""
ROUNDS, MOST_SAMPLES = 4, 2000
"""Of the robust fit, and how many places it looks at."""
THINNEST, THINNEST_PIXELS, MOVER_EDGE = 20.0, 16.0, 16.0
"""Least width of a mover (u, and pixels, since flow blurs the edge between two depths over some however small the
picture), and the band around it in which flow is drawn along (u)."""


def settle_pair(position: int, shot: MotionReader) -> PairMotion:
    """The motion between the frames position and position + 1, completed from other times.

    Args:
        position: 0..n-2.
        shot: read within `SETTLE_REACH` pairs each way.

    Returns:
        The measured motion, its residual replaced beside the guard and behind what moves on its own, and `moving` set.
    """
    pair = shot.motion(position)
    moving = find_movers(Step(position, 1), shot)
    return replace(
        pair,
        forward=_settled(Step(position, 1), pair.forward, moving, shot),
        backward=_settled(Step(position + 1, -1), pair.backward, _carried(moving, pair.backward), shot),
    )


def find_movers(step: Step, shot: MotionReader) -> Bools:
    """(h, w) bool: what moves on its own, so far as motion was measured; nothing while there is nothing to compare.

    It does what its place does not do at other times, and what it does not do itself at other times: what only stands
    at a depth of its own does the latter. Hence what keeps one speed all the time is not told from a thing nearby.
    """
    field, proxy = step.field(shot), shot.proxy(step.frame)
    nothing = np.zeros(proxy.size, bool)
    if field is None or not field.residual.any():
        return nothing
    spacing = max(1, round(MOVER_SPACING * proxy.unit))
    # No mover is less than two of these wide, whatever the proxy.
    spacing = max(spacing, min(2 * COARSE, max(proxy.size) // 60))
    grid = _grid((0, 0, proxy.size[1], proxy.size[0]), spacing)
    here, known, change = residual_of(field, grid), shows(field.trusted, grid), partial(_steady_change, grid)
    speed = np.full(here.shape[:2], np.inf, np.float32)
    compared = shows(field.measured, grid)
    lags = LAGS if max(proxy.size) > SMALL_PROXY else LAGS[:6]
    for walk, share in AT_OTHER_TIMES:
        told = residual_at_other_times(step, grid, known, walk, change, shot, lags)
        unlike, any_told = quantile(np.hypot(*np.moveaxis(here - told, -1, 0))[..., None], share)
        speed, compared = np.minimum(speed, unlike[..., 0]), compared & any_told
    speed = np.where(compared, speed, 0)
    if not compared.any():
        return nothing
    limit = max(MOVER_SPEED * proxy.unit, MOVER_NOISE * float(np.median(speed[compared])))
    finer = _on_pixels(speed.astype(np.float32), spacing, (0, 0), proxy.size)
    return _compact_parts((finer > limit) & field.measured, proxy.unit)


def _smooth_change(difference: F32, known: Bools) -> F32:
    return membrane(difference, known.astype(np.float32))


def _steady_change(grid: F32, difference: F32, known: Bools) -> F32:
    """An affine change, fitted to most of the frame, so that what moves on its own has no part in it.

    Iteratively reweighted least squares with Cauchy weights (Holland and Welsch, "Robust regression using iteratively
    reweighted least-squares", 1977).
    """
    size = max(1.0, *(float(v) for v in grid[-1, -1] - grid[0, 0]))
    terms = np.concatenate([np.ones((*grid.shape[:2], 1)), (grid - grid[0, 0]) / size], axis=-1)
    places = np.flatnonzero(known)
    places = places[:: -(-places.size // MOST_SAMPLES)]
    of_known = terms.reshape(-1, 3)[places]
    wanted = difference.reshape(-1, 2)[places].astype(np.float64)
    weight = np.ones(len(wanted))
    fitted = np.zeros((3, 2))
    for _ in range(ROUNDS):
        weighted = of_known * weight[:, None]
        fitted = cv2.solve(weighted.T @ of_known + 1e-6 * np.eye(3), weighted.T @ wanted)[1]
        left = wanted - of_known @ fitted
        miss = np.sqrt(left[:, 0] * left[:, 0] + left[:, 1] * left[:, 1])
        median = np.partition(miss, len(miss) // 2)[len(miss) // 2]
        weight = 1 / (1 + np.square(miss / (2 * 1.48 * median + 1e-3)))
    return np.asarray(terms @ fitted, np.float32)


def _compact_parts(mask: Bools, unit: float) -> Bools:
    """The parts of a mask that are wide somewhere; bands along depth edges, where one depth covers another, go."""
    thinnest = max(THINNEST * unit, THINNEST_PIXELS)
    core = ~grown(~mask, thinnest / 2)
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return np.asarray(mask & np.isin(labels, np.unique(labels[core])) & grown(core, thinnest))


def _carried(moving: Bools, back: FlowField) -> Bools:
    """A mask of one frame as it lies in the next."""
    if not moving.any():
        return moving
    grid = pixel_grid(moving.shape)
    places = camera.apply(back.matrix, grid + back.residual.astype(np.float32))
    return np.asarray(cv2.remap(moving.astype(np.uint8), places, None, cv2.INTER_NEAREST) != 0)


def _settled(step: Step, field: FlowField, moving: Bools, shot: MotionReader) -> FlowField:
    proxy = shot.proxy(step.frame)
    drawn_along = grown(moving, MOVER_EDGE * proxy.unit)
    sure = field.trusted & ~drawn_along
    doubtful = (grown(_covered(field, proxy), EDGE * proxy.unit) | drawn_along) & ~sure
    rect = bounds(doubtful)
    if rect is None or not field.residual.any():
        return replace(field, moving=moving)
    pad, spacing = int(SURROUNDINGS * proxy.unit), max(round(SPACING * proxy.unit), 1)
    # What is asked comes from every fourth pixel, so that closer places tell a preview nothing.
    spacing = max(spacing, min(COARSE, max(proxy.size) // 120))
    height, width = proxy.size
    x0, y0 = max(0, rect[0] - pad), max(0, rect[1] - pad)
    grid = _grid((x0, y0, min(width, rect[2] + pad), min(height, rect[3] + pad)), spacing)
    known = shows(sure, grid)
    usual, told = quantile(residual_at_other_times(step, grid, known, "flow", _smooth_change, shot), 0.5)
    if drawn_along.any():
        # There flow follows what moves, not what is behind it.
        place, told_there = quantile(
            residual_at_other_times(step, grid, known, "camera", _smooth_change, shot), 0.5
        )
        behind = ~shows(~drawn_along, grid)
        usual, told = np.where(behind[..., None], place, usual), np.where(behind, told_there, told)
    here = residual_of(field, grid)
    values = np.where(known[..., None], here, usual)
    complete = membrane(values.astype(np.float32), (known | told).astype(np.float32))
    smooth = _on_pixels(complete, spacing, (x0, y0), proxy.size)
    residual: F16 = np.where(doubtful[..., None], smooth, field.residual).astype(np.float16)
    return replace(field, residual=residual, moving=moving)


def _covered(field: FlowField, proxy: ProxyFrame) -> Bools:
    """Where motion was not measured because of what stands there, and not because the picture ends."""
    covered = ~field.measured
    border = int(EDGE * proxy.unit)
    inner = np.zeros_like(covered)
    inner[border : -border or None, border : -border or None] = True
    return covered & (inner | proxy.where(GUARD))


def _grid(rect: tuple[int, int, int, int], spacing: int) -> F32:
    across = np.arange(rect[0], rect[2], spacing, dtype=np.float32)
    down = np.arange(rect[1], rect[3], spacing, dtype=np.float32)
    return np.stack(np.meshgrid(across, down), axis=-1)


def _on_pixels(values: F32, spacing: int, start: tuple[int, int], size: tuple[int, int]) -> F32:
    """Values of a grid that begins at `start` (x, y), interpolated to every pixel of a picture."""
    across = ((np.arange(size[1]) - start[0]) / spacing).astype(np.float32)
    down = ((np.arange(size[0]) - start[1]) / spacing).astype(np.float32)
    columns, rows = np.meshgrid(across, down)
    found = cv2.remap(values, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
