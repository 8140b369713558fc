# SPDX-License-Identifier: Apache-2.0
"""One click on the current clip: the plate from its source, and the result on the track above."""

from __future__ import annotations

import pytest

from tests.resolve.standin.renderer import read_picture
from tests.resolve.standin.stage import RECORD

MARKED = range(1013, 1023)
"""Frames of the source between the marks of the ready-made timeline."""


@pytest.mark.parametrize("version", ["19.1", "20.3.2", "21.0.4", "21.1"])
def test_the_plate_is_the_source_itself_under_its_own_numbers(seat, version):
    here = seat(version=version)
    here.done()
    files = here.files()
    assert list(files) == list(MARKED)
    # Half of it is the output transform of the model's managed project.
    assert [read_picture(path)[3, 6].tolist() for path in files.values()] == [[n / 2, 3, 1.5] for n in MARKED]


def test_the_result_lies_right_above_its_source_on_the_same_frames(seat):
    here = seat()
    here.done()
    [(track, result)] = here.results
    assert (track, result.start, result.duration) == (3, RECORD + 2, 10)
    assert [result.source_frame(result.start), result.source_frame(result.end - 1)] == [1013, 1022]
    assert not result.frozen
