# SPDX-License-Identifier: Apache-2.0
"""Flicker: light that changes where nothing moved, inside the blend and beside it, at borders and elsewhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from void_server.conform.flicker import LEAST, NEAR, Flicker, at_borders, flicker

SIDE, EPSILON = 160, 1e-3


def texture(seed: int = 1, *, right: int = 0) -> np.ndarray:
    """(SIDE, SIDE, 3) of soft texture, moved to the right."""
    noise = np.random.default_rng(seed).random((SIDE, SIDE + 40, 3), np.float32)
    wall = 0.2 + 2 * np.abs(cv2.GaussianBlur(noise, (0, 0), 2.0) - 0.5)
    return np.ascontiguousarray(wall[:, 20 - right : 20 - right + SIDE])


def middle() -> np.ndarray:
    inside = np.zeros((SIDE, SIDE), bool)
    inside[40:120, 40:120] = True
    return inside


def brighter(picture: np.ndarray, stops: float) -> np.ndarray:
    return np.where(middle()[..., None], picture * np.float32(2**stops), picture).astype(np.float32)


def test_a_still_shot_does_not_flicker():
    found = flicker(texture(), texture(), (middle(), middle()), EPSILON)
    assert found == Flicker(0.0, 0.0)


@pytest.mark.parametrize("stops", [0.02, -0.1])
def test_a_pulse_of_the_fill_is_told_in_stops_and_not_of_the_plate(stops):
    found = flicker(brighter(texture(), stops), texture(), (middle(), middle()), EPSILON)
    assert found.inside == pytest.approx(abs(stops), rel=0.15)
    assert found.beside < 0.1 * abs(stops)


def test_a_pulse_of_the_whole_shot_is_the_plate_s_as_well():
    found = flicker(texture() * np.float32(2**0.1), texture(), (middle(), middle()), EPSILON)
    assert found.beside == pytest.approx(found.inside, rel=0.1) == pytest.approx(0.1, rel=0.1)


def test_what_moves_does_not_flicker():
    moved = flicker(texture(right=3), texture(), (middle(), middle()), EPSILON)
    assert moved.inside < 0.02 < np.abs(np.log2(texture(right=3) / texture())).mean()


def test_grain_is_hardly_flicker():
    random = np.random.default_rng(3)
    pair = [texture() * (1 + 0.03 * random.standard_normal((SIDE, SIDE, 3), np.float32)) for _ in range(2)]
    found = flicker(*pair, (middle(), middle()), EPSILON)
    assert found.inside < 0.25 * np.abs(np.log2(pair[0] / pair[1])).mean()


def test_samples_that_are_not_finite_do_not_count():
    broken = texture()
    broken[60:70, 60:70] = np.nan
    found = flicker(broken, texture(), (middle(), middle()), EPSILON)
    assert found.inside < 1e-3


def test_large_pictures_are_measured_small_and_tell_the_same():
    large = [cv2.resize(p, None, fx=6, fy=6) for p in (brighter(texture(), 0.1), texture())]
    inside = np.kron(middle(), np.ones((6, 6), bool))
    assert flicker(*large, (inside, inside), EPSILON).inside == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize("side", [8, 23])
def test_of_a_few_pixels_nothing_is_said(side):
    part = texture()[:side, :side]
    everywhere = np.ones((side, side), bool)
    assert flicker(part, part, (everywhere, everywhere), EPSILON) is None


def test_without_a_blend_or_a_plate_beside_it_there_is_nothing_to_compare():
    nowhere, everywhere = np.zeros((SIDE, SIDE), bool), np.ones((SIDE, SIDE), bool)
    assert flicker(texture(), texture(), (nowhere, nowhere), EPSILON) is None
    assert flicker(texture(), texture(), (everywhere, everywhere), EPSILON).beside is None


def shot(sizes: list[float], beside: float | None = 0.01) -> dict[int, Flicker]:
    return {n: Flicker(size, beside) for n, size in enumerate(sizes, 1)}


def test_an_even_shot_has_nothing_at_its_borders():
    found = at_borders(shot([0.01] * 40), [12, 13, 24, 25])
    assert (found.borders, found.ratio, found.chance) == (4, pytest.approx(1), 1)


def test_a_pulse_at_every_border_is_found_and_is_not_chance():
    sizes = [0.02 if n % 12 == 0 else 0.01 for n in range(1, 60)]
    found = at_borders(shot(sizes), range(12, 60, 12))
    assert found.ratio == pytest.approx((0.02 + LEAST) / (0.01 + LEAST)) and found.chance < 0.15


def test_a_pulse_elsewhere_is_not_the_border_s():
    found = at_borders(shot([0.02 if n % 12 == 6 else 0.01 for n in range(1, 60)]), range(12, 60, 12))
    assert found.ratio < 1 and found.chance > 0.5


def test_a_shot_that_grows_restless_is_compared_near_by():
    assert at_borders(shot([0.001 * n for n in range(1, 60)]), [12, 24]).ratio == pytest.approx(1, abs=0.02)


def test_where_the_plate_pulses_too_it_is_no_border():
    pairs = {n: Flicker(*((0.04, 0.04) if n == 12 else (0.01, 0.01))) for n in range(1, 24)}
    assert at_borders(pairs, [12]).ratio == pytest.approx(1)
    pairs = {n: Flicker(f.inside, None) for n, f in pairs.items()}
    assert at_borders(pairs, [12]).ratio > 3


def test_a_still_moment_of_the_plate_does_not_make_a_border_of_it():
    pairs = {n: Flicker(0.04, 0.001 if n == 12 else 0.01) for n in range(1, 24)}
    assert at_borders(pairs, [12]).ratio == pytest.approx(1)


def test_of_a_shot_with_a_rhythm_only_its_own_beats_are_compared():
    sizes = [0.04 if n % 4 == 1 else 0.01 for n in range(1, 80)]
    assert at_borders(shot(sizes), [33, 49]).ratio > 2
    assert at_borders(shot(sizes), [33, 49], 4).ratio == pytest.approx(1)
    sizes[32] = sizes[48] = 0.08
    found = at_borders(shot(sizes), [33, 49], 4)
    assert found.ratio == pytest.approx(0.082 / 0.042) and found.chance == 0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_of_chance_alone_the_ratio_is_near_one_and_the_chance_is_even(seed):
    sizes = 0.01 * (1 + 0.1 * np.random.default_rng(seed).standard_normal(80))
    found = at_borders(shot(list(sizes)), range(12, 80, 12))
    assert abs(found.ratio - 1) < 0.25 and 0 <= found.chance <= 1


@pytest.mark.parametrize("borders", [[], [90], range(1, 2 * NEAR + 9)])
def test_without_a_border_that_has_others_near_it_nothing_is_said(borders):
    assert at_borders(shot([0.01] * 20), borders) is None
    assert at_borders({}, [1]) is None
