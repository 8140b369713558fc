# SPDX-License-Identifier: Apache-2.0
"""How much the edge of what was replaced shows."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from void_server.conform.blend import blend_matte, composite
from void_server.conform.seam import REACH, seam_ratio

SIZE = (120, 160)
REGION = np.zeros(SIZE, bool)
REGION[40:80, 50:110] = True
EPSILON = 0.001


def plate() -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal((*SIZE, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return np.asarray(0.3 * 2 ** (0.3 * soft / soft.std()), np.float32)


def ratio(fill: np.ndarray, feather: float = 0) -> float | None:
    blend = blend_matte(REGION, None, grow=2, feather=feather, dtype=np.float32)
    return seam_ratio(composite(plate(), fill, blend).colour, blend, EPSILON)


@pytest.mark.parametrize("feather", [0, 4])
def test_a_fill_that_is_the_plate_has_no_seam(feather):
    assert ratio(plate(), feather) == pytest.approx(1, abs=0.15)


def test_a_fill_at_another_level_has_an_edge_and_a_feather_hides_it():
    brighter = 2 * plate()
    hard, soft = ratio(brighter), ratio(brighter, 12)
    assert hard is not None and soft is not None and hard > 2 > soft


def test_the_seam_does_not_depend_on_exposure():
    blend = blend_matte(REGION, None, grow=2, feather=0, dtype=np.float32)
    result = composite(plate(), 1.5 * plate(), blend).colour
    assert seam_ratio(50 * result, blend, 50 * EPSILON) == pytest.approx(
        seam_ratio(result, blend, EPSILON), rel=1e-3
    )


def test_a_blurred_fill_smears_the_edge():
    found = ratio(cv2.GaussianBlur(plate(), (0, 0), 6), 6)
    assert found is not None and found < 0.8


def test_samples_that_are_not_finite_are_not_counted():
    spoiled = plate()
    spoiled[0, :] = np.nan
    blend = blend_matte(REGION, None, grow=2, feather=0, dtype=np.float32)
    assert seam_ratio(spoiled, blend, EPSILON) == pytest.approx(seam_ratio(plate(), blend, EPSILON), rel=1e-6)


def test_without_an_edge_there_is_no_seam():
    assert seam_ratio(plate(), np.zeros(SIZE), EPSILON) is None
    assert seam_ratio(plate(), np.ones(SIZE), EPSILON) is None


def test_only_what_is_looked_at_is_made_scene_linear():
    blend = blend_matte(REGION, None, grow=2, feather=3, dtype=np.float32)
    given = []

    def to_linear(samples: np.ndarray) -> np.ndarray:
        given.append(samples.shape)
        return samples / 8

    assert seam_ratio(8 * plate(), blend, EPSILON, to_linear) == seam_ratio(plate(), blend, EPSILON)
    assert given == [(40 + 2 * 4 + 2 * REACH, 60 + 2 * 4 + 2 * REACH, 3)]
