# SPDX-License-Identifier: Apache-2.0
"""Frame patterns, ranges and channels as artists write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_client.errors import BadInput
from void_client.sequence import (
    INT32_MAX,
    INT32_MIN,
    FrameRange,
    covering_range,
    describe_frames,
    parse_pattern,
    parse_range,
    split_channel,
)

frame_numbers = st.integers(INT32_MIN, INT32_MAX)
# No digits at the ends and no token characters: those change what the pattern means.
plain_names = st.text(st.sampled_from("abcXYZ_. -é"), max_size=12)
tokens = st.one_of(
    st.integers(1, 9).map(lambda n: "#" * n),
    st.integers(1, 9).map(lambda n: "@" * n),
    st.integers(1, 9).map(lambda n: f"%0{n}d"),
    st.just("%d"),
)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("plate.%04d.exr", "plate.0007.exr"),
        ("plate.####.exr", "plate.0007.exr"),
        ("plate.@@@@.exr", "plate.0007.exr"),
        ("plate.%d.exr", "plate.7.exr"),
        ("plate#.exr", "plate7.exr"),
        ("shots/%04d/beauty.exr", "shots/0007/beauty.exr"),
        ("C:\\shots\\plate.######.exr", "C:\\shots\\plate.000007.exr"),
        ("users/a@b/#1/plate_%04d.exr", "users/a@b/#1/plate_0007.exr"),
        ("take#2.%04d.exr", "take#2.0007.exr"),
    ],
)
def test_a_pattern_makes_the_path_of_a_frame(text: str, path: str) -> None:
    assert parse_pattern(text).path(7) == path


def test_a_number_longer_than_the_padding_is_not_cut() -> None:
    assert parse_pattern("p.####.exr").path(123456) == "p.123456.exr"


@given(plain_names, tokens, plain_names, frame_numbers)
def test_the_frame_of_a_made_path_is_the_frame_it_was_made_for(
    prefix: str, token: str, suffix: str, frame: int
) -> None:
    pattern = parse_pattern(f"x{prefix}{token}{suffix}.exr")
    assert pattern.frame_of(pattern.path(frame)) == frame


@given(plain_names, tokens, st.text(max_size=20))
def test_only_paths_that_the_pattern_makes_have_a_frame(prefix: str, token: str, path: str) -> None:
    pattern = parse_pattern(f"x{prefix}{token}.exr")
    frame = pattern.frame_of(path)
    assert frame is None or pattern.path(frame) == path


@pytest.mark.parametrize(
    "path", ["p.007.exr", "p.00007.exr", "p.０００７.exr", "p.7777.exr.bak", "q.0007.exr"]
)
def test_a_file_with_another_padding_or_name_is_not_of_the_sequence(path: str) -> None:
    assert parse_pattern("p.####.exr").frame_of(path) is None


def test_views_are_filled_in_anywhere() -> None:
    assert parse_pattern("%V/plate_%v.####.exr", "left").path(1) == "left/plate_l.0001.exr"


def test_a_pattern_with_a_view_and_no_view_named_says_which_option_is_missing() -> None:
    with pytest.raises(BadInput, match="--view"):
        parse_pattern("plate_%V.####.exr")


@pytest.mark.parametrize("text", ["", "  ", "a.####.b.####.exr", "a_%4d.exr"])
def test_an_unusable_pattern_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/plate.####.exr", "plate"),
        ("plate_v002-%04d.exr", "plate_v002"),
        ("plate####.exr", "plate"),
        ("%04d/beauty.exr", "beauty"),
        ("still.exr", "still"),
        ("still.1001.exr", "still"),
        ("C:\\a\\plate.####.exr", "plate"),
    ],
)
def test_the_base_name_has_no_number_and_no_separators_at_its_end(text: str, name: str) -> None:
    assert parse_pattern(text).base_name() == name


def test_frames_on_disk_are_found_whatever_lies_beside_them(tmp_path: Path) -> None:
    for name in (
        "p.0003.exr",
        "p.0001.exr",
        "p.-002.exr",
        "p.12345.exr",
        "p.2.exr",
        "q.0002.exr",
        "p.0002.exr.tmp",
    ):
        (tmp_path / name).touch()
    assert parse_pattern(f"{tmp_path}/p.####.exr").frames_on_disk() == [-2, 1, 3, 12345]


def test_frames_are_found_when_the_number_stands_in_a_folder(tmp_path: Path) -> None:
    for frame in (1, 2):
        (tmp_path / f"{frame:04d}").mkdir()
    (tmp_path / "0001" / "b.exr").touch()
    assert parse_pattern(f"{tmp_path}/%04d/b.exr").frames_on_disk() == [1]


def test_a_folder_that_is_not_there_holds_no_frames(tmp_path: Path) -> None:
    assert parse_pattern(f"{tmp_path}/none/p.####.exr").frames_on_disk() == []


@pytest.mark.parametrize(
    ("name", "frame"),
    [("still.1001.exr", 1001), ("still.exr", 1), ("cam-02.exr", 2), ("s99999999999.exr", 1)],
)
def test_a_single_file_takes_its_frame_from_its_name(name: str, frame: int) -> None:
    assert parse_pattern(name).single_frame() == frame


@given(frame_numbers, st.integers(0, 1000), st.integers(1, 50))
def test_a_range_reads_back_as_it_is_written(first: int, more: int, step: int) -> None:
    written = FrameRange(first, min(first + more, INT32_MAX), step)
    assert parse_range(str(written)) == written


@given(st.integers(-1000, 1000), st.integers(0, 300), st.integers(1, 9))
def test_a_range_counts_the_frames_that_it_gives(first: int, more: int, step: int) -> None:
    given_range = FrameRange(first, first + more, step)
    assert len(given_range) == len(list(given_range.frames()))


@given(st.lists(frame_numbers, min_size=1, max_size=3, unique=True))
def test_a_covering_range_holds_exactly_the_frames_given(frames: list[int]) -> None:
    frames.sort()
    try:
        covering = covering_range(frames, "p.####.exr")
    except BadInput:
        return
    assert [covering.first, covering.last] == [frames[0], frames[-1]] and len(covering) == len(frames)


@pytest.mark.parametrize("text", ["", "a", "5-1", "1-", "1-5x0", "1-5x", "1,2", "1-99999999999"])
def test_an_unusable_range_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_range(text)


def test_a_sequence_with_gaps_has_no_range_and_the_gaps_are_named() -> None:
    with pytest.raises(BadInput, match=r"1-3, 7-8"):
        covering_range([1, 2, 3, 7, 8], "p.####.exr")


def test_frames_are_described_as_runs() -> None:
    assert describe_frames([5, 1, 2, 3, 9]) == "1-3, 5, 9"


def test_a_long_description_is_cut_and_says_how_much_is_left() -> None:
    assert describe_frames([*range(0, 40, 2), 50, 51], limit=2) == "0, 2 and 19 more"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("roto.####.exr:red", ("roto.####.exr", "red")),
        ("roto.####.exr:void_mask.red", ("roto.####.exr", "void_mask.red")),
        ("roto.####.exr", ("roto.####.exr", "")),
        ("C:\\a.####.exr:red", ("C:\\a.####.exr", "red")),
        ("C:\\a.####.exr", ("C:\\a.####.exr", "")),
        ("C:/a.####.exr", ("C:/a.####.exr", "")),
        ("C:a.exr", ("C:a.exr", "")),
        ("take:2.####.exr", ("take:2.####.exr", "")),
        ("take:2.####.exr:A", ("take:2.####.exr", "A")),
    ],
)
def test_a_channel_behind_a_colon_is_told_from_a_drive_and_a_name(
    text: str, expected: tuple[str, str]
) -> None:
    assert split_channel(text) == expected


def test_a_colon_without_a_channel_is_refused() -> None:
    with pytest.raises(BadInput, match="colon"):
        split_channel("roto.####.exr:")
