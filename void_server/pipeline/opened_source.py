# SPDX-License-Identifier: Apache-2.0
"""A plate's file while it is open, whole or in part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.frames.blocks import Blocks, PartlyRead
from void_server.plates.chunks import bytes_of_lines, head_bytes
from void_server.plates.header import read_header
from void_server.plates.plate import (
    Planes,
    Plate,
    PlateChannels,
    find_plate,
    read_lines,
    read_planes,
    read_plate,
)
from void_server.plates.window import Window


@dataclass(frozen=True)
class OpenedSource:
    """A plate's file while it is open.

    Attributes:
        path: reads it.
        digest: SHA-256 of its bytes.
        view: the view that is worked on.
        part: of a file of which only some is read, what is there; only its header and `planes` of lines are to be had.
    """

    path: Path
    digest: str
    view: str
    part: PartlyRead | None = None

    @property
    def channels(self) -> PlateChannels:
        """Where the picture is in the file, from the header alone."""
        return find_plate(read_header(self.path), self.view)

    @property
    def window(self) -> Window:
        """The whole data window, from the header alone."""
        return self.channels.part.data_window

    def blocks(self) -> Blocks | None:
        """What is to be known of the file so that some of it can be read again; None where that cannot be done."""
        if self.part:
            return self.part.known
        head = head_bytes(self.path)
        return Blocks.of(self.path, self.digest, head) if head is not None else None

    def planes(self, rows: tuple[int, int] | None = None, *, others: bool = False) -> Planes:
        """All of it, or the lines [first, end), channel after channel; with the other channels."""
        if self.part and rows:
            self.part.hold(bytes_of_lines(self.path, rows))
        return read_planes(self.path, self.view, rows=rows, others=others)

    def plate(self, rows: tuple[int, int] | None, *, others: bool = False) -> Plate:
        """All of it, or the lines [first, end) counted from the top of the data window; with the other channels."""
        if rows:
            return read_lines(self.path, rows, self.view, others=others)
        return read_plate(self.path, self.view, others=others)


def blocks_to_arrays(of: str, known: Blocks | None) -> dict[str, npt.NDArray[Any]]:
    """For storing, under names that begin with `of`; no arrays of None."""
    if known is None:
        return {}
    return {
        f"{of}_blocks": np.array(known.checksums, np.uint32),
        f"{of}_digest": np.frombuffer(bytes.fromhex(known.digest), np.uint8),
        f"{of}_head": np.array([known.head], np.int64),
    }


def blocks_from_arrays(of: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Blocks | None:
    """What `blocks_to_arrays` was given; None where it is not among the arrays."""
    if f"{of}_blocks" not in arrays:
        return None
    digest = arrays[f"{of}_digest"].astype(np.uint8).tobytes().hex()
    return Blocks(digest, tuple(arrays[f"{of}_blocks"].tolist()), int(arrays[f"{of}_head"][0]))
