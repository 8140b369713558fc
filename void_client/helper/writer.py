# SPDX-License-Identifier: Apache-2.0
"""Lines to the host: whole, in order, and none lost while the host does not read.

A thread of its own writes them. While it waits for the host, lines wait in a queue; when that is full, so do the
requests that have more to say. How far something is, is told by its latest line only.
"""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

MAX_WAITING = 4096
"""Lines that wait for the host before requests wait too."""

MAX_UNREAD = 4 * MAX_WAITING
"""Lines that wait at all, with the answers that cannot wait; a host that reads none of them is given up."""


class HostDeaf(Exception):
    """The host sends lines and reads none of the answers."""


class Voice:
    """Who speaks: a request under way. `open` until its last line is in the queue."""

    def __init__(self, number: int | None) -> None:
        self.number = number
        self.open = True


class Writer:
    """The queue and its thread.

    Args:
        descriptor: where the lines go.
        on_broken: called, from the thread, when the host has closed its end.
    """

    def __init__(self, descriptor: int, on_broken: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._changed = threading.Condition()
        self._waiting: OrderedDict[int, tuple[object, bytes]] = OrderedDict()
        self._latest: dict[object, int] = {}
        self._next = 0
        self._writing = False
        threading.Thread(target=self._run, name="void-lines", daemon=True).start()

    def event(self, voice: Voice, data: Mapping[str, Any], progress_of: str = "") -> bool:
        """Queue an event; waits for room.

        Args:
            voice: whose it is.
            data: the event.
            progress_of: what it tells the progress of: it takes the place of the one before that still waits, and
                does not wait itself; empty = each event counts.

        Returns:
            False when the request has ended: nothing was queued.
        """
        line = _line({"id": voice.number, "event": data})
        with self._changed:
            if not progress_of:
                self._changed.wait_for(lambda: len(self._waiting) < MAX_WAITING or not voice.open)
            if not voice.open:
                return False
            self._put(line, (voice, progress_of) if progress_of else None)
            return True

    def last(self, voice: Voice, kind: str, data: Mapping[str, Any], *, wait: bool) -> bool:
        """Queue the last line of a request.

        Args:
            voice: whose it is.
            kind: `reply` or `error`.
            data: what it holds.
            wait: whether to wait for room.

        Returns:
            False when the request has ended already: nothing was queued.

        Raises:
            HostDeaf: it was not to wait, and there is no room at all.
        """
        line = _line({"id": voice.number, kind: data})
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: len(self._waiting) < MAX_WAITING or not voice.open)
            if not voice.open:
                return False
            if len(self._waiting) >= MAX_UNREAD:
                raise HostDeaf
            voice.open = False
            self._put(line, None)
            return True

    def drain(self, limit_s: float) -> bool:
        """Wait until all is written, but no longer than so many seconds; returns whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._writing), limit_s)

    def _put(self, line: bytes, key: object) -> None:
        """The lock is held."""
        if key is not None:
            if (older := self._latest.get(key)) is not None:
                del self._waiting[older]
            self._latest[key] = self._next
        self._waiting[self._next] = (key, line)
        self._next += 1
        self._changed.notify_all()

    def _take(self) -> bytes:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            _, (key, line) = self._waiting.popitem(last=False)
            if key is not None:
                del self._latest[key]
            self._writing = True
            return line

    def _run(self) -> None:
        while True:
            rest = memoryview(self._take())
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                self._on_broken()
                return
            with self._changed:
                self._writing = False
                self._changed.notify_all()


def _line(message: Mapping[str, Any]) -> bytes:
    # Only ASCII, so that a file name with bytes that are no UTF-8 makes a line too.
    return json.dumps(message).encode("ascii") + b"\n"
