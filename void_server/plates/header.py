# SPDX-License-Identifier: Apache-2.0
"""OpenEXR headers, read from the bytes under limits before any image library sees the file.

A header is kept as the file has it: each attribute is its name, its type and its raw bytes, so that a result
can carry it on unchanged, whatever its type. Byte layout: "OpenEXR File Layout"
(openexr.com/en/latest/OpenEXRFileLayout.html); attribute types: "Standard Attributes" and ImfAttribute
sources of OpenEXR 3.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from void_server.errors import DataLoss, InvalidInput, LimitExceeded, Unsupported
from void_server.plates.window import Window

MAGIC = b"\x76\x2f\x31\x01"
VERSION = 2
FLAG_TILED, FLAG_LONG_NAMES, FLAG_DEEP, FLAG_MULTIPART = 0x200, 0x400, 0x800, 0x1000
KNOWN_FLAGS = FLAG_TILED | FLAG_LONG_NAMES | FLAG_DEEP | FLAG_MULTIPART
SAMPLE_TYPES = ("uint", "half", "float")
SAMPLE_BYTES = {"uint": 4, "half": 2, "float": 4}
COMPRESSIONS = (
    "none",
    "rle",
    "zips",
    "zip",
    "piz",
    "pxr24",
    "b44",
    "b44a",
    "dwaa",
    "dwab",
    "htj2k256",
    "htj2k32",
    "zstd",
)
FIXED_SIZES = {
    **dict.fromkeys(("compression", "deepImageState", "envmap", "lineOrder"), 1),
    **dict.fromkeys(("float", "int"), 4),
    **dict.fromkeys(("double", "rational", "timecode", "v2f", "v2i"), 8),
    **dict.fromkeys(("v3f", "v3i"), 12),
    **dict.fromkeys(("box2f", "box2i", "v2d"), 16),
    "tiledesc": 9,
    "v3d": 24,
    "keycode": 28,
    "chromaticities": 32,
    "m33f": 36,
    "m44f": 64,
    "m33d": 72,
    "m44d": 128,
}
"""Bytes of a value of each type that always has as many."""
LONGEST_NAME = 255
_BLOCK = 1 << 16
"""Bytes read at a time; few headers have more."""
FARTHEST_COORDINATE = 2**30 - 1
"""OpenEXR refuses windows beyond half of the range of an int (ImfHeader.cpp, sanityCheck)."""


@dataclass(frozen=True)
class EXRLimits:
    """What a file may ask for before it is refused; every EXR is hostile until it is decoded."""

    max_header_bytes: int = 16 * 1024**2
    """Bytes of all headers of a file."""
    max_parts: int = 256
    """Parts of a file."""
    max_attributes: int = 4096
    """Attributes of a part."""
    max_channels: int = 1024
    """Channels of a part; Nuke itself stops at 1023 in a script."""
    max_pixels: int = 16384 * 8192
    """Pixels of a data window, and of a display window."""
    max_bytes: int = 4 * 1024**3
    """Decoded bytes of all channels of a part."""


@dataclass(frozen=True)
class Attribute:
    """One attribute as the file has it: name, type name, and its value's raw bytes."""

    name: str
    type: str
    value: bytes

    @property
    def damaged(self) -> bool:
        """Whether the value cannot be one of its type; decoders pass over such an attribute, or refuse the file."""
        return len(self.value) != FIXED_SIZES.get(self.type, len(self.value))

    def text(self) -> str:
        """The value of a `string` attribute; bytes that are not UTF-8 are replaced."""
        return self.value.decode("utf-8", errors="replace")

    def floats(self) -> tuple[float, ...]:
        """The value as 32-bit floats (`float`, `v2f`, `chromaticities` ...)."""
        return struct.unpack(f"<{len(self.value) // 4}f", self.value[: len(self.value) // 4 * 4])

    def strings(self) -> tuple[str, ...]:
        """The value of a `stringvector` attribute."""
        found, at = [], 0
        while at + 4 <= len(self.value):
            (length,) = struct.unpack_from("<i", self.value, at)
            if not 0 <= length <= len(self.value) - at - 4:
                break
            found.append(self.value[at + 4 : at + 4 + length].decode("utf-8", errors="replace"))
            at += 4 + length
        return tuple(found)


@dataclass(frozen=True)
class Channel:
    """One channel of a part: its name, its sample type (`half`, `float` or `uint`) and its subsampling."""

    name: str
    type: str
    x_sampling: int = 1
    y_sampling: int = 1


@dataclass(frozen=True)
class Part:
    """One part of a file.

    `channels` are in file order, which OpenEXR keeps sorted by name; `attributes` hold every attribute of the
    part, those that are also fields among them.
    """

    index: int
    name: str
    view: str
    data_window: Window
    display_window: Window
    pixel_aspect: float
    channels: tuple[Channel, ...]
    compression: str
    tiled: bool
    deep: bool
    attributes: Mapping[str, Attribute]

    @property
    def channel_names(self) -> tuple[str, ...]:
        """The names of the channels, in file order."""
        return tuple(channel.name for channel in self.channels)

    def channel(self, name: str) -> Channel:
        """The channel of that exact name; KeyError where there is none."""
        for channel in self.channels:
            if channel.name == name:
                return channel
        raise KeyError(name)

    @property
    def views(self) -> tuple[str, ...]:
        """The views that a `multiView` attribute names, the default one first; empty where there is none."""
        attribute = self.attributes.get("multiView")
        return attribute.strings() if attribute is not None and attribute.type == "stringvector" else ()

    @property
    def timecode(self) -> tuple[int, int] | None:
        """The SMPTE time code as its two packed words (time and flags, user data), or None."""
        attribute = self.attributes.get("timeCode")
        if attribute is None or attribute.type != "timecode" or len(attribute.value) != 8:
            return None
        time, user = struct.unpack("<II", attribute.value)
        return time, user

    @property
    def frames_per_second(self) -> Fraction | None:
        """The frame rate, or None where the file does not say."""
        attribute = self.attributes.get("framesPerSecond")
        if attribute is None or attribute.type != "rational" or len(attribute.value) != 8:
            return None
        numerator, denominator = struct.unpack("<iI", attribute.value)
        return Fraction(numerator, denominator) if denominator else None

    @property
    def decoded_bytes(self) -> int:
        """Bytes that all samples of the part take (an upper bound where channels are subsampled)."""
        return self.data_window.pixels * sum(SAMPLE_BYTES[channel.type] for channel in self.channels)


@dataclass(frozen=True)
class Header:
    """The headers of a file: its parts, and how many bytes stand before the chunk offset table."""

    path: Path
    multipart: bool
    parts: tuple[Part, ...]
    size: int


def read_header(path: str | Path, limits: EXRLimits | None = None) -> Header:
    """The headers of an EXR file, checked against the limits; no pixel is read and nothing large is
    allocated.

    Raises:
        InvalidInput: not there, empty, not an EXR, or a header that contradicts itself.
        DataLoss: the file ends inside its header.
        LimitExceeded: a limit is passed; names the limit, its value and the file.
        Unsupported: a version of the format that is not known here.
    """
    path = Path(path)
    limits = limits or EXRLimits()
    try:
        with path.open("rb") as file:
            return _Parser(file, path, limits).header()
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror or error}.",
            fix="Check that the file is there and may be read.",
            file=str(path),
        ) from error


