# SPDX-License-Identifier: Apache-2.0
"""The artist's mattes handed on."""

from __future__ import annotations

import numpy as np
import pytest

from tests.segmenters.scenes import Scene
from void_server.errors import InvalidInput
from void_server.segmenters.roto import segment_roto


def test_every_matte_comes_back_as_it_is_and_no_picture_is_read():
    scene = Scene(frames=3)
    found = list(segment_roto(3, scene.picture, {p: scene.matte(p) for p in range(3)}))
    assert [f.position for f in found] == [0, 1, 2] and {f.confidence for f in found} == {1.0}
    assert all(np.array_equal(f.matte, scene.matte(f.position)) for f in found)
    assert scene.asked == []


def test_frames_without_a_matte_are_named():
    scene = Scene()
    with pytest.raises(InvalidInput, match="5 of 7 frames have no matte, at positions 0, 2, 3, 5, 6"):
        list(segment_roto(7, scene.picture, {p: scene.matte(p) for p in (1, 4)}))
