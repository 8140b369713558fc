# SPDX-License-Identifier: Apache-2.0
"""The messages between server and worker: JSON objects, each behind its length as four bytes, big-endian.

Server to worker: `{"do": "capabilities"}`, `{"do": "plan", "stage": …}`, `{"do": "unit", "kind": …, "args": …}`.
Worker to server: `{"ok": …}` or `{"error": …}` (see `void_server.errors`). Pixels travel as blobs, never here.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

MAX_MESSAGE_BYTES = 256 << 20
_LENGTH = struct.Struct(">I")


def write_message(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Send one message.

    Raises:
        OSError: the other side is gone.
    """
    data = json.dumps(message, allow_nan=False).encode()
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def read_message(stream: IO[bytes]) -> dict[str, Any] | None:
    """Receive one message; None when the other side closed or died.

    Raises:
        ValueError: the length is beyond `MAX_MESSAGE_BYTES` or the text is not a JSON object.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes is over MAX_MESSAGE_BYTES = {MAX_MESSAGE_BYTES}")
    data = stream.read(length)
    if len(data) < length:
        return None
    message = json.loads(data)
    if not isinstance(message, dict):
        raise ValueError("a message is a JSON object")
    return message
