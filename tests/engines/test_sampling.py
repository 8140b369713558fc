# SPDX-License-Identifier: Apache-2.0
"""The one full-resolution sample: exact on whole positions, sharp between them, and never inventing light."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.scenes import texture
from void_server.engines.cleanplate.arrays import pixel_grid
from void_server.engines.cleanplate.sampling import sample_plate


def test_whole_positions_give_the_plates_own_samples():
    plate = texture(20, 30) - 0.2
    np.testing.assert_array_equal(sample_plate(plate, pixel_grid((20, 30))), plate)


@given(x=st.floats(-5, 40, width=32), y=st.floats(-5, 30, width=32), seed=st.integers(0, 3))
def test_a_sample_lies_within_its_4_by_4_neighbours(x, y, seed):
    plate = np.exp(np.random.default_rng(seed).normal(0, 3, (20, 30, 3))).astype(np.float32)
    got = sample_plate(plate, np.array([[[x, y]]], np.float32))[0, 0]
    column, row = int(np.floor(np.clip(x, 0, 29))), int(np.floor(np.clip(y, 0, 19)))
    near = plate[max(0, row - 1) : row + 3, max(0, column - 1) : column + 3].reshape(-1, 3)
    assert (got >= near.min(0)).all()
    assert (got <= near.max(0)).all()


def test_no_negative_ring_appears_beside_a_highlight():
    plate = np.full((15, 15, 3), 0.01, np.float32)
    plate[7, 7] = 60000
    assert sample_plate(plate, pixel_grid((15, 15)) + np.float32(0.4)).min() >= 0.01 - 1e-6


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_samples_near_what_is_not_finite_are_finite(poison):
    plate = texture(12, 12)
    plate[6, 6] = poison
    assert np.isfinite(sample_plate(plate, pixel_grid((12, 12)) + np.float32(0.3))).all()


def test_outside_the_plate_the_border_counts():
    plate = texture(12, 12)
    far = np.array([[[-100.0, 5.0], [100.0, 5.0]]], np.float32)
    np.testing.assert_array_equal(sample_plate(plate, far)[0], plate[5, [0, 11]])


def test_a_sample_between_pixels_is_nearly_as_sharp_as_the_plate():
    plate = texture(60, 60)
    moved = sample_plate(plate, pixel_grid((60, 60)) + np.float32(0.5))
    back = sample_plate(moved, pixel_grid((60, 60)) - np.float32(0.5))
    assert np.abs(back - plate)[6:-6, 6:-6].mean() < 0.01
