# SPDX-License-Identifier: Apache-2.0
"""Calls that hold a thread for long, counted over all services, so that short ones always find one."""

from __future__ import annotations

import threading

from void_server.errors import LimitExceeded


class LongCalls:
    """The count; a context manager around each such call. One for a server, shared by its services.

    Args:
        limit: limit `max_watches` of the configuration.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = threading.Semaphore(limit)
        self._lock = threading.Lock()
        self.open = 0
        """Such calls in progress."""

    def __enter__(self) -> None:
        if not self._free.acquire(blocking=False):
            raise LimitExceeded(
                f"The server has max_watches = {self._limit} calls of this kind in progress.",
                fix="Try again in a moment, or raise the limit on the server.",
            )
        with self._lock:
            self.open += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.open -= 1
        self._free.release()
