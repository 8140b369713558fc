# SPDX-License-Identifier: Apache-2.0
"""Patterns and ranges as artists write them."""

from __future__ import annotations

import pytest

from void_server.errors import InvalidInput
from void_server.masks.pattern import gaps, parse_pattern, parse_range, split_channel


@pytest.mark.parametrize("text", ["m.####.exr", "m.%04d.exr", "m.@@@@.exr"])
def test_each_way_to_write_the_number_finds_the_files(tmp_path, text):
    for name in ("m.0009.exr", "m.1001.exr", "m.10010.exr", "m.1001.exr.bak", "m.01.exr", "n.0001.exr"):
        (tmp_path / name).touch()
    assert parse_pattern(str(tmp_path / text)).frames_on_disk() == [9, 1001, 10010]


def test_numbers_below_0_are_frames(tmp_path):
    (tmp_path / "m.-001.exr").touch()
    assert parse_pattern(str(tmp_path / "m.####.exr")).frames_on_disk() == [-1]


def test_a_file_without_a_place_for_the_number_is_the_frame_at_its_end(tmp_path):
    (tmp_path / "m.1012.exr").touch()
    assert parse_pattern(str(tmp_path / "m.1012.exr")).frames_on_disk() == [1012]


def test_two_places_for_the_number_are_refused():
    with pytest.raises(InvalidInput, match="2 places"):
        parse_pattern("m.####.####.exr")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("m.####.exr:red", ("m.####.exr", "red")),
        ("m.####.exr:layer.R", ("m.####.exr", "layer.R")),
        ("m.####.exr", ("m.####.exr", "")),
        ("C:/m.####.exr", ("C:/m.####.exr", "")),
        ("C:/m.####.exr:A", ("C:/m.####.exr", "A")),
    ],
)
def test_a_channel_is_what_stands_behind_the_last_colon(text, parts):
    assert split_channel(text) == parts


def test_a_range_holds_both_ends():
    assert list(parse_range("-2-1")) == [-2, -1, 0, 1] and list(parse_range("7")) == [7]


@pytest.mark.parametrize("text", ["", "b", "5-1", "1-2x2"])
def test_what_is_no_range_is_refused(text):
    with pytest.raises(InvalidInput, match="frame range"):
        parse_range(text)


def test_gaps_lie_between_the_first_and_the_last():
    assert gaps([3, 5, 8]) == [4, 6, 7] and gaps([]) == []
