# SPDX-License-Identifier: Apache-2.0
"""The audit log: who did what to which job or blob, and how it ended, one JSON object a line.

It names principals, calls, job ids and digests, and nothing else: no token, prompt, file name or path. Server and
`void-server tokens` write the same file, each line in one append under a lock.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from void_server.errors import VoidError

log = logging.getLogger(__name__)

KEPT_FILES = 8
"""Full files that are kept beside the current one: audit.jsonl.1 is the newest of them."""
REFUSALS_PER_MINUTE = 20
"""Refused logins that get a line of their own: a stranger must not be able to push real records out."""
_WINDOW_SECONDS = 60.0
_SUBJECT = re.compile(r"[0-9a-z._-]{1,64}")


@dataclass
class Attempt:
    """A call in progress, as `AuditLog.attempt` yields it; the servicer fills in what it learns.

    Attributes:
        subject: job id, digest or token name.
        outcome: "ok", or whatever else the servicer wants to be read; an error's code replaces it.
    """

    subject: str
    outcome: str = "ok"


class AuditLog:
    """Appends to `path`, mode 0600, and sets it aside when it is full.

    A line that cannot be written is an error in the server's log; the call goes on.

    Args:
        max_bytes: limit `max_audit_bytes`.
        clock: seconds since 1970, UTC.
    """

    def __init__(self, path: Path, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._clock = clock
        self._thread_lock = threading.Lock()
        self._window, self._refusals = 0.0, 0

    def record(self, principal: str, call: str, subject: str, outcome: str, **facts: str | int) -> None:
        """Append one line; a subject that is neither id, digest nor name is left out."""
        stamp = datetime.fromtimestamp(self._clock(), timezone.utc).isoformat(timespec="milliseconds")
        line = {
            "time": stamp,
            "principal": principal,
            "call": call,
            "subject": subject if _SUBJECT.fullmatch(subject) else "",
            "outcome": outcome,
            **facts,
        }
        try:
            with self._thread_lock:
                self._append((json.dumps(line) + "\n").encode())
        except OSError as error:
            log.error("the audit log cannot be written: %s", error.strerror)

    @contextmanager
    def attempt(self, principal: str, call: str, subject: str = "") -> Iterator[Attempt]:
        """Record the call when it ends, with its outcome: "ok", an error's code, or "broken" when it was left."""
        attempt = Attempt(subject)
        try:
            yield attempt
        except VoidError as error:
            attempt.outcome = error.code
            raise
        except BaseException:
            attempt.outcome = "broken"
            raise
        finally:
            self.record(principal, call, attempt.subject, attempt.outcome)

    def refused(self, call: str, peer: str) -> None:
        """Record a call without a valid token; above `REFUSALS_PER_MINUTE` they are only counted."""
        with self._thread_lock:
            now = self._clock()
            skipped = 0
            if not 0 <= now - self._window < _WINDOW_SECONDS:
                skipped = max(0, self._refusals - REFUSALS_PER_MINUTE)
                self._window, self._refusals = now, 0
            self._refusals += 1
            shown = self._refusals <= REFUSALS_PER_MINUTE
        if skipped:
            self.record("", "login", "", "refused", not_shown=skipped)
        if shown:
            self.record("", "login", "", "refused", method=call, peer=peer)

    def _append(self, data: bytes) -> None:
        with _exclusive(self._path.with_name(f"{self._path.name}.lock")):
            if self._path.exists() and self._path.stat().st_size + len(data) > self._max_bytes:
                self._rotate()
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, data)
            finally:
                os.close(descriptor)

    def _rotate(self) -> None:
        for number in range(KEPT_FILES, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold an advisory lock between processes; without one where the system has no flock (Windows)."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.name != "nt":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
