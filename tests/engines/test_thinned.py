# SPDX-License-Identifier: Apache-2.0
"""Previews of large plates: in register with the plate, and the plate's own bits where nothing is filled."""

from __future__ import annotations

import numpy as np
import pytest

from tests.engines.scenes import scene
from void_server.engines.cleanplate import CleanplateSettings, thinned

TARGET = 5


@pytest.mark.parametrize(("size", "most"), [((90, 120), 0.05), ((91, 121), 0.07)])
def test_a_preview_of_every_second_pixel_lies_where_the_whole_one_does(monkeypatch, size, most):
    made = scene(11, size=size)
    settings = CleanplateSettings(quality="preview", trace=True)
    whole = made.fill(TARGET, settings)
    monkeypatch.setattr(thinned, "LONG_SIDE", 60)
    half = made.fill(TARGET, settings)
    x0, y0, x1, y1 = half.box
    assert half.colour.shape[:2] == half.confidence.shape == half.trace.shape[:2] == (y1 - y0, x1 - x0)
    assert np.abs(np.array(half.box) - whole.box).max() <= 2
    clean = made.clean[TARGET][y0:y1, x0:x1]
    filled = half.borrowed + half.synthesised > 0.5
    assert np.abs(half.colour - clean)[filled].mean() < most
    untouched = (half.borrowed == 0) & (half.synthesised == 0)
    np.testing.assert_array_equal(half.colour[untouched], made.plates[TARGET][y0:y1, x0:x1][untouched])
    named = half.trace[..., 2] >= 0
    assert half.trace[..., 0][named].max() < size[1] + 1
    assert half.trace[..., 0][named].max() > size[1] / 2


def test_a_small_plate_is_not_thinned():
    assert thinned.thinning((1080, 1920)) == thinned.thinning((2160, 3839)) == 1
    assert thinned.thinning((2160, 3840)) == 2
