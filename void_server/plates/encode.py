# SPDX-License-Identifier: Apache-2.0
"""Scan-line EXR files whose header is exactly what was asked for and whose samples are exactly what was
handed in.

Neither can be left to OpenImageIO, which reads these files: 3.2 turns `box2i`, `m33d` and unknown attribute types into
others or drops them, renames `capDate`, `owner` and `comments`, and adds a date and colour attributes of its own; its
Python binding takes no samples of mixed types. A chunk depends on nothing but the samples of its lines.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.errors import DataLoss, Internal
from void_server.frames.blocks import BlocksWritten, digest_of_written
from void_server.plates.deflate import zipped
from void_server.plates.digest import scan_lines
from void_server.plates.header import (
    COMPRESSIONS,
    FLAG_LONG_NAMES,
    MAGIC,
    SAMPLE_TYPES,
    VERSION,
    Attribute,
)
from void_server.plates.publish import published
from void_server.plates.window import Window

LINES_PER_CHUNK = {"none": 1, "zips": 1, "zip": 16}
"""Scan lines in a chunk of each lossless compression that is written here ("OpenEXR File Layout")."""
BATCH_LINES = 32
"""Lines worked on at a time: whole chunks of every compression that is written, and few enough for the processor's
cache."""
SHORT_NAME = 31
"""Bytes of the longest name that needs no flag in the version field."""
TYPE_OF_DTYPE = {np.dtype(np.uint32): "uint", np.dtype(np.float16): "half", np.dtype(np.float32): "float"}


@dataclass(frozen=True)
class Frame:
    """What a written file is to hold.

    Attributes:
        data_window: the window that the channels cover.
        display_window: the window of the picture.
        pixel_aspect: width of a pixel over its height.
        channels: for each name an array (h, w) of float16, float32 or uint32 over the data window.
        attributes: every other attribute, raw; none of those that describe how the file is laid out.
        compression: `zips`, `zip` or `none`.
    """

    data_window: Window
    display_window: Window
    pixel_aspect: float
    channels: Mapping[str, npt.NDArray[Any]]
    attributes: tuple[Attribute, ...]
    compression: str


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        checksums: the CRC-32 of each block of the file (`void_server.frames.blocks`), as handed to the disk.
        head: bytes before the first chunk.
        encoded_lines: how many lines were compressed for it.
    """

    checksums: tuple[int, ...]
    head: int
    encoded_lines: int


