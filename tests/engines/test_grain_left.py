# SPDX-License-Identifier: Apache-2.0
"""What a fill says of the grain that it has."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest

from tests.engines.scenes import Scene, scene
from void_server.engines.cleanplate import CleanplateSettings, FrameFill
from void_server.engines.cleanplate.grain_left import lit_of_relit, weight_of_power

TARGET, FRAMES = 3, 7


def dimmed(shadow: float) -> Scene:
    """A scene whose light falls by a factor in a patch that moves with the object."""
    made = scene(FRAMES, size=(210, 480), square=50, start=(40.0, 20.0), speed=(0.0, 36.0))
    for i in range(FRAMES):
        blob = np.zeros((210, 480), np.float32)
        left = 20 + 36 * i
        blob[120:160, left : left + 60] = 1
        blob = cv2.GaussianBlur(blob, (0, 0), 5.0)
        here = made.remove[i] > 0
        made.plates[i] *= np.where(here, 1, 1 - (1 - shadow) * blob)[..., None].astype(np.float32)
        made.affected[i] = ((blob > 0.01) & ~here).astype(np.float32)
    return made


@cache
def fill(shadow: float, *, sources: int | None = None, grain: bool = True) -> FrameFill:
    return dimmed(shadow).fill(TARGET, CleanplateSettings(sources=sources, grain=grain))


def test_grain_of_an_undone_shadow_is_told_to_be_raised_and_mixed_with_another_s():
    filled = fill(0.5, sources=1)
    assert filled.lit is not None
    lit = cv2.resize(filled.lit.astype(np.float32), filled.colour.shape[1::-1])
    x0, y0, _, _ = filled.box
    core = np.s_[132 - y0 : 148 - y0, 144 - x0 : 172 - x0]
    # w = 2 / 3 of power 2 and 1 / 3 of power 1, over w^2 + (1 - w)^2.
    np.testing.assert_allclose(filled.relit[core], 2 / 3, atol=0.06)
    np.testing.assert_allclose(lit[core], (4 / 9 * 2 + 1 / 9) / (5 / 9), rtol=0.1)


def test_a_low_band_of_three_frames_is_told_to_lack_two_thirds_and_of_one_frame_nothing():
    three, one = (fill(1.0, sources=n) for n in (3, 1))
    assert three.lost is not None
    assert three.split is not None
    assert one.lost is None or float(one.lost.max()) < 0.1
    assert np.quantile(three.lost, 0.9) == pytest.approx(2 / 3, abs=0.12)
    assert three.split[0] >= 1.5


def test_an_average_loses_the_same_in_all_bands():
    assert fill(1.0, grain=False).lost is None


@pytest.mark.parametrize(("gain", "offset", "power"), [(0.5, 0.0, 2.0), (2.0, 0.0, 0.5), (1.0, 0.1, 1.5)])
def test_power_of_photons_goes_with_the_light_that_was_there(gain, offset, power):
    level = np.full((2, 2, 3), 0.2, np.float32)
    lit = lit_of_relit(level, np.full_like(level, gain), np.full_like(level, offset))
    np.testing.assert_allclose(lit, power, rtol=1e-5)


@pytest.mark.parametrize("power", [1.0, 1.5, 3.0, 12.0])
def test_as_much_of_another_frame_is_taken_as_makes_the_power_of_one(power):
    own = float(weight_of_power(np.full((1, 1, 3), power, np.float32))[0, 0])
    assert own**2 * power + (1 - own) ** 2 == pytest.approx(1)


def test_a_surface_whose_grain_was_lowered_is_shown_whole():
    assert (weight_of_power(np.full((1, 1, 3), 0.5, np.float32)) == 1).all()


def test_a_fill_is_stored_with_what_it_says_of_its_grain():
    filled = fill(0.5, sources=1)
    again = type(filled).from_arrays(filled.to_arrays())
    for name in ("lit", "kept", "fine"):
        np.testing.assert_array_equal(getattr(again, name), getattr(filled, name))
