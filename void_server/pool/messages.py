# SPDX-License-Identifier: Apache-2.0
"""The messages between server and worker: JSON objects, each behind its length as four bytes, big-endian.

Server to worker: `{"do": "capabilities"}`, `{"do": "plan", "stage": …}`, `{"do": "unit", "kind": …, "args": …}`,
`{"do": "preview", …}`; each may say under `"log"` what lines of the log are to carry.
Worker to server: `{"ok": …}` or `{"error": …}` (see `void_server.errors`). Before that, a unit of many steps may say
`{"step": [done, total], "kept": …}` any number of times, where `kept` tells that the same unit would go on from here;
the server answers each with `{"go": true}`, or with `{"go": false}`, whereupon the worker ends the unit with
`{"stopped": true}`. `{"go": true, "wanted": true}` asks a unit that can to keep what it has at its next step: others
wait for the worker. Pixels travel as blobs, never here.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from enum import Enum
from typing import IO, Any

from void_server.errors import WorkerCrashed

MAX_MESSAGE_BYTES = 256 << 20
_LENGTH = struct.Struct(">I")

OnStep = Callable[[int, int], bool]
"""Told how many steps of a task are done, of how many; False asks the task to end."""

OnCrash = Callable[[WorkerCrashed], bool]
"""Told each time a worker died over a task; False = it is not to be tried again."""


class StepAnswer(Enum):
    """What the server says to a step."""

    GO = "go"
    WANTED = "wanted"
    """Go on, and keep what is done at the next step if that is possible."""
    STOP = "stop"


class TaskStopped(Exception):
    """A task ended in the middle because it was asked to."""


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
