# SPDX-License-Identifier: Apache-2.0
"""Scan-line EXR files whose header is exactly what was asked for and whose samples are exactly what was
handed in.

OpenImageIO compresses the samples; the header is written here. It cannot be left to the library: OpenImageIO
3.2 turns `box2i`, `m33d` and unknown attribute types into others or drops them, renames `capDate`, `owner`
and `comments`, and adds a date and colour attributes of its own; its Python binding also takes no samples of
mixed types. So the library is given a plain half image whose lines have the very bytes of the wanted lines (a
32-bit channel is two half planes), and the chunks that it makes are put behind the wanted header. ZIP's
predictor works on the bytes of whole blocks and knows no channels (OpenEXR, `internal_zip.c`), so the chunks
are those of the wanted file, bit for bit.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from void_server.errors import Internal
from void_server.plates.exr import last_words
from void_server.plates.header import (
    COMPRESSIONS,
    FLAG_LONG_NAMES,
    MAGIC,
    SAMPLE_TYPES,
    VERSION,
    Attribute,
    read_header,
)
from void_server.plates.publish import published, scratch_beside
from void_server.plates.window import Window

LINES_PER_CHUNK = {"none": 1, "zips": 1, "zip": 16}
"""Scan lines in a chunk of each lossless compression that is written here ("OpenEXR File Layout")."""
BATCH_LINES = 64
"""Lines handed to the library at a time: whole chunks of every compression that is written."""
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


def write_frame(path: Path, frame: Frame, *, scratch: bool = False) -> None:
    """Write the frame as a one-part scan-line file; `path` appears whole or not at all, with equal bytes for
    equal input.

    Args:
        scratch: the file is not yet in its place: whoever puts it there syncs it.

    Raises:
        ValueError: a channel of another shape or type.
        Internal: the file could not be written; says why.
    """
    check_frame(frame)
    with writing(path, scratch=scratch) as (final, packed):
        compress(packed, frame)
        with packed.open("rb") as source, final.open("wb") as target:
            _join(source, target, packed, frame, header_of(frame))


def check_frame(frame: Frame) -> None:
    """Let a frame pass whose channels cover its window.

    Raises:
        ValueError: a channel of another shape or type.
    """
    for name, samples in frame.channels.items():
        if samples.shape != frame.data_window.shape or samples.dtype not in TYPE_OF_DTYPE:
            raise ValueError(f"channel {name} is {samples.dtype} {samples.shape}, not of {frame.data_window}")


@contextmanager
def writing(path: Path, *, scratch: bool = False) -> Iterator[tuple[Path, Path]]:
    """A temporary path that becomes `path` once the block ends, and a scratch path beside it.

    Args:
        scratch: it need not survive a power cut there.

    Raises:
        Internal: the file could not be written; says why.
    """
    try:
        with published(path, synced=not scratch) as final, scratch_beside(final) as beside:
            yield final, beside
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


def compress(path: Path, frame: Frame) -> None:
    """Write a file whose chunks are those of the wanted one: the lines' bytes as planes of half samples.

    Raises:
        OSError: it could not be written.
    """
    window = frame.data_window
    lines = [_halves(frame.channels[name]) for name in sorted_names(frame)]
    count = sum(part.shape[1] for part in lines)
    spec = oiio.ImageSpec(window.width, window.height, count, "half")
    spec.channelnames = tuple(f"plane{index:06d}" for index in range(count))
    spec.x, spec.y = window.x, window.y
    spec.attribute("compression", frame.compression)
    spec.attribute("openexr:lineOrder", "increasingY")
    output = oiio.ImageOutput.create("exr")
    if output is None:
        raise OSError(last_words(oiio.geterror))
    if not output.open(str(path), spec):
        raise OSError(last_words(output.geterror))
    # Some lines at a time: a buffer that stays in the cache is several times as fast as one for the whole picture.
    for top in range(0, window.height, BATCH_LINES):
        bottom = min(window.height, top + BATCH_LINES)
        planes = np.concatenate([part[top:bottom] for part in lines], axis=1).swapaxes(1, 2)
        batch = np.ascontiguousarray(planes)
        if not output.write_scanlines(window.y + top, window.y + bottom, 0, batch):
            raise OSError(last_words(output.geterror))
    if not output.close():
        raise OSError(last_words(output.geterror))


def _halves(channel: npt.NDArray[Any]) -> npt.NDArray[np.float16]:
    """(h, planes, w): of 32-bit samples two planes, the first half of a line's bytes and then the second."""
    little = np.ascontiguousarray(channel.astype(channel.dtype.newbyteorder("<"), copy=False))
    return little.view(np.float16).reshape(channel.shape[0], -1, channel.shape[1])


def _join(source: BinaryIO, target: BinaryIO, packed: Path, frame: Frame, header: bytes) -> None:
    """The wanted header, the offset table moved by the difference of the headers, and the chunks as they
    are.
    """
    packed_size = read_header(packed).size
    chunks = -(-frame.data_window.height // LINES_PER_CHUNK[frame.compression])
    source.seek(packed_size)
    offsets = np.frombuffer(source.read(8 * chunks), "<u8")
    if len(offsets) != chunks or int(offsets.min()) != packed_size + 8 * chunks:
        raise OSError("the encoder's chunk table is not as the format says")
    target.write(header)
    target.write((offsets + np.uint64(len(header)) - np.uint64(packed_size)).astype("<u8").tobytes())
    shutil.copyfileobj(source, target, 1024 * 1024)
