# SPDX-License-Identifier: Apache-2.0
"""Each figure is ideal for the truth, and goes the right way for the one defect that it is there for."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from benchmarks.quality import metrics
from benchmarks.quality.figures import COLUMNS, changes, measure, table
from benchmarks.quality.grain import grain_everywhere
from benchmarks.quality.reference import contour, flow_between, reference, warped
from benchmarks.quality.scores import view
from benchmarks.quality.shots import Shot
from tests.engines.scenes import scene, texture

GRAIN = 0.04


def shot_of(*, grain: float = 0.0) -> Shot:
    made = scene(
        5, shadow=True, size=(120, 170), square=36, start=(30.0, 10.0), speed=(0.0, 20.0), pan=(0.0, 2.0)
    )
    random = np.random.default_rng(7)
    plates = [
        (p * (1 + grain * random.standard_normal(p.shape, np.float32))).astype(np.float32)
        for p in made.plates
    ]
    return Shot("made", list(range(5)), plates, made.clean, made.remove, made.affected)


@pytest.fixture(scope="module")
def shot():
    return shot_of()


@pytest.fixture(scope="module")
def known(shot):
    return reference(shot)


@pytest.fixture(scope="module")
def grained_shot():
    return shot_of(grain=GRAIN)


@pytest.fixture(scope="module")
def grained(grained_shot):
    return reference(grained_shot)


def in_hole(known, change):
    """The truth, with `change(picture, frame)` in the hole."""
    return [
        np.where(mask[..., None], change(picture, i), picture).astype(np.float32)
        for i, (picture, mask) in enumerate(zip(known.truth, known.hole, strict=True))
    ]


def blurred(picture, _frame):
    return cv2.GaussianBlur(picture, (0, 0), 2.5)


def test_the_truth_has_the_ideal_figures(shot, known):
    got = measure(shot, known, known.truth)
    for key in ("object", "affected", "both", "low"):
        assert got[key] == pytest.approx(120)
    for key in ("ssim", "warp", "hf", "seam"):
        assert got[key] == pytest.approx(1, abs=1e-3)
    for key in ("flicker", "residual", "object_left", "effect_left"):
        assert got[key] == pytest.approx(0, abs=1e-3)


def test_the_plate_has_all_of_the_object_and_of_its_effect(shot, known):
    got = measure(shot, known, known.plates)
    assert got["residual"] == pytest.approx(1, abs=0.01)
    assert got["object_left"] == pytest.approx(1, abs=0.01)
    assert got["effect_left"] == pytest.approx(1, abs=0.01)
    assert got["warp"] > 5


def test_new_grain_like_the_plates_is_as_good_as_the_truth_except_for_psnr(grained_shot, grained):
    """The point of the ratios: right grain that is not the truth's grain costs PSNR and nothing else."""
    random = np.random.default_rng(99)
    again = [view(c * (1 + GRAIN * random.standard_normal(c.shape, np.float32))) for c in grained_shot.clean]
    got = measure(grained_shot, grained, again)
    without = measure(grained_shot, grained, grained.truth)
    assert got["hf"] == pytest.approx(1, abs=0.1)
    assert got["warp"] == pytest.approx(1, abs=0.1)
    assert got["seam"] == pytest.approx(1, abs=0.1)
    assert abs(got["residual"]) < 0.1
    assert got["flicker"] < 0.005
    assert got["both"] < without["both"] - 20
    assert got["low"] > got["both"] + 8
    assert without["hf"] < 0.98
    assert without["warp"] < 0.5


def test_a_blur_lowers_the_high_ratio_and_hardly_the_low_band(known):
    soft = in_hole(known, blurred)
    assert metrics.high_ratio(soft, known.grained, known.hole) < 0.3
    full = [
        metrics.low_psnr(p, known.truth, known.hole) for p in (soft, in_hole(known, lambda p, _: p + 0.1))
    ]
    assert full[0] > full[1]


