# SPDX-License-Identifier: Apache-2.0
"""The model's colour shift: found where nothing was to change, and taken out everywhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from void_server.engines.void.colour_shift import REACH, Cells, colour_shift

SIZE = (96, 160)
TOLD = np.zeros(SIZE, bool)
TOLD[32:72, 56:112] = True


def scene(seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((*SIZE, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 6)
    return np.asarray(0.45 + 0.13 * soft / soft.std(), np.float32).clip(0.05, 0.93)


def fixed(made: np.ndarray, seen: np.ndarray, told: np.ndarray = TOLD) -> np.ndarray:
    return colour_shift(0, {0: Cells.of(made, seen, told)}).removed(made)


def drift(size: float) -> np.ndarray:
    return np.linspace(-size, size, SIZE[1], dtype=np.float32)[None, :, None]


@pytest.mark.parametrize("gain", [0.93, 1.0, 1.06])
@pytest.mark.parametrize("offset", [-0.03, 0.0, 0.02])
def test_a_gain_and_an_offset_are_taken_out_of_the_region_too(gain, offset):
    seen = scene()
    made = (np.float32(gain) * seen + np.float32(offset)).astype(np.float32)
    assert np.abs(fixed(made, seen) - seen)[TOLD].max() < 0.012
    assert np.abs(fixed(made, seen) - seen)[TOLD].mean() < 0.003


def test_each_channel_has_its_own():
    seen = scene()
    made = seen * np.array([0.95, 1.0, 1.05], np.float32) + np.array([0.02, -0.02, 0.0], np.float32)
    assert np.abs(fixed(made, seen) - seen)[TOLD].mean() < 0.003


def test_a_drift_over_the_picture_is_followed_into_the_region():
    seen = scene()
    off = np.broadcast_to(drift(0.04), seen.shape)
    left = np.abs(fixed(seen + off, seen) - seen)[TOLD].mean()
    assert left < np.abs(off)[TOLD].mean() / 3


def test_what_the_model_changed_in_the_region_stays_as_it_made_it():
    seen = scene()
    made = seen + np.float32(0.02)
    made[TOLD] = 0.7
    assert np.abs(fixed(made, seen)[TOLD] - 0.68).max() < 0.01


def test_what_it_changed_unasked_is_no_shift():
    seen = scene()
    made = seen + np.float32(0.02)
    made[:32, :48] += np.float32(0.2)
    assert np.abs(fixed(made, seen) - seen)[TOLD].mean() < 0.006


def test_what_was_clipped_is_not_compared():
    seen = scene()
    seen[:, :40] = 1
    made = np.minimum(seen, 0.97) + np.float32(0.02)
    assert np.abs(fixed(made, seen) - seen)[TOLD].mean() < 0.006


def test_softness_is_no_loss_of_contrast():
    seen = np.clip(scene() + 0.1 * np.random.default_rng(2).standard_normal((*SIZE, 3)), 0.05, 0.95).astype(
        np.float32
    )
    made = cv2.GaussianBlur(seen, (0, 0), 1.0)
    shift = colour_shift(0, {0: Cells.of(made, seen, TOLD)})
    assert np.abs(shift.gain - 1).max() < 0.05


def test_where_all_was_to_change_nothing_is_corrected():
    everywhere = np.ones(SIZE, bool)
    made = scene() + np.float32(0.05)
    np.testing.assert_allclose(fixed(made, scene(), everywhere), made, atol=1e-6)


def test_a_frame_that_jumps_as_a_whole_is_brought_back_as_a_whole():
    seen = scene()
    jumps = np.random.default_rng(3).normal(0, 0.02, 2 * REACH + 1).astype(np.float32)
    frames = {n: Cells.of(seen + jump, seen, TOLD) for n, jump in enumerate(jumps)}
    back = [colour_shift(n, frames).removed(seen + jump) for n, jump in enumerate(jumps)]
    levels = [(b - seen)[TOLD].mean() for b in back]
    assert np.std(levels) < 0.05 * np.std(jumps)


def test_an_error_of_its_own_in_each_frame_flickers_less_than_with_each_frame_alone():
    seen, random = scene(), np.random.default_rng(4)
    made = []
    for _ in range(2 * REACH + 1):
        blotches = cv2.GaussianBlur(random.standard_normal((*SIZE, 3)).astype(np.float32), (0, 0), 16)
        made.append(seen + np.float32(0.01) * blotches / blotches.std())
    frames = {n: Cells.of(m, seen, TOLD) for n, m in enumerate(made)}

    def done_to_grey(n: int, near: dict) -> np.ndarray:
        shift = colour_shift(n, near)
        return shift.gain * np.float32(0.45) + shift.offset

    together = [done_to_grey(n, frames) for n in range(3, 6)]
    alone = [done_to_grey(n, {n: frames[n]}) for n in range(3, 6)]
    assert np.abs(np.diff(together, axis=0)).mean() < 0.7 * np.abs(np.diff(alone, axis=0)).mean()
