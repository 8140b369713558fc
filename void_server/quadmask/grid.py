# SPDX-License-Identifier: Apache-2.0
"""The affected region in whole cells of a coarse grid, as VOID's mask scripts give it and as it was trained.

Facts: Netflix/void-model at 66e9c0e, `VLM-MASK-REASONER`: 8 cells on the shorter side, max(8, round(8 aspect)) on the
longer, edges int(k size / n); a cell counts when any pixel of it does.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from void_server.quadmask.regions import Quadmask, Values

CELLS = 8
"""On the shorter side of a picture."""
COUNTS = 0.5
"""Matte value from which a pixel makes its cell count, as for codes."""


def grid_of(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of the grid over a picture: 8 x 14 for 384 x 672."""
    longer = max(CELLS, round(CELLS * max(height, width) / min(height, width)))
    return (longer, CELLS) if height > width else (CELLS, longer)


def cell_edges(size: int, cells: int) -> list[int]:
    """The `cells` + 1 edges along a side of `size` pixels; in a picture smaller than its grid some cells are empty."""
    return [int(k * size / cells) for k in range(cells + 1)]


def gridded_matte(matte: Values, counts: float = COUNTS) -> Values:
    """A matte in whole cells, (h, w) float32 of 0 and 1: a cell is 1 when any of its pixels is at least `counts`."""
    height, width = matte.shape
    rows, columns = grid_of(height, width)
    result = np.zeros(matte.shape, np.float32)
    down, across = cell_edges(height, rows), cell_edges(width, columns)
    for top, bottom in pairwise(down):
        for left, right in pairwise(across):
            cell = (slice(top, bottom), slice(left, right))
            result[cell] = bool((matte[cell] >= counts).any())
    return result


def gridded(quadmask: Quadmask) -> Quadmask:
    """The quadmask with its affected region in whole cells; what is removed stays as it is, to the pixel.

    At the model's resolution: cells of the plate would not be the cells that the model sees. The overlap follows, as
    it is where both are.
    """
    return Quadmask(quadmask.remove, gridded_matte(quadmask.affected))
