# SPDX-License-Identifier: Apache-2.0
"""Mattes grown, shrunk and feathered in plate pixels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.quadmask.growth import feathered, grown

mattes = arrays.arrays(np.float32, (9, 12), elements=st.floats(0, 1, width=32))
radii = st.floats(0, 6)


def greatest_within(matte, radius):
    """By trying every pixel."""
    y, x = np.indices(matte.shape)
    squared = (y[..., None, None] - y) ** 2 + (x[..., None, None] - x) ** 2
    return np.where(squared <= radius * radius, matte, 0).max(axis=(2, 3))


@given(mattes, radii)
def test_growth_takes_the_greatest_value_within_a_disc(matte, radius):
    assert np.array_equal(grown(matte, radius), greatest_within(matte, radius))


@given(mattes, radii)
def test_shrinking_is_growth_of_what_is_outside(matte, radius):
    np.testing.assert_allclose(grown(matte, -radius), 1 - greatest_within(1 - matte, radius), atol=1e-6)


@given(mattes)
def test_no_growth_changes_nothing(matte):
    assert np.array_equal(grown(matte, 0), matte)


def test_the_border_of_the_picture_does_not_eat_a_matte():
    assert np.all(grown(np.ones((5, 5), np.float32), -2) == 1)


@given(mattes, radii)
def test_a_feather_only_adds_outward(matte, pixels):
    soft = feathered(matte, pixels)
    assert np.all(soft >= matte) and np.all(soft <= 1)


@given(mattes, radii)
def test_beyond_the_feather_a_matte_is_as_it_was(matte, pixels):
    far = greatest_within((matte >= 0.5).astype(np.float32), pixels) == 0
    assert np.array_equal(feathered(matte, pixels)[far], matte[far])


@pytest.mark.parametrize("pixels", [-1, float("nan"), float("inf")])
def test_a_feather_inward_or_without_end_is_refused(pixels):
    with pytest.raises(ValueError, match="feather"):
        feathered(np.zeros((2, 2), np.float32), pixels)
