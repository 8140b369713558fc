# SPDX-License-Identifier: Apache-2.0
"""How alike two quadmask sequences are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from void_server.quadmask.compare import boundary, boundary_score, compare, intersection_over_union
from void_server.quadmask.regions import Quadmask

masks = arrays.arrays(np.bool_, (7, 9))


def square(at, side=20, size=64):
    mask = np.zeros((size, size), np.bool_)
    mask[at : at + side, at : at + side] = True
    return mask


@given(masks)
def test_a_mask_is_wholly_like_itself(mask):
    assert intersection_over_union(mask, mask) == 1 and boundary_score(mask, mask) == 1


@given(masks, masks)
def test_likeness_has_no_direction_and_lies_in_0_to_1(one, two):
    for measure in (intersection_over_union, boundary_score):
        assert measure(one, two) == pytest.approx(measure(two, one))
        assert 0 <= measure(one, two) <= 1


def test_a_shift_of_half_a_square_leaves_a_seventh():
    assert intersection_over_union(square(10), square(20)) == pytest.approx(100 / 700)


def test_nothing_is_like_nothing_and_unlike_something():
    nothing = np.zeros((64, 64), np.bool_)
    assert boundary_score(nothing, nothing) == 1 and boundary_score(nothing, square(10)) == 0


def test_boundaries_meet_within_the_tolerance_and_not_beyond():
    for shift, met in ((1, True), (2, False)):
        aside = np.roll(square(10), shift, axis=1)
        assert (boundary_score(square(10), aside) == 1) == met


def test_the_boundary_of_a_mask_that_fills_the_picture_is_empty():
    assert not boundary(np.ones((4, 4), np.bool_)).any()


def test_regions_are_compared_apart_over_the_clip():
    whole, empty = square(10).astype(np.float32), np.zeros((64, 64), np.float32)
    ours = [Quadmask(whole, empty), Quadmask(empty, empty)]
    truth = [Quadmask(whole, whole), Quadmask(whole, empty)]
    found = compare(ours, truth)
    assert found["remove"].iou == [1, 0] and found["remove"].clip_iou == 0.5
    assert found["affected"].iou == [0, 1] and found["overlap"].clip_iou == 0


def test_sequences_of_different_length_are_not_compared():
    frame = Quadmask(np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32))
    with pytest.raises(ValueError, match="longer"):
        compare([frame], [frame, frame])
