# SPDX-License-Identifier: Apache-2.0
"""A fill from other frames against the plate: within the fill's own error the plate's bits stay, beyond they do not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from void_server.conform.unchanged import change_of_fill

SIDE = 220
F32 = np.float32


def scene(grain: float = 0.02, light: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(made, seen, region, filled): the same texture with another grain each; the region has a margin of 16 px.

    Args:
        light: by how much the fill's is off, slowly changing over the picture.
    """
    random = np.random.default_rng(5)
    wall = 0.5 + 3 * (cv2.GaussianBlur(random.random((SIDE, SIDE, 3), F32), (0, 0), 3) - 0.5)
    made, seen = (wall + grain * random.standard_normal(wall.shape, F32) for _ in range(2))
    place = np.linspace(0, 6, SIDE, dtype=F32)
    made = made + light * np.sin(place)[None, :, None] * np.cos(place)[:, None, None]
    region, filled = np.zeros((2, SIDE, SIDE), bool)
    region[40:180, 40:180], filled[24:196, 24:196] = True, True
    return made, seen, region, filled


def shadow(depth: float) -> np.ndarray:
    """(SIDE, SIDE, 1): a soft disc of that depth in the middle of the region."""
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = (np.hypot(x - 110, y - 110) < 30).astype(F32)
    return depth * cv2.GaussianBlur(disc, (0, 0), 3)[..., None]


@pytest.mark.parametrize("grain", [0.0, 0.01, 0.04])
def test_where_only_the_grain_is_another_the_plate_stays(grain):
    made, seen, region, filled = scene(grain)
    assert (change_of_fill(made, seen, region, filled)[region] == 0).mean() > 0.97


def test_light_that_is_off_around_the_region_too_is_the_fill_s_own_error():
    made, seen, region, filled = scene(light=0.01)
    assert (change_of_fill(made, seen, region, filled)[region] == 0).mean() > 0.9


@pytest.mark.parametrize(("depth", "grain"), [(0.2, 0.02), (0.03, 0.02), (0.01, 0.005)])
def test_a_shadow_is_replaced_whole_and_its_surroundings_are_not(depth, grain):
    made, seen, region, filled = scene(grain)
    change = change_of_fill(made, seen - shadow(depth).astype(F32), region, filled)
    assert (change[shadow(1.0)[..., 0] > 0.5] == 1).mean() > 0.98
    y, x = np.mgrid[:SIDE, :SIDE]
    assert (change[region & (np.hypot(x - 110, y - 110) > 60)] == 0).mean() > 0.95


def test_a_thin_line_is_replaced():
    made, seen, region, filled = scene()
    seen[60:160, 100:103] += 0.3
    assert (change_of_fill(made, seen, region, filled)[62:158, 100:103] == 1).all()


def test_what_was_not_filled_has_no_say():
    made, seen, region, filled = scene()
    made[~filled] += 5
    assert (change_of_fill(made, seen, region, filled)[region] == 0).mean() > 0.97


def test_without_a_margin_all_counts_as_changed():
    made, seen, region, _ = scene()
    assert (change_of_fill(made, seen, region, region) == 1).all()


def test_a_plate_of_one_colour_can_be_judged():
    flat = np.full((SIDE, SIDE, 3), 0.4, F32)
    _, _, region, filled = scene()
    assert (change_of_fill(flat, flat, region, filled) == 0).all()
    assert (change_of_fill(flat, flat - shadow(0.1), region, filled)[shadow(1.0)[..., 0] > 0.5] == 1).all()
