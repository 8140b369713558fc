# SPDX-License-Identifier: Apache-2.0
"""From the cells that an answer names to mattes, frame by frame.

The official scripts ask for this geometry and then look only for the nouns, near the subject's place on the first
frame; what falls away from there is lost. Here every cell counts:

- Cells named on a frame are filled. Between two such frames both shapes are carried along the line between their
  middles and joined; before the first and after the last they are held.
- A thing with a trajectory is a box of its size, carried from step to step, and held after the last.
- A thing that should have stayed gives its original cells too: there it stands in the result, and where it went it is
  gone.
- Nothing is affected before `first_appears`.

All is a cell too large rather than too small. The convention of the first frame is the caller's
(`quadmask.algebra.first_unaffected`), as is the union.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from void_server.quadmask.grid import cell_edges
from void_server.quadmask.regions import Values
from void_server.reasoners.vlm.answer import Affected, Answer, Bounds, Cell, Place, Step
from void_server.reasoners.vlm.schema import Kind

SLACK = 1e-6
"""Cells by which a box may touch a neighbour without covering it: the error of interpolation."""


OUTLINED = frozenset({Kind.MOVED, Kind.FALLS})
"""Kinds of effects that are things with an outline, as belongings are. A shadow, a mirror image and stirred water have
none that a segmenter could be trusted with: they stay cells."""


class Grounder(Protocol):
    """Finds the pixels of a thing that is seen about some cells; a segmenter or a text model may be one."""

    def __call__(self, noun: str, frame: int, cells: Values) -> Values:
        """The matte of a thing.

        Args:
            noun: what the model calls it.
            frame: the shot's frame number.
            cells: (H, W) float32 of 0 and 1: the cells that it was seen in, filled.

        Returns:
            (H, W) float32 0..1.
        """
        ...


def as_boxes(noun: str, frame: int, cells: Values) -> Values:
    """The default `Grounder`: the cells themselves."""
    return cells


@dataclass(frozen=True)
class Effect:
    """What one effect affects on a frame.

    Attributes:
        matte: (H, W) float32 0..1, 1 somewhere.
    """

    noun: str
    kind: Kind
    matte: Values


def effects_at(
    answer: Answer, bounds: Bounds, frame: int, size: tuple[int, int], ground: Grounder = as_boxes
) -> tuple[Effect, ...]:
    """The effects on a frame, in the answer's order; those that are nowhere on it are left out.

    Args:
        bounds: those that the answer was parsed with.
        frame: the shot's frame number.
        size: (H, W) of the mattes in pixels, any; the grid is laid over the whole of it.
        ground: is asked only about cells in which a thing is seen, and that is a thing (`OUTLINED`): where something
            would be can be seen nowhere.
    """
    found = []
    for thing in answer.affected:
        finds = ground if thing.kind in OUTLINED else as_boxes
        matte = _matte_of(thing, bounds, frame, size, finds)
        if matte.any():
            found.append(Effect(thing.noun, thing.kind, matte))
    return tuple(found)


def belongings_at(
    answer: Answer, bounds: Bounds, frame: int, size: tuple[int, int], ground: Grounder = as_boxes
) -> Values:
    """(H, W) float32 0..1: what is to be removed on a frame along with the subject; arguments as for `effects_at`."""
    matte = np.zeros(size, np.float32)
    for thing in answer.belongings:
        seen = filled(cells_at(thing.places, frame, bounds), bounds, size)
        if seen.any():
            matte = np.maximum(matte, _grounded(thing.noun, frame, seen, ground))
    return matte


def filled(cells: Iterable[Cell], bounds: Bounds, size: tuple[int, int]) -> Values:
    """(H, W) float32 of 0 and 1, 1 in the cells."""
    down, across = cell_edges(size[0], bounds.rows), cell_edges(size[1], bounds.columns)
    matte = np.zeros(size, np.float32)
    for cell in cells:
        matte[down[cell.row] : down[cell.row + 1], across[cell.column] : across[cell.column + 1]] = 1
    return matte


def cells_at(places: Sequence[Place], frame: int, bounds: Bounds) -> frozenset[Cell]:
    """The cells of a thing on any frame, from those on some frames, which are in order."""
    if not places:
        return frozenset()
    if frame <= places[0].frame:
        return places[0].cells
    for before, after in pairwise(places):
        if before.frame <= frame < after.frame:
            return _between(before, after, frame, bounds)
    return places[-1].cells


def box_at(thing: Affected, frame: int, bounds: Bounds) -> frozenset[Cell]:
    """The cells that a thing's box touches on its way; none without a trajectory.

    A box of an even number of cells about the middle of a cell touches one more.
    """
    if not thing.trajectory:
        return frozenset()
    row, column = _middle_at(thing.trajectory, frame)
    rows, columns = thing.size
    return _touched(row + (1 - rows) / 2, column + (1 - columns) / 2, rows, columns, bounds)


def _matte_of(thing: Affected, bounds: Bounds, frame: int, size: tuple[int, int], ground: Grounder) -> Values:
    if frame < thing.first_appears:
        return np.zeros(size, np.float32)
    matte = filled(thing.original | box_at(thing, frame, bounds), bounds, size)
    seen = filled(cells_at(thing.places, frame, bounds), bounds, size)
    return np.maximum(matte, _grounded(thing.noun, frame, seen, ground)) if seen.any() else matte


def _grounded(noun: str, frame: int, cells: Values, ground: Grounder) -> Values:
    matte = np.clip(np.asarray(ground(noun, frame, cells), np.float32), 0, 1)
    if matte.shape != cells.shape:
        raise ValueError(f"a grounder made {matte.shape} of {cells.shape}")
    return matte


def _between(before: Place, after: Place, frame: int, bounds: Bounds) -> frozenset[Cell]:
    """Both shapes joined, each carried along the line between their middles; only held where one is empty."""
    if frame == before.frame:
        return before.cells
    if not before.cells or not after.cells:
        return before.cells | after.cells
    share = (frame - before.frame) / (after.frame - before.frame)
    start, end = _middle(before.cells), _middle(after.cells)
    way = (end[0] - start[0], end[1] - start[1])
    return _shifted(before.cells, way, share, bounds) | _shifted(after.cells, way, share - 1, bounds)


def _shifted(
    cells: frozenset[Cell], way: tuple[float, float], share: float, bounds: Bounds
) -> frozenset[Cell]:
    moved = (_touched(c.row + share * way[0], c.column + share * way[1], 1, 1, bounds) for c in cells)
    return frozenset().union(*moved)


def _middle(cells: frozenset[Cell]) -> tuple[float, float]:
    return sum(c.row for c in cells) / len(cells), sum(c.column for c in cells) / len(cells)


def _middle_at(steps: Sequence[Step], frame: int) -> tuple[float, float]:
    """(row, column) of the middle's cell, in fractions of a cell between two steps."""
    frames = [step.frame for step in steps]
    return (
        float(np.interp(frame, frames, [step.cell.row for step in steps])),
        float(np.interp(frame, frames, [step.cell.column for step in steps])),
    )


def _touched(top: float, left: float, rows: int, columns: int, bounds: Bounds) -> frozenset[Cell]:
    """The cells of the grid that a box touches; its corner at the top left may lie within a cell, or outside."""
    down = range(max(0, math.floor(top + SLACK)), min(bounds.rows, math.ceil(top + rows - SLACK)))
    across = range(max(0, math.floor(left + SLACK)), min(bounds.columns, math.ceil(left + columns - SLACK)))
    return frozenset(Cell(row, column) for row in down for column in across)