def _check_limits(part: Part, path: Path, limits: EXRLimits) -> None:
    """Refuse a part whose windows or samples are beyond the limits.

    Raises:
        LimitExceeded: names the limit, its value and the file.
    """
    asked = {
        "max_pixels": (
            "pixels of a data or display window",
            max(part.data_window.pixels, part.display_window.pixels),
        ),
        "max_bytes": ("decoded bytes of a part", part.decoded_bytes),
    }
    for name, (meaning, value) in asked.items():
        if value > getattr(limits, name):
            raise _over(name, meaning, value, getattr(limits, name), path)


def _over(name: str, meaning: str, value: int, limit: int, path: Path) -> LimitExceeded:
    return LimitExceeded(
        f"{path} asks for {value} {meaning}; the limit {name} is {limit}.",
        fix=f"Give a smaller file, or raise {name} on the server.",
        file=str(path),
    )


class _Parser:
    """Reads headers in order from an open file, never more than `max_header_bytes` of it."""

    def __init__(self, file: BinaryIO, path: Path, limits: EXRLimits) -> None:
        self.file, self.path, self.limits = file, path, limits
        self.data, self.position = bytearray(), 0

    def invalid(self, what: str) -> InvalidInput:
        return InvalidInput(f"{self.path} {what}.", fix="Write the file again.", file=str(self.path))

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > self.limits.max_header_bytes:
            raise _over("max_header_bytes", "header bytes", end, self.limits.max_header_bytes, self.path)
        self.fill(end)
        if len(self.data) < end:
            raise DataLoss(
                f"{self.path} ends inside its header, after {len(self.data)} bytes.",
                fix="Copy or render the file again.",
                file=str(self.path),
            )
        data = bytes(self.data[self.position : end])
        self.position = end
        return data

    def fill(self, end: int) -> None:
        """Let the bytes before `end` be in memory, as far as the file has them."""
        while len(self.data) < end and (block := self.file.read(max(_BLOCK, end - len(self.data)))):
            self.data += block

    def name(self) -> str:
        """A zero-ended name; empty at the end of a list."""
        last = self.position + LONGEST_NAME + 1
        self.fill(last)
        end = self.data.find(b"\0", self.position, last)
        letters = self.take((end if end >= 0 else last) - self.position)
        if end < 0:
            raise self.invalid(f"has a name of more than {LONGEST_NAME} bytes in its header")
        self.position += 1
        return letters.decode("utf-8", errors="surrogateescape")

    def header(self) -> Header:
        self.fill(len(MAGIC))
        if not self.data:
            raise self.invalid("is empty")
        if self.data[: len(MAGIC)] != MAGIC:
            raise InvalidInput(
                f"{self.path} is not an OpenEXR file.", fix="Give EXR files.", file=str(self.path)
            )
        self.position = len(MAGIC)
        (word,) = struct.unpack("<I", self.take(4))
        if word & 0xFF != VERSION or word & ~0xFF & ~KNOWN_FLAGS:
            raise Unsupported(
                f"{self.path} has version field {word:#x}, which is not known here.",
                fix="Write it as OpenEXR version 2.",
                file=str(self.path),
            )
        multipart = bool(word & FLAG_MULTIPART)
        parts = tuple(self.parts(word, multipart))
        if not parts:
            raise self.invalid("has no part")
        return Header(self.path, multipart, parts, self.position)

    def parts(self, flags: int, multipart: bool) -> Iterator[Part]:
        index = 0
        while attributes := self.attributes():
            if index >= self.limits.max_parts:
                raise _over("max_parts", "parts", index + 1, self.limits.max_parts, self.path)
            yield self.part(index, attributes, flags)
            index += 1
            if not multipart:
                return

    def attributes(self) -> dict[str, Attribute]:
        found: dict[str, Attribute] = {}
        while name := self.name():
            type_name = self.name()
            (size,) = struct.unpack("<i", self.take(4))
            if size < 0 or not type_name:
                raise self.invalid(f"has a damaged attribute {name!r}")
            if len(found) >= self.limits.max_attributes:
                raise _over(
                    "max_attributes", "attributes", len(found) + 1, self.limits.max_attributes, self.path
                )
            if name in found:
                raise self.invalid(f"has the attribute {name!r} twice")
            found[name] = Attribute(name, type_name, self.take(size))
        return found

    def part(self, index: int, attributes: dict[str, Attribute], flags: int) -> Part:
        kind = attributes["type"].text() if "type" in attributes else ""
        part = Part(
            index=index,
            name=attributes["name"].text() if "name" in attributes else "",
            view=attributes["view"].text() if "view" in attributes else "",
            data_window=self.window(attributes, "dataWindow"),
            display_window=self.window(attributes, "displayWindow"),
            pixel_aspect=self.pixel_aspect(attributes),
            channels=tuple(self.channels(self.value(attributes, "channels", "chlist"))),
            compression=self.compression(attributes),
            tiled=bool(flags & FLAG_TILED) or kind == "tiledimage",
            deep=kind in ("deepscanline", "deeptile") or (bool(flags & FLAG_DEEP) and not kind),
            attributes=attributes,
        )
        if not part.channels:
            raise self.invalid("has a part without channels")
        _check_limits(part, self.path, self.limits)
        return part

    def value(
        self, attributes: dict[str, Attribute], name: str, type_name: str, size: int | None = None
    ) -> bytes:
        attribute = attributes.get(name)
        if attribute is None or attribute.type != type_name or size not in (None, len(attribute.value)):
            raise self.invalid(f"has no valid {name} in its header")
        return attribute.value

    def window(self, attributes: dict[str, Attribute], name: str) -> Window:
        x0, y0, x1, y1 = struct.unpack("<4i", self.value(attributes, name, "box2i", 16))
        if x1 < x0 or y1 < y0 or max(map(abs, (x0, y0, x1, y1))) > FARTHEST_COORDINATE:
            raise self.invalid(f"has an impossible {name}: ({x0}, {y0}) to ({x1}, {y1})")
        return Window.from_corners(x0, y0, x1, y1)

    def pixel_aspect(self, attributes: dict[str, Attribute]) -> float:
        if "pixelAspectRatio" not in attributes:
            return 1.0
        (aspect,) = struct.unpack("<f", self.value(attributes, "pixelAspectRatio", "float", 4))
        if not (math.isfinite(aspect) and aspect > 0):
            raise self.invalid(f"has an impossible pixel aspect: {aspect}")
        return float(aspect)

    def compression(self, attributes: dict[str, Attribute]) -> str:
        code = self.value(attributes, "compression", "compression", 1)[0]
        return COMPRESSIONS[code] if code < len(COMPRESSIONS) else f"compression {code}"

    def channels(self, value: bytes) -> Iterator[Channel]:
        at, seen = 0, set()
        while at < len(value) and value[at] != 0:
            end = value.find(b"\0", at)
            if end < 0 or end - at > LONGEST_NAME or end + 17 > len(value):
                raise self.invalid("has a damaged channel list")
            name = value[at:end].decode("utf-8", errors="surrogateescape")
            code, _, x_sampling, y_sampling = struct.unpack_from("<iIii", value, end + 1)
            if not 0 <= code < len(SAMPLE_TYPES) or x_sampling < 1 or y_sampling < 1 or name in seen:
                raise self.invalid(f"has a damaged channel {name!r}")
            seen.add(name)
            if len(seen) > self.limits.max_channels:
                raise _over("max_channels", "channels", len(seen), self.limits.max_channels, self.path)
            yield Channel(name, SAMPLE_TYPES[code], x_sampling, y_sampling)
            at = end + 17
