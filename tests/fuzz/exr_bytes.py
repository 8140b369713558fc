# SPDX-License-Identifier: Apache-2.0
"""An EXR file taken apart into the pieces that a mutation wants to touch, and put together again.

A second reading of "OpenEXR File Layout" (openexr.com/en/latest/OpenEXRFileLayout.html), which shares no line with
the parser under test and believes the file: it only ever takes seeds apart, which are whole.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

MULTIPART = 0x1000


@dataclass(frozen=True)
class RawAttribute:
    """One attribute; `size` is what the file says, which need not be the length of the value."""

    name: bytes
    type: bytes
    value: bytes
    size: int

    def bytes(self) -> bytes:
        """As it stands in a file."""
        return self.name + b"\0" + self.type + b"\0" + struct.pack("<I", self.size & 0xFFFFFFFF) + self.value


@dataclass(frozen=True)
class RawFile:
    """A file in pieces.

    Attributes:
        magic: the first four bytes.
        version: version and flags.
        parts: the attributes of each part.
        offsets: the chunk offset tables of all parts, one after the other.
        body: all behind the tables.
        chunks: where in `body` each chunk begins, ascending.
    """

    magic: bytes
    version: int
    parts: tuple[tuple[RawAttribute, ...], ...]
    offsets: tuple[int, ...]
    body: bytes
    chunks: tuple[int, ...]

    @property
    def multipart(self) -> bool:
        """Whether headers end with an empty one, and chunks begin with a part number."""
        return bool(self.version & MULTIPART)

    def head(self) -> bytes:
        """All before the tables."""
        parts = [b"".join(a.bytes() for a in part) + b"\0" for part in self.parts]
        end = b"\0" if self.multipart else b""
        return self.magic + struct.pack("<I", self.version & 0xFFFFFFFF) + b"".join(parts) + end

    def bytes(self) -> bytes:
        """The whole file."""
        table = b"".join(struct.pack("<Q", o & (2**64 - 1)) for o in self.offsets)
        return self.head() + table + self.body

    def moved(self, parts: tuple[tuple[RawAttribute, ...], ...]) -> RawFile:
        """The same file under another header, its offsets following the chunks to their new place."""
        changed = replace(self, parts=parts)
        shift = len(changed.head()) - len(self.head())
        return replace(changed, offsets=tuple(o + shift for o in self.offsets))

    def boundaries(self) -> list[int]:
        """Every byte at which a piece of the file ends."""
        found, at = [0, 4, 8], 8
        for part in self.parts:
            for attribute in part:
                for length in (len(attribute.name) + 1, len(attribute.type) + 1, 4, len(attribute.value)):
                    at += length
                    found.append(at)
            at += 1
            found.append(at)
        at = len(self.head())
        found += [at + 8 * i for i in range(len(self.offsets) + 1)]
        body = at + 8 * len(self.offsets)
        for chunk in self.chunks:
            found += [body + chunk, body + chunk + 4, body + chunk + 8]
        return sorted(set(found))


def take_apart(data: bytes) -> RawFile:
    """The pieces of a whole file."""
    (version,) = struct.unpack_from("<I", data, 4)
    at, parts = 8, []
    while True:
        attributes, at = _attributes(data, at)
        if not attributes:
            break
        parts.append(attributes)
        if not version & MULTIPART:
            break
    offsets: list[int] = []
    # The tables end where the first chunk begins.
    while at + 8 * len(offsets) < min(offsets, default=len(data)):
        offsets += struct.unpack_from("<Q", data, at + 8 * len(offsets))
    body = at + 8 * len(offsets)
    chunks = tuple(sorted(o - body for o in offsets))
    return RawFile(data[:4], version, tuple(parts), tuple(offsets), data[body:], chunks)


def _attributes(data: bytes, at: int) -> tuple[tuple[RawAttribute, ...], int]:
    found = []
    while data[at]:
        name_end = data.index(b"\0", at)
        type_end = data.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<I", data, type_end + 1)
        start = type_end + 5
        found.append(
            RawAttribute(data[at:name_end], data[name_end + 1 : type_end], data[start : start + size], size)
        )
        at = start + size
    return tuple(found), at + 1
