# SPDX-License-Identifier: Apache-2.0
"""A result written onto an earlier one of the same plate: only lines that differ are compressed, the other chunks are
copied as they are.

A chunk of a scan-line file depends on nothing but the samples of its lines, so the file is, byte for byte, what
`write_frame` makes of the whole picture ("OpenEXR File Layout": an offset table, then for each chunk its first line,
its size and its data).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from void_server.frames.blocks import BlocksWritten, PartlyRead
from void_server.plates.encode import (
    LINES_PER_CHUNK,
    Frame,
    Written,
    check_frame,
    header_of,
    packed_chunks,
    read_again,
    writing,
)
from void_server.plates.header import read_header
from void_server.plates.window import Window


@dataclass(frozen=True)
class Onto:
    """An earlier file that a new one is written onto.

    Attributes:
        file: the earlier file, as `write_frame` or `write_onto` made it: what is read of it is found right, its head
            already.
        window: the whole data window of both.
    """

    file: PartlyRead
    window: Window


def fits(onto: Onto, compression: str) -> bool:
    """Whether a file can be written onto that one: one part of scan lines, of this window and compression."""
    header = read_header(onto.file.path)
    part = header.parts[0]
    alike = part.data_window == onto.window and part.compression == compression
    return len(header.parts) == 1 and not part.tiled and alike


def write_onto(path: Path, frame: Frame, onto: Onto, *, scratch: bool = False) -> Written:
    """Write a whole file of which only the lines of `frame` differ from the earlier one; the rest is as `write_frame`
    says.

    Args:
        frame: the lines, over their own window, whole chunks of the file, or none; its attributes are the new file's.
        onto: the earlier file, of which `fits` holds, with the same channels.

    Raises:
        VoidError: the earlier file is spoilt; nothing is written.
    """
    check_frame(frame)
    lines = LINES_PER_CHUNK[frame.compression]
    header = header_of(replace(frame, data_window=onto.window))
    told = BlocksWritten()
    with writing(path, scratch=scratch) as final:
        with onto.file.path.open("rb") as earlier, final.open("wb") as target:

            def put(data: bytes) -> None:
                target.write(data)
                told.add(data)

            old = chunk_offsets(earlier, onto.window.height, read_header(onto.file.path).size, lines)
            top, height = frame.data_window.y - onto.window.y, frame.data_window.height
            chunks = top // lines, -(-(top + height) // lines)
            sizes, new = np.diff(old), b""
            if height:
                packed = list(packed_chunks(frame))
                new, sizes[chunks[0] : chunks[1]] = b"".join(packed), [len(chunk) for chunk in packed]
            else:
                chunks = len(sizes), len(sizes)
            table = len(header) + 8 * len(sizes)
            starts = table + np.cumsum([0, *sizes[:-1]])
            put(header)
            put(starts.astype("<u8").tobytes())
            for block in onto.file.read(int(old[0]), int(old[chunks[0]])):
                put(block)
            put(new)
            for block in onto.file.read(int(old[chunks[1]]), int(old[-1])):
                put(block)
        # Whatever comes next is written onto the new file.
        onto.file.let_go()
        if not scratch:
            read_again(final, told)
    return Written(told.checksums, table, height)


def whole_chunks(window: Window, first: int, last: int, compression: str) -> tuple[int, int]:
    """Lines [first, last) of a window, counted from its top, widened to whole chunks."""
    lines = LINES_PER_CHUNK[compression]
    return first // lines * lines, min(window.height, -(-last // lines) * lines)


def chunk_offsets(source: BinaryIO, height: int, header_bytes: int, lines: int) -> npt.NDArray[np.int64]:
    """Where each chunk of a file of so many lines begins, and where the last one ends.

    Args:
        header_bytes: before the table.
        lines: in a chunk.

    Raises:
        OSError: the table is not as the format says.
    """
    count = -(-height // lines)
    source.seek(header_bytes)
    table = np.frombuffer(source.read(8 * count), "<u8").astype(np.int64)
    end = source.seek(0, 2)
    offsets = np.append(table, end)
    if (
        len(table) != count
        or int(table[0]) != header_bytes + 8 * count
        or bool((np.diff(offsets) <= 0).any())
    ):
        raise OSError("the chunk table is not as the format says")
    return offsets
