# SPDX-License-Identifier: Apache-2.0
"""A file that is 0 on most lines, as a matte is: one blank chunk is compressed, and its bytes stand for all others.

The chunks of a scan-line file say which line they begin with, and are otherwise what their samples make of them
("OpenEXR File Layout"), so the file is, byte for byte, what `write_frame` makes of the whole picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from void_server.errors import DataLoss
from void_server.frames.blocks import BlocksWritten
from void_server.plates.encode import (
    LINES_PER_CHUNK,
    Frame,
    Written,
    check_frame,
    header_of,
    packed_chunks,
    read_again,
    write_frame,
    writing,
)
from void_server.plates.exr import read_channels
from void_server.plates.header import read_header
from void_server.plates.splice import chunk_offsets
from void_server.plates.window import Window

_LINE = struct.Struct("<i")
"""A chunk begins with the y of its first line."""


def write_on_blank(path: Path, frame: Frame, window: Window, *, scratch: bool = False) -> Written:
    """Write a whole file that is 0 on all lines but those of `frame`; `scratch` and errors are those of `write_frame`.
    Whoever calls this decodes these lines (`check_written`) and looks at the others (`check_blank`).

    Args:
        frame: the lines, over their own window, whole chunks of the file.
        window: the whole data window.
    """
    if frame.data_window == window:
        return write_frame(path, frame, scratch=scratch)
    check_frame(frame)
    lines = LINES_PER_CHUNK[frame.compression]
    header = header_of(replace(frame, data_window=window))
    with writing(path, scratch=scratch) as final:
        short = window.height % lines
        blank, *rest = packed_chunks(_blank(frame, lines + short))
        chunks = [blank] * (window.height // lines) + (rest or [blank]) * bool(short)
        first = (frame.data_window.y - window.y) // lines
        drawn = list(packed_chunks(frame))
        chunks[first : first + len(drawn)] = drawn
        table = len(header) + 8 * len(chunks)
        starts = table + np.concatenate([[0], np.cumsum([len(chunk) for chunk in chunks[:-1]])])
        told = BlocksWritten()
        with final.open("wb") as target:
            for data in (
                header,
                starts.astype("<u8").tobytes(),
                *(_LINE.pack(window.y + n * lines) + chunk[_LINE.size :] for n, chunk in enumerate(chunks)),
            ):
                target.write(data)
                told.add(data)
        if not scratch:
            read_again(final, told)
    return Written(told.checksums, table, frame.data_window.height)


def check_blank(path: Path, rows: tuple[int, int]) -> None:
    """Read again what `write_on_blank` wrote, but for the lines [first, end) that were drawn.

    Of each length of chunk one is decoded; the others are compared with it.

    Raises:
        DataLoss: a line is not 0, or cannot be decoded.
    """
    header = read_header(path)
    part = header.parts[0]
    lines = LINES_PER_CHUNK[part.compression]
    known: dict[int, bytes] = {}
    for row, chunk in _lines_of(path, part.data_window, header.size, lines):
        if rows[0] <= row < rows[1]:
            continue
        count = min(lines, part.data_window.height - row)
        if count not in known:
            read = read_channels(path, 0, list(part.channel_names), rows=(row, row + count))
            if any(bool(values.any()) for values in read.values()):
                raise _spoilt(path)
            known[count] = chunk[_LINE.size :]
        if chunk != _LINE.pack(part.data_window.y + row) + known[count]:
            raise _spoilt(path)


def _spoilt(path: Path) -> DataLoss:
    return DataLoss(f"{path} is not what was written to it.", file=str(path))


def _lines_of(path: Path, window: Window, header_bytes: int, lines: int) -> Iterator[tuple[int, bytes]]:
    """Each chunk of a file, with its first line as counted from the top."""
    with path.open("rb") as file:
        offsets = chunk_offsets(file, window.height, header_bytes, lines)
        for index, (start, end) in enumerate(pairwise(offsets)):
            file.seek(int(start))
            yield index * lines, file.read(int(end - start))


def _blank(frame: Frame, height: int) -> Frame:
    window = Window(frame.data_window.x, frame.data_window.y, frame.data_window.width, height)

    def nothing(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
        return np.zeros(window.shape, values.dtype)

    channels = {name: nothing(values) for name, values in frame.channels.items()}
    return replace(frame, data_window=window, channels=channels)
