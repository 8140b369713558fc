# SPDX-License-Identifier: Apache-2.0
"""Some lines of a file are read from the bytes that are said to hold them, and from no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from void_server.plates.chunks import LINES, bytes_of_lines, head_bytes
from void_server.plates.exr import read_channels

HEIGHT, WIDTH = 300, 40


def written(path: Path, compression: str, **attributes: object) -> Path:
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 3, "half")
    spec.channelnames = ("R", "G", "B")
    spec.y = spec.full_y = -9
    spec.attribute("compression", compression)
    for name, value in attributes.items():
        spec.attribute(name.replace("_", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    samples = np.random.default_rng(1).random((HEIGHT, WIDTH, 3)).astype(np.float16)
    assert output.open(str(path), spec) and output.write_image(samples) and output.close(), output.geterror()
    return path


@pytest.mark.parametrize("compression", sorted(LINES))
@pytest.mark.parametrize("rows", [(0, 1), (7, 40), (255, 257), (299, 300), (0, 300)])
def test_the_lines_are_read_where_all_other_bytes_are_lost(tmp_path, compression, rows):
    path = written(tmp_path / "whole.exr", compression)
    whole, head = path.read_bytes(), head_bytes(path)
    assert head is not None
    kept, held = bytearray(len(whole)), [(0, head), *bytes_of_lines(path, rows)]
    for first, end in held:
        kept[first:end] = whole[first:end]
    chunks = -(-rows[1] // LINES[compression]) - rows[0] // LINES[compression]
    assert len(held) == 1 + chunks
    (tmp_path / "part.exr").write_bytes(kept)
    read = read_channels(tmp_path / "part.exr", 0, ["R", "G", "B"], rows=rows)
    wanted = read_channels(path, 0, ["R", "G", "B"], rows=rows)
    assert all(np.array_equal(read[name], wanted[name]) for name in "RGB")


def test_lines_written_from_the_bottom_up_are_found_by_the_table(tmp_path):
    path = written(tmp_path / "up.exr", "zips", openexr_lineOrder="decreasingY")
    (first,), (last,) = bytes_of_lines(path, (0, 1)), bytes_of_lines(path, (HEIGHT - 1, HEIGHT))
    assert first[0] > last[0] and first[1] == path.stat().st_size


def test_tiles_parts_and_files_that_were_not_ended_are_read_whole(tmp_path):
    tiled = tmp_path / "tiled.exr"
    spec = oiio.ImageSpec(64, 64, 3, "half")
    spec.tile_width = spec.tile_height = 32
    output = oiio.ImageOutput.create(str(tiled))
    assert output.open(str(tiled), spec) and output.write_image(np.zeros((64, 64, 3), np.float16))
    assert output.close() and head_bytes(tiled) is None

    path = written(tmp_path / "cut.exr", "zips")
    head, data = head_bytes(path), bytearray(path.read_bytes())
    assert head is not None
    data[head - 8 : head] = bytes(8)
    path.write_bytes(data)
    assert head_bytes(path) is None
    path.write_bytes(data[: head - 4])
    assert head_bytes(path) is None
