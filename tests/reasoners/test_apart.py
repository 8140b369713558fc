# SPDX-License-Identifier: Apache-2.0
"""Movers whose masks touch, told apart by their motion."""

from __future__ import annotations

import numpy as np

from void_server.reasoners.motion.apart import OwnMotion, apart

LEFT, RIGHT = np.s_[10:40, 10:40], np.s_[10:40, 40:70]


def moving(left: float, right: float) -> tuple[np.ndarray, OwnMotion]:
    """One mask over two squares side by side, each with its own speed to the right."""
    mask, vectors = np.zeros((60, 90), bool), np.zeros((60, 90, 2), np.float32)
    mask[6:44, 6:74] = True
    vectors[LEFT] = (left, 0)
    vectors[RIGHT] = (right, 0)
    return mask, OwnMotion(vectors, np.abs(vectors[..., 0]))


def test_what_moves_two_ways_is_two_things_that_share_the_mask():
    mask, motion = moving(5.0, -5.0)
    (one_inside, one), (other_inside, other) = apart(mask, motion, unit=0.5)
    assert one_inside[LEFT].mean() > 0.8 and other_inside[RIGHT].mean() > 0.8
    assert one[LEFT][:, :-2].all() and other[RIGHT][:, 2:].all()
    np.testing.assert_array_equal(one ^ other, mask)


def test_what_moves_one_way_is_one_thing():
    mask, motion = moving(5.0, 5.0)
    ((_, part),) = apart(mask, motion, unit=0.5)
    np.testing.assert_array_equal(part, mask)


def test_where_nothing_is_seen_to_move_there_is_no_thing():
    mask, motion = moving(0.0, 0.0)
    assert apart(mask, motion, unit=0.5) == []
