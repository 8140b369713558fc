# SPDX-License-Identifier: Apache-2.0
"""Shadows and reflections undone where the surface still shows, on shots whose light is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from safetensors.numpy import load, save

from tests.engines.scenes import Scene, scene, texture
from void_server.engines.cleanplate import CleanplateSettings, FrameFill
from void_server.engines.cleanplate.proxy import EFFECT, HOLE

SIZE, TARGET = (210, 480), 5
KEPT = CleanplateSettings(relight=True)


def soft_blob(frame: int, *, softness: float = 5.0) -> np.ndarray:
    """(H, W, 1) float32 0..1: a patch of 60 x 40 pixels below the object that moves with it."""
    blob = np.zeros(SIZE, np.float32)
    left = 20 + 36 * frame
    blob[120:160, max(0, left) : left + 60] = 1
    return cv2.GaussianBlur(blob, (0, 0), softness)[..., None]


def shot_with(
    effect, *, grain: float = 0.0, softness: float = 5.0, matte: float = 0.01, photons: bool = False
) -> Scene:
    """A square crosses a texture; `effect(plate, blob, frame)` is what the blob does to the scene.

    `grain` is a share of the level, with `photons` one that grows as there is less light.
    """
    made = scene(11, size=SIZE, square=50, start=(40.0, 20.0), speed=(0.0, 36.0))
    random = np.random.default_rng(7)
    for i in range(11):
        blob = soft_blob(i, softness=softness)
        lit = effect(made.plates[i].copy(), blob, i)
        here = made.remove[i][..., None] > 0
        made.plates[i] = np.where(here, made.plates[i], lit).astype(np.float32)
        light = lit / made.clean[i] if photons else np.float32(1)
        made.plates[i] *= (1 + grain / np.sqrt(light) * random.normal(0, 1, lit.shape)).astype(np.float32)
        made.affected[i] = ((blob[..., 0] > matte) & ~here[..., 0]).astype(np.float32)
    return made


def shadowed(plate: np.ndarray, blob: np.ndarray, _frame: int) -> np.ndarray:
    return plate * (1 - 0.5 * blob)


def over(made: Scene, filled: FrameFill, values: np.ndarray, outside: float) -> np.ndarray:
    """Values of a fill over the whole picture."""
    x0, y0, x1, y1 = filled.box
    whole = np.full((*SIZE, *values.shape[2:]), outside, np.float32)
    whole[y0:y1, x0:x1] = values
    return whole


def core() -> np.ndarray:
    """(H, W) bool, where the blob is nearly full."""
    return soft_blob(TARGET)[..., 0] > 0.9


def test_the_surface_under_a_soft_shadow_keeps_its_own_texture_and_grain_as_strong_as_in_the_light():
    made = shot_with(shadowed, grain=0.03, photons=True)
    filled = made.fill(TARGET)
    got = over(made, filled, filled.colour, 0)
    true_gain = 1 - 0.5 * soft_blob(TARGET)
    own = made.plates[TARGET] / true_gain
    inside = core()
    grain, grain_of_plate = ((p / made.clean[TARGET] - 1)[inside].ravel() for p in (got, own))
    assert abs(grain.mean()) < 0.01
    assert grain_of_plate.std() == pytest.approx(0.03 * np.sqrt(2), rel=0.1)
    assert np.corrcoef(grain, grain_of_plate)[0, 1] > 0.75
    assert grain.std() == pytest.approx(0.03, rel=0.15)


def rough(share: float, *, channels: float | np.ndarray = 1.0, shadow: float = 0.3):
    """An effect: a shadow under which the surface has a noise of its own, a share of its level."""

    def effect(plate, blob, frame):
        noise = np.random.default_rng(frame).normal(0, share, plate.shape)
        return plate * (1 - shadow * blob) * (1 + blob * np.asarray(channels) * noise).astype(np.float32)

    return effect


def noise_in_core(made: Scene, filled: FrameFill) -> np.ndarray:
    """(3,) standard deviation of a fill from the truth, a share of it, where the blob is nearly full."""
    return (over(made, filled, filled.colour, 0) / made.clean[TARGET] - 1)[core()].std(0)


@pytest.mark.parametrize("channels", [np.float32([1, 1, 1]), np.float32([1, 0, 0])], ids=["all", "red"])
def test_what_a_relit_surface_shows_beyond_grain_is_brought_down_to_it_by_other_frames(channels):
    made = shot_with(rough(0.025, channels=channels), grain=0.03, photons=True)
    assert (noise_in_core(made, made.fill(TARGET)) < 1.03 * 0.03).all()


def test_the_stronger_grain_of_a_dark_surface_is_not_taken_for_more():
    made, random = shot_with(rough(0.0)), np.random.default_rng(3)
    for i, plate in enumerate(made.plates):
        plate[115:165] *= 0.2
        noise = 0.01 / np.sqrt(np.maximum(plate, 0.01)) * random.normal(0, 1, plate.shape)
        made.plates[i] = (plate * (1 + noise)).astype(np.float32)
    filled = made.fill(TARGET)
    assert over(made, filled, filled.relit, 1)[core()].mean() > 0.84


def test_so_it_is_only_where_light_was_undone():
    made = shot_with(rough(0.025, shadow=0.0), grain=0.03, photons=True)
    filled = made.fill(TARGET)
    assert over(made, filled, filled.relit, 1)[core()].mean() > 0.97


def test_where_sources_lie_beside_themselves_their_texture_is_not_taken_for_it():
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    striped = (np.sin(columns / 15) > 0).astype(np.float32)[..., None]

    def textured_in_stripes(plate, blob, frame):
        mean = cv2.GaussianBlur(plate, (0, 0), 12.0)
        return rough(0.025)(mean + (plate - mean) * striped, blob, frame)

    made = shot_with(textured_in_stripes, grain=0.005)
    for i in set(range(11)) - {TARGET}:
        waves = np.float32(0.6) * np.sin(rows / 3 + columns / 4 + 2 * i).astype(np.float32)
        made.plates[i] = cv2.remap(made.plates[i], columns + waves, rows, cv2.INTER_CUBIC)
    filled = made.fill(TARGET)
    assert over(made, filled, filled.relit, 1)[core()].mean() > 0.75


def test_what_differs_by_far_more_than_grain_is_no_noise_of_the_surface():
    weights = []
    for share in (0.025, 0.08):
        made = shot_with(rough(share), grain=0.01, photons=True)
        filled = made.fill(TARGET)
        weights.append(over(made, filled, filled.relit, 1)[core()].mean())
    assert weights[1] > weights[0] + 0.1


def test_the_gain_is_the_shadows():
    made = shot_with(shadowed, grain=0.02)
    filled = made.fill(TARGET, KEPT)
    gain = over(made, filled, filled.gain, 1)
    np.testing.assert_allclose(gain[core()], 1 - 0.5 * soft_blob(TARGET)[core()].repeat(3, 1), atol=0.05)
    assert np.abs(filled.offset).max() < 0.02
    assert filled.figures["relit"] > 0.75


@pytest.mark.parametrize("grain", [True, False])
def test_no_outline_of_a_shadow_stays(grain):
    made = shot_with(shadowed, softness=2.0)
    filled = made.fill(TARGET, CleanplateSettings(grain=grain))
    ratio = over(made, filled, filled.colour, 1) / np.where(filled_box(filled), made.clean[TARGET], 1)
    rim = (np.abs(soft_blob(TARGET, softness=2.0)[..., 0] - 0.5) < 0.45) & (made.remove[TARGET] == 0)
    assert np.abs(cv2.GaussianBlur(ratio, (0, 0), 1.5)[rim] - 1).max() < 0.04


def filled_box(filled: FrameFill) -> np.ndarray:
    x0, y0, x1, y1 = filled.box
    inside = np.zeros((*SIZE, 1), bool)
    inside[y0:y1, x0:x1] = True
    return inside


def test_light_that_a_reflection_adds_is_subtracted():
    added = np.float32([0.30, 0.25, 0.35])
    made = shot_with(lambda plate, blob, _: plate + blob * added)
    filled = made.fill(TARGET, KEPT)
    inside = core()
    offset = over(made, filled, filled.offset, 0)[inside]
    np.testing.assert_allclose(offset, (soft_blob(TARGET) * added)[inside], atol=0.05)
    np.testing.assert_allclose(
        over(made, filled, filled.colour, 0)[inside], made.clean[TARGET][inside], atol=0.04
    )
    np.testing.assert_allclose(over(made, filled, filled.gain, 1)[inside], 1, atol=0.03)


def test_a_thing_that_moved_is_refilled_and_not_divided():
    other = texture(*SIZE, seed=9)

    def covered(plate, blob, _frame):
        return np.where(blob > 0.5, other, plate)

    made = shot_with(covered, grain=0.01)
    filled = made.fill(TARGET, KEPT)
    inside = cv2.erode((soft_blob(TARGET)[..., 0] > 0.5).astype(np.uint8), np.ones((9, 9))) > 0
    assert over(made, filled, filled.relit, 0)[inside].mean() < 0.05
    assert over(made, filled, filled.borrowed, 0)[inside].mean() > 0.95
    assert np.abs(over(made, filled, filled.gain, 1)[inside] - 1).mean() < 0.02
    np.testing.assert_allclose(
        over(made, filled, filled.colour, 0)[inside], made.clean[TARGET][inside], rtol=0.15
    )


def test_a_shadow_as_black_as_noise_is_refilled():
    made = shot_with(lambda plate, blob, _: plate * (1 - 0.98 * blob))
    filled = made.fill(TARGET)
    inside = core()
    assert over(made, filled, filled.relit, 0)[inside].max() < 0.05


def test_what_is_called_affected_and_is_not_comes_back_as_it_was():
    made = shot_with(lambda plate, _blob, _frame: plate, grain=0.03)
    filled = made.fill(TARGET, KEPT)
    inside = soft_blob(TARGET)[..., 0] > 0.5
    got = over(made, filled, filled.colour, 0)[inside]
    np.testing.assert_allclose(got, made.plates[TARGET][inside], rtol=0.06)
    assert np.median(np.abs(got / made.plates[TARGET][inside] - 1)) < 0.005


def test_nothing_is_divided_where_only_an_object_is_removed():
    filled = scene(grain=0.03).fill(TARGET, KEPT)
    assert not filled.relit.any()
    assert (filled.gain == 1).all()
    assert not filled.offset.any()
    assert "relit" not in filled.figures


def test_the_plate_is_result_times_gain_plus_offset():
    made = shot_with(shadowed)
    filled = made.fill(TARGET, KEPT)
    inside = core()
    again = over(made, filled, filled.colour * filled.gain + filled.offset, 0)
    np.testing.assert_allclose(again[inside], made.plates[TARGET][inside], rtol=0.01, atol=0.002)


def test_an_average_with_the_sources_has_less_grain_than_either():
    made = shot_with(shadowed, grain=0.04)
    inside = core()

    def grain_left(settings):
        filled = made.fill(TARGET, settings)
        return float((over(made, filled, filled.colour, 0) / made.clean[TARGET] - 1)[inside].std())

    assert grain_left(CleanplateSettings(grain=False)) < 0.7 * grain_left(CleanplateSettings(grain=True))


def test_a_divided_pixel_is_its_own_source_and_trusted():
    filled = shot_with(shadowed, grain=0.02).fill(TARGET, CleanplateSettings(trace=True, relight=True))
    own = filled.relit > 0.99
    assert own.any()
    assert (filled.trace[own][:, 2] == -1).all()
    assert filled.borrowed[own].max() < 0.02
    assert filled.confidence[own].mean() > 0.8


@pytest.mark.parametrize("level", [60000.0, 0.0, -0.02])
def test_highlights_black_and_negative_samples_survive(level):
    def effect(plate, blob, _frame):
        return plate * (1 - 0.5 * blob)

    made = shot_with(effect)
    for i in range(11):
        lit = 1 - 0.5 * soft_blob(i)
        for picture, light in ((made.plates[i], lit), (made.clean[i], np.ones_like(lit))):
            spot = np.s_[138:141, 60:470:20]
            seen = made.remove[i][spot][..., None] == 0
            picture[spot] = np.where(seen, level * light[spot], picture[spot])
    filled = made.fill(TARGET)
    got = over(made, filled, filled.colour, 0)
    assert np.isfinite(got).all()
    inside = core() & (made.clean[TARGET][..., 0] == np.float32(level))
    assert inside.any()
    np.testing.assert_allclose(got[inside], level, rtol=0.15, atol=2e-3)
    around = core() & ~inside
    assert got[around].max() < 2


def test_the_regions_name_what_may_still_be_seen():
    made = shot_with(shadowed)
    proxy = made.reader(KEPT).proxy(TARGET)
    effect = proxy.where(EFFECT)
    assert effect[140, 230]
    assert not effect[made.remove[TARGET] > 0].any()
    assert (proxy.where(HOLE) & effect).any()


def test_a_relit_fill_survives_storage():
    filled = shot_with(shadowed).fill(TARGET, KEPT)
    again = FrameFill.from_arrays(load(save(filled.to_arrays())))
    for name, array in filled.to_arrays().items():
        np.testing.assert_array_equal(array, again.to_arrays()[name])
    assert made_without_fields().gain is None


def made_without_fields() -> FrameFill:
    return scene(3, shadow=True).fill(1)
