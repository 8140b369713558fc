# SPDX-License-Identifier: Apache-2.0
"""Grain is measured only where some fill lacks it: a plate's own pixels have theirs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from void_server.engines.cleanplate import FrameFill
from void_server.frames.blobs import BlobFolder
from void_server.pipeline import plan_grain
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.results import Results

SHAPE = (4, 6)


def fill(**parts: np.ndarray) -> FrameFill:
    nothing = np.zeros(SHAPE, np.float32)
    whole = {"confidence": nothing + 1, "borrowed": nothing, "synthesised": nothing} | parts
    return FrameFill(box=(0, 0, 6, 4), colour=np.zeros((*SHAPE, 3), np.float32), figures={}, **whole)


def lacks(tmp_path, found: FrameFill | None) -> bool:
    blobs = BlobFolder(tmp_path)
    digest = store_arrays(blobs, found.to_arrays()).digest if found is not None else ""
    unit = {"kind": "conform", "key": "", "frame": 7, "role": "", "info": {}, "seconds": 0}
    unit["blobs"] = {"fill": digest} if digest else {}
    results = Results({"conform": [unit]})
    return plan_grain._lacks_grain(SimpleNamespace(frames=[7]), results, 0, blobs)


@pytest.mark.parametrize("part", ["borrowed", "synthesised"])
def test_one_pixel_that_is_not_the_plate_s_own_lacks_grain(tmp_path, part):
    one = np.zeros(SHAPE, np.float32)
    one[2, 3] = 0.5
    assert lacks(tmp_path, fill(**{part: one}))


def test_averaging_and_sampling_between_pixels_lose_grain(tmp_path):
    all_of_it = np.ones(SHAPE, np.float16)
    less = np.where(np.eye(*SHAPE) > 0, 0.5, 1).astype(np.float16)
    assert lacks(tmp_path, fill(kept=less, fine=all_of_it))
    assert lacks(tmp_path, fill(kept=all_of_it, fine=less))
    assert not lacks(tmp_path, fill(kept=all_of_it, fine=all_of_it))


def test_the_plate_s_own_pixels_lack_none(tmp_path):
    assert not lacks(tmp_path, fill())


def test_a_frame_without_a_fill_lacks_none(tmp_path):
    assert not lacks(tmp_path, None)
