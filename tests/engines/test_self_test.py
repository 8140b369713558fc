# SPDX-License-Identifier: Apache-2.0
"""The engine asks a hidden band whether borrowing helps, and the artist's clean plates come before all else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.engines.scenes import Scene, encode8, psnr, result, scene, texture, without_object
from void_server.engines.cleanplate.membrane import membrane


def changing_screen(row: int, column: int, made: Scene | None = None) -> Scene:
    """A wall at rest, on which a screen shows a soft slope on frame 4 and textures on all others; before it a square on
    frame 4 that other frames do not have.
    """
    made = made or without_object(scene(8))
    part = np.s_[row - 18 : row + 18, column - 18 : column + 18]
    slope = np.linspace(0.2, 0.5, 36, dtype=np.float32)[None, :, None] * np.ones((36, 1, 3), np.float32)
    for i in range(8):
        shown = slope if i == 4 else texture(36, 36, seed=50 + i)
        made.clean[i][part] = shown
        made.plates[i][part] = shown
    square(made, row, column)
    return made


def square(made: Scene, row: int, column: int) -> None:
    """Puts an object into frame 4."""
    made.plates[4][row - 12 : row + 12, column - 12 : column + 12] = 0.9
    made.remove[4][row - 12 : row + 12, column - 12 : column + 12] = 1


def smooth_psnr(made: Scene, target: int) -> float:
    """What a smooth fill of the object alone reaches, dB."""
    inside = made.remove[target] > 0
    filled = made.plates[target].copy()
    light = np.log(np.maximum(filled, 0) + 1e-3)
    filled[inside] = (
        np.exp(
            membrane(
                light, (~cv2.dilate(inside.astype(np.uint8), np.ones((7, 7))).astype(bool)).astype(np.float32)
            )
        )[inside]
        - 1e-3
    )
    whole = made.clean[target].copy()
    whole[inside] = filled[inside]
    difference = encode8(whole).astype(float) - encode8(made.clean[target])
    return float(10 * np.log10(255**2 / max(np.square(difference[inside]).mean(), 1e-6)))


def test_where_a_smooth_fill_is_better_it_is_taken():
    made = changing_screen(75, 60)
    filled = made.fill(4)
    assert filled.figures["given_up"] == 1
    assert filled.borrowed.max() == 0
    assert psnr(made, 4, filled) > smooth_psnr(made, 4) - 0.1


def test_where_borrowing_is_better_nothing_is_given_up():
    filled = scene(8, pan=(0, 3)).fill(4)
    assert filled.figures["given_up"] == 0
    assert filled.borrowed.max() == 1


def test_the_hidden_band_tells_how_good_a_fill_is():
    clear, noisy = (scene(8, grain=grain).fill(4).figures["ring_psnr"] for grain in (0.0, 0.2))
    assert clear > 35
    assert clear > noisy + 6


def test_each_part_of_the_hole_is_judged_on_its_own():
    made = changing_screen(75, 60)
    square(made, 75, 180)
    filled = made.fill(4)
    x0, y0, _, _ = filled.box
    assert filled.borrowed[75 - y0, 180 - x0] == 1
    assert filled.borrowed[75 - y0, 60 - x0] == 0


def painted_scene() -> Scene:
    """A square that never moves, so that no frame shows what is behind it."""
    return scene(8, speed=(0.0, 0.0), start=(60.0, 100.0))


def test_a_clean_plate_of_the_frame_itself_is_taken_as_it_is():
    made = painted_scene()
    made.painted[4] = made.clean[4].copy()
    filled = made.fill(4)
    inside = made.remove[4] > 0
    np.testing.assert_allclose(result(made, 4, filled)[inside], made.clean[4][inside], rtol=0.02, atol=2e-3)
    assert filled.synthesised[made_inside(made, filled, 4)].max() == 0


def test_a_clean_plate_of_one_frame_serves_the_others():
    made = scene(8, pan=(0, 3), speed=(0.0, -3.0), start=(60.0, 120.0))
    assert made.fill(6).synthesised.max() > 0.9
    made.painted[1] = made.clean[1].copy()
    assert psnr(made, 6, made.fill(6)) > 30


def test_a_clean_plate_is_preferred_to_what_other_frames_show():
    made = scene(8)
    made.painted[4] = np.full_like(made.clean[4], 0.3)
    shown = result(made, 4, made.fill(4))[made.remove[4] > 0]
    # Its light is brought to the frame's, its texture is not the wall's.
    assert shown.std(axis=0).max() < 0.5 * made.clean[4][made.remove[4] > 0].std(axis=0).max()


def test_where_a_clean_plate_has_no_samples_the_engine_fills_as_without():
    made, plain = scene(8), scene(8).fill(4)
    made.painted[4] = np.full_like(made.clean[4], np.nan)
    filled = made.fill(4)
    np.testing.assert_array_equal(filled.colour, plain.colour)


def made_inside(made: Scene, filled, target: int) -> np.ndarray:
    """The object's pixels in the fill's own box."""
    x0, y0, x1, y1 = filled.box
    return made.remove[target][y0:y1, x0:x1] > 0


@pytest.mark.parametrize("frames", [1, 2])
def test_too_few_frames_give_no_verdict(frames):
    figures = scene(frames, speed=(0.0, 0.0)).fill(0).figures
    assert figures.get("given_up", 0.0) == 0