def test_a_lost_grain_on_a_flat_wall_is_not_drowned_by_an_edge_elsewhere():
    random = np.random.default_rng(0)
    wall = np.full((64, 64, 3), 0.4, np.float32)
    wall[:, 40:44] = 0.9
    grainy = (wall + 0.02 * random.standard_normal(wall.shape)).astype(np.float32)
    whole = [np.ones((64, 64), bool)]
    assert metrics.high_ratio([wall], [grainy], whole) < 0.3


def test_noise_that_is_new_in_every_frame_raises_the_warp_ratio(known):
    random = np.random.default_rng(3)
    noise = [0.05 * random.standard_normal(p.shape) for p in known.truth]
    assert (
        metrics.warp_ratio(in_hole(known, lambda p, i: p + noise[i]), known.grained, known.flows, known.hole)
        > 2
    )


def test_a_still_blur_lowers_the_warp_ratio_of_a_grained_shot(grained):
    soft = [cv2.GaussianBlur(p, (0, 0), 4) for p in grained.truth]
    assert metrics.warp_ratio(soft, grained.grained, grained.flows, grained.hole) < 0.5


def test_steps_of_level_are_flicker_and_a_steady_error_is_none(known):
    steps = [0.0, 0.05, -0.05, 0.05, 0.0]
    lit = lambda by: in_hole(known, lambda p, i: view(metrics.light(p) * 2 ** by[i]))  # noqa: E731
    assert metrics.flicker(lit(steps), known.truth, known.hole) == pytest.approx(np.std(steps), rel=0.05)
    assert metrics.flicker(lit([0.3] * 5), known.truth, known.hole) < 0.005


@pytest.mark.parametrize("grow", [0, 3])
def test_a_visible_seam_raises_the_seam_ratio_wherever_the_fill_ends(known, grow):
    grown = [cv2.dilate(m.astype(np.uint8), np.ones((2 * grow + 1,) * 2)) > 0 for m in known.hole]
    stepped = [
        np.where(mask[..., None], picture + 0.15, picture).astype(np.float32)
        for picture, mask in zip(known.truth, grown, strict=True)
    ]
    assert metrics.seam_ratio(stepped, known.grained, known.contours) > 1.5


def test_a_smear_along_the_contour_lowers_the_seam_ratio(known):
    smeared = [
        np.where((np.abs(lines[0].distance) < 3)[..., None], cv2.GaussianBlur(picture, (0, 0), 4), picture)
        for picture, lines in zip(known.truth, known.contours, strict=True)
    ]
    assert metrics.seam_ratio(smeared, known.grained, known.contours) < 0.75


def residual(known, pictures):
    return metrics.residual_object(pictures, known.truth, known.plates, known.roto, known.affected)


def test_a_ghost_is_found_and_measured(known):
    ghost = in_hole(known, lambda p, i: p + 0.2 * (known.plates[i] - p))
    correlation, left = residual(known, ghost)
    assert correlation > 0.9
    assert left == pytest.approx(0.2, abs=0.02)


def test_a_ghost_that_no_monitor_shows_leaves_nothing(known):
    correlation, left = residual(known, in_hole(known, lambda p, i: p + 0.001 * (known.plates[i] - p)))
    assert left < 0.002
    assert correlation < 0.5


def test_a_blur_or_a_wrong_level_is_no_ghost_though_plain_correlations_say_so(known):
    soft = in_hole(known, blurred)
    object_mask = known.object[2]
    difference = [(p[2] - known.truth[2])[object_mask].ravel() for p in (soft, known.plates)]
    assert np.corrcoef(*difference)[0, 1] > 0.3
    assert abs(residual(known, soft)[0]) < 0.15
    bright = [p + np.float32(0.05) for p in known.truth]
    assert abs(residual(known, bright)[0]) < 0.05


def test_half_a_shadow_is_half_an_effect(known):
    half = in_hole(known, lambda p, i: view(np.sqrt(metrics.light(known.plates[i]) * metrics.light(p))))
    assert metrics.effect_left(half, known.truth, known.plates, known.affected) == pytest.approx(
        0.5, abs=0.02
    )


def test_light_undoes_the_view():
    values = np.array([0.0, 0.001, 0.18, 1.0, 30.0], np.float32)
    np.testing.assert_allclose(metrics.light(view(values)), values, rtol=2e-3, atol=1e-6)