def write_frame(path: Path, frame: Frame, *, scratch: bool = False) -> Written:
    """Write the frame as a one-part scan-line file; `path` appears whole or not at all, with equal bytes for equal
    input. Its bytes are read again, where it is not scratch.

    Args:
        scratch: the file is not yet in its place: whoever puts it there reads it again and syncs it.

    Raises:
        ValueError: a channel of another shape or type.
        Internal: the file could not be written; says why.
    """
    check_frame(frame)
    header = header_of(frame)
    chunks = -(-frame.data_window.height // LINES_PER_CHUNK[frame.compression])
    table = len(header) + 8 * chunks
    told, sizes = BlocksWritten(table), []
    with writing(path, scratch=scratch) as final:
        with final.open("wb") as target:
            target.seek(table)
            for chunk in packed_chunks(frame):
                target.write(chunk)
                told.add(chunk)
                sizes.append(len(chunk))
            starts = table + np.cumsum([0, *sizes[:-1]])
            before = header + starts.astype("<u8").tobytes()
            target.seek(0)
            target.write(before)
        told.before(before)
        if not scratch:
            read_again(final, told)
    return Written(told.checksums, table, frame.data_window.height)


def read_again(path: Path, told: BlocksWritten) -> None:
    """Let a file pass that holds the bytes that were written.

    Raises:
        OSError: it holds others.
    """
    try:
        digest_of_written(path, told.checksums)
    except DataLoss as error:
        raise OSError("it does not hold the bytes that were written") from error


def check_frame(frame: Frame) -> None:
    """Let a frame pass whose channels cover its window.

    Raises:
        ValueError: a channel of another shape or type.
    """
    for name, samples in frame.channels.items():
        if samples.shape != frame.data_window.shape or samples.dtype not in TYPE_OF_DTYPE:
            raise ValueError(f"channel {name} is {samples.dtype} {samples.shape}, not of {frame.data_window}")


@contextmanager
def writing(path: Path, *, scratch: bool = False) -> Iterator[Path]:
    """A temporary path that becomes `path` once the block ends.

    Args:
        scratch: it need not survive a power cut there.

    Raises:
        Internal: the file could not be written; says why.
    """
    try:
        with published(path, synced=not scratch) as final:
            yield final
    except OSError as error:
        raise Internal(
            f"{path} could not be written: {error.strerror or error}.",
            fix="Check that the disk has room and that the folder may be written.",
            file=str(path),
        ) from error


def attribute_of(name: str, value: str | int | float) -> Attribute:
    """An attribute from a Python value: `string`, `int` (32 bits) or `double`.

    Raises:
        ValueError: an integer beyond 32 bits, or a value of another type.
    """
    if isinstance(value, str):
        return Attribute(name, "string", value.encode())
    if isinstance(value, int) and not isinstance(value, bool):
        if not -(2**31) <= value < 2**31:
            raise ValueError(f"{name} = {value} does not fit an EXR int; give it as text")
        return Attribute(name, "int", struct.pack("<i", value))
    if isinstance(value, float):
        return Attribute(name, "double", struct.pack("<d", value))
    raise ValueError(f"{name} is {type(value).__name__}; an attribute is text, an int or a float")


def header_of(frame: Frame) -> bytes:
    """All bytes of the file before its chunk table."""
    names = sorted_names(frame)
    own = [
        Attribute("channels", "chlist", _channel_list(frame, names)),
        Attribute("compression", "compression", bytes([COMPRESSIONS.index(frame.compression)])),
        Attribute("dataWindow", "box2i", struct.pack("<4i", *frame.data_window.corners)),
        Attribute("displayWindow", "box2i", struct.pack("<4i", *frame.display_window.corners)),
        Attribute("lineOrder", "lineOrder", b"\0"),
        Attribute("pixelAspectRatio", "float", struct.pack("<f", frame.pixel_aspect)),
    ]
    required = [
        Attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
        Attribute("screenWindowWidth", "float", struct.pack("<f", 1)),
    ]
    attributes = {a.name: a for a in (*required, *frame.attributes, *own)}
    all_names = (*attributes, *(a.type for a in attributes.values()), *names)
    long_names = any(len(_encoded(name)) > SHORT_NAME for name in all_names)
    ordered = [attributes[name] for name in sorted(attributes, key=_encoded)]
    version = struct.pack("<I", VERSION | (FLAG_LONG_NAMES if long_names else 0))
    return MAGIC + version + b"".join(map(_attribute_bytes, ordered)) + b"\0"


def sorted_names(frame: Frame) -> list[str]:
    """Its channels in the order of the file."""
    return sorted(frame.channels, key=lambda name: name.encode())


def _channel_list(frame: Frame, names: Iterable[str]) -> bytes:
    entries = (
        _encoded(name)
        + b"\0"
        + struct.pack("<iIii", SAMPLE_TYPES.index(TYPE_OF_DTYPE[frame.channels[name].dtype]), 0, 1, 1)
        for name in names
    )
    return b"".join(entries) + b"\0"


def _attribute_bytes(attribute: Attribute) -> bytes:
    size = struct.pack("<i", len(attribute.value))
    return _encoded(attribute.name) + b"\0" + _encoded(attribute.type) + b"\0" + size + attribute.value


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def packed_chunks(frame: Frame) -> Iterator[bytes]:
    """The chunks of a frame, top to bottom, each with its first line and size; decompressed as they are made.

    Raises:
        OSError: what was compressed does not decompress to the same.
    """
    window, names = frame.data_window, sorted_names(frame)
    lines = LINES_PER_CHUNK[frame.compression]
    for top in range(0, window.height, BATCH_LINES):
        batch = [frame.channels[name][top : top + BATCH_LINES] for name in names]
        y = window.y + top
        for data in _packed(batch, lines) if frame.compression != "none" else scan_lines(batch):
            yield struct.pack("<2i", y, len(data)) + bytes(data)
            y += lines


def _packed(batch: list[npt.NDArray[Any]], lines: int) -> Iterator[bytes]:
    """The data of some lines' chunks, each of as many lines, but for the last, which may have fewer."""
    raw = scan_lines(batch)
    whole = len(raw) // lines * lines
    yield from zipped(raw[:whole].reshape(whole // lines, lines * raw.shape[1]))
    if whole < len(raw):
        yield from zipped(raw[whole:].reshape(1, -1))
