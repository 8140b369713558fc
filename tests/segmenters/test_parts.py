# SPDX-License-Identifier: Apache-2.0
"""The parts of the segmenter flow: distances, the guided filter, colours and edges."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.segmenters.scenes import Scene, likeness
from void_server.segmenters import guided
from void_server.segmenters.flow.distance import NOWHERE, blended, from_matte, signed_distance
from void_server.segmenters.flow.edges import plate_matte
from void_server.segmenters.flow.picture import reduced
from void_server.segmenters.guided import guided_filter

masks = arrays.arrays(np.bool_, (6, 8))


def disc(x, radius=10.0, size=(60, 100)):
    rows, columns = np.indices(size)
    return np.hypot(columns - x, rows - 30) < radius


@given(masks)
def test_a_distance_is_below_zero_exactly_inside(mask):
    assert np.array_equal(signed_distance(mask) < 0, mask)


@given(arrays.arrays(np.float32, (5, 7), elements=st.floats(0, 1, width=32)))
def test_the_distance_of_a_soft_matte_has_its_half_as_its_edge(matte):
    assert np.array_equal(from_matte(matte) < 0, matte > 0.5) or np.any(matte == 0.5)


def test_nothing_is_nowhere():
    assert np.all(signed_distance(np.zeros((3, 3), np.bool_)) == NOWHERE)


def test_between_two_places_a_shape_is_in_the_middle():
    middle = blended(signed_distance(disc(45)), signed_distance(disc(51)), 0.5) < 0
    assert np.count_nonzero(middle ^ disc(48)) < 0.15 * np.count_nonzero(disc(48))


def test_between_a_small_and_a_large_shape_is_one_of_middle_size():
    middle = blended(signed_distance(disc(50, 8)), signed_distance(disc(50, 16)), 0.5) < 0
    assert likeness(middle, disc(50, 12)) > 0.9


def test_shapes_that_do_not_meet_are_not_mixed():
    assert np.array_equal(blended(signed_distance(disc(20)), signed_distance(disc(80)), 0.7) < 0, disc(80))


def test_a_lost_shape_leaves_the_other_as_it_is():
    lost = signed_distance(np.zeros((60, 100), np.bool_))
    assert np.array_equal(blended(signed_distance(disc(20)), lost, 0.9) < 0, disc(20))


def test_the_guided_filter_moves_an_edge_to_that_of_the_picture():
    guide = np.zeros((20, 40, 3), np.float32)
    guide[:, 20:] = 1
    values = np.zeros((20, 40), np.float32)
    values[:, 22:] = 1
    found = guided_filter(guide, values, 4, 1e-4)
    assert found[:, 20].mean() - found[:, 19].mean() > 0.4


def test_the_guided_filter_keeps_what_is_constant():
    guide = np.random.default_rng(0).random((12, 13, 3)).astype(np.float32)
    np.testing.assert_allclose(
        guided_filter(guide, np.full((12, 13), 0.3, np.float32), 2, 1e-3), 0.3, atol=1e-4
    )


def test_a_large_plate_gets_an_edge_of_its_own_resolution():
    scene = Scene(size=(600, 1920), start=(900.0, 300.0), radius=120.0)
    picture, truth = scene.picture(0), scene.matte(0)
    small = reduced(picture)
    coarse = signed_distance(
        np.hypot(*(np.indices(small.colour.shape[:2]) - np.array([149.75, 449.75])[:, None, None])) < 60
    )
    matte = plate_matte(picture, coarse)
    assert matte.shape == truth.shape and likeness(matte, truth) > 0.97
    assert np.count_nonzero((matte > 0.05) & (matte < 0.95)) < 10 * 2 * np.pi * 120


def test_pictures_are_reduced_to_960_and_never_enlarged():
    assert reduced(np.zeros((540, 1920, 3), np.float32)).colour.shape == (270, 960, 3)
    assert reduced(np.zeros((30, 50, 3), np.float32)).colour.shape == (30, 50, 3)


def test_what_is_not_a_number_is_black():
    assert not reduced(np.full((4, 4, 3), np.nan, np.float32)).colour.any()


def test_tiles_of_a_plate_meet_without_a_seam(monkeypatch):
    scene = Scene(size=(400, 1920), start=(900.0, 200.0), radius=120.0)
    picture = scene.picture(0)
    rows, columns = np.indices((200, 960))
    coarse = signed_distance(np.hypot(columns - 449.75, rows - 99.75) < 60)
    tiled = plate_matte(picture, coarse)
    monkeypatch.setattr(guided, "TILE", 5000)
    np.testing.assert_allclose(tiled, plate_matte(picture, coarse), atol=2e-3)
