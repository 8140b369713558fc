# SPDX-License-Identifier: Apache-2.0
"""The messages between server and worker: JSON objects, each behind its length as four bytes, big-endian.

Server to worker: `{"do": "capabilities"}`, `{"do": "plan", "stage": …}`, `{"do": "unit", "kind": …, "args": …}`,
`{"do": "preview", …}`, `{"do": "identity"}` (what must be the same on every machine of a cluster); each may say under
`"log"` what lines of the log are to carry.
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
from typing import IO, Any, Protocol

from void_server.errors import VoidError, WorkerCrashed, from_dict

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


Stepped = Callable[[int, int, bool], StepAnswer]
"""Told the steps done, of how many, and whether the task would go on from here if it ended now."""


class TaskStopped(Exception):
    """A task ended in the middle because it was asked to."""


class Worker(Protocol):
    """The other side of these messages; used by one thread at a time."""

    def begin(self, task: dict[str, Any]) -> dict[str, Any]:
        """Give it a task; returns its first reply, a step or the end."""
        ...

    def go_on(self, answer: StepAnswer) -> dict[str, Any]:
        """Answer the step of the task in hand; returns the next reply."""
        ...


def carry_through(worker: Worker, task: dict[str, Any], on_step: Stepped | None = None) -> Any:
    """Run one task to its end; returns what the worker answered.

    Args:
        on_step: told of the steps of a task that has some.

    Raises:
        VoidError: what the worker answered.
        TaskStopped: `on_step` asked for it.
    """
    reply = worker.begin(task)
    while "step" in reply:
        done, total = reply["step"]
        answer = on_step(done, total, bool(reply.get("kept"))) if on_step is not None else StepAnswer.GO
        reply = worker.go_on(answer)
    if reply.get("stopped"):
        raise TaskStopped
    if "error" in reply:
        error: VoidError = from_dict(reply["error"])
        raise error
    return reply["ok"]


def answer_of(answer: StepAnswer) -> dict[str, Any]:
    """The message that answers a step."""
    wanted = {"wanted": True} if answer is StepAnswer.WANTED else {}
    return {"go": answer is not StepAnswer.STOP} | wanted


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
