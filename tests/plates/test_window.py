# SPDX-License-Identifier: Apache-2.0
"""Windows: rectangles of pixels of any sign, and arrays moved between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_server.plates.window import Window, place

windows = st.builds(
    Window, st.integers(-30, 30), st.integers(-30, 30), st.integers(0, 20), st.integers(0, 20)
)


def pixels(window):
    return {
        (x, y)
        for x in range(window.x, window.x + window.width)
        for y in range(window.y, window.y + window.height)
    }


def test_corners_are_inclusive_as_openexr_stores_them():
    assert Window.from_corners(-3, -2, 12, 7) == Window(-3, -2, 16, 10)
    assert Window(-3, -2, 16, 10).corners == (-3, -2, 12, 7)


@given(windows, windows)
def test_an_intersection_holds_exactly_the_pixels_of_both(a, b):
    assert pixels(a.intersect(b)) == pixels(a) & pixels(b)


@given(windows, windows)
def test_a_union_holds_the_pixels_of_both(a, b):
    assert pixels(a.union(b)) >= pixels(a) | pixels(b)


@given(windows, windows)
def test_contains_means_that_no_pixel_lies_outside(a, b):
    assert a.contains(b) == (pixels(b) <= pixels(a))


@given(windows, windows)
def test_placing_keeps_each_value_at_its_pixel_and_is_zero_elsewhere(source, target):
    random = np.random.default_rng(0)
    values = random.integers(1, 100, (*source.shape, 2)).astype(np.float32)
    placed = place(values, source, target)
    assert placed.shape == (*target.shape, 2) and placed.dtype == values.dtype
    for x, y in pixels(target):
        inside = (x, y) in pixels(source)
        expected = values[y - source.y, x - source.x] if inside else 0
        assert np.all(placed[y - target.y, x - target.x] == expected)


def test_values_of_another_size_are_not_placed():
    with pytest.raises(ValueError, match="do not cover"):
        place(np.zeros((2, 2)), Window(0, 0, 3, 2), Window(0, 0, 9, 9))


def test_slices_outside_the_window_are_refused():
    with pytest.raises(ValueError, match="not inside"):
        Window(0, 0, 4, 4).slices(Window(2, 2, 4, 1))


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="negative size"):
        Window(0, 0, -1, 3)
