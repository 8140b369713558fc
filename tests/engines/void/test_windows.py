# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.void.recorded import STAGE, recording, rel_rms
from void_server.engines.void.windows import Window, blended, windows

EVEN = st.integers(1, 60).map(lambda n: 2 * n)


@pytest.mark.parametrize(
    ("length", "wanted"),
    [
        (22, [(0, 22)]),
        (24, [(0, 22), (18, 24)]),
        (38, [(0, 22), (18, 38)]),
        (42, [(0, 22), (18, 40), (36, 42)]),
        (50, [(0, 22), (18, 40), (36, 50)]),
    ],
)
def test_windows_are_those_of_the_scripts(length, wanted):
    assert windows(length, 22, 4) == [Window(*place) for place in wanted]


@given(EVEN)
def test_windows_cover_every_frame_and_overlap_by_four(length):
    found = windows(length, 8, 4)
    assert found[0].begin == 0 and found[-1].end == length
    assert all(two.begin == one.end - 4 for one, two in pairwise(found))


@given(EVEN)
def test_windows_that_agree_are_blended_to_what_they_agree_on(length):
    whole = torch.arange(length, dtype=torch.float32).reshape(1, -1, 1, 1, 1)
    places = windows(length, 8, 4)
    joined = blended([whole[:, p.begin : p.end] for p in places], places, 4)
    torch.testing.assert_close(joined, whole)


def test_the_blend_is_that_of_the_recording():
    g = recording("long_windows")
    places = windows(14, 8, 4)
    assert places == [Window(0, 8), Window(4, 12), Window(8, 14)]
    after = g["latents_after_step/00"]
    first, last = g["scheduler/00/prev_sample"], g["scheduler/02/prev_sample"]
    # The middle window was not kept: it follows from the blend of the first, and has to give that of the last.
    rise = torch.tensor([0.2, 0.4, 0.6, 0.8]).reshape(1, 4, 1, 1, 1)
    middle = torch.empty_like(first)
    middle[:, :4] = (after[:, 4:8] * 1.0 - first[:, 4:] * rise.flip(1)) / rise
    middle[:, 4:] = (after[:, 8:12] * 1.0 - last[:, :4] * rise) / rise.flip(1)
    found = blended([first, middle, last], places, 4)
    assert rel_rms(found, after) < STAGE
    assert torch.equal(found[:, :4], first[:, :4]) and torch.equal(found[:, 12:], last[:, 4:])


@pytest.mark.parametrize(("length", "size", "overlap"), [(9, 8, 4), (10, 7, 4), (10, 8, 3), (20, 8, 8)])
def test_windows_that_cannot_cover_are_refused(length, size, overlap):
    with pytest.raises(ValueError, match="cannot cover"):
        windows(length, size, overlap)
