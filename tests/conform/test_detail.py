# SPDX-License-Identifier: Apache-2.0
"""Where a model's picture and real pixels say the same, and what comes of either."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from void_server.conform.detail import agreement, compared, enlarged_matte, fine_detail, joined

SIZE = 64, 96
REGION = np.s_[20:44, 24:72]
"""What was to change, rows and columns."""


def scene(seed: int = 1) -> np.ndarray:
    """(h, w, 3) float32 0..1, with soft and fine texture and an edge."""
    noise = np.random.default_rng(seed).random((*SIZE, 3), dtype=np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4) - 0.5
    picture = 0.4 + 2 * soft + 0.1 * (cv2.GaussianBlur(noise, (0, 0), 1) - 0.5)
    picture[:, 50:] += 0.2
    return picture.astype(np.float32)


def answered(picture: np.ndarray, seed: int = 2, noise: float = 0.004) -> np.ndarray:
    """As a VAE returns it: softer, tinted, a little noisy."""
    soft = cv2.GaussianBlur(picture, (0, 0), 0.9)
    tinted = soft * np.array([1.04, 0.98, 1.02]) + np.array([0.012, -0.008, 0.015])
    return (tinted + noise * np.random.default_rng(seed).standard_normal(picture.shape)).astype(np.float32)


def untouched() -> np.ndarray:
    beside = np.ones(SIZE, bool)
    beside[16:48, 20:76] = False
    return beside


def agreed(made: np.ndarray, real: np.ndarray, seen: np.ndarray | None = None) -> np.ndarray:
    found = compared(made, real, np.ones(SIZE, np.float32) if seen is None else seen, untouched())
    return agreement(found.apart, found.shown)


def with_thing(picture: np.ndarray, by: float = -0.2) -> tuple[np.ndarray, np.ndarray]:
    """The picture with a disc of another brightness in the region, and where that is."""
    disc = cv2.circle(np.zeros(SIZE, np.uint8), (40, 32), 6, 1, -1)
    return picture + np.float32(by) * disc[..., None], disc > 0


def test_the_blur_the_tint_and_the_noise_of_a_model_are_no_disagreement():
    assert (agreed(answered(scene()), scene()) == 1).mean() > 0.99


@pytest.mark.parametrize("by", [-0.2, 0.1])
@pytest.mark.parametrize("whose", ["the model's", "the real pixels'"])
def test_what_only_one_of_the_two_shows_is_the_model_s_to_say(by, whose):
    other, where = with_thing(scene(), by)
    share = agreed(answered(other), scene()) if whose == "the model's" else agreed(answered(scene()), other)
    assert share[where].max() == 0
    assert (share[cv2.dilate(where.astype(np.uint8), np.ones((29, 29))) == 0] == 1).mean() > 0.98


def test_the_edge_of_a_faint_thing_is_the_model_s_too():
    other, where = with_thing(scene(), 0.08)
    assert (
        agreed(answered(other), scene())[cv2.dilate(where.astype(np.uint8), np.ones((7, 7))) > 0].max() < 0.1
    )


def test_a_faint_thing_shows_under_a_strong_tint():
    other, where = with_thing(scene(), 0.05)
    assert agreed(1.25 * answered(other) + 0.1, scene())[where].mean() < 0.1


def test_an_edge_that_is_misplaced_by_a_quarter_of_a_pixel_is_the_same_edge():
    moved = cv2.warpAffine(scene(), np.float32([[1, 0, 0.25], [0, 1, 0]]), SIZE[::-1], flags=cv2.INTER_CUBIC)
    moved = np.where((~untouched())[..., None], moved, scene()).astype(np.float32)
    made = answered(scene(), noise=0)
    assert (agreed(made, moved)[REGION] > 0.9).mean() > 0.9


def test_an_answer_that_is_wrong_beside_the_region_agrees_with_nothing():
    assert agreed(np.random.default_rng(5).random((*SIZE, 3), dtype=np.float32), scene()).mean() < 0.05


def test_a_shadow_that_only_one_of_them_shows_counts():
    shaded = scene()
    shaded[24:40, 30:60] *= 0.85
    assert agreed(answered(scene()), shaded)[28:36, 34:56].mean() < 0.1


def test_between_agreeing_and_not_the_matte_is_soft():
    other, _ = with_thing(scene())
    steps = np.abs(np.diff(agreed(answered(other), scene()), axis=1))
    assert 0.1 < steps.max() < 0.7


def test_what_nobody_has_seen_is_the_model_s():
    seen = np.ones(SIZE, np.float32)
    seen[26:36, 30:50] = 0
    share = agreed(answered(scene()), scene(), seen)
    assert share[26:36, 30:50].max() == 0 and share[:16].min() == 1


def test_what_is_made_up_of_the_unseen_does_not_decide_beside_it():
    seen, wild = np.ones(SIZE, np.float32), scene()
    seen[26:36, 30:50], wild[26:36, 30:50] = 0, 7
    one, two = (agreed(answered(scene()), real, seen) for real in (scene(), wild))
    assert (one == two).all()


def test_an_answer_that_shimmers_is_answered_alike():
    shares = [agreed(answered(scene(), seed, 0.006), scene())[REGION] for seed in range(3, 9)]
    assert np.std(shares, axis=0).max() < 0.1


def test_nan_and_infinity_are_the_model_s_and_spoil_nothing():
    real = scene()
    real[30, 40], real[31, 41] = np.nan, np.inf
    share = agreed(answered(scene()), real)
    assert np.isfinite(share).all() and share[30, 40] == 0 and share[:16].min() == 1


def test_with_nothing_to_measure_beside_the_region_the_same_picture_still_agrees():
    found = compared(scene(), scene(), np.ones(SIZE, np.float32), np.zeros(SIZE, bool))
    other = compared(with_thing(scene())[0], scene(), np.ones(SIZE, np.float32), np.zeros(SIZE, bool))
    assert agreement(found.apart, found.shown).mean() > 0.8
    assert agreement(other.apart, other.shown)[with_thing(scene())[1]].max() == 0


def test_the_softening_of_the_model_is_found():
    found = compared(answered(scene(), noise=0), scene(), np.ones(SIZE, np.float32), untouched())
    assert found.sigma == 0.9


def test_a_brighter_picture_of_the_same_place_follows_it_and_another_one_does_not():
    seen = np.ones(SIZE, np.float32)
    brighter = compared(answered(scene() * 1.3), scene(), seen, np.zeros(SIZE, bool)).follows[REGION]
    another = compared(answered(scene(7)), scene(), seen, np.zeros(SIZE, bool)).follows[REGION]
    assert brighter.mean() > 1 and np.median(another) < 0.3


def test_real_pixels_keep_their_bits_and_the_others_theirs():
    real, other = scene(1), scene(2)
    share = enlarged_matte(np.eye(4, dtype=np.float32), *SIZE)
    share[:8], share[-8:] = 1, 0
    picture = joined(real, other, share)
    assert (picture[share == 1] == real[share == 1]).all() and (
        picture[share == 0] == other[share == 0]
    ).all()
    between = (share > 0) & (share < 1)
    low, high = np.minimum(real, other) - 1e-6, np.maximum(real, other) + 1e-6
    assert ((picture >= low) & (picture <= high))[between].all()


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([np.nan, np.inf, -np.inf]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.booleans(),
)
def test_what_is_not_finite_is_not_taken(odd, share, real_is_odd):
    real, other = np.full((2, 2, 3), 0.25, np.float32), np.full((2, 2, 3), 0.75, np.float32)
    (real if real_is_odd else other)[0, 0] = odd
    matte = np.full((2, 2), share, np.float32)
    picture = joined(real, other, matte)
    if real_is_odd or share > 0:
        assert picture[0, 0, 0] == (0.75 if real_is_odd else 0.25)


def test_fine_detail_is_what_the_small_picture_lacks_and_only_of_real_pixels():
    large = np.random.default_rng(3).random((64, 96, 3), dtype=np.float32)
    small = cv2.resize(large, (24, 16), interpolation=cv2.INTER_AREA)
    seen = np.ones((64, 96), np.float32)
    seen[:, 48:] = 0.5
    fine = fine_detail(large, small, seen)
    low = cv2.resize(small, (96, 64), interpolation=cv2.INTER_CUBIC)
    assert np.allclose((low + fine)[:, :48], large[:, :48], atol=1e-6) and (fine[:, 48:] == 0).all()
