# SPDX-License-Identifier: Apache-2.0
"""Grain that is made: as strong, as soft and as coloured as the model; new in every frame, the same for one key."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from void_server.conform.grain import Carried, added_grain, cubic_taps, frame_key, without_grain
from void_server.conform.grain_model import GrainModel
from void_server.engines.cleanplate.sampling import noise_left, sample_finite

SHAPE = (192, 224)
KEY = frame_key(7, "", 1001)


@cache
def model(size: float = 0.7) -> GrainModel:
    """Strength 0.01 at 0.1 and 0.02 at 0.4; a Gaussian's spectrum; each two channels have 0.3 in common."""
    side = 32
    taps = np.exp(-np.square(np.fft.fftfreq(side, 1 / side)) / (2 * size**2)) if size else np.eye(side)[0]
    spectrum = np.square(np.abs(np.fft.fft2(np.outer(taps, taps))))
    return GrainModel(
        levels=np.tile([0.1, 0.4], (3, 1)),
        sigma=np.tile([0.01, 0.02], (3, 1)),
        counts=np.ones((3, 2)),
        spectrum=np.stack([spectrum / spectrum.mean()] * 3),
        correlation=np.where(np.eye(3) == 1, 1, 0.3),
        confidence=1.0,
        reason="Made up.",
    )


def carried(
    kept: float = 0.0, fine: float = 1.0, own: float = 0.0, shape: tuple[int, int] = SHAPE
) -> Carried:
    return Carried(*(np.full(shape, v, np.float32) for v in (kept, fine, own)))


def made(
    level: float = 0.1,
    has: Carried | None = None,
    blend: float = 1.0,
    *,
    at: tuple[int, int] = (0, 0),
    key: int = KEY,
    amount: float = 1.0,
    shape: tuple[int, int] = SHAPE,
    of: GrainModel | None = None,
) -> np.ndarray:
    picture = np.full((*shape, 3), level, np.float32)
    matte = np.full(shape, blend, np.float32)
    has = has or carried(shape=shape)
    return added_grain(of or model(), picture, has, matte, at=at, key=key, amount=amount)


@pytest.mark.parametrize(
    ("level", "sigma"), [(0.05, 0.01), (0.1, 0.01), (0.25, 0.015), (0.4, 0.02), (3.0, 0.02)]
)
def test_what_was_made_up_gets_the_strength_of_its_level(level, sigma):
    np.testing.assert_allclose(made(level).std((0, 1)), sigma, rtol=0.03)


def test_neighbouring_pixels_are_as_alike_as_in_the_model():
    grain, spectrum = made(), np.real(np.fft.ifft2(model().spectrum))
    alike = (grain[:, 1:] * grain[:, :-1]).mean((0, 1)) / (grain**2).mean((0, 1))
    np.testing.assert_allclose(alike, spectrum[:, 0, 1], atol=0.03)


def test_channels_are_as_alike_as_in_the_model():
    found = np.corrcoef(made().reshape(-1, 3).T)
    np.testing.assert_allclose(found, model().correlation, atol=0.03)


def test_three_equal_channels_get_equal_grain():
    grey = GrainModel(**{**vars(model()), "correlation": np.ones((3, 3))})
    grain = made(of=grey)
    np.testing.assert_allclose(grain[..., 1], grain[..., 0], atol=1e-6)
    np.testing.assert_allclose(grain.std(), 0.01, rtol=0.03)


@given(
    x=st.integers(-300, 300), y=st.integers(-300, 300), width=st.integers(1, 90), height=st.integers(1, 90)
)
@settings(max_examples=8, deadline=None)
def test_grain_does_not_depend_on_the_part_that_is_made(x, y, width, height):
    whole = made(at=(x - 40, y - 30), shape=(160, 190))
    part = made(at=(x, y), shape=(height, width))
    np.testing.assert_array_equal(part, whole[30 : 30 + height, 40 : 40 + width])


