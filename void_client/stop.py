# SPDX-License-Identifier: Apache-2.0
"""A request to stop, from one thread to others that are in calls or wait between them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Cancellable(Protocol):
    """A call under way."""

    def cancel(self) -> object:
        """End it."""


class Stop:
    """Ends calls from another thread: cancels those under way and wakes who waits for another try."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._calls: list[Cancellable] = []

    @property
    def requested(self) -> bool:
        """Whether all should end."""
        return self._event.is_set()

    def request(self) -> None:
        """End the calls under way, and all later ones."""
        self._event.set()
        with self._lock:
            for call in self._calls:
                call.cancel()

    def check(self) -> None:
        """Raise `Stopped` once a stop was requested."""
        if self.requested:
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond a request to stop."""
        self._event.wait(seconds)

    @contextmanager
    def tracking(self, call: Cancellable) -> Iterator[None]:
        """Cancel `call` when a stop is requested while the body runs."""
        with self._lock:
            self._calls.append(call)
        try:
            if self.requested:
                call.cancel()
            yield
        finally:
            with self._lock:
                self._calls.remove(call)


class Stopped(Exception):
    """A call or a transfer ended because a stop was requested; never leaves this package."""
