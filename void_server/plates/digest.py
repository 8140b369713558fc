# SPDX-License-Identifier: Apache-2.0
"""The content digest: one SHA-256 for everything about a frame that a result can depend on, and nothing else.

Hosts write dates, hashes and paths into headers, so that bytes differ where pixels do not; compression, tiling, mip
levels and all attributes that are not named below are left out for the same reason. Part names count where there are
several parts, since they say which one is the picture.

Canonical bytes, all numbers little-endian, text as a 32-bit byte count and UTF-8:

    "VOID content 1\\n", uint32 number of parts, then for each part, in file order:
      text part name (empty in a file of one part), text view
      4 x int32 data window, 4 x int32 display window (inclusive corners, as `box2i`), float32 pixel aspect
      uint32 number of colour and time attributes present, then for each, sorted by name:
        text name, text type, uint32 size, its raw bytes
      uint32 number of channels, then for each, sorted by name as bytes: text name, text type (half, float, uint)
      for each line, top to bottom: for each channel in that order, its samples (2 or 4 bytes each)

The lines are OpenEXR's own uncompressed scan-line layout.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from void_server.plates.exr import read_stripes
from void_server.plates.header import EXRLimits, Header, Part, read_header

Wanted: TypeAlias = Mapping[int, Collection[str]]
"""Exact channel names by index of the part."""

CONTENT_ATTRIBUTES = (
    "acesImageContainerFlag",
    "adoptedNeutral",
    "chromaticities",
    "colorInteropID",
    "multiView",
    "oiio:ColorSpace",
    "timeCode",
    "whiteLuminance",
)
"""What says how samples are to be seen, and when: colour ("Standard Attributes" of OpenEXR; colorInteropID of
the Color Interop Forum), views inside channel names, and the time code."""


def content_digest(path: str | Path, limits: EXRLimits | None = None) -> str:
    """SHA-256 of the canonical bytes of an EXR file, as 64 lower-case hexadecimal digits.

    Every channel of every part is decoded, in stripes, so memory stays bounded. Raises as `read_channels`.
    """
    return digest_and_samples(path, {}, limits)[0]


def digest_and_samples(
    path: str | Path, wanted: Wanted, limits: EXRLimits | None = None
) -> tuple[str, dict[tuple[int, str], npt.NDArray[Any]]]:
    """`content_digest`, and some channels of the same decode: (h, w) by part and name, in their own type.

    Args:
        wanted: exact names by part; memory holds these and one stripe of the others. A part or a name that the file
            lacks is left out.
    """
    header = read_header(path, limits)
    kept: dict[tuple[int, str], npt.NDArray[Any]] = {}

    def stripes(part: Part) -> Iterator[Mapping[str, npt.NDArray[Any]]]:
        top = 0
        for stripe in read_stripes(path, part.index, limits):
            for name in set(wanted.get(part.index, ())) & stripe.keys():
                lines = stripe[name]
                whole = kept.setdefault((part.index, name), np.empty(part.data_window.shape, lines.dtype))
                whole[top : top + len(lines)] = lines
            top += len(next(iter(stripe.values()))) if stripe else 0
            yield stripe

    return content_digest_of(header, map(stripes, header.parts)), kept


def content_digest_of(header: Header, parts: Iterable[Iterable[Mapping[str, npt.NDArray[Any]]]]) -> str:
    """The content digest of a file whose samples are decoded already.

    Args:
        parts: for each part of the header its channels by name, top to bottom in stripes of full width.
    """
    digest = hashlib.sha256(b"VOID content 1\n" + struct.pack("<I", len(header.parts)))
    for part, stripes in zip(header.parts, parts, strict=True):
        digest.update(_description(part, several=len(header.parts) > 1))
        names = _sorted_names(part)
        for stripe in stripes:
            digest.update(scan_lines([stripe[name] for name in names]).data)
    return digest.hexdigest()


def description(header: Header) -> bytes:
    """The canonical bytes of a file of one part, from the number of its parts to its channels."""
    (part,) = header.parts
    return struct.pack("<I", 1) + _description(part, several=False)


def scan_lines(channels: list[npt.NDArray[Any]]) -> npt.NDArray[np.uint8]:
    """Channels as OpenEXR's uncompressed scan lines: (h, bytes a line) uint8, in each line channel after
    channel.

    Args:
        channels: arrays (h, w) of one shape, in the order of the file.
    """
    lines = [
        np.ascontiguousarray(c.astype(c.dtype.newbyteorder("<"), copy=False)).view(np.uint8) for c in channels
    ]
    return np.ascontiguousarray(np.concatenate(lines, axis=1))


def _sorted_names(part: Part) -> list[str]:
    return sorted(part.channel_names, key=lambda name: name.encode("utf-8", "surrogateescape"))


def _description(part: Part, several: bool) -> bytes:
    kept = [part.attributes[name] for name in CONTENT_ATTRIBUTES if name in part.attributes]
    names = _sorted_names(part)
    return b"".join(
        [
            _text(part.name if several else ""),
            _text(part.view),
            struct.pack("<8i", *part.data_window.corners, *part.display_window.corners),
            struct.pack("<f", part.pixel_aspect),
            struct.pack("<I", len(kept)),
            *(_text(a.name) + _text(a.type) + struct.pack("<I", len(a.value)) + a.value for a in kept),
            struct.pack("<I", len(names)),
            *(_text(name) + _text(part.channel(name).type) for name in names),
        ]
    )


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<I", len(data)) + data
