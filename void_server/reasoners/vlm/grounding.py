# SPDX-License-Identifier: Apache-2.0
"""From the cells that a thing was seen in to its outline, by whatever can outline what lies in a box.

Cells that touch, at a corner too, are one part of the thing, and each part is asked about by itself. What
comes back counts within the part's cells and one cell around them: a model that points is off by a cell, and
not by three. Where no outline was found, the cells stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from void_server.quadmask.grid import cell_edges
from void_server.quadmask.regions import Values
from void_server.reasoners.vlm.affected import filled
from void_server.reasoners.vlm.answer import Bounds, Cell

LEAST = 0.02
"""Share of a part's cells that an outline covers at least. The model is asked to name a cell more all around,
so that a thing of one cell's size fills a ninth of its cells; less than a fifth of that is a speck."""
MOST = 0.98
"""Share of a part's cells up to which they were outlined: an answer that takes all of them found no edge."""

Rect = tuple[int, int, int, int]
Outline = Callable[[Rect], Values]
"""From (left, top, right, bottom), edges in pixels, to a matte (H, W) float32 0..1 of the thing in that box."""


@dataclass(frozen=True)
class Grounded:
    """What was found of a thing.

    Attributes:
        matte: (H, W) float32 0..1.
        parts: how many parts its cells have.
        outlined: of how many of them an outline was found; those of the others are whole cells.
    """

    matte: Values
    parts: int
    outlined: int


def grounded(cells: Values, bounds: Bounds, outline: Outline) -> Grounded:
    """The outlines of what lies in some cells.

    Args:
        cells: (H, W) float32 of 0 and 1, as `affected.filled` makes them.
        bounds: with the rows and columns of their grid.
        outline: asked once a part.
    """
    matte = np.zeros_like(cells)
    parts = parts_of(_named(cells, bounds))
    outlined = 0
    for part in parts:
        rough = filled(part, bounds, cells.shape)
        allowed = filled(_inside(_grown(part), bounds), bounds, cells.shape)
        found = np.clip(np.asarray(outline(_box(rough)), np.float32), 0, 1) * allowed
        share = float(found[rough > 0].mean(dtype=np.float64))
        taken = LEAST <= share <= MOST
        outlined += taken
        matte = np.maximum(matte, found if taken else rough)
    return Grounded(matte, len(parts), outlined)


def parts_of(cells: Iterable[Cell]) -> list[frozenset[Cell]]:
    """Cells by what touches, at a corner too; in the order of their first cells."""
    left, parts = set(cells), []
    for first in sorted(left, key=lambda cell: (cell.row, cell.column)):
        if first not in left:
            continue
        part, border = set[Cell](), {first}
        while border:
            left -= border
            part |= border
            border = _grown(border) & left
        parts.append(frozenset(part))
    return parts


def _grown(cells: Iterable[Cell]) -> set[Cell]:
    """The cells and those around them."""
    return {
        Cell(cell.row + down, cell.column + across)
        for cell in cells
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    }


def _inside(cells: Iterable[Cell], bounds: Bounds) -> set[Cell]:
    """Those of the grid."""
    return {c for c in cells if 0 <= c.row < bounds.rows and 0 <= c.column < bounds.columns}


def _named(matte: Values, bounds: Bounds) -> set[Cell]:
    """The cells with some of the matte; a cell without a pixel has none."""
    down, across = cell_edges(matte.shape[0], bounds.rows), cell_edges(matte.shape[1], bounds.columns)
    return {
        Cell(row, column)
        for row in range(bounds.rows)
        for column in range(bounds.columns)
        if matte[down[row] : down[row + 1], across[column] : across[column + 1]].any()
    }


def _box(rough: Values) -> Rect:
    rows, columns = (np.flatnonzero(rough.any(axis=axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
