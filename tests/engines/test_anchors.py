# SPDX-License-Identifier: Apache-2.0
"""Frames matched directly to an anchor: motion that is chained pair by pair does not drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from tests.engines.odd_shots import Camera, crossing, shot
from tests.engines.scenes import Measured, Scene, psnr
from void_server.engines.cleanplate import (
    SPAN,
    Anchoring,
    CleanplateSettings,
    anchor_span,
    anchored,
    camera,
    fill_frame,
    settle_pair,
)
from void_server.engines.cleanplate.anchors import CELL, loop_correction, matrix_root, share_out
from void_server.engines.cleanplate.tracks import sample

SIZE = (180, 320)
SETTINGS = CleanplateSettings()
UNIT = SIZE[1] / 960
DRIFT = Camera(pan=(0.13, 0.37))


def seen_by(camera_: Camera, frames: int, grain: float = 0.0) -> Measured:
    made = shot(
        frames, size=SIZE, camera=camera_, grain=grain, squares=crossing(SIZE, side=0.2, speed=0.8 / frames)
    )
    return made.reader(SETTINGS).measured


def carried(measured: Measured, anchors: bool) -> np.ndarray:
    """(N, 2): how far a slow drift's chain carries places of frame 0 that stay in the picture, off from the truth."""
    rows, columns = np.mgrid[30:150:4, 40:280:4]
    places = start = np.stack([columns.ravel(), rows.ravel()], axis=-1).astype(np.float32)
    pairs = len(measured.frames) - 1
    for span in range(0, pairs, SPAN):
        found = anchor_span(span, measured) if anchors else None
        for i in range(span, min(span + SPAN, pairs)):
            pair = measured.motion(i)
            field = (pair if found is None else anchored(pair, found.corrections[i - span])).forward
            places = camera.apply(field.matrix, places + sample(field.residual.astype(np.float32), places))
    return np.asarray(places - start + np.array(DRIFT.pan[::-1]) * pairs)


@pytest.mark.parametrize("grain", [0.0, 0.05])
def test_a_slow_drift_is_followed_over_48_frames(grain):
    measured = seen_by(DRIFT, 49, grain)
    chained, direct = (np.median(np.hypot(*carried(measured, on).T)) for on in (False, True))
    assert chained > 0.3
    assert direct < chained / 3


def test_what_is_borrowed_from_far_is_worth_decibels():
    """An object that creeps hides each place for about thirty frames."""
    made = shot(41, size=SIZE, camera=DRIFT, squares=lambda i: [(70, 100 + 1.4 * i, 40, 40)])
    settings = CleanplateSettings(grain=False)
    anchored_, chained = made.reader(settings), made.reader(settings)
    chained.motions = {i: settle_pair(i, chained.measured) for i in range(40)}
    found, without = (psnr(made, 20, fill_frame(20, reader, settings)) for reader in (anchored_, chained))
    assert found > without + 3


def test_the_way_back_is_corrected_with_the_way_there():
    measured = seen_by(DRIFT, SPAN + 1)
    found = anchor_span(0, measured)
    assert found.model != "identity"
    for i, correction in enumerate(found.corrections):
        pair = anchored(measured.motion(i), correction)
        product = pair.forward.matrix @ pair.backward.matrix
        np.testing.assert_allclose(product / product[2, 2], np.eye(3), atol=1e-9)
        np.testing.assert_array_equal(pair.backward.residual, measured.motion(i).backward.residual)


@pytest.mark.parametrize("grain", [0.0, 0.02, 0.08])
def test_a_camera_at_rest_is_left_bit_by_bit(grain):
    measured = seen_by(Camera(), SPAN + 1, grain)
    found = anchor_span(0, measured)
    assert found.model == "identity"
    assert found.features > 100
    np.testing.assert_array_equal(found.corrections, np.tile(np.eye(3), (SPAN, 1, 1)))
    pair = measured.motion(3)
    assert anchored(pair, found.corrections[3]) is pair


@pytest.mark.parametrize("at", [3, 6, 11])
def test_there_is_no_correction_across_a_cut(at):
    made, other = (shot(SPAN + 1, size=SIZE, camera=DRIFT, seed=seed) for seed in (1, 2))
    cut = Scene(made.plates[:at] + other.plates[at:], made.clean, made.remove, made.affected, made.keep)
    found = anchor_span(0, cut.reader(SETTINGS).measured)
    assert found.model == "identity"
    assert (found.corrections == np.eye(3)).all()


def test_a_scene_without_texture_needs_none():
    made = shot(4, size=SIZE, world=np.full((400, 400, 3), 0.2, np.float32))
    assert anchor_span(0, made.reader(SETTINGS).measured).model == "identity"


def test_the_last_span_ends_with_the_shot():
    measured = seen_by(DRIFT, SPAN + 4)
    assert anchor_span(SPAN, measured).corrections.shape == (3, 3, 3)


def test_a_single_pair_is_no_chain():
    found = anchor_span(SPAN, seen_by(DRIFT, SPAN + 2))
    assert found.features == 0
    np.testing.assert_array_equal(found.corrections, np.eye(3)[None])


