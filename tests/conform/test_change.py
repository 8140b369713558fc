# SPDX-License-Identifier: Apache-2.0
"""What an engine changed beyond its own error; the rest keeps the plate's bits."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.conform.change import (
    STEADY,
    TOGETHER,
    Difference,
    Errors,
    changed,
    exceeded_over_time,
    narrowed,
    steady_change,
    unlike,
)

SIZE = (160, 240)
TOLD = np.zeros(SIZE, bool)
TOLD[48:128, 72:184] = True
ERROR = 0.008


def scene() -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal((*SIZE, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.asarray(0.45 + 0.1 * soft / soft.std(), np.float32)


def own_error(seed: int) -> np.ndarray:
    """Of the order of a video VAE's: encoded, in blots of a model pixel and a half."""
    noise = cv2.GaussianBlur(
        np.random.default_rng(seed).standard_normal((*SIZE, 3)).astype(np.float32), (0, 0), 1.5
    )
    return np.asarray(ERROR * noise / noise.std(), np.float32)


def found(difference: np.ndarray, seed: int = 1) -> np.ndarray:
    """What counts as changed of a picture at rest with an error of its own in every frame and this difference."""
    frames = range(2 * TOGETHER + 1)
    apart = {n: Difference.between(scene() + own_error(10 * seed + n) + difference, scene()) for n in frames}
    exceeded = exceeded_over_time(apart, dict.fromkeys(frames, TOLD), [TOGETHER])
    return changed(exceeded[TOGETHER], TOLD)


def square(value: float, rows=slice(60, 108), columns=slice(100, 160)) -> np.ndarray:
    difference = np.zeros((*SIZE, 3), np.float32)
    difference[rows, columns] = value
    return difference


@pytest.mark.parametrize("seed", range(1, 9))
def test_an_answer_that_changes_nothing_keeps_most_of_the_plate(seed):
    assert (found(square(0), seed)[TOLD] == 0).mean() > 0.75


def test_what_was_changed_counts_in_full():
    assert (found(square(0.15))[60:108, 100:160] == 1).all()


def test_away_from_what_was_changed_the_plate_stays():
    assert (found(square(0.15, columns=slice(80, 110)))[TOLD & (np.arange(SIZE[1]) > 140)] == 0).mean() > 0.75


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_shadow_of_2_percent_that_was_taken_away_is_not_lost(seed):
    """2 % of light at mid grey is 0.0043 in the curve of sRGB, half of the error of a pixel."""
    faint = found(cv2.GaussianBlur(square(0.0043, slice(52, 124), slice(80, 176)), (0, 0), 4), seed)
    assert (faint[60:116, 90:166] == 1).mean() > 0.9


def test_a_shadow_of_half_a_percent_is_below_what_can_be_told():
    assert (found(square(0.0011))[TOLD] == 0).mean() > 0.75


def test_there_are_no_holes_in_what_was_changed():
    pattern = square(0.15)
    pattern[70:74, 110:150] = 0
    assert (found(pattern)[60:108, 100:160] == 1).all()


def test_a_lone_pixel_is_no_change():
    speck = np.zeros(SIZE, np.float32)
    speck[80:83, 120:123] = 5
    assert changed(speck, TOLD).max() == 0


def test_beyond_what_was_told_nothing_begins():
    everywhere = np.full(SIZE, 9, np.float32)
    change = changed(everywhere, TOLD)
    assert (change[TOLD] == 1).all() and (change[:30] == 0).all()


def test_the_error_is_that_of_the_same_kind_of_surroundings():
    flat = scene()
    flat[:, 120:] = 0.4
    detailed = np.abs(flat - cv2.GaussianBlur(flat, (0, 0), 1.5)) > 0
    soft = cv2.GaussianBlur(flat, (0, 0), 1.2)
    apart = Difference.between(soft + 0.05 * own_error(2), flat)
    errors = Errors.measured([apart], [np.zeros(SIZE, bool)])
    assert errors is not None and detailed[:, :100].any()
    assert errors.sizes[0, 0, -1] > 2 * errors.sizes[0, 0, 0]


def test_where_nothing_shows_the_error_all_counts_as_changed():
    everywhere = np.ones(SIZE, bool)
    exceeded = exceeded_over_time({0: Difference.between(scene(), scene())}, {0: everywhere}, [0])
    assert (changed(exceeded[0], everywhere) == 1).all()


def test_white_that_was_clipped_for_the_model_is_no_change():
    seen = np.ones((*SIZE, 3), np.float32)
    assert Difference.between(seen * np.float32(1.05), seen).apart.max() == 0


mattes = arrays.arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32))


@given(mattes=st.lists(mattes, min_size=2 * STEADY, max_size=9))
def test_a_change_never_jumps_from_frame_to_frame(mattes):
    def at(position: int) -> np.ndarray:
        near = range(max(0, position - STEADY + 1), min(len(mattes), position + STEADY))
        return steady_change(position, {n: mattes[n] for n in near})

    steps = [np.abs(at(n + 1) - at(n)).max() for n in range(len(mattes) - 1)]
    assert max(steps) <= 1 / STEADY + 1e-5
    assert all((at(n) >= m).all() for n, m in enumerate(mattes))


@settings(max_examples=50)
@given(whole=mattes, share=mattes, change=mattes, dtype=st.sampled_from([np.float16, np.float32]))
def test_what_is_removed_is_always_filled_and_the_matte_only_shrinks(whole, share, change, dtype):
    given_whole = whole.astype(dtype)
    sure = (whole * share).astype(dtype)
    blend = narrowed(given_whole, sure, change)
    assert blend.dtype == dtype
    assert (blend >= sure).all() and (blend <= given_whole).all()
    assert (blend[(change == 0) & (sure == 0)] == 0).all()


def test_keep_wins_as_both_mattes_have_it():
    nothing = np.zeros((4, 5), np.float16)
    assert not narrowed(nothing, nothing, np.ones((4, 5), np.float32)).any()


def test_a_fill_that_copies_the_plate_is_no_change_but_beside_what_is():
    plate = scene().astype(np.float16)
    fill = plate.astype(np.float32)
    fill[60:100, 100:160] *= 1.05
    change = unlike(plate, fill)
    assert (change[60:100, 100:160] == 1).all() and (change[:50] == 0).all() and (change[:, 170:] == 0).all()


def test_a_fill_that_meets_the_plate_here_and_there_is_a_change():
    plate = scene().astype(np.float16)
    fill = plate.astype(np.float32)
    fill[::3, ::3] *= 1.05
    assert (unlike(plate, fill) == 1).all()


def test_what_half_float_cannot_hold_is_no_change():
    plate = scene().astype(np.float16)
    assert not unlike(plate, plate.astype(np.float32) * np.float32(1 + 2.0**-13)).any()
