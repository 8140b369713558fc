# SPDX-License-Identifier: Apache-2.0
"""Lets the server look at the files that have arrived while the others are still on their way.

The server records what it finds in a file, so the last look, which tells everything at once, has only the rest to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from void.v1 import jobs_pb2, types_pb2

from void_client.content import Content
from void_client.errors import ClientError
from void_client.events import Event, Notes, Sink
from void_client.stop import Stop, Stopped

LOOKS = 16
"""Looks at most: each asks for all files that are there, so their number bounds what is asked twice."""

FOUND = "The server found errors in what it has so far; the rest is sent first, so that all are told at once."

Look = Callable[[Mapping[Path, Content], Sink, Stop], jobs_pb2.PreflightReport]
"""Asks for a report of some files; told how far it is; raises Stopped when a stop is requested."""


class EarlyLooks:
    """Looks again and again in a thread of its own; a context manager.

    What a look finds is not told, because the last look finds it again and words it for all frames; only that there
    are errors is. A look that fails is not told either: the last one meets the same.

    Args:
        look: asks the server.
        arrived: the files that the server has by now.
        total: how many there will be.
        on_event: told that there are errors, once, and the progress of a look that goes on after all was sent.
    """

    def __init__(
        self, look: Look, arrived: Callable[[], Mapping[Path, Content]], total: int, on_event: Sink
    ) -> None:
        self._look = look
        self._arrived = arrived
        self._step = max(1, total // LOOKS)
        self._on_event = on_event
        self._stop = Stop()
        self._changed = threading.Condition()
        self._news = self._ended = self._found = False
        self._thread = threading.Thread(target=self._run, name="void-look")

    def __enter__(self) -> EarlyLooks:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.request()
        self._end()
        self._thread.join()

    def more_arrived(self) -> None:
        """The server has more files than before."""
        with self._changed:
            self._news = True
            self._changed.notify_all()

    def finish(self) -> None:
        """Begin no other look, and wait for the one under way."""
        self._end()
        self._thread.join()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _run(self) -> None:
        looked = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._news or self._ended)
                if self._ended:
                    return
                self._news = False
            contents = self._arrived()
            if len(contents) - looked < self._step:
                continue
            looked = len(contents)
            try:
                report = self._look(contents, self._tell, self._stop)
            except (ClientError, Stopped):
                return
            if not self._found and any(p.severity == types_pb2.SEVERITY_ERROR for p in report.problems):
                self._found = True
                self._on_event(Notes((FOUND,)))

    def _tell(self, event: Event) -> None:
        if self._ended:
            self._on_event(event)
