# SPDX-License-Identifier: Apache-2.0
"""A file written onto an earlier one is the file that would have been written without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from void_server.errors import DataLoss
from void_server.frames.blocks import Blocks, PartlyRead
from void_server.plates import splice
from void_server.plates.chunks import head_bytes
from void_server.plates.encode import Frame, attribute_of, packed_chunks, write_frame
from void_server.plates.exr import read_channels
from void_server.plates.splice import Onto, fits, whole_chunks, write_onto
from void_server.plates.window import Window

WINDOW = Window(-3, 5, 21, 53)
DIGEST = "0" * 64


def frame(seed: int, compression: str, note: str = "", rows: tuple[int, int] | None = None) -> Frame:
    """Noise over WINDOW; the lines `rows` are another noise."""
    rng = np.random.default_rng(1)
    channels = {
        "R": rng.random(WINDOW.shape, np.float32).astype(np.float16),
        "void_mask.red": np.zeros(WINDOW.shape, np.float16),
        "void_source.red": rng.random(WINDOW.shape, np.float32),
    }
    if rows:
        other = np.random.default_rng(seed)
        for values in channels.values():
            values[rows[0] : rows[1]] = other.random((rows[1] - rows[0], WINDOW.width), np.float32)
    attributes = (attribute_of("void/note", note),)
    return Frame(WINDOW, WINDOW, 1.0, channels, attributes, compression)


def onto_of(path: Path) -> Onto:
    """The earlier file, as a store knows it."""
    known = Blocks.of(path, DIGEST, head_bytes(path) or 0)

    @contextmanager
    def opened() -> Iterator[int]:
        with path.open("rb", buffering=0) as file:
            yield file.fileno()

    return Onto(PartlyRead(path, opened, known, lambda: DataLoss("spoilt")), WINDOW)


def lines_of(whole: Frame, first: int, last: int) -> Frame:
    window = Window(WINDOW.x, WINDOW.y + first, WINDOW.width, last - first)
    return replace(whole, data_window=window, channels={n: v[first:last] for n, v in whole.channels.items()})


@pytest.mark.parametrize("compression", ["zips", "zip", "none"])
@settings(max_examples=12, deadline=None)
@given(
    before=st.tuples(st.integers(0, 52), st.integers(1, 20)),
    now=st.tuples(st.integers(0, 52), st.integers(1, 20)),
)
def test_the_bytes_are_those_of_a_file_written_whole(tmp_path_factory, compression, before, now):
    folder = tmp_path_factory.mktemp("onto")
    spans = [(a, min(53, a + n)) for a, n in (before, now)]
    write_frame(folder / "earlier.exr", frame(2, compression, "then", spans[0]))
    wanted = frame(3, compression, "a longer note of now", spans[1])
    write_frame(folder / "whole.exr", wanted)
    first, last = whole_chunks(WINDOW, min(s[0] for s in spans), max(s[1] for s in spans), compression)
    onto = onto_of(folder / "earlier.exr")
    assert fits(onto, compression)
    written = write_onto(folder / "new.exr", lines_of(wanted, first, last), onto)
    assert (folder / "new.exr").read_bytes() == (folder / "whole.exr").read_bytes()
    assert written.checksums == Blocks.of(folder / "new.exr", DIGEST, 0).checksums
    assert written.head == head_bytes(folder / "new.exr")
    assert written.encoded_lines == last - first
    both_libraries_read(folder / "new.exr", wanted)


def both_libraries_read(path: Path, wanted: Frame) -> None:
    """OpenImageIO and OpenEXR find the samples of `wanted` in a file, bit for bit."""
    theirs = OpenEXR.File(str(path), separate_channels=True).parts[0].channels
    ours = read_channels(path, 0, list(wanted.channels))
    for name, values in wanted.channels.items():
        assert ours[name].tobytes() == values.tobytes()
        assert theirs[name].pixels.tobytes() == values.tobytes()


def test_the_earlier_file_is_let_go(tmp_path: Path, monkeypatch):
    write_frame(tmp_path / "earlier.exr", frame(2, "zips"))
    gone: list[Path] = []
    monkeypatch.setattr(PartlyRead, "let_go", lambda part: gone.append(part.path))
    write_onto(
        tmp_path / "new.exr", lines_of(frame(3, "zips", "", (7, 9)), 7, 9), onto_of(tmp_path / "earlier.exr")
    )
    assert gone == [tmp_path / "earlier.exr"]


def test_where_no_line_differs_nothing_is_compressed(tmp_path):
    whole = frame(2, "zips", "a note", (10, 20))
    write_frame(tmp_path / "earlier.exr", whole)
    onto = onto_of(tmp_path / "earlier.exr")
    assert write_onto(tmp_path / "same.exr", lines_of(whole, 7, 7), onto).encoded_lines == 0
    assert (tmp_path / "same.exr").read_bytes() == (tmp_path / "earlier.exr").read_bytes()
    renamed = replace(whole, attributes=(attribute_of("void/note", "a longer note"),))
    write_onto(tmp_path / "new.exr", lines_of(renamed, 7, 7), onto)
    write_frame(tmp_path / "whole.exr", renamed)
    assert (tmp_path / "new.exr").read_bytes() == (tmp_path / "whole.exr").read_bytes()


def test_another_window_or_compression_does_not_fit(tmp_path):
    write_frame(tmp_path / "earlier.exr", frame(2, "zips"))
    assert not fits(onto_of(tmp_path / "earlier.exr"), "zip")
    assert not fits(replace(onto_of(tmp_path / "earlier.exr"), window=Window(0, 0, 21, 53)), "zips")


@pytest.mark.parametrize("place", [0.3, 0.7, 1.0])
def test_an_earlier_file_that_is_no_longer_what_it_was_is_not_written_onto(tmp_path: Path, place: float):
    write_frame(path := tmp_path / "earlier.exr", frame(3, "zips", "", (10, 20)))
    onto, data = onto_of(path), bytearray(path.read_bytes())
    data[round(place * (len(data) - 1))] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataLoss, match="spoilt"):
        write_onto(tmp_path / "new.exr", lines_of(frame(2, "zips"), 25, 26), onto)
    assert not (tmp_path / "new.exr").exists()


def test_an_earlier_file_that_ends_too_soon_is_not_written_onto(tmp_path: Path, monkeypatch):
    write_frame(path := tmp_path / "earlier.exr", frame(3, "zips", "", (10, 20)))
    onto = onto_of(path)

    def cut(lines: Frame) -> Iterator[bytes]:
        os.truncate(path, path.stat().st_size - 100)
        return packed_chunks(lines)

    monkeypatch.setattr(splice, "packed_chunks", cut)
    with pytest.raises(DataLoss, match="spoilt"):
        write_onto(tmp_path / "new.exr", lines_of(frame(2, "zips"), 10, 20), onto)
    assert not (tmp_path / "new.exr").exists()
