# SPDX-License-Identifier: Apache-2.0
"""A file of a few lines on blank ones is the file that would have been written whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from void_server.errors import DataLoss
from void_server.plates.blank import check_blank, write_on_blank
from void_server.plates.encode import Frame, attribute_of, write_frame
from void_server.plates.splice import whole_chunks
from void_server.plates.window import Window


def drawn(window: Window, rows: tuple[int, int], compression: str) -> Frame:
    """0 but for some lines."""
    channels = {"R": np.zeros(window.shape, np.float16), "A": np.zeros(window.shape, np.float32)}
    for seed, values in enumerate(channels.values()):
        lines = np.random.default_rng(seed).random((rows[1] - rows[0], window.width), np.float32)
        values[slice(*rows)] = lines
    return Frame(window, window, 1.0, channels, (attribute_of("void/note", "of it"),), compression)


def only(whole: Frame, rows: tuple[int, int]) -> Frame:
    window = whole.data_window
    lines = Window(window.x, window.y + rows[0], window.width, rows[1] - rows[0])
    return replace(whole, data_window=lines, channels={n: v[slice(*rows)] for n, v in whole.channels.items()})


@pytest.mark.parametrize("compression", ["zips", "zip", "none"])
@settings(max_examples=15, deadline=None)
@given(
    height=st.integers(1, 70), top=st.integers(-40, 40), first=st.integers(0, 69), count=st.integers(1, 20)
)
def test_the_bytes_are_those_of_a_file_written_whole(
    tmp_path_factory, compression, height, top, first, count
):
    folder: Path = tmp_path_factory.mktemp("blank")
    window = Window(-3, top, 21, height)
    first = min(first, height - 1)
    span = first, min(height, first + count)
    whole, rows = drawn(window, span, compression), whole_chunks(window, *span, compression)
    write_frame(folder / "whole.exr", whole)
    write_on_blank(folder / "new.exr", only(whole, rows), window)
    assert (folder / "new.exr").read_bytes() == (folder / "whole.exr").read_bytes()
    check_blank(folder / "new.exr", rows)


@pytest.mark.parametrize("line", [0, 5, 20, 36])
def test_a_line_around_that_is_not_blank_is_found(tmp_path, line):
    window = Window(0, 0, 9, 37)
    whole = drawn(window, (8, 12), "zips")
    whole.channels["A"][line, 4] = 1e-3
    write_frame(path := tmp_path / "spoilt.exr", whole)
    with pytest.raises(DataLoss):
        check_blank(path, (8, 12))


def test_lines_that_are_all_alike_but_not_blank_are_found(tmp_path):
    window = Window(0, 0, 9, 37)
    whole = drawn(window, (8, 12), "zips")
    whole.channels["A"][:] = 0.25
    write_frame(path := tmp_path / "grey.exr", whole)
    with pytest.raises(DataLoss):
        check_blank(path, (8, 12))
