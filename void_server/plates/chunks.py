# SPDX-License-Identifier: Apache-2.0
"""Where the lines of an EXR file lie among its bytes, of files of one part of scan lines.

Before the chunks stands a table of their places, by line from the top whatever the order in which they were written
("OpenEXR File Layout").
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from void_server.plates.header import Header, Part, read_header

LINES = {
    **dict.fromkeys(("none", "rle", "zips"), 1),
    **dict.fromkeys(("zip", "pxr24"), 16),
    **dict.fromkeys(("piz", "b44", "b44a", "dwaa"), 32),
    "dwab": 256,
}
"""Scan lines in a chunk of each compression whose files are read in part ("OpenEXR File Layout")."""


def head_bytes(path: Path) -> int | None:
    """Bytes before the first chunk of a file; None where its lines cannot be found without reading all of it."""
    header = read_header(path)
    part = header.parts[0]
    if len(header.parts) > 1 or part.tiled or part.deep or part.compression not in LINES:
        return None
    places, size = _places(path, header), path.stat().st_size
    # A file that was not ended does not say where all its chunks are.
    whole = len(places) == _chunks(part) and bool(((places > header.size) & (places < size)).all())
    return header.size + 8 * len(places) if whole else None


def bytes_of_lines(path: Path, rows: tuple[int, int]) -> list[tuple[int, int]]:
    """Ranges [first, end) of bytes that hold the lines [first, end), counted from the top of the data window.

    Args:
        path: a file that has `head_bytes`; only these are read.
    """
    header = read_header(path)
    places, lines = _places(path, header), LINES[header.parts[0].compression]
    end_of = dict(pairwise([*np.sort(places).tolist(), path.stat().st_size]))
    return [(first, end_of[first]) for first in places[rows[0] // lines : -(-rows[1] // lines)].tolist()]


def _chunks(part: Part) -> int:
    return -(-part.data_window.height // LINES[part.compression])


def _places(path: Path, header: Header) -> npt.NDArray[np.int64]:
    with path.open("rb") as file:
        file.seek(header.size)
        table = file.read(8 * _chunks(header.parts[0]))
    return np.frombuffer(table[: len(table) // 8 * 8], "<u8").astype(np.int64)
