# SPDX-License-Identifier: Apache-2.0
"""How long a safetensors file has to be, by its own header.

The format (huggingface/safetensors, README): eight bytes little-endian with the length of a JSON header, the header,
then the tensors' bytes without holes. So a truncated file is told from a whole one without reading its tensors.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

MOST_HEADER_BYTES = 100_000_000
"""The format's own limit."""

_LENGTH = struct.Struct("<Q")


class BadHeader(Exception):
    """The file is no safetensors file; the text says why, in half a sentence."""


class CutHeader(BadHeader):
    """The file ends inside its header."""


def whole_length(path: Path) -> int:
    """Length in bytes that the file must have, by its header.

    Raises:
        BadHeader: the header is not one of the format; CutHeader: the file ends before it does.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        prefix = file.read(_LENGTH.size)
        if len(prefix) < _LENGTH.size:
            raise CutHeader(f"it ends after {len(prefix)} bytes")
        length: int = _LENGTH.unpack(prefix)[0]
        if length > MOST_HEADER_BYTES:
            raise BadHeader(
                f"it announces a header of {length} bytes, of which {MOST_HEADER_BYTES} are allowed"
            )
        header = file.read(length)
    if len(header) < length:
        raise CutHeader(f"it ends inside its header of {length} bytes")
    return _LENGTH.size + length + _data_length(_parsed(header))


def _parsed(header: bytes) -> dict[str, Any]:
    try:
        value = json.loads(header)
    # A header may nest deeper than Python follows, and name numbers longer than Python converts.
    except (ValueError, RecursionError):
        raise BadHeader("its header is not JSON") from None
    if not isinstance(value, dict):
        raise BadHeader("its header is not a JSON object")
    return value


def _data_length(header: dict[str, Any]) -> int:
    spans = sorted(_span(name, entry) for name, entry in header.items() if name != "__metadata__")
    end = 0
    for begin, stop, name in spans:
        if begin != end:
            raise BadHeader(f"its tensors leave a hole or overlap, at {name[:80]!r}")
        end = stop
    if not spans:
        raise BadHeader("it holds no tensors")
    return end


def _span(name: str, entry: Any) -> tuple[int, int, str]:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    if (
        not isinstance(offsets, list)
        or len(offsets) != 2
        or not all(type(offset) is int for offset in offsets)
        or not 0 <= offsets[0] <= offsets[1]
    ):
        raise BadHeader(f"its header gives no usable offsets for {name[:80]!r}")
    return offsets[0], offsets[1], name
