# SPDX-License-Identifier: Apache-2.0
"""A background that is a little misplaced is brought into place; light is left as it is."""

from __future__ import annotations

import cv2
import numpy as np

from tests.engines.scenes import texture
from void_server.reasoners.motion.misplaced import placed

SIZE = (120, 160)
INSIDE = np.s_[12:-12, 12:-12]
PLAIN = cv2.GaussianBlur(texture(*SIZE), (0, 0), 2)
KNOWN = np.ones(SIZE, bool)


def shifted(picture: np.ndarray, across: float) -> np.ndarray:
    matrix = np.array([[1, 0, across], [0, 1, 0]], np.float64)
    return cv2.warpAffine(picture, matrix, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)


def test_a_small_misplacement_goes():
    shown = shifted(PLAIN, 1.0)
    before = np.abs(shown - PLAIN)[INSIDE].mean()
    assert np.abs(shown - placed(shown, PLAIN, KNOWN, unit=0.5))[INSIDE].mean() < 0.35 * before


def test_a_shadow_on_what_is_misplaced_stays():
    shown = shifted(PLAIN, 1.0)
    shown[40:80, 50:110] -= 0.1
    difference = shown - placed(shown, PLAIN, KNOWN, unit=0.5)
    np.testing.assert_allclose(difference[46:74, 56:104].mean(), -0.1, atol=0.02)


def test_more_than_the_longest_misplacement_is_not_taken_out():
    shown = shifted(PLAIN, 1.0)
    little = placed(shown, PLAIN, KNOWN, unit=0.05)
    full = placed(shown, PLAIN, KNOWN, unit=0.5)
    assert np.abs(little - PLAIN)[INSIDE].mean() < 0.5 * np.abs(full - PLAIN)[INSIDE].mean()
