# SPDX-License-Identifier: Apache-2.0
"""The blend matte and the composite: nothing outside changes, nothing of the plate leaks in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.conform.blend import blend_matte, composite

regions = arrays.arrays(np.bool_, (13, 17))


def dot(shape=(21, 21), at=(10, 10)):
    region = np.zeros(shape, np.bool_)
    region[at] = True
    return region


def distance_to(region):
    """Distances to the nearest pixel of the region, by trying them all."""
    rows, columns = np.nonzero(region)
    y, x = np.indices(region.shape)
    squared = (y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2
    return np.sqrt(squared.min(axis=-1))


@settings(max_examples=60)
@given(region=regions, grow=st.floats(0, 4), feather=st.floats(0, 6))
def test_the_matte_is_one_on_the_grown_region_and_falls_outward_by_smoothstep(region, grow, feather):
    blend = blend_matte(region, None, grow=grow, feather=feather, dtype=np.float32)
    if not region.any():
        assert not blend.any()
        return
    beyond = distance_to(region) - grow
    t = np.clip(beyond / max(feather, 1e-3), 0, 1)
    off_the_edges = (np.abs(beyond) > 1e-3) & (np.abs(beyond - feather) > 1e-3)
    np.testing.assert_allclose(blend[off_the_edges], (1 - t * t * (3 - 2 * t))[off_the_edges], atol=2e-3)
    assert np.all(blend[region] == 1)


@given(region=regions, dtype=st.sampled_from([np.float16, np.float32]))
def test_the_region_itself_is_never_thinned(region, dtype):
    blend = blend_matte(region, None, grow=0, feather=5, dtype=dtype)
    assert blend.dtype == dtype and np.all(blend[region] == 1)


def test_growth_is_a_euclidean_disc():
    blend = blend_matte(dot(), None, grow=5, feather=0, dtype=np.float16)
    assert blend[10, 15] == 1 and blend[13, 14] == 1
    assert blend[10, 16] == 0 and blend[14, 14] == 0


def test_the_feather_ends_at_exactly_zero():
    blend = blend_matte(dot(), None, grow=2, feather=4, dtype=np.float16)[10]
    assert blend[12] == 1 and 0 < blend[13] < 1 and blend[14] == 0.5 and blend[16] == 0


def test_a_region_at_the_frames_edge_is_cut_there():
    blend = blend_matte(dot((5, 6), (0, 5)), None, grow=1, feather=2, dtype=np.float16)
    assert blend[0, 5] == blend[0, 4] == blend[1, 5] == 1 and blend[4, 0] == 0


def test_a_full_region_is_one_everywhere():
    assert np.all(blend_matte(np.ones((4, 5), np.bool_), None, grow=3, feather=3, dtype=np.float16) == 1)


@given(region=regions, keep=arrays.arrays(np.float32, (13, 17), elements=st.floats(0, 1, width=32)))
def test_keep_always_wins(region, keep):
    free = blend_matte(region, None, grow=1, feather=3, dtype=np.float32)
    kept = blend_matte(region, keep, grow=1, feather=3, dtype=np.float32)
    np.testing.assert_allclose(kept, free * (1 - keep), atol=1e-6)
    assert np.all(kept[keep == 1] == 0)


@pytest.mark.parametrize(("grow", "feather"), [(-1, 0), (0, -1), (float("nan"), 0), (0, float("inf"))])
def test_a_negative_edge_is_refused(grow, feather):
    with pytest.raises(ValueError, match="outward"):
        blend_matte(dot(), None, grow=grow, feather=feather, dtype=np.float16)


def any_plate(seed, dtype):
    unsigned = {np.float16: np.uint16, np.float32: np.uint32}[dtype]
    random = np.random.default_rng(seed)
    return random.integers(0, np.iinfo(unsigned).max, (6, 7, 3), dtype=unsigned, endpoint=True).view(dtype)


blends = arrays.arrays(np.float16, (6, 7), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))


@given(seed=st.integers(0, 2**31), dtype=st.sampled_from([np.float16, np.float32]), blend=blends)
def test_where_blend_is_zero_every_bit_is_the_plates(seed, dtype, blend):
    plate = any_plate(seed, dtype)
    result = composite(plate, np.ones((6, 7, 3), np.float32), blend).colour
    unsigned = {np.float16: np.uint16, np.float32: np.uint32}[dtype]
    assert result.dtype == dtype
    assert np.array_equal(result[blend == 0].view(unsigned), plate[blend == 0].view(unsigned))


@given(seed=st.integers(0, 2**31), dtype=st.sampled_from([np.float16, np.float32]), blend=blends)
def test_inside_nothing_that_is_not_finite_leaks_from_the_plate(seed, dtype, blend):
    fill = np.linspace(-3, 900, 126, dtype=np.float32).reshape(6, 7, 3)
    result = composite(any_plate(seed, dtype), fill, blend).colour
    assert np.all(np.isfinite(result[blend > 0]))
    assert np.array_equal(result[blend == 1], fill[blend == 1].astype(dtype))


def test_between_the_two_are_mixed():
    plate, fill = np.full((1, 1, 3), 2, np.float32), np.full((1, 1, 3), 10, np.float32)
    assert composite(plate, fill, np.array([[0.25]], np.float32)).colour.tolist() == [[[4, 4, 4]]]


def test_a_plate_sample_that_is_not_finite_takes_the_fill_inside():
    plate = np.array([[[np.nan, np.inf, 4]]], np.float16)
    fill = np.full((1, 1, 3), 8, np.float32)
    assert composite(plate, fill, np.array([[0.5]], np.float16)).colour.tolist() == [[[8, 8, 6]]]


def test_what_half_cannot_hold_becomes_its_greatest_value_and_is_counted():
    plate = np.zeros((1, 1, 3), np.float16)
    fill = np.array([[[1e6, -1e6, 60000]]], np.float32)
    done = composite(plate, fill, np.ones((1, 1), np.float16))
    assert done.colour.tolist() == [[[65504, -65504, 60000]]] and done.clipped == 2


def test_float_plates_keep_what_half_could_not():
    fill = np.full((1, 1, 3), 1e6, np.float32)
    done = composite(np.zeros((1, 1, 3), np.float32), fill, np.ones((1, 1), np.float32))
    assert np.all(done.colour == 1e6) and done.clipped == 0


def test_a_fill_that_is_not_finite_leaves_the_plate_and_is_counted():
    plate = np.array([[[1.5, 2.5, np.nan]]], np.float16)
    fill = np.array([[[np.nan, np.inf, np.nan]]], np.float32)
    done = composite(plate, fill, np.ones((1, 1), np.float16))
    assert np.array_equal(done.colour, plate, equal_nan=True)
    assert (done.unfilled, done.clipped) == (3, 0)


def test_the_plate_handed_in_is_left_alone():
    plate = np.zeros((2, 2, 3), np.float16)
    composite(plate, np.ones((2, 2, 3), np.float32), np.ones((2, 2), np.float16))
    assert not plate.any()


def test_a_single_channel_plate_is_joined_alike():
    done = composite(
        np.zeros((2, 2, 1), np.float16), np.ones((2, 2, 1), np.float32), np.ones((2, 2), np.float16)
    )
    assert done.colour.shape == (2, 2, 1) and np.all(done.colour == 1)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="shapes differ"):
        composite(
            np.zeros((2, 2, 3), np.float16), np.zeros((2, 2, 1), np.float32), np.ones((2, 2), np.float16)
        )


def test_a_fill_of_a_part_is_joined_at_its_place_and_the_rest_keeps_its_bits():
    plate = any_plate(3, np.float16)
    fill = np.full((2, 3, 3), 0.5, np.float32)
    done = composite(plate, fill, np.ones(plate.shape[:2], np.float16), at=(2, 1)).colour
    assert (done[1:3, 2:5] == 0.5).all()
    done[1:3, 2:5] = plate[1:3, 2:5]
    assert done.tobytes() == plate.tobytes()


@pytest.mark.parametrize("at", [(-1, 0), (1, 0), (0, 1)])
def test_a_fill_that_reaches_beyond_the_plate_is_refused(at):
    with pytest.raises(ValueError, match="shapes differ"):
        composite(np.zeros((2, 2, 3), np.float16), np.zeros((2, 2, 3), np.float32), np.ones((2, 2)), at=at)


def test_a_dots_matte_is_the_same_on_all_sides():
    blend = blend_matte(dot(), None, grow=3.5, feather=5, dtype=np.float32)
    assert np.array_equal(blend, blend[::-1]) and np.array_equal(blend, blend[:, ::-1])
    assert np.array_equal(blend, blend.T) and np.count_nonzero(blend[10]) == 17


def test_where_blend_is_one_even_the_sign_of_a_zero_is_the_fills():
    fill = np.full((1, 1, 3), -0.0, np.float32)
    done = composite(np.ones((1, 1, 3), np.float16), fill, np.ones((1, 1), np.float16))
    assert np.all(np.signbit(done.colour))
