# SPDX-License-Identifier: Apache-2.0
"""As much of OpenEXR as it takes to look whether a rendered file has a key: header, and whether a channel varies.

Scanline files of one part, uncompressed, RLE, ZIPS or ZIP (OpenEXR file layout, "Scan line files").
"""

from __future__ import annotations

import struct
import zlib
from array import array
from itertools import accumulate
from typing import BinaryIO, Iterator, NamedTuple

MAGIC = 20000630
LINES = {0: 1, 1: 1, 2: 1, 3: 16}
"""Scanlines of a chunk by the compressions that can be read: none, RLE, ZIPS, ZIP."""

NAMES = ("none", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
BYTES = (4, 2, 4)
"""Of a sample: unsigned whole number, half, float."""

_SHORT_LIMIT = 2**20
_LONGEST = 2**48
"""Beyond it no file of ours lies; a damaged table could name places that no system can seek."""

_TURN = bytes(value ^ 128 for value in range(256))


class Unreadable(Exception):
    """The file is no such EXR; the text says why."""


class Channel(NamedTuple):
    """A channel: its name, the bytes of a sample, whether every pixel has one."""

    name: str
    bytes: int
    full: bool


class Header(NamedTuple):
    """What the beginning of a file says.

    Attributes:
        channels: in the order of the file.
        compression: as the format numbers it.
        size: width and height of the display window.
        window: left, top, right, bottom of the data window, all included.
        start: where the table of chunks begins.
    """

    channels: tuple[Channel, ...]
    compression: int
    size: tuple[int, int]
    window: tuple[int, int, int, int]
    start: int

    @property
    def names(self) -> list[str]:
        """The channels' names."""
        return [channel.name for channel in self.channels]


def read_header(path: str) -> Header:
    """The header of a file.

    Raises:
        Unreadable: it is no EXR of one part with scanlines.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return _header(file)


def varies(path: str, name: str) -> bool:
    """Whether a channel has more than one value.

    Raises:
        Unreadable: there is no such channel, or it is compressed in a way that is not known here.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        header = _readable(file, name)
        first = b""
        for row in _rows(file, header, name):
            size = next(channel.bytes for channel in header.channels if channel.name == name)
            first = first or row[:size]
            if row != first * (len(row) // size):
                return True
    return False


def equal(one: str, other: str, name: str) -> bool:
    """Whether a channel has the same samples in two files of one window and one type.

    Raises:
        Unreadable, OSError: as of `varies`.
    """
    with open(one, "rb") as first, open(other, "rb") as second:
        headers = _readable(first, name), _readable(second, name)
        if headers[0].window != headers[1].window:
            return False
        rows = zip(_rows(first, headers[0], name), _rows(second, headers[1], name))
        return all(mine == theirs for mine, theirs in rows)


def _readable(file: BinaryIO, name: str) -> Header:
    """The header of a file whose channel can be read here."""
    header = _header(file)
    if name not in header.names:
        raise Unreadable(f"There is no channel {name}.")
    if header.compression not in LINES:
        raise Unreadable(f"{_compression(header)} cannot be read here.")
    if not all(channel.full for channel in header.channels):
        raise Unreadable("A channel is subsampled.")
    return header


def _compression(header: Header) -> str:
    known = header.compression < len(NAMES)
    return NAMES[header.compression] if known else f"Compression {header.compression}"


def _header(file: BinaryIO) -> Header:
    magic, version = struct.unpack("<iI", _exactly(file, 8))
    if magic != MAGIC:
        raise Unreadable("It is no EXR file.")
    if version & 0x1A00:
        raise Unreadable("It is tiled, deep or has several parts.")
    values: dict[str, bytes] = {}
    while True:
        name = _text(file)
        if not name:
            break
        _text(file)
        size = struct.unpack("<i", _exactly(file, 4))[0]
        if not 0 <= size <= _SHORT_LIMIT:
            raise Unreadable("Its header is damaged.")
        values[name] = _exactly(file, size)
    try:
        window = struct.unpack("<4i", values["dataWindow"])
        display = struct.unpack("<4i", values["displayWindow"])
        return Header(
            tuple(_channels(values["channels"])),
            values["compression"][0],
            (display[2] - display[0] + 1, display[3] - display[1] + 1),
            (window[0], window[1], window[2], window[3]),
            file.tell(),
        )
    except (KeyError, ValueError, IndexError, struct.error) as error:
        raise Unreadable("Its header is damaged.") from error


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise Unreadable("It is cut off.")
    return data


def _text(file: BinaryIO) -> str:
    found = bytearray()
    while True:
        byte = _exactly(file, 1)
        if byte == b"\0":
            return found.decode("utf-8", "replace")
        if len(found) > 255:
            raise Unreadable("Its header is damaged.")
        found += byte


def _channels(data: bytes) -> Iterator[Channel]:
    at = 0
    while data[at]:
        end = data.index(b"\0", at)
        kind, _, across, down = struct.unpack_from("<iiii", data, end + 1)
        yield Channel(data[at:end].decode("utf-8", "replace"), BYTES[kind], across == down == 1)
        at = end + 17


def _rows(file: BinaryIO, header: Header, name: str) -> Iterator[bytes]:
    """The samples of a channel, line by line in the order of the table."""
    left, top, right, bottom = header.window
    width, height = right - left + 1, bottom - top + 1
    if width < 1 or height < 1:
        raise Unreadable("It has no pixels.")
    before = sum(c.bytes for c in header.channels[: header.names.index(name)]) * width
    wanted = header.channels[header.names.index(name)].bytes * width
    line = sum(channel.bytes for channel in header.channels) * width
    lines = LINES[header.compression]
    chunks = -(-height // lines)
    file.seek(header.start)
    for offset in struct.unpack(f"<{chunks}Q", _exactly(file, 8 * chunks)):
        if offset > _LONGEST:
            raise Unreadable("A chunk is damaged.")
        file.seek(offset)
        y, size = struct.unpack("<ii", _exactly(file, 8))
        there = min(lines, bottom - y + 1)
        if there < 1 or not 0 <= size <= line * lines:
            raise Unreadable("A chunk is damaged.")
        data = _unpacked(_exactly(file, size), header.compression, line * there)
        for number in range(there):
            yield data[number * line + before : number * line + before + wanted]


def _unpacked(data: bytes, compression: int, size: int) -> bytes:
    # What would not get smaller is stored as it is.
    if compression == 0 or len(data) == size:
        unpacked = data
    else:
        try:
            unpacked = _without_differences(_run_lengths(data) if compression == 1 else zlib.decompress(data))
        except (zlib.error, IndexError) as error:
            raise Unreadable("A chunk is damaged.") from error
    if len(unpacked) != size:
        raise Unreadable("A chunk is damaged.")
    return unpacked


def _run_lengths(data: bytes) -> bytes:
    found, at = bytearray(), 0
    while at < len(data):
        count = data[at] - 256 if data[at] > 127 else data[at]
        if count < 0:
            found += data[at + 1 : at + 1 - count]
            at += 1 - count
        else:
            found += data[at + 1 : at + 2] * (count + 1)
            at += 2
    return bytes(found)


def _without_differences(data: bytes) -> bytes:
    """Undo what comes before compression: differences of neighbours, and halves that were pulled apart."""
    sums = array("Q", accumulate(data)).tobytes()
    low = sums[:: array("Q").itemsize] if struct.pack("=H", 1)[0] else sums[7 :: array("Q").itemsize]
    # Each difference has 128 added; of an even number of them nothing is left in a byte.
    turned = bytearray(low)
    turned[1::2] = low[1::2].translate(_TURN)
    half = (len(turned) + 1) // 2
    joined = bytearray(len(turned))
    joined[0::2], joined[1::2] = turned[:half], turned[half:]
    return bytes(joined)
