# SPDX-License-Identifier: Apache-2.0
"""Grain of known strength, spectrum and correlation is found again, under texture that moves too."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tests.conform.grained_scene import CORRELATION, frames, samples_of, true_sigma, white
from void_server.conform.grain_estimate import (
    BINS,
    CALM_BLOCKS,
    CALMEST,
    LEAST_CALM,
    LEAST_SHARE,
    _below_texture,
    _Blocks,
    _calm,
    _Curves,
    estimate_grain,
)
from void_server.conform.grain_model import GrainModel

MOTIONS = {"at rest": (0.0, 0.0), "slow": (1.37, 0.61), "fast": (6.2, -2.4)}


@cache
def found(motion: str, size: float = 0.0) -> GrainModel:
    taken = [samples_of(frames(velocity=MOTIONS[motion], size=size, seed=seed)) for seed in range(3)]
    return estimate_grain(s for s in taken if s is not None)


@pytest.mark.parametrize("size", [0.0, 0.6])
@pytest.mark.parametrize("motion", MOTIONS)
def test_the_strength_is_found_within_a_tenth_at_every_level(motion, size):
    model = found(motion, size)
    assert model.known
    ratio = model.sigma / true_sigma(model.levels)
    np.testing.assert_allclose(ratio.mean(1), 1, atol=0.05)
    np.testing.assert_allclose(ratio, 1, atol=0.1)


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_channels_correlation_is_found(motion):
    expected = np.where(np.eye(3) == 1, 1, CORRELATION)
    np.testing.assert_allclose(found(motion).correlation, expected, atol=0.05)


@pytest.mark.parametrize("motion", MOTIONS)
def test_white_grain_has_a_flat_spectrum(motion):
    spectrum = found(motion).spectrum
    near = np.real(np.fft.ifft2(spectrum))
    assert np.abs(near[:, [0, 1, 1], [1, 0, 1]]).max() < 0.05


@pytest.mark.parametrize("motion", MOTIONS)
def test_the_spectrum_of_soft_grain_is_that_of_the_filter_it_came_from(motion):
    near = np.real(np.fft.ifft2(found(motion, 0.6).spectrum))
    # A Gaussian of 0.6 px as OpenCV samples it, correlated with itself.
    taps = np.exp(-np.square(np.arange(-2, 3)) / (2 * 0.6**2))
    whole = np.correlate(taps, taps, "full")
    expected = whole[5] / whole[4]
    np.testing.assert_allclose(near[:, 0, 1], expected, atol=0.05)
    np.testing.assert_allclose(near[:, 1, 0], expected, atol=0.05)


@pytest.mark.parametrize("motion", MOTIONS)
def test_without_grain_none_is_found_however_texture_moves(motion):
    taken = [samples_of(frames(velocity=MOTIONS[motion], seed=s, grain=0.0, texture=0.3)) for s in range(2)]
    model = estimate_grain(s for s in taken if s is not None)
    assert not model.known
    assert model.reason


def test_grain_below_the_least_share_is_none():
    weak = frames(velocity=(0.0, 0.0), grain=0.1)
    one = samples_of(weak)
    assert one is not None
    assert not estimate_grain([one]).known
    assert 0.1 * true_sigma(np.array(0.2)) / 0.2 < LEAST_SHARE


def test_too_few_places_say_so():
    model = estimate_grain([])
    assert not model.known
    assert "few" in model.reason


def test_what_moves_by_itself_is_no_grain():
    plates = [p.copy() for p in frames(velocity=(0.0, 0.0))]
    for k, plate in enumerate(plates):
        plate[60:160, 60 + 40 * k : 180 + 40 * k] = 0.5 + 0.3 * white((100, 120), np.random.default_rng(k))
    one = samples_of((plates[0], plates[1], plates[2]))
    assert one is not None
    model = estimate_grain([one])
    ratio = model.sigma / true_sigma(model.levels)
    np.testing.assert_allclose(np.median(ratio, axis=1), 1, atol=0.1)


def test_tiles_with_samples_that_are_not_finite_are_left_out():
    plates = tuple(p.copy() for p in frames(velocity=(0.0, 0.0)))
    plates[1][:80] = np.nan
    plates[0][100:130, :50] = np.inf
    one = samples_of((plates[0], plates[1], plates[2]))
    assert one is not None
    model = estimate_grain([one])
    assert model.known
    np.testing.assert_allclose((model.sigma / true_sigma(model.levels)).mean(), 1, atol=0.05)


def test_a_shot_without_any_whole_tile_shows_nothing():
    plates = tuple(p.copy() for p in frames(velocity=(0.0, 0.0)))
    plates[1][::16, ::16] = np.nan
    assert samples_of((plates[0], plates[1], plates[2])) is None


def test_a_picture_smaller_than_a_tile_shows_nothing():
    small = np.full((20, 20, 3), 0.2, np.float32)
    assert samples_of((small, small, small)) is None


def test_a_stored_model_is_the_same():
    model = found("at rest")
    again = GrainModel.from_arrays(model.to_arrays())
    assert again.reason == model.reason
    assert again.confidence == model.confidence
    np.testing.assert_array_equal(again.spectrum, model.spectrum)
    np.testing.assert_array_equal(again.sigma, model.sigma)


def curves(power: np.ndarray) -> _Curves:
    levels = np.linspace(0.05, 0.9, BINS)
    return _Curves(levels[None], power[None], np.full((1, BINS), 400.0), np.eye(1))


@pytest.mark.parametrize("terms", [(1e-4, 0, 0), (0, 3e-4, 0), (1e-5, 2e-4, 3e-4)])
def test_a_sensor_s_curve_is_left_as_it_is(terms):
    levels = np.linspace(0.05, 0.9, BINS)
    power = terms[0] + terms[1] * levels + terms[2] * levels**2
    assert _below_texture(curves(power))[0] == pytest.approx(power, rel=1e-6)


def test_a_level_that_is_textured_everywhere_does_not_stand_out_and_the_others_stay():
    power = 3e-4 * np.linspace(0.05, 0.9, BINS)
    textured = power.copy()
    textured[[4, 5, 6, 11]] *= (1.5, 2, 1.4, 1.5)
    found = _below_texture(curves(textured))[0] / power
    assert found.max() < 1.15 and np.delete(found, [4, 5, 6, 11]) == pytest.approx(1, abs=0.02)


def test_the_scatter_of_a_measurement_is_no_texture():
    scatter = 1 + 0.03 * np.random.default_rng(1).standard_normal(BINS)
    power = 3e-4 * np.linspace(0.05, 0.9, BINS) * scatter
    assert _below_texture(curves(power))[0] == pytest.approx(power, rel=0.04)


def test_levels_without_any_grain_are_without_any():
    assert (_below_texture(curves(np.zeros(BINS)))[0] == 0).all()


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1200, 1200 * CALMEST), (12000, CALM_BLOCKS), (60000, 60000 * LEAST_CALM)],
    ids=["few", "some", "many"],
)
def test_the_calmest_blocks_of_each_level_are_used_the_fewer_of_them_the_more_there_are(count, expected):
    random = np.random.default_rng(1)
    level, slope = random.random((count, 1)), random.random(count)
    chosen = _calm(_Blocks(level, np.ones((count, 1)), np.ones((count, 1)), slope))
    assert chosen.sum() == pytest.approx(expected, rel=0.05)
    assert slope[chosen].max() < 1.5 * expected / count
    assert (
        min(chosen[np.abs(level[:, 0] - at) < 0.05].mean() for at in (0.1, 0.5, 0.9)) > 0.5 * expected / count
    )


def test_at_rest_every_block_is_used():
    ones = np.ones((500, 1))
    assert _calm(_Blocks(ones, ones, ones, np.zeros(500))).all()