def test_a_frame_has_the_same_grain_again():
    np.testing.assert_array_equal(made(), made())


@pytest.mark.parametrize(
    "other", [frame_key(7, "", 1002), frame_key(8, "", 1001), frame_key(7, "right", 1001)]
)
def test_another_frame_seed_or_view_has_another_grain(other):
    one, two = made(), made(key=other)
    assert abs(float((one * two).mean() / (one * one).mean())) < 0.02


def test_amount_scales_and_0_adds_nothing():
    np.testing.assert_allclose(made(amount=2.0), 2 * made(), rtol=1e-6)
    assert not made(amount=0.0).any()


def test_an_unknown_grain_adds_nothing():
    assert not made(of=GrainModel.unknown("Nothing was seen.")).any()


def test_pixels_of_one_frame_get_none_and_a_mean_what_it_lacks():
    assert not made(has=carried(1.0)).any()
    np.testing.assert_allclose(made(has=carried(0.25)).std(), 0.01 * np.sqrt(0.75), rtol=0.03)


def test_nothing_is_added_where_the_blend_is_0():
    picture = np.full((*SHAPE, 3), 0.2, np.float32)
    blend = np.zeros(SHAPE, np.float32)
    blend[40:80, 50:90] = 1
    grain = added_grain(model(), picture, carried(), blend, at=(0, 0), key=KEY)
    assert not grain[blend == 0].any()
    assert (grain[blend == 1] != 0).all()


@pytest.mark.parametrize("blend", [0.25, 0.5, 0.75, 1.0])
def test_a_feather_between_two_grains_keeps_the_power(blend):
    plate = made(key=1) / 0.01
    borrowed = made(key=2) / 0.01
    fill = borrowed + made(has=carried(1.0), blend=blend) / 0.01
    mixed = (1 - blend) * plate + blend * fill
    np.testing.assert_allclose(mixed.std(), 1, rtol=0.04)


def test_a_feather_over_the_plate_s_own_pixels_adds_nothing():
    assert not made(has=carried(1.0, own=1.0), blend=0.5).any()


@pytest.mark.parametrize("shift", [(0.5, 0.5), (0.25, 0.0), (0.3, 0.45)])
def test_what_sampling_between_pixels_took_is_given_back(shift):
    unit = made() / 0.01
    places = np.stack(np.meshgrid(np.arange(8, 200), np.arange(8, 180)), -1).astype(np.float32) + np.float32(
        shift
    )
    drawn = cv2.remap(unit, *cv2.split(places), cv2.INTER_CUBIC)
    left = noise_left(places)
    shape = left.shape
    has = Carried(np.ones(shape, np.float32), left, np.zeros(shape, np.float32))
    grain = made(has=has, key=5, shape=shape) / 0.01
    assert drawn.std() < 0.995 * unit[8:180, 8:200].std()
    np.testing.assert_allclose((drawn + grain).std(), unit.std(), rtol=0.04)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.5, 0.0), (0.25, 0.75)])
def test_noise_left_is_what_the_engine_s_kernel_leaves_of_white_noise(shift):
    white = np.random.default_rng(1).standard_normal((*SHAPE, 3)).astype(np.float32)
    places = np.stack(np.meshgrid(np.arange(8, 200), np.arange(8, 180)), -1).astype(np.float32) + np.float32(
        shift
    )
    # Held within its neighbours a sample loses a little more.
    drawn = sample_finite(white, places).var()
    np.testing.assert_allclose(noise_left(places).mean(), drawn, rtol=0.06)


def test_the_kernel_s_weights_sum_to_1():
    for fraction in (0.0, 0.2, 0.5):
        np.testing.assert_allclose(cubic_taps(fraction).sum(), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -5.0, 0.0])
def test_any_sample_gets_finite_grain(value):
    picture = np.full((40, 40, 3), 0.2, np.float32)
    picture[10:20, 10:20] = value
    has = carried(shape=(40, 40))
    grain = added_grain(model(), picture, has, np.ones((40, 40), np.float32), at=(0, 0), key=KEY)
    assert np.isfinite(grain).all()


