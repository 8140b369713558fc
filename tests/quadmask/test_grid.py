# SPDX-License-Identifier: Apache-2.0
"""The affected region in whole cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.quadmask.grid import cell_edges, grid_of, gridded, gridded_matte
from void_server.quadmask.regions import Quadmask

sides = st.integers(8, 40)
mattes = arrays.arrays(np.float32, st.tuples(sides, sides), elements=st.sampled_from([0.0, 0.25, 1.0]))


@pytest.mark.parametrize(
    ("size", "grid"),
    [((384, 672), (8, 14)), ((672, 384), (14, 8)), ((100, 100), (8, 8)), ((360, 544), (8, 12))],
)
def test_the_shorter_side_has_eight_cells(size, grid):
    assert grid_of(*size) == grid


@given(st.integers(1, 4000), st.integers(8, 40))
def test_cells_cover_a_side_without_gap(size, cells):
    edges = cell_edges(size, cells)
    assert edges[0] == 0 and edges[-1] == size and edges == sorted(edges)


@given(mattes)
def test_a_cell_is_whole_when_any_pixel_of_it_counts_and_empty_otherwise(matte):
    whole = gridded_matte(matte)
    rows, columns = grid_of(*matte.shape)
    down, across = cell_edges(matte.shape[0], rows), cell_edges(matte.shape[1], columns)
    for i in range(rows):
        for j in range(columns):
            cell = (slice(down[i], down[i + 1]), slice(across[j], across[j + 1]))
            assert np.all(whole[cell] == (matte[cell].max() >= 0.5))


@given(mattes)
def test_gridding_twice_is_gridding_once(matte):
    once = gridded_matte(matte)
    assert np.array_equal(gridded_matte(once), once)


def test_what_is_removed_stays_to_the_pixel_and_the_overlap_follows():
    remove, affected = np.zeros((16, 16), np.float32), np.zeros((16, 16), np.float32)
    remove[0, 0] = affected[1, 1] = 1
    codes = gridded(Quadmask(remove, affected)).codes
    assert codes[:2, :2].tolist() == [[63, 127], [127, 127]] and np.all(codes[2:] == 255)
