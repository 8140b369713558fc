# SPDX-License-Identifier: Apache-2.0
"""What analysis keeps of a frame: a small picture, and where hole, guard, ring and fill are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from tests.engines.scenes import encode8, texture
from void_server.engines.cleanplate import CleanplateSettings, ProxyFrame, prepare_frame
from void_server.engines.cleanplate.arrays import grown, touched
from void_server.engines.cleanplate.proxy import FILL, GUARD, HOLE, RING
from void_server.errors import InvalidInput

SIZE = (270, 480)


def matte(rows: slice = slice(0), columns: slice = slice(0), size: tuple[int, int] = SIZE) -> np.ndarray:
    made = np.zeros(size, np.float32)
    made[rows, columns] = 1
    return made


SQUARE = matte(slice(100, 140), slice(200, 240))
NOTHING = matte()


def prepare(remove=NOTHING, affected=NOTHING, keep=NOTHING, plate=None, **settings) -> ProxyFrame:
    plate = texture(*remove.shape) if plate is None else plate
    return prepare_frame(plate, remove, affected, keep, encode8, CleanplateSettings(**settings))


@pytest.mark.parametrize(
    ("size", "quality", "want"),
    [
        ((270, 480), "final", (270, 480)),
        ((1080, 1920), "final", (540, 960)),
        ((1920, 1080), "final", (960, 540)),
        ((1080, 1920), "preview", (270, 480)),
        ((1, 1500), "final", (1, 960)),
    ],
)
def test_the_long_side_is_960_pixels_at_most_and_480_for_preview(size, quality, want):
    blank = np.zeros(size, np.float32)
    made = prepare(blank, blank, blank, np.zeros((*size, 3), np.float32), quality=quality)
    assert made.size == want
    assert made.full_size == size


def test_the_picture_is_the_encoded_plate():
    plate = texture(*SIZE)
    np.testing.assert_array_equal(prepare(plate=plate).picture, encode8(plate))


def test_empty_mattes_give_no_region_and_say_so():
    made = prepare()
    assert made.empty
    assert not made.regions.any()


def test_a_matte_value_of_2_percent_is_nothing_and_more_is_a_hole():
    assert prepare(SQUARE * np.float32(0.02)).empty
    assert not prepare(SQUARE * np.float32(0.021)).empty


def test_hole_guard_and_ring_lie_around_the_object_at_their_distances():
    made = prepare(SQUARE)
    unit = made.unit
    distance = lambda bit: 200 - np.flatnonzero(made.where(bit).any(0)).min()  # noqa: E731
    assert made.where(HOLE)[SQUARE > 0].all()
    assert distance(HOLE) == pytest.approx(3 * unit, abs=1)
    assert distance(RING) == pytest.approx(3 * unit + 15 * unit, abs=1.5)
    assert distance(GUARD) == pytest.approx(0.6 * 40, abs=1)
    assert not (made.where(RING) & made.where(HOLE)).any()


def test_a_wide_object_has_a_wide_guard_and_a_small_one_the_least():
    small = prepare(matte(slice(100, 104), slice(200, 204)))
    assert 200 - np.flatnonzero(small.where(GUARD).any(0)).min() == pytest.approx(24 * small.unit, abs=1)


def test_a_guard_leaves_a_quarter_of_the_frame_to_measure_motion_on():
    wide = prepare(matte(slice(80, 200), slice(60, 420)))
    assert 0.25 <= np.mean(~wide.where(GUARD)) < 0.6


def test_where_the_effect_is_known_the_guard_is_narrow():
    shadow = matte(slice(140, 150), slice(200, 260))
    assert prepare(SQUARE, shadow).where(GUARD).sum() < 0.7 * prepare(SQUARE).where(GUARD).sum()


def test_the_affected_region_is_part_of_the_hole():
    shadow = matte(slice(140, 150), slice(200, 260))
    made = prepare(SQUARE, shadow)
    assert made.where(HOLE)[shadow > 0].all()
    assert made.where(FILL)[shadow > 0].all()


def test_the_fill_covers_the_margin_whatever_the_size_of_the_proxy():
    large = matte(slice(500, 600), slice(900, 1000), (1080, 1920))
    made = prepare(large, large * 0, large * 0, np.zeros((1080, 1920, 3), np.float32), margin=40)
    columns = np.flatnonzero(made.where(FILL).any(0))
    assert columns.min() * 2 <= 860
    assert (columns.max() + 1) * 2 >= 1040


def test_what_is_kept_wholly_needs_no_fill_but_is_never_lent():
    made = prepare(SQUARE, keep=np.ones_like(SQUARE))
    assert made.empty
    assert made.where(HOLE)[SQUARE > 0].all()


def test_what_is_kept_in_part_is_filled():
    assert not prepare(SQUARE, keep=np.full_like(SQUARE, 0.99)).empty


def test_pixels_that_are_not_finite_are_never_lent_and_not_filled():
    plate = texture(*SIZE)
    plate[7, 9, 1] = np.nan
    made = prepare(plate=plate)
    assert made.where(HOLE)[7, 9]
    assert made.where(HOLE).sum() == 1
    assert made.empty


def test_nan_in_a_matte_is_nothing():
    assert prepare(np.full(SIZE, np.nan, np.float32)).empty


@pytest.mark.parametrize("name", ["remove", "affected", "keep"])
def test_a_matte_of_another_size_is_refused_by_name(name):
    with pytest.raises(InvalidInput, match=f"{name} matte has shape"):
        prepare(plate=texture(*SIZE), **{name: np.zeros((3, 3), np.float32)})


def test_a_plate_that_is_not_rgb_is_refused():
    with pytest.raises(InvalidInput, match="shape"):
        prepare(plate=np.zeros((*SIZE, 4), np.float32))


def test_a_proxy_survives_storage():
    made = prepare(SQUARE)
    again = ProxyFrame.from_arrays(load(save(made.to_arrays())))
    assert again.full_size == made.full_size
    np.testing.assert_array_equal(again.picture, made.picture)
    np.testing.assert_array_equal(again.regions, made.regions)


@given(st.integers(0, 99), st.integers(0, 149), st.integers(1, 99), st.integers(1, 149))
def test_a_smaller_mask_misses_no_pixel(row, column, height, width):
    mask = np.zeros((100, 150), bool)
    mask[row, column] = True
    assert touched(mask, (height, width))[row * height // 100, column * width // 150]


@given(st.floats(0, 12), st.integers(0, 29), st.integers(0, 39))
def test_growing_a_pixel_gives_a_euclidean_disc(radius, row, column):
    mask = np.zeros((30, 40), bool)
    mask[row, column] = True
    rows, columns = np.mgrid[:30, :40]
    distance = np.hypot(rows - row, columns - column)
    got = grown(mask, radius)
    assert got[distance <= radius - 1e-3].all()
    assert not got[distance > radius + 1e-3].any()
