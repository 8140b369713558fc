# SPDX-License-Identifier: Apache-2.0
"""A host's session: its lines become requests that run side by side, until its end of the input closes."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Any, BinaryIO

from void_client.errors import BadInput, ClientDefect, ClientError, Left, RequestRefused
from void_client.helper.form import check_request
from void_client.helper.reader import parse_line, read_lines
from void_client.helper.requests import REQUESTS
from void_client.helper.task import Task, error_data
from void_client.helper.writer import HostDeaf, Voice, Writer

MAX_REQUESTS = 32
"""Requests under way at once."""

LAST_WORDS_S = 0.5
"""How long requests that need no more may still end well once the host has closed its end."""

HANGING_UP_S = 0.3
"""How long channels may take to close then."""

HOST_DEAF, HOST_GONE = 3, 4
"""Exit codes: the host reads no answers; it closed its end of the output."""

_POLL_S = 0.01
_LOG = logging.getLogger("void-helper")


class Session:
    """Serves one host.

    Args:
        descriptor: where lines to the host go.
        environment: the process's: where site file, server and token may be named.
    """

    def __init__(self, descriptor: int, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._writer = Writer(descriptor, _end_without_reader)
        self._lock = threading.Lock()
        self._tasks: dict[int, Task] = {}
        self._threads = 0

    def serve(self, stream: BinaryIO) -> None:
        """Take requests until the stream ends; returns within two seconds of that."""
        _LOG.info("serving, process %d", os.getpid())
        try:
            for line in read_lines(stream):
                self._take(line)
        except HostDeaf:
            _LOG.error("the host sends lines and reads no answers")
            os._exit(HOST_DEAF)
        except OSError as error:
            _LOG.error("the host cannot be read from: %s", error)
        self._end()

    def _take(self, line: bytes | BadInput) -> None:
        number = None
        try:
            if isinstance(line, BadInput):
                raise line
            request = parse_line(line)
            number = self._number(request)
            check_request(request)
            if request["do"] == "stop":
                self._stop(request)
            else:
                self._begin(request)
        except ClientError as error:
            _LOG.warning("refused a line: %s", error)
            self._writer.last(Voice(number), "error", error_data(error), wait=False)

    def _number(self, request: Mapping[str, Any]) -> int | None:
        """The id to answer under; none where it is not the request's own."""
        number = request.get("id")
        if not isinstance(number, int) or isinstance(number, bool) or abs(number) > 2**53:
            return None
        with self._lock:
            if number in self._tasks:
                raise BadInput(f"The id {number} is in use by a request under way.", fix="Count up.")
        return number

    def _begin(self, request: Mapping[str, Any]) -> None:
        task = Task(request["id"], request["do"], self._writer)
        with self._lock:
            if self._threads >= MAX_REQUESTS:
                raise RequestRefused(
                    f"{MAX_REQUESTS} requests are under way (MAX_REQUESTS).", fix="Wait until one has ended."
                )
            self._tasks[task.number] = task
            self._threads += 1
        _LOG.info("%d %s", task.number, task.do)
        threading.Thread(target=self._run, args=(request, task), name=f"void-{task.do}", daemon=True).start()

    def _stop(self, request: Mapping[str, Any]) -> None:
        with self._lock:
            task = self._tasks.pop(request["request"], None)
        stopped = task.stop() if task else False
        self._writer.last(Voice(request["id"]), "reply", {"stopped": stopped}, wait=False)

    def _run(self, request: Mapping[str, Any], task: Task) -> None:
        try:
            self._answer(request, task)
        finally:
            with self._lock:
                self._threads -= 1

    def _answer(self, request: Mapping[str, Any], task: Task) -> None:
        error: ClientError | None = None
        try:
            reply = REQUESTS[task.do](request, task, self._environment)
        except ClientError as raised:
            error = raised
        except Exception as raised:  # noqa: BLE001 - the last net: a host gets a line, the log the traceback
            error = self._unforeseen(task, raised)
        # First the id is free, then the host may hear so and use it again.
        with self._lock:
            if self._tasks.get(task.number) is task:
                del self._tasks[task.number]
        if error:
            _LOG.info("%d %s ended: %s", task.number, task.do, error)
            task.fail(error)
        else:
            _LOG.info("%d %s done", task.number, task.do)
            task.reply(reply)

    def _unforeseen(self, task: Task, raised: Exception) -> ClientError:
        if task.stopped:
            # A call on a connection that the stop closed.
            return Left("The request was stopped.")
        _LOG.exception("%d %s failed", task.number, task.do)
        return ClientDefect(
            f"This should not happen: {type(raised).__name__}: {' '.join(str(raised).split())}.",
            fix="Please report it with the helper's log.",
        )

    def _end(self) -> None:
        _LOG.info("the host has closed its end; %d requests are under way", self._threads)
        if not self._idle_within(LAST_WORDS_S):
            with self._lock:
                ending = list(self._tasks.values())
            for task in ending:
                task.hang_up()
            self._idle_within(HANGING_UP_S)
        self._writer.drain(LAST_WORDS_S)

    def _idle_within(self, limit_s: float) -> bool:
        deadline = time.monotonic() + limit_s
        while self._threads and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return not self._threads


def _end_without_reader() -> None:
    _LOG.error("the host has closed its end of the output")
    os._exit(HOST_GONE)
