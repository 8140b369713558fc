# SPDX-License-Identifier: Apache-2.0
"""One request under way: it tells events, ends once, and can be stopped from outside."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from void_client import events
from void_client.connection import Connection
from void_client.errors import ClientError, Left, ProtocolMismatch, SpecRefused
from void_client.helper.writer import Voice, Writer
from void_client.reach import Reach

_PROGRESS = (events.Progressed, events.Moving)


class Task:
    """A request under way; called with an event, it tells it.

    Args:
        number: the request's id.
        do: what it asks.
        writer: where its lines go.
    """

    def __init__(self, number: int, do: str, writer: Writer) -> None:
        self.number = number
        self.do = do
        self._writer = writer
        self._voice = Voice(number)
        self._lock = threading.Lock()
        self._connection: Connection | None = None

    def __call__(self, event: events.Event) -> None:
        """Tell an event.

        Raises:
            Left: the request was stopped; nobody listens any more.
        """
        data = events.to_json(event)
        of = str(data["event"]) if isinstance(event, _PROGRESS) else ""
        if not self._writer.event(self._voice, data, of):
            raise Left("The request was stopped.")

    @property
    def stopped(self) -> bool:
        """Whether nobody listens any more."""
        return not self._voice.open

    def check(self) -> None:
        """Raise `Left` once the request was stopped."""
        if self.stopped:
            raise Left("The request was stopped.")

    def connect(self, reach: Reach) -> Connection:
        """A connection that a stop closes.

        Raises:
            ClientError: there is none; Left when the request was stopped.
        """
        self.check()
        connection = reach.connect()
        with self._lock:
            self._connection = connection
        if self.stopped:
            connection.close()
            self.check()
        return connection

    @contextmanager
    def connected(self, reach: Reach) -> Iterator[Connection]:
        """The same for a body."""
        with self.connect(reach) as connection:
            yield connection

    def reply(self, data: dict[str, object]) -> None:
        """End well."""
        self._writer.last(self._voice, "reply", data, wait=True)

    def fail(self, error: ClientError) -> None:
        """End with an error."""
        self._writer.last(self._voice, "error", error_data(error), wait=True)

    def stop(self) -> bool:
        """End now: the host hears so at once, and what is under way ends soon; False when it has ended already."""
        error = Left(f"The request {self.do} was stopped.", fix="A job that was accepted goes on.")
        stopped = self._writer.last(self._voice, "error", error_data(error), wait=False)
        self.hang_up()
        return stopped

    def hang_up(self) -> None:
        """Close the connection, in the background: calls under way end."""
        with self._lock:
            connection = self._connection
        if connection:
            threading.Thread(target=connection.close, name="void-hang-up", daemon=True).start()


def error_data(error: ClientError) -> dict[str, object]:
    """An error as the protocol writes it."""
    problems = error.problems if isinstance(error, SpecRefused) else ()
    found = [vars(events.finding(p)) for p in problems]
    spoken = {"protocol": error.protocol} if isinstance(error, ProtocolMismatch) else {}
    return {**problem_data(error), "findings": found, **spoken}


def problem_data(error: ClientError) -> dict[str, object]:
    """The same without findings."""
    return {
        "code": error.code,
        "message": error.message,
        "fix": error.fix,
        "frame": error.frame,
        "file": error.file,
    }
