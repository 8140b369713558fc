# SPDX-License-Identifier: Apache-2.0
"""Scene-linear light as the model sees it: a display-like picture that is exactly undone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.plates.colour import DEFAULT_CONFIG, ColourSpace, rec709_matrix
from void_server.plates.encoding import FrameStatistics
from void_server.plates.model_light import IDENTITY, KNEE, TURN, ModelLight

LINEAR = {"Rec.709": "Linear Rec.709 (sRGB)", "AP1": "ACEScg", "AP0": "ACES2065-1"}


def space(name: str, linear: bool = True) -> ColourSpace:
    return ColourSpace(name, DEFAULT_CONFIG, "", linear)


def light_of(name: str = "Rec.709", exposure: float = 1.3, ceiling: float = 17.0) -> ModelLight:
    return ModelLight(exposure, ceiling, rec709_matrix(space(LINEAR[name]))[0])


def scene(exposure: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(1)
    return (exposure * 0.18 * np.exp(random.normal(0, 1, (60, 80, 3)))).astype(np.float32)


magnitudes = st.floats(-4, 4).map(lambda e: float(np.float32(10**e)))
components = magnitudes | magnitudes.map(lambda v: -v) | st.just(0.0)
pixels = arrays.arrays(np.float32, (1, 4, 3), elements=components)


@settings(max_examples=200)
@given(linear=pixels, name=st.sampled_from(sorted(LINEAR)), ceiling=st.sampled_from([1.0, 4.0, 64.0]))
def test_decoding_undoes_encoding_of_highlights_shadows_and_negative_light_in_any_primaries(
    linear, name, ceiling
):
    light = light_of(name, ceiling=ceiling)
    back = light.decode(light.encode(linear))
    # Of the greatest component of the pixel, as a matrix mixes them; AP0's reaches furthest.
    assert (np.abs(back - linear) <= 1e-4 * np.abs(linear).max(axis=-1, keepdims=True) + 1e-8).all()


@given(linear=pixels)
def test_of_a_plate_in_rec709_each_component_comes_back_by_itself(linear):
    light = light_of()
    np.testing.assert_allclose(light.decode(light.encode(linear)), linear, rtol=2e-5, atol=1e-9)


@given(a=components, b=components)
def test_what_is_brighter_is_never_darker_for_the_model(a, b):
    low, high = sorted((a, b))
    shown = light_of().encode(np.array([[[low] * 3, [high] * 3]], np.float32))[0, :, 0]
    assert shown[0] <= shown[1]


@pytest.mark.parametrize("ceiling", [1.0, 2.0, 64.0])
@pytest.mark.parametrize("at", [TURN, KNEE])
def test_the_curve_has_no_kink(at, ceiling):
    light, step = ModelLight(1.0, ceiling), 0.001 * at
    grey = np.array([at - 2 * step, at - step, at, at + step, at + 2 * step])
    shown = light.encode(np.repeat(grey[:, None, None], 3, 2).astype(np.float32))[:, 0, 0].astype(np.float64)
    slopes = np.diff(shown) / step
    assert abs(slopes[2] / slopes[1] - 1) < 0.02 and (slopes > 0).all()


def test_the_middle_is_the_curve_of_srgb():
    shown = ModelLight(1.0, 20.0).encode(np.full((1, 1, 3), 0.18, np.float32))
    assert shown[0, 0, 0] == pytest.approx(0.4613, abs=1e-3)


def test_the_ceiling_of_the_shot_is_white_and_what_is_brighter_lies_above():
    light = ModelLight(1.0, 20.0)
    shown = light.encode(np.array([[[20.0] * 3, [200.0] * 3]], np.float32))[0, :, 0]
    assert shown[0] == pytest.approx(1, abs=1e-5) and shown[1] > 1.05


@pytest.mark.parametrize("exposure", [1e-3, 1.0, 300.0])
def test_every_shot_is_exposed_for_its_own_median(exposure):
    light = ModelLight.of_shot(FrameStatistics.of(scene(exposure)))
    shown = light.encode(scene(exposure))
    assert 0.4 < np.median(shown) < 0.5
    assert np.mean((shown >= 0) & (shown <= 1)) > 0.99


def test_it_can_be_told_to_expose_brighter():
    statistics = FrameStatistics.of(scene())
    plain, brighter = ModelLight.of_shot(statistics), ModelLight.of_shot(statistics, 1.5)
    assert brighter.exposure == pytest.approx(plain.exposure * 2**1.5)


def test_one_spark_does_not_press_the_other_highlights_together():
    sparkling = np.full((300, 300, 3), 0.18, np.float32)
    sparkling[0, 0] = 60000
    assert ModelLight.of_shot(FrameStatistics.of(sparkling)).ceiling == 1


def test_saturated_colours_of_wide_primaries_lie_within_what_the_model_can_see():
    corners = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]]], np.float32)
    light = light_of("AP1", exposure=0.5)
    assert light.encode(corners).min() > -0.05
    plain = ModelLight(0.5, 17.0).encode((corners @ np.array(light.matrix, np.float32).T).astype(np.float32))
    assert plain.min() < -0.5, "without drawing in they would not"


def test_neutral_and_modest_colours_are_not_drawn_in():
    modest = np.array([[[0.2, 0.2, 0.2], [0.3, 0.2, 0.15]]], np.float32)
    light = light_of("AP1", exposure=1.0)
    wanted = ModelLight(1.0, light.ceiling).encode(
        (modest @ np.array(light.matrix, np.float32).T).astype(np.float32)
    )
    np.testing.assert_allclose(light.encode(modest), wanted, atol=1e-6)


def test_a_plate_in_rec709_needs_no_matrix():
    assert rec709_matrix(space(LINEAR["Rec.709"]))[0] == IDENTITY
    assert rec709_matrix(space("lin_rec709_scene"))[0] == IDENTITY


def test_the_matrix_of_acescg_is_the_published_one():
    found, said = rec709_matrix(space("ACEScg"))
    np.testing.assert_allclose(found[0], [1.70505, -0.62179, -0.08326], atol=1e-4)
    assert "ACEScg" in said


def test_a_log_plate_has_the_primaries_of_the_working_space():
    assert rec709_matrix(space("ACEScct", linear=False))[0] == rec709_matrix(space("ACEScg"))[0]


def test_data_is_not_converted():
    assert rec709_matrix(space("Raw"))[0] == IDENTITY


def test_what_is_not_finite_stays_in_its_pixel():
    odd = np.full((1, 3, 3), 0.2, np.float32)
    odd[0, 0, 0], odd[0, 1, 1] = np.nan, np.inf
    shown = light_of("AP1").encode(odd)
    assert np.isnan(shown[0, 0]).any() and np.isfinite(shown[0, 1:]).all() and shown[0, 1].max() > 1


def test_it_can_be_stored():
    light = light_of("AP1")
    assert ModelLight.from_dict(light.to_dict()) == light
