# SPDX-License-Identifier: Apache-2.0
"""A host as far as the helper sees one: it starts the helper, writes lines and reads lines.

Every line of either side is held against the schema, except those that a test writes wrong on purpose.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.small_shot import SmallShot

SCHEMA = json.loads((files("void_client.helper") / "messages.schema.json").read_text(encoding="utf-8"))
LIMIT_S = 60.0


def validator(name: str) -> Draft202012Validator:
    """Of one definition of the schema."""
    return Draft202012Validator(
        {**{k: v for k, v in SCHEMA.items() if k != "oneOf"}, "$ref": f"#/$defs/{name}"}
    )


ANSWER, REQUEST = validator("answer"), validator("request")
REPLIES = {
    name.removesuffix("_reply"): validator(name) for name in SCHEMA["$defs"] if name.endswith("_reply")
}


class Host:
    """One helper and what it said so far."""

    def __init__(self, environment: Mapping[str, str], folder: Path, *, reads: bool = True) -> None:
        self.log = folder / "helper.log"
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "void_client.helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("ab"),
            env=dict(environment),
            cwd=folder,
        )
        self.said: list[dict[str, Any]] = []
        self._asked: dict[int, str] = {}
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        if reads:
            self.read()

    def read(self) -> None:
        """Begin to read what the helper says."""
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, number: int, do: str, **fields: Any) -> int:
        message = {"id": number, "do": do, **fields}
        REQUEST.validate(message)
        self._asked[number] = do
        self.write(json.dumps(message, ensure_ascii=False).encode())
        return number

    def write(self, line: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def next(self, limit_s: float = LIMIT_S) -> dict[str, Any]:
        message = self._lines.get(timeout=limit_s)
        self.said.append(message)
        return message

    def until(self, number: int | None, kind: str, event: str = "") -> dict[str, Any]:
        """What the next line of this request and kind holds; lines in between are kept in `said`."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            message = self.next(max(0.1, deadline - time.monotonic()))
            if message["id"] == number and (event == "" or message.get("event", {}).get("event") == event):
                if kind in message:
                    return dict(message[kind])
                assert "event" in message, f"{kind} was expected: {message}"
        raise AssertionError("the helper is silent")

    def ask(self, number: int, do: str, **fields: Any) -> dict[str, Any]:
        return self.until(self.send(number, do, **fields), "reply")

    def refused(self, number: int, do: str, **fields: Any) -> dict[str, Any]:
        return self.until(self.send(number, do, **fields), "error")

    def events(self, number: int, kind: str) -> list[dict[str, Any]]:
        told = [m["event"] for m in self.said if m["id"] == number and "event" in m]
        return [e for e in told if e["event"] == kind]

    def close_input(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    def end(self) -> int:
        """Close the helper's input and return its exit code."""
        if self.process.poll() is None:
            self.close_input()
        return self.process.wait(10)

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            message = json.loads(line)
            ANSWER.validate(message)
            if "reply" in message:
                REPLIES[self._asked[message["id"]]].validate(message["reply"])
            self._lines.put(message)


def pairs(shot: SmallShot, name: str) -> dict[str, Any]:
    """An input file by file, under frame numbers that are not those of the files."""
    return {"files": [[frame - 1000, str(path)] for frame, path in shot.files(name).items()]}


def order(shot: SmallShot, out: Path, **more: Any) -> dict[str, Any]:
    """A removal of the small shot."""
    inputs = {"plate": pairs(shot, "plate"), "remove": {**pairs(shot, "roto"), "channel": "A"}}
    last = shot.last - 1000
    return {
        "inputs": inputs,
        "range": f"1-{last}",
        "out": str(out),
        "name": "shot",
        "reasoner": "none",
        **more,
    }