def test_without_grain_a_flat_picture_is_smooth_and_an_edge_stays():
    picture = np.full((*SHAPE, 3), 0.1, np.float32)
    picture[:, 100:] = 0.4
    noisy = picture + made() + (made(0.4) - made()) * (picture > 0.2)
    clean = without_grain(noisy, model(0.0))
    flat = np.s_[20:-20, 20:80]
    assert (clean - picture)[flat].std() < 0.6 * (noisy - picture)[flat].std()
    assert np.abs(clean[:, 101] - clean[:, 98]).mean() > 0.28


def mixed(own: float, lit: float, frames: int, *, level: float = 0.2) -> tuple[np.ndarray, Carried]:
    """Grain of a fill that is `own` of its plate, whose light was raised by `lit`, and the rest a mean of other frames;
    over that of the plate, and what the engine says of it.
    """
    of = model()
    plate = made(level / lit, key=1, of=of) * lit
    others = [made(level, key=10 + k, of=of) for k in range(frames)]
    grain = own * plate + (1 - own) * np.mean(others, axis=0)
    kept = own**2 + (1 - own) ** 2 / frames
    shares = own**2 * lit + (1 - own) ** 2 / frames
    has = Carried(
        *(np.full(SHAPE, v, np.float32) for v in (kept, 1, own)),
        lit=np.full((SHAPE[0] // 4, SHAPE[1] // 4, 3), shares / kept, np.float32),
    )
    return grain, has


@pytest.mark.parametrize("own", [0.0, 0.25, 0.5, 0.65])
@pytest.mark.parametrize("lit", [0.6, 1.0, 1.6])
@pytest.mark.parametrize("frames", [1, 8])
def test_own_and_borrowed_pixels_mixed_by_any_share_get_the_plate_s_power(own, lit, frames):
    grain, has = mixed(own, lit, frames)
    whole = grain + made(0.2, has=has, key=5)
    there = made(0.2, key=77)
    np.testing.assert_allclose(whole.var((0, 1)) / there.var((0, 1)), 1, atol=0.1)


@pytest.mark.parametrize("split", [1.5, 4.0])
@pytest.mark.parametrize("frames", [2, 3])
def test_a_low_band_of_several_frames_lacks_what_is_told_of_it(split, frames):
    fields = [made(key=20 + k, shape=(256, 320)) for k in range(frames)]
    lows = [cv2.GaussianBlur(field, (0, 0), split) for field in fields]
    grain = fields[0] - lows[0] + np.mean(lows, axis=0)
    has = carried(1.0, shape=(256, 320))
    has = Carried(
        has.kept, has.fine, has.own, lost=np.full((64, 80), 1 - 1 / frames, np.float32), split=split
    )
    assert grain.var() < 0.97 * fields[0].var()
    whole = grain + made(has=has, key=5, shape=(256, 320))
    np.testing.assert_allclose(whole.var((0, 1)) / fields[0].var((0, 1)), 1, atol=0.1)


def test_grain_goes_with_a_mix_of_the_channels_where_the_model_says_so():
    by_green = GrainModel(**{**vars(model()), "mix": np.tile([0.0, 1.0, 0.0], (3, 1))})
    picture = np.full((*SHAPE, 3), 0.1, np.float32)
    picture[..., 1] = 0.4
    grain = added_grain(by_green, picture, carried(), np.ones(SHAPE, np.float32), at=(0, 0), key=KEY)
    np.testing.assert_allclose(grain.std((0, 1)), 0.02, rtol=0.03)


def test_a_model_with_a_mix_is_stored_whole():
    one = GrainModel(**{**vars(model()), "mix": np.full((3, 3), 1 / 3)})
    again = GrainModel.from_arrays(one.to_arrays())
    np.testing.assert_array_equal(again.mix, one.mix)
    assert GrainModel.from_arrays(model().to_arrays()).mix is None