def test_ranks_follow_the_order_and_not_the_size():
    assert metrics.rank_correlation([1, 2, 3, 50], [0.1, 0.2, 0.9, 1.0]) == pytest.approx(1)
    assert metrics.rank_correlation([1, 2, 2, 3], [4, 3, 3, 1]) == pytest.approx(-1)
    assert math.isnan(metrics.rank_correlation([1, 1, 1], [1, 2, 3]))
    assert math.isnan(metrics.rank_correlation([1, 2], [1, 2]))


def test_an_empty_hole_has_no_figures(shot):
    nothing = [np.zeros_like(m) for m in shot.remove]
    empty = Shot("empty", shot.numbers, shot.clean, shot.clean, nothing, nothing)
    known = reference(empty)
    got = measure(empty, known, known.truth)
    assert all(math.isnan(value) for value in got.values())
    assert len(table({"row": {figure.key: None for figure in COLUMNS}})) == 3


def test_grain_is_borrowed_with_the_strength_of_the_level_and_is_new_in_each_frame():
    random = np.random.default_rng(5)
    ramp = np.broadcast_to(np.linspace(0.1, 0.9, 160, dtype=np.float32)[None, :, None], (120, 160, 3))
    noisy = [(ramp * (1 + 0.1 * random.standard_normal(ramp.shape))).astype(np.float32) for _ in range(2)]
    mask = np.ones((120, 160), bool)
    mask[40:80, 40:120] = False
    one, two = grain_everywhere(noisy, [ramp, ramp], [mask, mask])
    np.testing.assert_array_equal(one[mask], (noisy[0] - ramp)[mask])
    for columns in (slice(40, 60), slice(100, 120)):
        inside = one[40:80, columns]
        assert inside.std() == pytest.approx(0.1 * float(ramp[40:80, columns].mean()), rel=0.15)
    assert abs(np.corrcoef(one[~mask].ravel(), two[~mask].ravel())[0, 1]) < 0.05


def test_grain_with_nothing_known_is_none():
    picture = texture(20, 30)
    (grain,) = grain_everywhere([picture], [picture * 2], [np.zeros((20, 30), bool)])
    assert not grain.any()


def test_the_flow_follows_the_picture_and_knows_where_it_leaves():
    picture = view(texture(100, 140))
    one, two = picture[:, 3:133], picture[:, :130]
    flow = flow_between(np.ascontiguousarray(one), np.ascontiguousarray(two))
    assert np.median(flow.vectors[..., 0]) == pytest.approx(3, abs=0.2)
    assert not flow.valid[:, -2:].any()
    assert flow.valid[20:80, 20:100].mean() > 0.9
    error = warped(np.ascontiguousarray(two), flow.vectors) - one
    assert np.abs(error[20:80, 20:100]).mean() < 0.02


def test_a_contour_has_a_side_and_a_direction():
    mask = np.zeros((30, 40), bool)
    mask[:, :20] = True
    line = contour(mask)
    np.testing.assert_allclose(line.distance[15, 17:23], [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], atol=1e-5)
    np.testing.assert_allclose(line.normal[15, 20], [1, 0], atol=1e-3)
    assert np.isinf(contour(np.ones((4, 4), bool)).distance).all()


def test_changes_are_named_in_the_direction_that_is_worse():
    old = {"both": 30.0, "seam": 1.03, "hf": 0.7, "flicker": 0.01, "low": 36.0, "effect_left": -0.02}
    new = {"both": 29.95, "seam": 1.21, "hf": 0.9, "flicker": 0.02, "low": None, "effect_left": 0.08}
    worse, better = changes(old, new)
    assert worse == [
        "low 36.00 -> -",
        "seam 1.03 -> 1.21",
        "flicker 0.010 -> 0.020",
        "effect_left -2.0 -> 8.0",
    ]
    assert better == ["hf 0.70 -> 0.90"]


def test_a_ratio_below_one_is_as_bad_as_its_inverse():
    assert changes({"warp": 1.25}, {"warp": 0.8}) == ([], [])
    assert changes({"warp": 0.95}, {"warp": 0.6})[0] == ["warp 0.95 -> 0.60"]
