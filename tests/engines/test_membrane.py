# SPDX-License-Identifier: Apache-2.0
"""The membrane extends what is known smoothly, without a radius and without inventing values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from void_server.engines.cleanplate.membrane import gaussian, masked_blur, membrane

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
PICTURES = SIZES.flatmap(
    lambda size: st.tuples(
        arrays(np.float32, size, elements=st.floats(-100, 100, width=32)),
        arrays(np.bool_, size),
    )
)


@given(PICTURES)
def test_known_samples_stay_as_they_are(given_):
    values, known = given_
    extended = membrane(values, known.astype(np.float32))
    np.testing.assert_array_equal(extended[known], values[known])


@given(PICTURES)
def test_unknown_samples_lie_between_the_least_and_the_greatest_known(given_):
    values, known = given_
    extended = membrane(values, known.astype(np.float32))
    if known.any():
        assert extended.min() >= values[known].min() - 1e-3
        assert extended.max() <= values[known].max() + 1e-3
    else:
        assert (extended == 0).all()


@given(PICTURES)
def test_what_stands_in_unknown_samples_does_not_matter(given_):
    values, known = given_
    poisoned = np.where(known, values, np.nan).astype(np.float32)
    weight = known.astype(np.float32)
    np.testing.assert_array_equal(membrane(values, weight), membrane(poisoned, weight))


def test_a_ramp_is_carried_across_a_hole():
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    weight = np.ones((64, 64), np.float32)
    weight[16:48, 16:48] = 0
    assert np.abs(membrane(ramp, weight) - ramp).max() < 0.12


def test_every_channel_is_extended_by_itself():
    values = np.zeros((9, 9, 3), np.float32)
    values[0] = (1, 2, 3)
    weight = np.zeros((9, 9), np.float32)
    weight[0] = 1
    np.testing.assert_allclose(membrane(values, weight)[8, 4], (1, 2, 3), rtol=1e-5)


@pytest.mark.parametrize("shape", [(12, 15), (12, 15, 1), (12, 15, 3)])
def test_shapes_are_kept(shape):
    values, weight = np.ones(shape, np.float32), np.ones(shape[:2], np.float32)
    assert membrane(values, weight).shape == shape
    assert masked_blur(values, weight, 1.5).shape == shape
    assert gaussian(values, 1.5).shape == shape


def test_a_masked_average_sees_known_samples_only():
    values = np.full((20, 20), 0.25, np.float32)
    weight = np.ones((20, 20), np.float32)
    values[5:9, 5:9], weight[5:9, 5:9] = np.inf, 0
    np.testing.assert_allclose(masked_blur(values, weight, 2.0), 0.25, rtol=1e-5)


def test_a_masked_average_is_0_where_nothing_is_known_nearby():
    weight = np.zeros((40, 40), np.float32)
    weight[:, 0] = 1
    assert masked_blur(np.ones((40, 40), np.float32), weight, 1.0)[0, 30] == 0
