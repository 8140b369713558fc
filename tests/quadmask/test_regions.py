# SPDX-License-Identifier: Apache-2.0
"""The regions of a quadmask as separate mattes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.quadmask.regions import Quadmask, overlay, regions_picture

mattes = arrays.arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32))
quadmasks = st.builds(Quadmask, mattes, mattes)
codes = arrays.arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 63, 127, 255]))


@given(quadmasks)
def test_overlap_is_in_both(quadmask):
    assert np.array_equal(quadmask.overlap, np.minimum(quadmask.remove, quadmask.affected))


@given(quadmasks)
def test_the_region_is_all_that_either_matte_touches(quadmask):
    expected = np.maximum(quadmask.remove, quadmask.affected) > 0.02
    assert np.array_equal(quadmask.region, expected)


def test_dust_is_no_region_and_a_soft_edge_is():
    edge = np.array([[0.0, 0.02, 0.021, 1.0]], np.float32)
    assert Quadmask(edge, np.zeros_like(edge)).region.tolist() == [[False, False, True, True]]


def test_codes_are_voids():
    remove, affected = np.array([[1, 1, 0, 0]], np.float32), np.array([[0, 1, 1, 0]], np.float32)
    assert Quadmask(remove, affected).codes.tolist() == [[0, 63, 127, 255]]


def test_a_soft_edge_never_becomes_another_region():
    edge = np.linspace(0, 1, 256, dtype=np.float32)[None]
    assert set(Quadmask(edge, np.zeros_like(edge)).codes.ravel().tolist()) == {0, 255}


@given(codes)
def test_codes_become_mattes_and_come_back(coded):
    assert np.array_equal(Quadmask.from_codes(coded).codes, coded)


@given(arrays.arrays(np.uint8, (3, 3)))
def test_any_byte_is_taken_as_the_nearest_code(coded):
    read = Quadmask.from_codes(coded).codes
    known = np.array([0, 63, 127, 255])
    distance = np.abs(coded.astype(int)[..., None] - known).min(axis=-1)
    assert np.array_equal(np.abs(coded.astype(int) - read), distance)


@given(quadmasks, mattes)
def test_the_layer_is_packed_as_the_contract_says(quadmask, blend):
    layer = quadmask.layer(blend)
    assert list(layer) == ["red", "green", "blue", "alpha"]
    assert layer["red"] is quadmask.remove and layer["green"] is quadmask.affected
    assert np.array_equal(layer["blue"], np.minimum(layer["red"], layer["green"]))
    assert layer["alpha"] is blend


def test_mattes_of_different_sizes_make_no_quadmask():
    with pytest.raises(ValueError, match="differ in shape"):
        Quadmask(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))


@given(quadmasks)
def test_an_overlay_leaves_the_background_alone(quadmask):
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    shown = overlay(picture, quadmask)
    background = np.maximum(quadmask.remove, quadmask.affected) == 0
    assert shown.dtype == np.uint8
    assert np.array_equal(shown[background], picture[background])


def test_each_region_has_a_colour_of_its_own_in_the_overlay():
    remove, affected = np.array([[1, 1, 0]], np.float32), np.array([[0, 1, 1]], np.float32)
    shown = overlay(np.full((1, 3, 3), 128, np.uint8), Quadmask(remove, affected))
    red, amber, green = shown[0].astype(int)
    assert red[0] > red[1] + 50 and green[1] > green[0] + 50
    assert amber[0] > 128 and red[1] < amber[1] < green[1]


def test_a_matte_counts_as_its_code_from_one_half():
    edge = np.array([[0.3, 0.5, 0.7]], np.float32)
    assert Quadmask(edge, np.zeros_like(edge)).codes.tolist() == [[255, 0, 0]]
    assert Quadmask(np.zeros_like(edge), edge).codes.tolist() == [[255, 127, 127]]


@given(quadmasks)
def test_the_regions_picture_laid_over_black_is_the_overlay_of_black(quadmask):
    picture = regions_picture(quadmask).astype(np.float32)
    laid = picture[..., :3] * picture[..., 3:] / 255
    expected = overlay(np.zeros((4, 5, 3), np.uint8), quadmask, opacity=1.0)
    assert np.abs(laid - expected).max() <= 1.5
