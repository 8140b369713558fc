# SPDX-License-Identifier: Apache-2.0
"""Hostile lines to a real helper: it must neither die nor answer twice, and still answer a good one."""

from __future__ import annotations

import contextlib
import json
import queue
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.client.conftest import ROOT, clean_environment
from tests.fuzz.oracle import Broken, check_memory, resident_bytes

ANSWER_SECONDS = 30.0
LINES_BETWEEN_CHECKS = 20
"""Fewer than requests that a helper takes at once."""

DOS = (
    "hello",
    "site",
    "capabilities",
    "submit",
    "watch",
    "fetch",
    "cancel",
    "preview",
    "stop",
    "doctor",
    "",
    "Hello",
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**53, 2**53 + 1, 2**70, 10**400, 1.0, 1.5, -0.0),
    *("", "x", "\0", "\ud800", "a" * 70_000, "../..", "/dev/zero", "127.0.0.1:1", "～"),
    *(
        [],
        {},
        [[]],
        {"address": "127.0.0.1:1"},
        {"address": 5},
        {"inputs": {"plate": {"pattern": "/no/p.####.exr"}}},
    ),
    {"inputs": {"plate": {"files": [[2**31, "/x"]]}}, "range": "1-99999999999"},
)


def hostile_line(number: int) -> bytes:
    """The bytes of this number, with their end unless it is to be missing; the same each time."""
    rng = random.Random(number)
    return rng.choice(_LINES)(rng)


class HelperUnderFire:
    """A helper without a server; requests that need one end in an error at once."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "helper.log"
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "void_client.helper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("ab"),
            # Nothing is started: an address is named at which nobody listens.
            env=clean_environment(
                VOID_SERVER="127.0.0.1:1", VOID_TOKEN_FILE=str(_token(folder)), VOID_DATA_DIR=str(folder)
            ),
            cwd=ROOT,
        )
        self.sent = 0
        self.ended: Counter[str] = Counter()
        self._answers: Counter[int] = Counter()
        self._asked: Counter[int] = Counter()
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._marker = 10**12
        self.check()
        self.warm_bytes = resident_bytes([self._process.pid])

    def send(self, numbers: Iterable[int]) -> None:
        """Send the lines of these numbers, with a check behind every few.

        Raises:
            Broken: the helper died, answered twice or not at all, or grew.
        """
        for index, number in enumerate(numbers):
            self._write(hostile_line(number))
            self.sent += 1
            if index % LINES_BETWEEN_CHECKS == LINES_BETWEEN_CHECKS - 1:
                self.check()
        self.check()

    def check(self) -> None:
        """A good line is answered, and no id more often than it was asked."""
        self._marker += 1
        # A line that was left half is ended first.
        self._write(b"\n" + json.dumps({"id": self._marker, "do": "site"}).encode() + b"\n")
        until = time.monotonic() + ANSWER_SECONDS
        while not self._answers[self._marker]:
            try:
                self._take(self._lines.get(timeout=max(0.01, until - time.monotonic())))
            except queue.Empty:
                code = self._process.poll()
                raise Broken(
                    f"no answer to a good line; exit code {code}: {self.log.read_text()[-500:]}"
                ) from None
        if self._process.poll() is not None:
            raise Broken(f"the helper ended with {self._process.returncode}")
        doubled = {i: n for i, n in self._answers.items() if n > max(1, self._asked[i])}
        if doubled:
            raise Broken(f"answered more often than asked: {doubled}")
        if "Traceback" in (said := self.log.read_text()):
            raise Broken(f"the log tells of a defect: {said[-1500:]}")

    def check_memory(self) -> int:
        """By how many bytes it has grown."""
        return check_memory(self.warm_bytes, [self._process.pid])

    def close(self) -> int:
        """End it as a host does; returns its exit code."""
        self._process.stdin.close()
        return self._process.wait(10)

    def _write(self, line: bytes) -> None:
        for part in line.split(b"\n"):
            self._count(part)
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise Broken(f"the helper is gone: {self.log.read_text()[-500:]}") from error

    def _count(self, line: bytes) -> None:
        with contextlib.suppress(ValueError, RecursionError):
            value = json.loads(line)
            number = value.get("id") if isinstance(value, dict) else None
            if isinstance(number, int) and not isinstance(number, bool):
                self._asked[number] += 1

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)

    def _take(self, line: bytes) -> None:
        message = json.loads(line)
        if "event" in message:
            return
        if message["id"] is not None:
            self._answers[message["id"]] += 1
        self.ended[message["error"]["code"] if "error" in message else "reply"] += 1


def _token(folder: Path) -> Path:
    path = folder / "token"
    path.write_text("token\n")
    return path


def _request(rng: random.Random) -> dict[str, Any]:
    request: dict[str, Any] = {"id": rng.choice((1, 2, 3, rng.randrange(10**6))), "do": rng.choice(DOS)}
    for name in (
        "server",
        "order",
        "job",
        "protocol",
        "host",
        "request",
        "frame",
        "plate",
        "out",
        "points",
        "no_such",
    ):
        if rng.random() < 0.2:
            request[name] = rng.choice(VALUES)
    if rng.random() < 0.3:
        request[rng.choice(("id", "do"))] = rng.choice(VALUES)
    return request


def _json_line(rng: random.Random) -> bytes:
    return json.dumps(_request(rng), ensure_ascii=True).encode() + b"\n"


def _cut_line(rng: random.Random) -> bytes:
    line = _json_line(rng)
    return line[: rng.randrange(len(line))] + rng.choice((b"\n", b""))


def _nested_line(rng: random.Random) -> bytes:
    deep = rng.choice((100, 5000, 200_000))
    return b'{"id": 1, "do": "site", "order": ' + rng.choice((b"[", b'{"a":')) * deep + b"\n"


_LINES: tuple[Callable[[random.Random], bytes], ...] = (
    *(_json_line,) * 6,
    _cut_line,
    _nested_line,
    lambda rng: rng.randbytes(rng.randrange(300)).replace(b"\n", b"") + b"\n",
    lambda rng: json.dumps(_request(rng)).encode("utf-16") + b"\n",
    lambda rng: json.dumps(_request(rng)).encode("utf-8-sig") + b"\r\n",
    lambda rng: b" " * rng.choice((0, 1, 1 << 20)) + b"\n",
    lambda rng: b'"' + b"a" * rng.choice((1000, 17 << 20)) + b'"\n',
    lambda rng: json.dumps(rng.choice(VALUES), ensure_ascii=True).encode() + b"\n",
    lambda rng: b'{"id": NaN, "do": "site"}\n{"id": 5, "id": 6, "do": "site"}\n',
    lambda rng: b'{"id": 7, "do": "doctor"}\n{"id": 8, "do": "stop", "request": 7}\n',
)