def test_an_anchoring_survives_storage():
    found = anchor_span(0, seen_by(DRIFT, SPAN + 1))
    again = Anchoring.from_arrays(load(save(found.to_arrays())))
    assert (again.model, again.features, again.drift) == (found.model, found.features, found.drift)
    np.testing.assert_array_equal(again.corrections, found.corrections)


def loop(error, count: int = 300, noise: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """Places where a chain arrives, and where a direct match does: off by an error that depends on the place."""
    random = np.random.default_rng(3)
    places = random.uniform(0, (SIZE[1], SIZE[0]), (count, 2)).astype(np.float32)
    return places, (places + error(places) + random.normal(0, noise, places.shape)).astype(np.float32)


def test_a_shift_is_corrected_by_a_shift_alone():
    chained, direct = loop(lambda p: np.array([0.3, -0.1]))
    matrix, model = loop_correction(chained, direct, 300, SIZE, UNIT)
    assert model == "translation"
    np.testing.assert_allclose(matrix, [[1, 0, 0.3], [0, 1, -0.1], [0, 0, 1]], atol=0.02)


def test_a_stretch_is_corrected_by_an_affine_motion():
    chained, direct = loop(lambda p: p * 0.004)
    matrix, model = loop_correction(chained, direct, 300, SIZE, UNIT)
    assert model == "affine"
    np.testing.assert_allclose(matrix, [[1.004, 0, 0], [0, 1.004, 0], [0, 0, 1]], atol=0.03)


def test_a_third_of_the_features_on_something_that_moves_has_no_part():
    chained, direct = loop(lambda p: np.where(p[:, :1] < SIZE[1] / 3, [[3.0, 2.0]], [[0.2, 0.0]]))
    matrix, _ = loop_correction(chained, direct, 300, SIZE, UNIT)
    np.testing.assert_allclose(camera.apply(matrix, np.float32([[200, 90]])), [[200.2, 90]], atol=0.05)


def test_errors_of_single_surfaces_are_not_spread_over_the_picture():
    cell = CELL * UNIT
    of_surfaces = np.random.default_rng(7).normal(0, 0.3, (9, 12, 2))

    def error(places):
        column, row = (places / cell).astype(int).T
        return 0.1 + of_surfaces[row, column]

    chained, direct = loop(error, count=600)
    assert loop_correction(chained, direct, 600, SIZE, UNIT)[1] == "identity"


@pytest.mark.parametrize(
    ("error", "count", "followed"),
    [
        pytest.param(lambda p: 0 * p, 300, 300, id="nothing is missed"),
        pytest.param(lambda p: 0 * p + 0.01, 300, 300, id="less than anyone sees"),
        pytest.param(lambda p: 0 * p + 0.3, 39, 39, id="too few features"),
        pytest.param(lambda p: 0 * p + 0.3, 100, 300, id="most features were not found again"),
        pytest.param(
            lambda p: np.random.default_rng(4).normal(0.3, 2, p.shape), 300, 300, id="they agree on nothing"
        ),
    ],
)
def test_there_is_no_correction_where(error, count, followed):
    chained, direct = loop(error, count)
    matrix, model = loop_correction(chained, direct, followed, SIZE, UNIT)
    assert model == "identity"
    np.testing.assert_array_equal(matrix, np.eye(3))


small = st.floats(-0.02, 0.02)
shift = st.floats(-40, 40)


def matrix_of(a: float, b: float, c: float, d: float, x: float, y: float) -> np.ndarray:
    return np.array([[1 + a, b, x], [c, 1 + d, y], [0, 0, 1]])


affine = st.builds(matrix_of, small, small, small, small, shift, shift)


@st.composite
def homographies(draw) -> np.ndarray:
    matrix = draw(affine)
    matrix[2, :2] = draw(st.floats(-1e-5, 1e-5)), draw(st.floats(-1e-5, 1e-5))
    return matrix


@given(affine, st.integers(1, SPAN))
def test_a_root_multiplied_to_its_degree_is_the_whole(whole, degree):
    np.testing.assert_allclose(
        np.linalg.matrix_power(matrix_root(whole, degree), degree), whole, rtol=1e-9, atol=1e-9
    )


@given(affine, st.lists(homographies(), min_size=1, max_size=SPAN))
def test_shares_multiply_to_the_whole_at_the_end_of_the_chain(whole, chain):
    corrected = chained = np.eye(3)
    for share, matrix in zip(share_out(whole, chain), chain, strict=True):
        corrected, chained = share @ matrix @ corrected, matrix @ chained
    want = whole @ chained
    np.testing.assert_allclose(corrected / corrected[2, 2], want / want[2, 2], rtol=1e-6, atol=1e-6)


def test_each_share_is_small():
    shares = share_out(matrix_of(0, 0, 0, 0, 1.2, 0), [matrix_of(0, 0, 0, 0, 5.0, 0)] * SPAN)
    np.testing.assert_allclose(shares[:, 0, 2], 0.1, atol=1e-9)
