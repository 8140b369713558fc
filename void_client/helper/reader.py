# SPDX-License-Identifier: Apache-2.0
"""Lines from the host, as far as they are JSON objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from void_client.errors import BadInput

MAX_LINE_BYTES = 16 * 2**20
"""Longest line, its end included."""

_BLOCK_BYTES = 2**16


def read_lines(stream: BinaryIO) -> Iterator[bytes | BadInput]:
    """Every whole line, without its end; for one that is too long, what to answer. Ends with the stream."""
    while line := stream.readline(MAX_LINE_BYTES):
        if line.endswith(b"\n"):
            if line.strip():
                yield line.strip()
            continue
        if len(line) < MAX_LINE_BYTES:
            return
        while (rest := stream.readline(_BLOCK_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield BadInput(
            f"A line has over {MAX_LINE_BYTES >> 20} MiB (MAX_LINE_BYTES).", fix="Give fewer frames at once."
        )


def parse_line(line: bytes) -> dict[str, Any]:
    """The JSON object that a line holds.

    Raises:
        BadInput: it holds none.
    """
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadInput(
            f"A line is no JSON: {error}.", fix="Write one JSON object a line, as UTF-8."
        ) from error
    if not isinstance(value, dict):
        raise BadInput("A line is no JSON object.", fix='Write one such as {"id": 1, "do": "site"}.')
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
