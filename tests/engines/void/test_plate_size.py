# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest

from void_server.engines.void.plate_size import (
    at_plate_size,
    box_around,
    codes,
    grown_region,
    in_whole_cells,
    reduced,
)

SIZE = (120, 200)
SMALL = (60, 100)


def picture() -> np.ndarray:
    """(120, 200, 3) smooth enough to be reduced and enlarged again almost as it was."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    waves = [0.5 + 0.2 * np.sin(rows / (9 + c)) + 0.2 * np.cos(columns / (11 + c)) for c in range(3)]
    return np.stack(waves, axis=-1).astype(np.float32)


def region() -> np.ndarray:
    found = np.zeros(SIZE, bool)
    found[40:80, 70:130] = True
    return found


def test_what_the_model_sees_is_within_0_and_1_and_finite():
    wild = picture()
    wild[0, :4] = [[np.nan] * 3, [np.inf] * 3, [-np.inf] * 3, [7.0] * 3]
    found = reduced(wild, *SIZE)
    assert found[0, :4].tolist() == [[0] * 3, [1] * 3, [0] * 3, [1] * 3]
    np.testing.assert_array_equal(found[1:], wild[1:])


def test_what_the_model_made_is_enlarged():
    made = reduced(picture(), *SMALL)
    np.testing.assert_array_equal(at_plate_size(made, picture(), region()), enlarged(made))


def enlarged(made: np.ndarray) -> np.ndarray:
    return cv2.resize(made, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


def lit(value: float = 1.4) -> np.ndarray:
    """The picture with a light of (20, 100) pixels that crosses the region and ends on both sides of it."""
    plate = picture()
    plate[50:70, 50:150] = value
    return plate


def test_a_light_that_goes_on_in_the_region_is_as_bright_there_as_beside_it():
    found = at_plate_size(reduced(lit(), *SMALL), lit(), region())
    assert np.abs(found[54:66, 75:125] - 1.4).max() < 0.02
    np.testing.assert_allclose(
        found[85:, :], at_plate_size(reduced(picture(), *SMALL), picture(), region())[85:, :]
    )


def test_the_model_s_own_white_counts_where_it_is_a_little_under_1():
    found = at_plate_size(0.96 * reduced(lit(), *SMALL), lit(), region())
    assert np.abs(found[54:66, 75:125] - 1.4).max() < 0.02


def test_what_is_not_white_for_the_model_gets_no_light():
    dark = reduced(lit(), *SMALL)
    dark[20:40, 35:65] = 0.8
    found = at_plate_size(dark, lit(), region())
    assert found[50:70, 80:120].max() < 0.85


def test_white_without_a_light_beside_it_stays_as_it_is():
    made = reduced(picture(), *SMALL)
    made[20:40, 35:65] = 1
    far = picture()
    far[0, 0] = 5
    for plate in (picture(), far):
        np.testing.assert_array_equal(at_plate_size(made, plate, region()), enlarged(made))


def test_a_light_within_what_the_model_was_told_to_change_says_nothing():
    told = np.ones(SMALL, bool)
    made = reduced(lit(), *SMALL)
    np.testing.assert_array_equal(at_plate_size(made, lit(), region(), told), enlarged(made))


def test_codes_tell_the_four_regions():
    remove, affected = np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32)
    remove[:, :100], affected[60:] = 1, 1
    found = codes(remove, affected, np.zeros(SIZE, np.float32), *SMALL)
    assert (found[:30, :50] == 0).all() and (found[30:, :50] == 63).all()
    assert (found[30:, 50:] == 127).all() and (found[:30, 50:] == 255).all()


@pytest.mark.parametrize(("covered", "code"), [(0.0, 255), (0.2, 255), (0.25, 0), (1.0, 0)])
def test_a_model_pixel_is_removed_from_a_quarter_on(covered, code):
    remove = np.zeros((20, 20), np.float32)
    remove[:, : round(20 * covered)] = 1
    nothing = np.zeros_like(remove)
    assert codes(remove, nothing, nothing, 1, 1).item() == code


def test_what_is_kept_is_not_masked_and_what_is_half_kept_is():
    remove, keep = np.ones(SIZE, np.float32), np.zeros(SIZE, np.float32)
    keep[:, :100], keep[60:, 100:] = 1, 0.5
    found = codes(remove, remove, keep, *SMALL)
    assert (found[:, :50] == 255).all() and (found[:, 50:] == 63).all()


MODEL = (64, 112)
"""Cells of 8 x 8 pixels."""
CELL = np.zeros(MODEL, bool)
CELL[16:24, 48:56] = True
"""The one with the pixel (20, 50)."""


def coded(changed: np.ndarray, removed: np.ndarray) -> np.ndarray:
    under = np.where(changed, 63, 0)
    return np.where(removed, under, np.where(changed, 127, 255)).astype(np.float32)


def dot(row: int, column: int) -> np.ndarray:
    found = np.zeros(MODEL, bool)
    found[row, column] = True
    return found


def test_the_affected_region_is_widened_to_whole_cells():
    nothing = np.zeros(MODEL, bool)
    found = in_whole_cells(coded(dot(20, 50), nothing), np.zeros((128, 224), np.float32))
    np.testing.assert_array_equal(found, coded(CELL, nothing))


def test_what_is_removed_stays_to_the_pixel_and_the_overlap_follows():
    removed = np.zeros(MODEL, bool)
    removed[18:22, 40:50] = True
    found = in_whole_cells(coded(dot(20, 50), removed), np.zeros((128, 224), np.float32))
    np.testing.assert_array_equal(found, coded(CELL, removed))


def test_no_cell_is_widened_over_what_is_kept():
    keep = np.zeros((128, 224), np.float32)
    keep[:, 104:] = 1
    nothing = np.zeros(MODEL, bool)
    found = in_whole_cells(coded(dot(20, 50), nothing), keep)
    wanted = CELL.copy()
    wanted[:, 52:] = False
    np.testing.assert_array_equal(found, coded(wanted, nothing))


def test_whole_cells_stay_as_they_are():
    removed = np.zeros(MODEL, bool)
    removed[18:22, 40:50] = True
    keep = np.zeros((128, 224), np.float32)
    keep[:, 104:] = 1
    once = in_whole_cells(coded(dot(20, 49) | dot(3, 3), removed), keep)
    np.testing.assert_array_equal(in_whole_cells(once, keep), once)


def test_the_box_has_its_margin_and_ends_with_the_picture():
    assert box_around(region(), 10) == (60, 30, 140, 90)
    assert box_around(region(), 1000) == (0, 0, SIZE[1], SIZE[0])
    assert box_around(np.zeros(SIZE, bool), 10) is None


def test_a_region_grows_as_a_disc():
    dot = np.zeros((21, 21), bool)
    dot[10, 10] = True
    grown = grown_region(dot, 5)
    assert grown[10, 15] and not grown[10, 16] and not grown[14, 14] and grown[13, 14]
