# SPDX-License-Identifier: Apache-2.0
"""Small EXR files without a library: written as half floats, and read where they are plain or ZIP.

Enough for frames that the checks make themselves, and for looking at what Nuke and the server made of them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

MAGIC = 20000630
HALF, FLOAT = 1, 2
LINES = {0: 1, 2: 1, 3: 16}
"""Lines in a chunk, by the number of the compression: none, ZIPS, ZIP."""


class NotRead(Exception):
    """A file that this module cannot read."""


class Picture(NamedTuple):
    """A file.

    Attributes:
        size: width and height of the data window.
        display: width and height of the display window.
        channels: bytes of each channel, line after line, as the file has them.
        kinds: `HALF` or `FLOAT` by channel.
    """

    size: tuple[int, int]
    display: tuple[int, int]
    channels: dict[str, bytes]
    kinds: dict[str, int]

    def numbers(self, channel: str) -> tuple[float, ...]:
        """The samples of a channel."""
        letter = "e" if self.kinds[channel] == HALF else "f"
        return struct.unpack(f"<{self.size[0] * self.size[1]}{letter}", self.channels[channel])


def write(path: str, size: tuple[int, int], channels: dict[str, Callable[[int, int], float]]) -> None:
    """Write a file, not compressed.

    Args:
        size: width and height.
        channels: value of a pixel by x and y, counted from the top left, for each channel.
    """
    width, height = size
    names = sorted(channels)
    listed = b"".join(_text(name) + struct.pack("<iB3xii", HALF, 0, 1, 1) for name in names) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    header = struct.pack("<ii", MAGIC, 2) + b"".join(
        (
            _attribute("channels", "chlist", listed),
            _attribute("compression", "compression", b"\0"),
            _attribute("dataWindow", "box2i", window),
            _attribute("displayWindow", "box2i", window),
            _attribute("lineOrder", "lineOrder", b"\0"),
            _attribute("pixelAspectRatio", "float", struct.pack("<f", 1)),
            _attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
            _attribute("screenWindowWidth", "float", struct.pack("<f", 1)),
            b"\0",
        )
    )
    bytes_of_line = 2 * width * len(names)
    first = len(header) + 8 * height
    with open(path, "wb") as file:
        file.write(header)
        file.write(struct.pack(f"<{height}Q", *(first + y * (8 + bytes_of_line) for y in range(height))))
        for y in range(height):
            file.write(struct.pack("<ii", y, bytes_of_line))
            for name in names:
                file.write(struct.pack(f"<{width}e", *(channels[name](x, y) for x in range(width))))


def _text(value: str) -> bytes:
    return value.encode("ascii") + b"\0"


def _attribute(name: str, kind: str, value: bytes) -> bytes:
    return _text(name) + _text(kind) + struct.pack("<i", len(value)) + value


def read(path: str) -> Picture:
    """Read a file of scanlines, its first part alone.

    Raises:
        NotRead: it is tiled, deep or multi-part, or compressed in another way.
    """
    with open(path, "rb") as file:
        data = file.read()
    magic, version = struct.unpack_from("<ii", data)
    if magic != MAGIC or version >> 8 & ~0x4:
        raise NotRead(f"not an EXR of scanlines in one part (version {version:#x})")
    attributes, at = _header(data, 8)
    compression = attributes["compression"][0]
    if compression not in LINES:
        raise NotRead(f"compression {compression} is not read")
    left, top, right, bottom = struct.unpack("<4i", attributes["dataWindow"])
    shown = struct.unpack("<4i", attributes["displayWindow"])
    width, height = right - left + 1, bottom - top + 1
    kinds = _channels(attributes["channels"])
    chunks = -(-height // LINES[compression])
    lines = {name: [b""] * height for name in kinds}
    for offset in struct.unpack_from(f"<{chunks}Q", data, at):
        y, length = struct.unpack_from("<ii", data, offset)
        count = min(LINES[compression], bottom - y + 1)
        expected = count * width * sum(map(_bytes, kinds.values()))
        _split(_plain(data[offset + 8 : offset + 8 + length], expected), kinds, width, y - top, count, lines)
    display = (shown[2] - shown[0] + 1, shown[3] - shown[1] + 1)
    return Picture((width, height), display, {name: b"".join(found) for name, found in lines.items()}, kinds)


def _bytes(kind: int) -> int:
    return 2 if kind == HALF else 4


def _header(data: bytes, at: int) -> tuple[dict[str, bytes], int]:
    found = {}
    while data[at]:
        name, at = _name(data, at)
        _, at = _name(data, at)
        (size,) = struct.unpack_from("<i", data, at)
        found[name] = data[at + 4 : at + 4 + size]
        at += 4 + size
    return found, at + 1


def _name(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\0", at)
    return data[at:end].decode("utf-8"), end + 1


def _channels(listed: bytes) -> dict[str, int]:
    kinds, at = {}, 0
    while listed[at]:
        name, at = _name(listed, at)
        kinds[name] = struct.unpack_from("<i", listed, at)[0]
        if kinds[name] not in (HALF, FLOAT):
            raise NotRead(f"the channel {name} holds no floats")
        at += 16
    return kinds


def _plain(chunk: bytes, expected: int) -> bytes:
    """The samples of a chunk; one that did not get smaller was left as it was."""
    if len(chunk) == expected:
        return chunk
    packed = bytearray(zlib.decompress(chunk))
    for index in range(1, len(packed)):
        packed[index] = packed[index - 1] + packed[index] - 128 & 0xFF
    plain = bytearray(len(packed))
    half = (len(packed) + 1) // 2
    plain[0::2], plain[1::2] = packed[:half], packed[half:]
    return bytes(plain)


def _split(
    plain: bytes, kinds: dict[str, int], width: int, first: int, count: int, lines: dict[str, list[bytes]]
) -> None:
    at = 0
    for line in range(first, first + count):
        for name, kind in kinds.items():
            lines[name][line] = plain[at : at + width * _bytes(kind)]
            at += width * _bytes(kind)


def same_where(one: Picture, other: Picture, names: Sequence[str], at: Sequence[bool]) -> bool:
    """Whether two pictures have the same numbers in some channels, at the pixels where `at` is true."""
    for name in names:
        pairs = zip(one.numbers(name), other.numbers(name), at)
        if any(first != second for first, second, wanted in pairs if wanted):
            return False
    return True
