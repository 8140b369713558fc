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


@pytest.mark.parametrize("off", [0.0, 0.07, -0.05])
def test_a_picture_that_is_a_little_off_comes_back_at_the_plates_level(off):
    plate = picture()
    found = at_plate_size(reduced(plate, *SMALL) + np.float32(off), plate, region())
    assert np.abs(found - plate)[region()].mean() < 0.01


def test_an_error_that_drifts_over_the_frame_is_followed_into_the_region():
    plate = picture()
    drift = np.linspace(-0.1, 0.1, SIZE[1], dtype=np.float32)[None, :, None]
    found = at_plate_size(reduced(np.clip(plate + drift, 0, 1), *SMALL), plate, region())
    before = np.abs(drift * np.ones_like(plate))[region()].mean()
    assert np.abs(found - plate)[region()].mean() < before / 2


def test_what_the_model_made_up_stays_as_it_made_it():
    plate = picture()
    made = reduced(plate, *SMALL)
    small = cv2.resize(region().astype(np.uint8), SMALL[::-1]) > 0
    made[small] = 0.9
    found = at_plate_size(made, plate, region())
    assert np.abs(found[50:70, 85:115] - 0.9).max() < 0.02


def test_what_the_model_was_told_to_change_beside_the_region_is_not_compared():
    plate = picture()
    made = reduced(plate, *SMALL)
    told = np.zeros(SMALL, bool)
    told[10:50, 20:80] = True
    made[told] += np.float32(0.2)
    made += np.float32(0.05)
    found = at_plate_size(made, plate, region(), told)
    assert np.abs(found - plate - 0.2)[region()].mean() < 0.02


def test_light_that_was_clipped_for_the_model_is_no_evidence():
    plate = picture()
    plate[30:90, 50:70] = 40.0
    found = at_plate_size(reduced(plate, *SMALL), plate, region())
    assert np.abs(found - picture())[50:70, 90:120].mean() < 0.02


def test_where_there_is_nothing_to_compare_the_picture_is_only_enlarged():
    made = reduced(picture(), *SMALL)
    everywhere = np.ones(SIZE, bool)
    wanted = cv2.resize(made, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(at_plate_size(made, picture(), everywhere), wanted)


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
