# SPDX-License-Identifier: Apache-2.0
"""What the program says while it runs: lines for people, or one JSON object a line for programs that collect them.

A line carries what the thread is at: the job, its stage and unit, or the call and where it came from; never who owns a
job, a token or a key.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timezone
from types import TracebackType
from typing import IO, Any

FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
UNIT_KEY_LETTERS = 12
"""Of a unit's key; enough to find it in the database."""
OWN_LOGGERS = ("void_server", "__main__")
"""This program's own lines; the second is that of a module run with `python -m`."""

_at: ContextVar[dict[str, str]] = ContextVar("at", default={})  # noqa: B039 - never changed, only replaced


@contextmanager
def saying(**fields: str) -> Iterator[None]:
    """Let each line of this thread carry `fields`, besides those that it has already."""
    token = _at.set(_at.get() | {name: value for name, value in fields.items() if value})
    try:
        yield
    finally:
        _at.reset(token)


def said_now() -> dict[str, str]:
    """What a line of this thread would carry."""
    return dict(_at.get())


def unit_name(key: str) -> str:
    """A unit's key as lines have it."""
    return key[:UNIT_KEY_LETTERS]


class TextLines(logging.Formatter):
    """Time, level and place, the message, and in brackets what it was at."""

    def __init__(self, who: str = "") -> None:
        super().__init__(f"%(asctime)s {who}%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name of `logging`
        """See `logging.Formatter`."""
        at = " ".join(f"{name}={value}" for name, value in said_now().items())
        return super().formatMessage(record) + (f" [{at}]" if at else "")


class JsonLines(logging.Formatter):
    """One object a line: time (RFC 3339, UTC), level, logger, message, process, what it was at, and the exception."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        line: dict[str, Any] = {
            "time": rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **said_now(),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def rfc3339(seconds: float) -> str:
    """A time as "2026-01-31T23:59:59.123Z".

    Args:
        seconds: since 1970, UTC.
    """
    found = datetime.fromtimestamp(seconds, timezone.utc)
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _StandardError(logging.StreamHandler[IO[str]]):
    """Writes to what standard error is at that moment: whoever replaces it may close the former."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def set_up(form: str = "text", level: str = "info", *, stream: IO[str] | None = None, who: str = "") -> None:
    """Send this process's lines to standard error, from `level` on.

    Lines of libraries are shown from "info" on at the most: some of them write headers, and with them keys, as "debug".

    Args:
        form: one of `FORMATS`.
        level: one of `LEVELS`.
        who: begins each text line after the time, such as "worker 4711 ".
    """
    handler = logging.StreamHandler(stream) if stream else _StandardError()
    handler.setFormatter(JsonLines() if form == "json" else TextLines(who))
    chosen = logging.getLevelName(level.upper())
    logging.basicConfig(level=max(chosen, logging.INFO), handlers=[handler], force=True)
    for name in OWN_LOGGERS:
        logging.getLogger(name).setLevel(chosen)
    if form == "json":
        logging.captureWarnings(True)
        sys.excepthook = _defect
        threading.excepthook = lambda given: _defect(
            given.exc_type, given.exc_value or given.exc_type(), given.exc_traceback
        )


def pass_on(line: str) -> None:
    """Write a line that is finished, between this process's own."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            with handler.lock or threading.Lock():
                handler.stream.write(f"{line}\n")
                handler.flush()


def _defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("void_server").critical("ended by a defect", exc_info=(kind, error, trace))
