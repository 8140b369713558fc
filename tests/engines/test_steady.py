# SPDX-License-Identifier: Apache-2.0
"""Fills of neighbouring frames are brought together in their low band, and in nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.engines.scenes import Scene, scene
from void_server.engines.cleanplate import (
    CleanplateSettings,
    FrameFill,
    LowBand,
    SteadyGain,
    low_band,
    steadied,
    steady_gain,
)

SETTINGS = CleanplateSettings(grain=False)
FRAMES = range(2, 7)


def fills_of(made: Scene) -> tuple[dict[int, FrameFill], dict[int, LowBand]]:
    """Fills of FRAMES, and what they show."""
    reader = made.reader(SETTINGS)
    fills = {i: made.fill(i, SETTINGS) for i in FRAMES}
    lows = {i: low for i, fill in fills.items() if (low := low_band(i, fill, reader)) is not None}
    return fills, lows


def lit(fill: FrameFill, factor: float) -> FrameFill:
    """A fill whose borrowed light is wrong by a factor."""
    changed = 1 + (factor - 1) * (fill.borrowed > 0)[..., None]
    return replace(fill, colour=(fill.colour * changed).astype(np.float32))


def level(made: Scene, i: int, fill: FrameFill) -> float:
    """Mean log ratio of a fill to the truth where it was borrowed."""
    x0, y0, x1, y1 = fill.box
    inside = fill.borrowed > 0.99
    return float(np.log(fill.colour / made.clean[i][y0:y1, x0:x1])[inside].mean())


def steady(made: Scene, wrong: dict[int, float], target: int = 4) -> tuple[FrameFill, FrameFill]:
    """The target's fill before and after, when the light of some fills is wrong by a factor."""
    reader = made.reader(SETTINGS)
    fills, _ = fills_of(made)
    fills |= {i: lit(fills[i], factor) for i, factor in wrong.items()}
    lows = {i: low for i, fill in fills.items() if (low := low_band(i, fill, reader)) is not None}
    return fills[target], steadied(fills[target], steady_gain(target, lows, reader))


@pytest.mark.parametrize("pan", [(0.0, 0.0), (0.0, 3.0)])
def test_a_fill_whose_light_is_wrong_comes_near_its_neighbours(pan):
    made = scene(9, pan=pan)
    before, after = steady(made, {4: 1.1})
    assert level(made, 4, before) == pytest.approx(np.log(1.1), abs=0.02)
    assert abs(level(made, 4, after)) < 0.6 * abs(level(made, 4, before))


def test_fills_that_agree_stay_as_they_are():
    before, after = steady(scene(9), {})
    np.testing.assert_allclose(after.colour, before.colour, rtol=0.01, atol=1e-3)


def test_a_change_of_exposure_is_no_flicker():
    made = scene(9, exposure=[1, 1, 1, 1.5, 0.6, 1.3, 1, 1, 1])
    before, after = steady(made, {})
    assert level(made, 4, after) == pytest.approx(level(made, 4, before), abs=0.01)


def test_texture_stays():
    _, after = steady(scene(9), {4: 1.1})
    before, _ = steady(scene(9), {})
    ratio = np.log(after.colour / before.colour)[before.borrowed > 0.99]
    assert ratio.std() < 0.012


def test_the_plate_around_the_fill_stays_bit_for_bit():
    before, after = steady(scene(9), {4: 1.1})
    own = (before.borrowed + before.synthesised) == 0
    inner = np.zeros_like(own)
    inner[0, 0] = True
    assert own[inner].all()
    np.testing.assert_array_equal(after.colour[inner], before.colour[inner])


def test_a_frame_without_neighbours_is_left_alone():
    made = scene(9)
    fills, lows = fills_of(made)
    found = steady_gain(4, {4: lows[4]}, made.reader(SETTINGS))
    assert not found.log_gain.any()
    np.testing.assert_allclose(steadied(fills[4], found).colour, fills[4].colour, rtol=1e-6)


def test_a_frame_with_nothing_to_fill_shows_nothing():
    made = scene(9)
    made.remove[4][:] = 0
    assert low_band(4, made.fill(4, SETTINGS), made.reader(SETTINGS)) is None


def test_what_was_divided_out_still_gives_the_plate():
    random = np.random.default_rng(1)
    shape = (24, 32)
    colour, gain, offset = (random.uniform(0.2, 1, (*shape, 3)).astype(np.float32) for _ in range(3))
    ones = np.ones(shape, np.float32)
    fill = FrameFill(
        (4, 6, 36, 30), colour, ones, 0 * ones, 0 * ones, {}, relit=ones, gain=gain, offset=offset
    )
    log_gain = random.uniform(-0.2, 0.2, (12, 16, 3)).astype(np.float16)
    after = steadied(fill, SteadyGain((4, 6, 36, 30), log_gain, 0.003))
    assert after.gain is not None
    assert after.offset is not None
    assert not np.allclose(after.colour, colour, rtol=0.05)
    np.testing.assert_allclose(after.colour * after.gain + after.offset, colour * gain + offset, rtol=1e-4)


def test_both_are_stored_and_read_back():
    _, lows = fills_of(scene(9))
    again = LowBand.from_arrays(lows[4].to_arrays())
    np.testing.assert_array_equal(again.colour, lows[4].colour)
    assert (again.box, again.eps) == (lows[4].box, lows[4].eps)
    found = steady_gain(4, lows, scene(9).reader(SETTINGS))
    same = SteadyGain.from_arrays(found.to_arrays())
    np.testing.assert_array_equal(same.log_gain, found.log_gain)
    assert (same.box, same.eps) == (found.box, found.eps)
