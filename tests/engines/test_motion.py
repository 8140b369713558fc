# SPDX-License-Identifier: Apache-2.0
"""Motion of the background between two frames: measured away from the object, extended under it, checked both ways."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from safetensors.numpy import load, save

from tests.engines.scenes import Scene, scene, texture
from void_server.engines.cleanplate import CleanplateSettings, PairMotion, ProxyFrame, estimate_pair
from void_server.engines.cleanplate.arrays import pixel_grid
from void_server.engines.cleanplate.camera import apply, estimate_camera
from void_server.engines.cleanplate.proxy import GUARD
from void_server.errors import InvalidInput

SETTINGS = CleanplateSettings()


def pair(made: Scene, first: int = 4) -> tuple[ProxyFrame, ProxyFrame, PairMotion]:
    reader = made.reader(SETTINGS)
    return reader.proxy(first), reader.proxy(first + 1), reader.motion(first)


def travel(motion: PairMotion) -> np.ndarray:
    """(h, w, 2): how far each pixel moves forward."""
    start = pixel_grid(motion.forward.valid.shape)
    return apply(motion.forward.matrix, start + motion.forward.residual.astype(np.float32)) - start


@pytest.mark.parametrize("pan", [(0.0, 3.5), (-2.25, 1.5), (0.4, 0.0)])
def test_a_pan_is_measured_to_a_tenth_of_a_pixel_under_the_object_too(pan):
    _, _, motion = pair(scene(pan=pan))
    error = np.hypot(*np.moveaxis(travel(motion) + np.array(pan[::-1]), -1, 0))
    assert np.percentile(error[10:-10, 10:-10], 99) < 0.1


def test_a_zoom_is_measured():
    _, _, motion = pair(scene(zoom=1.02))
    centre = np.array([120, 75])
    want = (pixel_grid((150, 240)) - centre) * 0.02
    error = np.hypot(*np.moveaxis(travel(motion) - want, -1, 0))
    assert np.percentile(error[10:-10, 10:-10], 95) < 0.15


def test_a_camera_that_stands_still_is_recognised_through_grain():
    _, _, motion = pair(scene(grain=0.06))
    assert motion.model == "identity"
    assert (travel(motion) == 0).all()
    assert motion.forward.valid.all()


def test_the_objects_own_motion_does_not_count():
    _, _, motion = pair(scene(square=60, start=(40.0, 20.0)))
    assert np.abs(travel(motion)).max() < 0.1


def test_a_change_of_exposure_does_not_count():
    _, _, motion = pair(scene(pan=(0.0, 2.0), exposure=[1, 1, 1, 1, 1, 1.5, 1, 1, 1, 1, 1, 1]))
    error = np.hypot(*np.moveaxis(travel(motion) + np.array([2.0, 0.0]), -1, 0))
    assert np.percentile(error[10:-10, 10:-10], 95) < 0.15


def test_forward_and_backward_undo_each_other():
    _, _, motion = pair(scene(pan=(1.0, 2.0), zoom=1.01))
    product = motion.forward.matrix @ motion.backward.matrix
    np.testing.assert_allclose(product / product[2, 2], np.eye(3), atol=1e-6)
    assert np.median(motion.forward.error) < 0.1


def test_what_leaves_the_frame_is_not_valid():
    _, _, motion = pair(scene(pan=(0.0, 6.0)))
    assert not motion.forward.valid[:, :5].any()
    assert motion.forward.valid[10:-10, 12:-10].all()
    assert not motion.backward.valid[:, -5:].any()


def test_parallax_that_no_homography_explains_is_found_by_flow():
    made = scene()
    near = texture(450, 720, seed=7)
    for i, plate in enumerate(made.plates):
        plate[100:] = near[100:150, 200 + 3 * i : 440 + 3 * i]
        made.remove[i][:] = 0
    _, _, motion = pair(made)
    moved = travel(motion)
    assert np.median(moved[110:140, 20:-20, 0]) == pytest.approx(-3, abs=0.3)
    assert np.median(moved[10:85, 20:-20, 0]) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("level", [0.0, 0.18])
def test_a_frame_without_texture_is_taken_to_stand_still(level):
    made = scene(2)
    made.plates = [np.full_like(plate, level) for plate in made.plates]
    _, _, motion = pair(made, 0)
    assert motion.model == "identity"
    assert (travel(motion) == 0).all()


def test_a_guard_over_the_whole_frame_gives_a_finite_motion():
    made = scene(2)
    made.remove = [np.ones_like(matte) for matte in made.remove]
    first, _, motion = pair(made, 0)
    assert first.where(GUARD).all()
    assert np.isfinite(travel(motion)).all()


def test_cuts_give_a_finite_motion():
    made = scene(2)
    made.plates[1] = cv2.flip(texture(150, 240, seed=9), 1)
    _, _, motion = pair(made, 0)
    assert np.isfinite(travel(motion)).all()


def test_two_sizes_in_one_shot_are_refused_by_name():
    one = scene(1).reader(SETTINGS).proxy(0)
    two = scene(1, size=(100, 100)).reader(SETTINGS).proxy(0)
    with pytest.raises(InvalidInput, match=r"\(150, 240\) and \(100, 100\)"):
        estimate_pair(one, two, SETTINGS)


def test_a_motion_survives_storage():
    _, _, motion = pair(scene(pan=(0.0, 2.0)))
    again = PairMotion.from_arrays(load(save(motion.to_arrays())))
    assert (again.model, again.features, again.inliers) == (motion.model, motion.features, motion.inliers)
    for name, array in motion.to_arrays().items():
        np.testing.assert_array_equal(array, again.to_arrays()[name])
        assert array.dtype == again.to_arrays()[name].dtype


@pytest.mark.parametrize("blind", ["first", "second"])
def test_features_count_only_where_both_frames_are_trusted(blind):
    made = scene(2, pan=(0.0, 3.0))
    one, two = (cv2.cvtColor(made.reader(SETTINGS).proxy(i).picture, cv2.COLOR_RGB2GRAY) for i in (0, 1))
    all_, none = np.ones(one.shape, bool), np.zeros(one.shape, bool)
    trusted = (none, all_) if blind == "first" else (all_, none)
    found = estimate_camera(one, two, *trusted, 1.0)
    assert (found.model, found.features) == ("identity", 0)


def test_a_few_features_give_a_similarity():
    flat = np.full((200, 300), 90, np.uint8)
    dots = np.random.default_rng(2).integers(20, 170, (14, 2))
    for row, column in dots:
        flat[row : row + 6, column : column + 6] = 200
    moved = cv2.warpAffine(flat, np.float64([[1, 0, 2], [0, 1, -1]]), (300, 200), borderValue=90)
    everywhere = np.ones(flat.shape, bool)
    everywhere[:, 90:] = False
    found = estimate_camera(flat, moved, everywhere, np.ones(flat.shape, bool), 0.3)
    assert 8 <= found.features < 40
    assert found.model == "similarity"
    np.testing.assert_allclose(found.matrix[:2, 2], (2, -1), atol=0.1)
