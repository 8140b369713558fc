# SPDX-License-Identifier: Apache-2.0
"""Which channels' levels the grain of a channel goes with."""

from __future__ import annotations

import numpy as np

from void_server.conform.grain_intensity import channel_mix

MIXED = np.array([[0.6, 0.4, 0.0], [0.2, 0.7, 0.1], [0.0, 0.5, 0.5]])


def found(mix: np.ndarray, blocks: int = 3000, floor: float = 0.02) -> np.ndarray:
    """What is found on blocks of all colours, whose power is known to a third each."""
    random = np.random.default_rng(3)
    level = random.uniform(0.02, 0.6, (blocks, 3))
    true = level @ mix.T + floor
    return channel_mix(level, true * random.gamma(9, 1 / 9, true.shape), true)


def test_grain_that_goes_with_a_mix_is_told_from_blocks_of_many_colours():
    np.testing.assert_allclose(found(MIXED), MIXED, atol=0.08)


def test_grain_of_each_channel_s_own_level_stays_that():
    np.testing.assert_array_equal(found(np.eye(3)), np.eye(3))


def test_grain_that_goes_with_no_level_keeps_to_the_own_channel():
    np.testing.assert_array_equal(found(np.zeros((3, 3)), floor=1.0), np.eye(3))


def test_a_grey_plate_has_its_own_level():
    level = np.linspace(0.1, 0.5, 400)[:, None]
    np.testing.assert_array_equal(channel_mix(level, level, level), [[1.0]])
