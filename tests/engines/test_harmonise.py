# SPDX-License-Identifier: Apache-2.0
"""The light of a borrowed picture follows the target's, as a smooth factor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.scenes import texture
from void_server.engines.cleanplate.harmonise import apply_log_gain, epsilon, log_gain

LOW = texture(40, 60)
RING = np.ones((40, 60), bool)
RING[12:28, 20:40] = False


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.8])
def test_a_change_of_exposure_is_undone_inside_the_hole(factor):
    gain = log_gain(LOW * np.float32(factor), LOW, RING, epsilon(LOW[RING]), 1.0)
    harmonised = apply_log_gain(LOW, gain, epsilon(LOW[RING]))
    np.testing.assert_allclose(harmonised[~RING], (LOW * factor)[~RING], rtol=0.02)


def test_a_gradient_of_light_is_carried_across_the_hole():
    light = np.linspace(0.7, 1.4, 60, dtype=np.float32)[None, :, None]
    eps = epsilon(LOW[RING])
    harmonised = apply_log_gain(LOW, log_gain(LOW * light, LOW, RING, eps, 1.0), eps)
    np.testing.assert_allclose(harmonised[~RING], (LOW * light)[~RING], rtol=0.12)


def test_without_evidence_nothing_changes():
    gain = log_gain(LOW, LOW * 2, np.zeros_like(RING), 1e-3, 1.0)
    np.testing.assert_array_equal(gain, 0)


def test_within_a_frame_a_gain_differs_by_a_factor_of_two_at_most():
    other = LOW.copy()
    other[:, 45:] *= 100
    assert log_gain(other, LOW, RING, 1e-4, 1.0).max() <= 0.7 + 1e-5
    assert log_gain(LOW, other, RING, 1e-4, 1.0).min() >= -0.7 - 1e-5


@pytest.mark.parametrize("factor", [100.0, 4.0, 0.01])
def test_a_flash_or_a_fade_is_followed_however_far_it_goes(factor):
    gain = log_gain(LOW * np.float32(factor), LOW, RING, 1e-6, 1.0)
    np.testing.assert_allclose(gain, np.log(factor), atol=0.01)


def test_a_saturated_lamp_on_the_ring_hardly_counts():
    here = LOW.copy()
    here[0:12, 20:40] = 5000.0
    there = LOW.copy()
    there[0:12, 20:40] = 3000.0
    gain = log_gain(here, there, RING, epsilon(LOW[RING]), 1.0)
    assert np.abs(gain[~RING]).mean() < 0.05


@given(st.floats(-0.7, 0.7), st.floats(0, 60000, width=32))
def test_light_never_turns_negative(gain, value):
    picture = np.full((1, 1, 3), value, np.float32)
    eps = 1e-3
    assert apply_log_gain(picture, np.full((1, 1, 3), gain, np.float32), eps).min() >= -eps


def test_no_gain_gives_the_picture_back():
    np.testing.assert_allclose(apply_log_gain(LOW, np.zeros_like(LOW), 1e-3), LOW, rtol=1e-5)


@given(st.floats(1e-3, 1e4))
def test_epsilon_scales_with_the_plate(scale):
    samples = LOW.reshape(-1, 3)
    assert epsilon((samples * scale).astype(np.float32)) == pytest.approx(scale * epsilon(samples), rel=1e-3)


@pytest.mark.parametrize("samples", [np.zeros((0, 3)), np.zeros((9, 3)), np.full((9, 3), -1.0)])
def test_epsilon_is_above_0_even_for_black(samples):
    assert epsilon(samples.astype(np.float32)) > 0
