# SPDX-License-Identifier: Apache-2.0
"""Frame numbers of the script and of files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from void_nuke import frames
from void_nuke.errors import NodeError


def test_frames_are_read_from_numbers_and_ranges():
    assert frames.parse_frames(" 1020-1022, 1001 1021") == [1001, 1020, 1021, 1022]


@pytest.mark.parametrize("text", ["1001-", "a", "1005-1001", "1-999999999", "1001x2"])
def test_what_is_no_frame_is_refused_with_its_text(text):
    with pytest.raises(NodeError, match="is no frame or range"):
        frames.parse_frames(text)


@given(st.sets(st.integers(-2000, 200_000), max_size=30))
def test_runs_hold_exactly_the_frames(numbers):
    told = frames.runs(sorted(numbers))
    assert [f for a, b in told for f in range(a, b + 1)] == sorted(numbers)


@given(st.sets(st.integers(0, 200_000), min_size=1, max_size=8))
def test_frames_in_words_read_back_as_the_frames(numbers):
    assert frames.parse_frames(frames.describe(sorted(numbers))) == sorted(numbers)


@pytest.mark.parametrize(
    ("pattern", "view", "path"),
    [
        ("/a/plate.%04d.exr", "main", "/a/plate.0012.exr"),
        ("/a/plate.####.exr", "main", "/a/plate.0012.exr"),
        ("/a/%V/plate_%v.%06d.exr", "left", "/a/left/plate_l.000012.exr"),
        ("/a/plate.%d.exr", "main", "/a/plate.12.exr"),
    ],
)
def test_a_pattern_names_one_file_a_frame(pattern, view, path):
    assert frames.file_of(pattern, 12, view) == path


@pytest.mark.parametrize(
    ("mode", "text", "number"),
    [
        ("expression", "", 1010),
        ("expression", "frame", 1010),
        ("expression", "frame-1000", 10),
        ("expression", " ( frame + 5 ) ", 1015),
        ("start at", "1001", 110),
        ("offset", "-1000", 10),
        ("offset", "", 1010),
    ],
)
def test_the_number_in_a_reads_file_follows_its_frame_mode(mode, text, number):
    assert frames.file_frame(mode, text, 101, 1010) == number


@pytest.mark.parametrize(("mode", "text"), [("expression", "frame*2"), ("start at", "x"), ("other", "3")])
def test_what_only_nuke_can_tell_is_not_guessed(mode, text):
    assert frames.file_frame(mode, text, 101, 1010) is None
