# SPDX-License-Identifier: Apache-2.0
"""Requests to an allowed endpoint: time limits, retries, typed errors, and what was sent. Both providers use it."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from void_server.reasoners.vlm.connection import Connection, Reply
from void_server.reasoners.vlm.consent import Allowed
from void_server.reasoners.vlm.errors import Refused, Unreachable, VlmError
from void_server.reasoners.vlm.keys import Key
from void_server.reasoners.vlm.waiting import Stop, paused, waited

log = logging.getLogger(__name__)

AGAIN = frozenset({429, 500, 502, 503, 504})
"""HTTP statuses after which a request is repeated."""
SAID = 300
"""Characters of what an endpoint said that a message repeats."""


@dataclass(frozen=True)
class WireSettings:
    """Limits of the requests of one question.

    Attributes:
        timeout_seconds: for one request, with all of its answer.
        connect_seconds: for one address.
        attempts: of one request, the first included.
        first_wait_seconds: before the second attempt; doubled before each further one, and then multiplied by a random
            number 0.5..1, so that many jobs do not come back at once.
        longest_wait_seconds: also where the endpoint asks for more.
        ca_file: PEM file of the authority that signed a site's own endpoint; None for the system's.
    """

    timeout_seconds: float = 300.0
    connect_seconds: float = 10.0
    attempts: int = 4
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 30.0
    ca_file: Path | None = None


class Wire:
    """Where the requests of one question go.

    Attributes:
        to: the endpoint.
        address: that was last connected to; empty before.
        requests: that were sent, in whole or in part.
        bytes: of their bodies.
    """

    def __init__(self, to: Allowed, settings: WireSettings, key: Key, stop: Stop) -> None:
        self.to = to
        self.address = ""
        self.requests = 0
        self.bytes = 0
        self._settings = settings
        self._key = key
        self._stop = stop

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The reply of a status 200..299, after as many attempts as are needed and allowed.

        Raises:
            Refused: another status; a redirect is one.
            Unreachable, MalformedAnswer: as `Connection.post`, or a status that says that the endpoint is broken.
            TimedOut, Stopped: as `waited`.
        """
        attempt = 1
        while True:
            try:
                reply = self._once(path, headers, body)
                if 200 <= reply.status < 300:
                    return reply
                problem: VlmError = self._problem(reply, attempt)
                again = reply.status in AGAIN
                asked = _seconds(reply.headers.get("retry-after", ""))
            except Unreachable as error:
                problem, again, asked = error, error.again, 0.0
            if not again or attempt >= self._settings.attempts:
                raise problem
            log.info("attempt %d of %d: %s", attempt, self._settings.attempts, problem.message)
            paused(self._wait(attempt, asked), self._stop)
            attempt += 1

    def _once(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        connection = Connection(self.to, self._settings.connect_seconds, self._settings.ca_file)
        try:
            return waited(
                lambda: connection.post(path, headers, body),
                self._settings.timeout_seconds,
                self._stop,
                f"The answer of {self.to.origin}",
                connection.abort,
            )
        finally:
            if connection.begun:
                self.address = connection.address
                self.requests += 1
                self.bytes += len(body)

    def _wait(self, attempt: int, asked: float) -> float:
        doubled = self._settings.first_wait_seconds * 2.0 ** (attempt - 1)
        wait = max(asked, doubled * random.uniform(0.5, 1.0))
        return float(min(self._settings.longest_wait_seconds, wait))

    def _problem(self, reply: Reply, attempt: int) -> VlmError:
        """What a status other than 2xx means, with what the endpoint said about it."""
        origin, status = self.to.origin, reply.status
        said = _said(reply.body, self._key)
        words = f' It says: "{said}"' if said else ""
        tries = f", after {attempt} attempts" if attempt > 1 else ""
        if 300 <= status < 400:
            return Refused(
                f"{origin} answers with a redirect ({status}), which is not followed.",
                fix="Give the address that it is to lead to, if frames may go there.",
                status=status,
            )
        if status >= 500:
            return Unreachable(
                f"{origin} answers that it is broken ({status}){tries}.{words}",
                fix="Try again later; look at the endpoint's log.",
            )
        why, fix = _REASONS.get(
            status, ("does not take the request", "Check the endpoint's address and model.")
        )
        return Refused(f"{origin} {why} ({status}){tries}.{words}", fix=fix, status=status)


_REASONS = {
    401: ("does not accept the key", "Check the server's key for this endpoint."),
    403: ("does not allow this with the key", "Check what the server's key for this endpoint may do."),
    404: ("does not know the address or the model", "Check the endpoint's address and the model's name."),
    429: ("takes no more requests for now", "Try again later, or raise the quota of the key."),
}


def _said(body: bytes, key: Key) -> str:
    """The message in an endpoint's error, or the beginning of what it sent, on one line and without the key."""
    text = body[: 64 << 10].decode("utf-8", "replace")
    try:
        found: Any = json.loads(text)
        found = found.get("error", found)
        text = str(found.get("message", text)) if isinstance(found, dict) else str(found)
    except (ValueError, AttributeError, RecursionError):
        pass
    # Hidden before it is cut, or half of it would be left at the end.
    clean = key.hidden_in(" ".join("".join(c if c.isprintable() else " " for c in text).split()))
    return clean if len(clean) <= SAID else f"{clean[:SAID]}…"


def _seconds(text: str) -> float:
    """What Retry-After asks for in seconds; a date counts as nothing."""
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
