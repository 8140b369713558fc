# SPDX-License-Identifier: Apache-2.0
"""A helper that answers as the protocol says, at once and on threads of its own; every line is held to the schema."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from tests.helper.host import ANSWER, REPLIES, REQUEST
from tests.resolve.standin.renderer import read_picture, write_picture

JOB = "job-0001"
DIGITS = 4


class FakeHelper:
    """One helper.

    Attributes:
        orders: what was submitted.
        asked: the words of all requests.
        refuses: the error that a submit ends with, if any.
        ends: the state in which a job ends.
        endless: a watch ends only when the job is cancelled.
        silent: a submit ends only when it is stopped.
    """

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.refuses: dict[str, Any] | None = None
        self.ends = "done"
        self.endless = self.silent = False
        self._number = 0
        self._waiting: dict[int, Any] = {}
        self._watching: Any = None

    @property
    def job(self) -> str:
        """Of the last order; that of the first one is JOB."""
        return f"job-{max(len(self.orders), 1):04d}"

    def request(self, do: str, fields: Any, on_event: Any, on_end: Any) -> int:
        self._number += 1
        number = self._number
        REQUEST.validate({"id": number, "do": do, **fields})
        self.asked.append(do)

        def end(reply: dict[str, Any] | None = None, error: dict[str, Any] | None = None) -> None:
            message = {"id": number, **({"reply": reply} if error is None else {"error": error})}
            ANSWER.validate(message)
            if reply is not None:
                REPLIES[do].validate(reply)
            on_end(message)

        def event(**values: Any) -> None:
            ANSWER.validate({"id": number, "event": values})
            on_event(values)

        thread = threading.Thread(target=getattr(self, f"_{do}"), args=(number, fields, event, end))
        thread.start()
        # Both end before the next poll, so that tests need not wait; the calls still come from another thread.
        thread.join()
        return number

    def _submit(self, number: int, fields: Any, event: Any, end: Any) -> None:
        self.orders.append(fields["order"])
        event(event="looking", files_done=1, files_total=1, bytes_done=1, bytes_total=1)
        if self.silent:
            self._waiting[number] = end
        elif self.refuses:
            end(error=self.refuses)
        else:
            end(
                {
                    "job": self.job,
                    "request_id": "r",
                    "attempt": 1,
                    "created": True,
                    "state": "queued",
                    "directory": fields["order"]["out"],
                }
            )

    def _watch_end(self, state: str) -> dict[str, Any]:
        problem = None
        if state == "failed":
            problem = {"code": "x", "message": "It broke.", "fix": "Mend it.", "frame": None, "file": ""}
        order = self.orders[-1]
        files = write_result(order) if state == "done" else 0
        return {
            "job": self.job,
            "state": state,
            "directory": order["out"],
            "files": files,
            "problem": problem,
        }

    def _watch(self, number: int, fields: Any, event: Any, end: Any) -> None:
        steps = {"stage": "fill", "stage_number": 2, "stage_count": 3, "done": 1, "total": 2}
        event(event="progress", eta_seconds=3.0, **steps)
        event(event="message", job=JOB, message="A message.")
        self._watching = end
        if not self.endless:
            end(self._watch_end(self.ends))

    def _cancel(self, number: int, fields: Any, event: Any, end: Any) -> None:
        end({"job": JOB, "state": "cancelling"})
        if self._watching is not None:
            self._watching(self._watch_end("cancelled"))

    def _stop(self, number: int, fields: Any, event: Any, end: Any) -> None:
        stopped = self._waiting.pop(fields["request"], None)
        end({"stopped": stopped is not None})
        if stopped is not None:
            stopped(error=error_of("left", "It was left."))


def error_of(code: str, message: str, *findings: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": code,
        "message": message,
        "fix": "",
        "frame": None,
        "file": "",
        "findings": list(findings),
    }


def write_result(order: dict[str, Any]) -> int:
    """The plate's own pixels as the result, and passes whose four channels differ, as the client would name them."""
    out, name = Path(order["out"]), order["name"]
    for number, path in order["inputs"]["plate"]["files"]:
        picture = read_picture(Path(path))
        write_picture(out / f"{name}.{number:0{DIGITS}d}.exr", picture[..., :3])
        passes = np.zeros((*picture.shape[:2], 4), np.float32)
        passes[..., 0], passes[..., 3] = 1, 0.5
        matte = out / "matte" / f"{name}_matte.{number:0{DIGITS}d}.exr"
        matte.parent.mkdir(exist_ok=True)
        write_picture(matte, passes)
        if order["options"].get("matte_files") == "keys":
            for channel, end in enumerate(("remove", "affected", "overlap", "blend")):
                grey = np.repeat(passes[..., channel : channel + 1], 3, axis=2)
                write_picture(matte.parent / f"{name}_{end}.{number:0{DIGITS}d}.exr", grey)
    return 2 * len(order["inputs"]["plate"]["files"])
