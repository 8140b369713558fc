# SPDX-License-Identifier: Apache-2.0
"""The background's motion where it is hidden, and what moves on its own."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.scenes import Reader, Scene, encode8, texture
from void_server.engines.cleanplate import (
    CleanplateSettings,
    PairMotion,
    ProxyFrame,
    prepare_frame,
    settle_pair,
)
from void_server.engines.cleanplate.arrays import pixel_grid
from void_server.engines.cleanplate.camera import apply
from void_server.engines.cleanplate.motion import FlowField

HEIGHT, WIDTH = 240, 400
WALL, POSTER = 2, 5
"""Pixels a frame by which the camera's motion shifts the two depths of `two_depths`."""


def two_depths(frames: int = 14) -> tuple[Reader, np.ndarray]:
    """A near column before a wall, a removed square that passes before both; and where the column is in frame 7."""
    wall, column = texture(HEIGHT, WIDTH + 200), texture(HEIGHT, 60, seed=3)
    plates, remove = [], []
    for frame in range(frames):
        picture = wall[:, frame * WALL : frame * WALL + WIDTH].copy()
        left = 250 - frame * POSTER
        picture[:, left : left + 60] = column
        matte = np.zeros((HEIGHT, WIDTH), np.float32)
        x = 40 + frame * 24
        matte[100:140, x : x + 40] = 1
        picture[100:140, x : x + 40] = 0.9
        plates.append(picture)
        remove.append(matte)
    nothing = [np.zeros((HEIGHT, WIDTH), np.float32)] * frames
    near = np.zeros((HEIGHT, WIDTH), bool)
    near[:, 250 - 7 * POSTER : 310 - 7 * POSTER] = True
    return Scene(plates, plates, remove, nothing, nothing).reader(CleanplateSettings()), near


def displacement(field: FlowField) -> np.ndarray:
    """(h, w, 2) by how far every pixel moves."""
    grid = pixel_grid(field.valid.shape)
    return apply(field.matrix, grid + field.residual.astype(np.float32)) - grid


def test_a_hidden_surface_keeps_the_motion_that_it_has_when_it_shows():
    reader, near = two_depths()
    # Off the column's edges, where flow passes smoothly from one depth to the other.
    hidden = (reader.scene.remove[7] > 0) & np.roll(near, 12, 1) & np.roll(near, -12, 1)
    assert hidden.sum() > 500
    measured, settled = (displacement(r.motion(7).forward)[hidden] for r in (reader.measured, reader))
    off = [float(np.median(np.abs(found[:, 0] + POSTER))) for found in (measured, settled)]
    assert off[1] < 0.5 < 1.0 < off[0]


def test_motion_away_from_the_guard_is_the_measured_one():
    reader, _ = two_depths()
    before, after = reader.measured.motion(7).forward, reader.motion(7).forward
    changed = (before.residual != after.residual).any(-1)
    assert changed.any()
    assert not changed[:, :60].any()
    np.testing.assert_array_equal(before.valid, after.valid)


def test_depth_is_not_taken_for_something_that_moves_on_its_own():
    reader, _ = two_depths()
    assert not any(reader.motion(i).forward.moving.any() for i in (2, 7, 11))


def walker(frames: int = 18) -> tuple[Reader, list[np.ndarray]]:
    """Something textured stands, then walks through a shot of a panning camera; only a far corner is removed."""
    wall, person = texture(HEIGHT, WIDTH + 200), texture(70, 40, seed=5)
    plates, masks = [], []
    for frame in range(frames):
        picture = wall[:, frame * WALL : frame * WALL + WIDTH].copy()
        left = 160 - frame * WALL + max(0, frame - 11) * 8
        picture[90:160, left : left + 40] = person
        plates.append(picture)
        mask = np.zeros((HEIGHT, WIDTH), bool)
        mask[90:160, left : left + 40] = True
        masks.append(mask)
    corner = np.zeros((HEIGHT, WIDTH), np.float32)
    corner[:12, :12] = 1
    nothing = [np.zeros((HEIGHT, WIDTH), np.float32)] * frames
    return Scene(plates, plates, [corner] * frames, nothing, nothing).reader(CleanplateSettings()), masks


def test_what_moves_on_its_own_is_told():
    reader, masks = walker()
    moving = reader.motion(13).forward.moving
    assert (moving & masks[13]).sum() / (moving | masks[13]).sum() > 0.5
    carried = reader.motion(13).backward.moving
    assert (carried & masks[14]).sum() / (carried | masks[14]).sum() > 0.5


def test_behind_what_moves_on_its_own_the_background_s_motion_is_held():
    reader, _ = walker()
    told = reader.motion(13).forward.moving
    measured, settled = (displacement(r.motion(13).forward)[told] for r in (reader.measured, reader))
    assert np.median(measured[:, 0]) > 3
    assert np.median(np.abs(settled[:, 0] + WALL)) < np.median(np.abs(measured[:, 0] + WALL)) / 3


@pytest.mark.parametrize("name", ["valid", "measured", "trusted", "moving"])
def test_each_flag_survives_storage_on_its_own(name):
    reader, _ = walker()
    pair = reader.motion(13)
    stored = PairMotion.from_arrays(pair.to_arrays())
    np.testing.assert_array_equal(getattr(stored.forward, name), getattr(pair.forward, name))
    np.testing.assert_array_equal(getattr(stored.backward, name), getattr(pair.backward, name))


def test_a_shot_of_two_frames_has_nothing_to_compare_with():
    reader, _ = two_depths(2)
    pair = settle_pair(0, reader.measured)
    assert not pair.forward.moving.any()
    np.testing.assert_array_equal(pair.forward.matrix, reader.measured.motion(0).forward.matrix)


def test_a_camera_at_rest_is_left_alone():
    picture = texture(HEIGHT, WIDTH)
    nothing = np.zeros((HEIGHT, WIDTH), np.float32)
    frame: ProxyFrame = prepare_frame(picture, nothing, nothing, nothing, encode8, CleanplateSettings())
    scene = Scene([picture] * 4, [picture] * 4, [nothing] * 4, [nothing] * 4, [nothing] * 4)
    reader = scene.reader(CleanplateSettings())
    assert reader.proxy(1).size == frame.size
    assert not reader.motion(1).forward.residual.any()
