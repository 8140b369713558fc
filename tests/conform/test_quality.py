# SPDX-License-Identifier: Apache-2.0
"""Per-frame figures: what changed, how steadily, and how far it can be trusted."""

from __future__ import annotations

import numpy as np
import pytest

from void_server.conform.quality import change_over_time, frame_quality
from void_server.plates.verify import OutsideCheck

CLEAN = OutsideCheck(100, 0, 0.0)


def figures(plate, result, blend, **changes):
    options = {"outside": CLEAN, "clipped": 0, "confidence": None, "change": None} | changes
    return frame_quality(plate, result, blend, **options)


def test_a_pixel_counts_as_changed_if_any_of_its_bits_does():
    plate = np.zeros((2, 4, 3), np.float16)
    result = plate.copy()
    result[0, 0, 1] = -0.0
    result[1, 3] = 1
    assert figures(plate, result, np.ones((2, 4))).changed_percent == 25


def test_an_unchanged_nan_is_no_change():
    plate = np.full((2, 2, 3), np.nan, np.float32)
    assert figures(plate, plate.copy(), np.ones((2, 2))).changed_percent == 0


def test_confidence_is_the_mean_inside_the_blend_matte():
    blend = np.array([[0, 0.5, 1]], np.float16)
    confidence = np.array([[0, 0.2, 0.8]], np.float32)
    plate = np.zeros((1, 3, 3), np.float16)
    assert figures(plate, plate, blend, confidence=confidence).confidence == pytest.approx(0.5)


def test_without_a_blended_pixel_there_is_no_confidence():
    plate = np.zeros((1, 3, 3), np.float16)
    assert figures(plate, plate, np.zeros((1, 3)), confidence=np.ones((1, 3), np.float32)).confidence is None


def test_the_outside_check_and_the_clipped_count_are_passed_on():
    plate = np.zeros((1, 1, 3), np.float16)
    found = figures(plate, plate, np.ones((1, 1)), outside=OutsideCheck(9, 2, 0.5), clipped=4, change=0.1)
    assert (found.outside_differing, found.outside_difference, found.clipped) == (2, 0.5, 4)
    assert found.change_over_time == 0.1


def test_change_over_time_is_in_stops():
    inside = np.array([[True, True, False]])
    previous, current = np.full((1, 3, 3), 1.0), np.full((1, 3, 3), 2.0)
    current[0, 2] = 1000
    assert change_over_time(current, previous, inside, 1e-6) == pytest.approx(1, abs=1e-3)


def test_change_far_below_epsilon_hardly_counts():
    inside = np.ones((1, 1), np.bool_)
    assert change_over_time(np.full((1, 1, 3), 2e-6), np.full((1, 1, 3), 1e-6), inside, 1e-3) < 0.01


def test_samples_that_are_not_finite_do_not_count_as_change():
    inside = np.ones((1, 2), np.bool_)
    current = np.array([[[np.nan], [4.0]]])
    assert change_over_time(current, np.full((1, 2, 1), 4.0), inside, 1e-3) == 0


def test_where_nothing_is_in_common_there_is_no_change():
    frame = np.ones((2, 2, 3))
    assert change_over_time(frame, frame, np.zeros((2, 2), np.bool_), 1e-3) is None
