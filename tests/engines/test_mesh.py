# SPDX-License-Identifier: Apache-2.0
"""Motion of scenes whose depths move so differently that neither a camera model nor flow alone follows them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from tests.engines.scenes import Scene, psnr
from void_server.engines.cleanplate import CleanplateSettings, PairMotion, camera, fill_frame
from void_server.engines.cleanplate.arrays import pixel_grid
from void_server.engines.cleanplate.mesh import (
    LONG,
    SHORT,
    Features,
    Mesh,
    fit_mesh,
    motion_at,
    motion_of_pixels,
    vertex_motion,
)

SIZE = (270, 480)
SETTINGS = CleanplateSettings()
ABOVE, BELOW = -60.0, 60.0
"""Pixels a frame by which what is above and what is below passes, as seen from a train beside a wall and a fence."""
FRAMES = 4


def picture_like(height: int, width: int) -> np.ndarray:
    """(height, width, 3) float32 in 0.05..0.8, whose coarse detail has more contrast than its fine detail."""
    random, total = np.random.default_rng(3), np.zeros((height, width, 3), np.float32)
    for cell in (3, 7, 17, 41, 97):
        grid = random.random((height // cell + 3, width // cell + 3, 3)).astype(np.float32)
        total += cell**0.35 * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    total -= total.min()
    return np.asarray(0.05 + 0.75 * total / total.max(), np.float32)


def speeds_of_rows() -> np.ndarray:
    """(h,) pixels a frame: two depths with a smooth bend between."""
    part = np.clip((np.arange(SIZE[0]) - SIZE[0] / 2) / 160 + 0.5, 0, 1)
    return ABOVE + (BELOW - ABOVE) * part * part * (3 - 2 * part)


def train() -> Scene:
    """A shot of what passes, with two removed squares, above and below, that cross it."""
    height, width = SIZE
    speed = speeds_of_rows()
    start = int(np.abs(speed).max()) * FRAMES
    world, made = picture_like(height, 2 * start + width + 1), Scene([], [], [], [], [])
    rows = np.repeat(np.arange(height, dtype=np.float32)[:, None], width, axis=1)
    for i in range(FRAMES):
        shown = (np.arange(width) + start - i * speed[:, None]).astype(np.float32)
        clean = np.maximum(cv2.remap(world, shown, rows, cv2.INTER_CUBIC), 0)
        plate, remove = clean.copy(), np.zeros(SIZE, np.float32)
        for top in (20, 210):
            square = slice(top, top + 40), slice(220, 260)
            plate[square] = (0.9, 0.1, 0.1)
            remove[square] = 1
        made.plates.append(plate)
        made.clean.append(clean)
        made.remove.append(remove)
        made.affected.append(np.zeros(SIZE, np.float32))
        made.keep.append(np.zeros(SIZE, np.float32))
    return made


def error_of(pair: PairMotion) -> np.ndarray:
    """Error of the motion, pixels, where both frames show the place."""
    speed, grid = speeds_of_rows()[:, None], pixel_grid(SIZE)
    found = camera.apply(pair.forward.matrix, grid + pair.forward.residual.astype(np.float32)) - grid
    arrives = grid[..., 0] + speed
    error = np.hypot(found[..., 0] - speed, found[..., 1])
    return np.asarray(error[(arrives > 5) & (arrives < SIZE[1] - 5)])


@pytest.fixture
def no_mesh(monkeypatch):
    monkeypatch.setattr(camera, "fit_mesh", lambda *_: None)


def fill_quality(made: Scene) -> float:
    return psnr(made, 1, fill_frame(1, made.reader(SETTINGS), SETTINGS))


def test_depths_that_pass_too_fast_for_flow_are_led_by_a_mesh():
    pair = train().reader(SETTINGS).measured.motion(1)
    assert pair.model == "mesh"
    assert pair.inliers > 0.4
    assert np.percentile(error_of(pair), 90) < 4
    assert pair.forward.valid.mean() > 0.6


def test_without_the_mesh_they_are_lost(no_mesh):
    pair = train().reader(SETTINGS).measured.motion(1)
    assert pair.model == "identity"
    assert np.percentile(error_of(pair), 90) > 8


def test_a_mesh_is_worth_decibels_in_the_fill(request):
    with_mesh = fill_quality(train())
    request.getfixturevalue("no_mesh")
    assert with_mesh > fill_quality(train()) + 2


def test_a_mesh_that_does_not_bring_the_pictures_together_is_not_taken(monkeypatch):
    made = train()
    wrong = Mesh(*(np.full((SHORT, LONG, 2), 70, np.float32) for _ in range(2)), explained=1.0)
    monkeypatch.setattr(camera, "fit_mesh", lambda *_: wrong)
    assert made.reader(SETTINGS).measured.motion(1).model == "identity"


def features(motion: Callable[[np.ndarray], np.ndarray], count: int = 1200, seed: int = 4) -> Features:
    """Features at random places of the picture that move as a function of their place."""
    places = np.random.default_rng(seed).uniform(0, np.array(SIZE[::-1]) - 1, (count, 2)).astype(np.float32)
    return Features(places, np.asarray(motion(places), np.float32))


def bent(places: np.ndarray) -> np.ndarray:
    """30 pixels to the right on the left side, fewer to the middle, none beyond."""
    right = 30 * np.clip(1 - places[..., 0] / 240, 0, 1)
    return np.stack([right, 0 * right], axis=-1)


def opposite(found: Features) -> Features:
    return Features(found.places + found.motion, -found.motion)


def test_the_mesh_follows_a_smooth_bend():
    found = features(bent)
    mesh = fit_mesh(found, opposite(found), SIZE, 0.5)
    assert mesh is not None
    grid = pixel_grid(SIZE)
    assert (
        np.percentile(np.hypot(*np.moveaxis(motion_of_pixels(mesh.ahead, SIZE) - bent(grid), -1, 0)), 95) < 2
    )


def test_a_fifth_of_wild_features_does_not_bend_it():
    wild = np.random.default_rng(5)
    found = features(
        lambda p: np.where(wild.random((len(p), 1)) < 0.2, wild.uniform(-90, 90, p.shape), bent(p))
    )
    vertices = vertex_motion(found, SIZE)
    assert vertices is not None
    middle = motion_at(vertices, np.array([[60, 135], [180, 135], [400, 135]], np.float32), SIZE)
    np.testing.assert_allclose(middle, [[22.5, 0], [7.5, 0], [0, 0]], atol=2)


def test_where_no_feature_is_near_the_motion_goes_on_smoothly():
    found = features(lambda p: np.full(p.shape, 20.0))
    left = found.places[:, 0] < 150
    vertices = vertex_motion(Features(found.places[left], found.motion[left]), SIZE)
    assert vertices is not None
    np.testing.assert_allclose(vertices, 20, atol=1e-3)


def test_vertices_stand_on_the_picture_s_border_along_its_longer_side():
    found = features(lambda p: np.full(p.shape, 20.0))
    upright = Features(found.places[:, ::-1].copy(), found.motion)
    for of, size, shape in ((found, SIZE, (SHORT, LONG, 2)), (upright, SIZE[::-1], (LONG, SHORT, 2))):
        vertices = vertex_motion(of, size)
        assert vertices is not None and vertices.shape == shape


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(features(lambda p: np.full(p.shape, 5.0)), id="flow follows by itself"),
        pytest.param(features(bent, count=39), id="too few features"),
        pytest.param(features(bent, count=0), id="none at all"),
        pytest.param(
            features(lambda p: np.random.default_rng(6).uniform(-90, 90, p.shape)), id="they agree on nothing"
        ),
    ],
)
def test_there_is_no_mesh_where(found):
    assert fit_mesh(found, opposite(found), SIZE, 0.5) is None
