# SPDX-License-Identifier: Apache-2.0
"""SAM2's coarse answers as mattes of the plate."""

from __future__ import annotations

import cv2
import numpy as np

from tests.segmenters.sam2_models import RedDisc
from tests.segmenters.scenes import likeness
from void_server.segmenters.flow.distance import signed_distance
from void_server.segmenters.sam2.refine import REACH, plate_logits, soft_matte

CELLS = 32


def answer(matte):
    """Logits as coarse as SAM2's, of a matte that is a little off."""
    small = cv2.resize(np.roll(matte, 3, axis=1), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return ((small - 0.5) * 12).astype(np.float32)


def large():
    scene = RedDisc(size=(270, 480), radius=60.0, speed=0.0)
    return scene.picture(0), scene.matte(0)


def test_the_edge_moves_to_that_of_the_plate():
    picture, truth = large()
    coarse = (plate_logits(answer(truth), truth.shape) > 0).astype(np.float32)
    found = likeness(soft_matte(picture, answer(truth)), truth)
    assert found > 0.96 and found > likeness(coarse, truth) + 0.03


def test_far_from_the_edge_nothing_changes():
    picture, truth = large()
    hard = plate_logits(answer(truth), truth.shape) > 0
    far = np.abs(signed_distance(hard)) >= REACH * 480 / CELLS
    assert np.array_equal(soft_matte(picture, answer(truth))[far], hard[far].astype(np.float32))


def test_the_edge_is_soft_and_within_bounds():
    picture, truth = large()
    matte = soft_matte(picture, answer(truth))
    assert matte.min() >= 0 and matte.max() <= 1 and np.any((matte > 0.1) & (matte < 0.9))


def test_nothing_stays_nothing_and_all_stays_all():
    picture, _ = large()
    assert not soft_matte(picture, np.full((CELLS, CELLS), -1024, np.float32)).any()
    assert soft_matte(picture, np.full((CELLS, CELLS), 10, np.float32)).min() == 1


def test_a_plate_smaller_than_the_answer_is_taken():
    picture = np.random.default_rng(0).random((20, 24, 3)).astype(np.float32)
    logits = np.full((CELLS, CELLS), -5, np.float32)
    logits[8:24, 8:24] = 5
    assert soft_matte(picture, logits)[10, 12] == 1


def test_what_is_not_a_number_does_no_harm():
    picture, truth = large()
    picture[100:140, 50:90] = np.nan
    assert np.isfinite(soft_matte(picture, answer(truth))).all()
