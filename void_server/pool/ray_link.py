# SPDX-License-Identifier: Apache-2.0
"""The server's end of the line to `void_server.pool.ray_driver`."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from itertools import count
from typing import Any

from void_server.errors import Internal, PreconditionFailed
from void_server.pool.messages import read_message, write_message
from void_server.pool.scheduled import PlaceLost

END_SECONDS = 20.0
POLL_SECONDS = 0.5


class RayLink:
    """A driver process and the requests that wait for it; used by many threads.

    Args:
        address: HOST:PORT of the cluster's head node.
        environment: of the process.

    Raises:
        PreconditionFailed: Ray is not installed, or cannot be connected.
    """

    def __init__(self, address: str, environment: Mapping[str, str]) -> None:
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._gone = ""
        # A session of its own: Ctrl-C in the server's terminal reaches the server, which then ends it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "void_server.pool.ray_driver", "--address", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
        )
        first = self._read()
        if first is None or "failed" in first:
            self._process.wait()
            raise PreconditionFailed(
                f"The Ray cluster at {address} cannot be used:"
                f" {first['failed'] if first else 'the process that connects to it ended.'}",
                fix="A node of the cluster must run on this machine (`ray start --address=…`), with the same versions"
                " of Python and Ray; see docs/ray.md.",
            )
        self.dashboard = str(first["ready"]["dashboard"])
        self._reader = threading.Thread(target=self._hear, name="ray-link", daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether requests are answered."""
        return not self._gone

    def ask(
        self,
        do: str,
        *,
        seconds: float | None = None,
        stop: threading.Event | None = None,
        **more: Any,
    ) -> Any:
        """Send a request and wait for its answer.

        Args:
            seconds: the longest wait; None = no limit.
            stop: nothing is waited for once it is set.

        Raises:
            PlaceLost: the worker or the whole connection is gone, or `seconds` or `stop` ended the wait.
            Internal: a defect of the driver or the node's worker.
        """
        answer: Future[Any] = Future()
        with self._lock:
            if self._gone or self._process.stdin is None:
                raise PlaceLost(self._gone)
            number = next(self._numbers)
            self._waiting[number] = answer
            with contextlib.suppress(OSError):
                write_message(self._process.stdin, {"id": number, "do": do, **more})
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                return answer.result(POLL_SECONDS)
            except NotYet:
                if stop is not None and stop.is_set():
                    raise PlaceLost("The server ends.") from None
                if until is not None and time.monotonic() > until:
                    raise PlaceLost(
                        f"It did not answer within {seconds:.0f} s; another program may hold its place."
                    ) from None

    def close(self) -> None:
        """Leave the cluster."""
        with self._lock, contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _hear(self) -> None:
        while (reply := self._read()) is not None:
            with self._lock:
                answer = self._waiting.pop(reply["id"], None)
            if answer is None:
                continue
            if "ok" in reply:
                answer.set_result(reply["ok"])
            elif "lost" in reply:
                answer.set_exception(PlaceLost(reply["lost"]))
            else:
                answer.set_exception(Internal(reply["defect"]))
        with self._lock:
            self._gone = "The connection to the Ray cluster is lost."
            left, self._waiting = list(self._waiting.values()), {}
        for answer in left:
            answer.set_exception(PlaceLost(self._gone))

    def _read(self) -> dict[str, Any] | None:
        if self._process.stdout is None:
            return None
        try:
            return read_message(self._process.stdout)
        except (OSError, ValueError):
            return None
