# SPDX-License-Identifier: Apache-2.0
"""How the command speaks: one rewritten line on a terminal, plain lines in a pipe, JSON lines for programs.

Each JSON line is one object. `"event"` is one of:

- `notes` {notes}: sentences worth telling.
- `hashing`, `uploading`, `fetching` {files_done, files_total, bytes_done, bytes_total}.
- `preflight` {problems, unseen_files}: findings, each {severity, code, input, frames, file, message, fix};
  `unseen_files` were not uploaded yet, hence not looked at.
- `job` {id, request_id, attempt, created, state}: the server has the job.
- `state` {job, state}: queued, running, cancelling, done, failed or cancelled.
- `stage` {job, stage, stage_number, stage_count}.
- `progress` {stage, stage_number, stage_count, done, total, eta_seconds or null}.
- `output` {job, output, frame, digest, bytes}: the server published a file.
- `problem` {job, problem}, `message` {job, message}: what the job found or says.
- `reconnecting` {reason}: the connection broke and is taken up again.
- `written` {output, frame, path, fetched}: a result file is whole on disk.
- `done` {job, directory, files, seconds}.
- `shot` {shot, state, job, message, done, total}: a shot of a batch ended; `shot_problem` {shot, message},
  `checked` {shots}, `cancel` {shot, job, said}, `batch` {done, failed, report}: what else `void batch` tells.
- `error` {code, message, fix, frame or null, file, exit_code}: the command ends with this.

`void jobs` and `void capabilities` print the contract's own messages under `job_details` and `capabilities`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TextIO

from void_client import events
from void_client.sequence import describe_frames

PIPE_INTERVAL_S = 5.0
"""Shortest time between two progress lines in a pipe."""

TERMINAL_INTERVAL_S = 0.1
"""Shortest time between two rewrites of the line on a terminal."""

QUIET_S = 2.0
"""Hashing, uploading and fetching that take less are not told."""

_VERBS = {"looking": "Looking at", "hashing": "Hashing", "uploading": "Uploading", "fetching": "Fetching"}
_RED, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[0m"
_ERASE_LINE = "\r\x1b[K"


class Speaker(Protocol):
    """Takes events, from any thread."""

    def __call__(self, event: events.Event) -> None:
        """Tell an event."""

    def print(self, text: str, data: Mapping[str, Any]) -> None:
        """Print an answer: `text` for people, `data` for programs."""


class JsonLines:
    """Tells events as JSON lines.

    Args:
        out: where the lines go.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        stream = out or sys.stdout
        # Elsewhere a character that the stream cannot hold is written as \xNN, which is no JSON.
        self._ascii = (stream.encoding or "utf-8").lower().replace("-", "") != "utf8"
        self._out = _Quiet(stream)
        self._lock = threading.Lock()

    def __call__(self, event: events.Event) -> None:
        self.print("", events.to_json(event))

    def print(self, text: str, data: Mapping[str, Any]) -> None:
        """Print `data` as one line."""
        with self._lock:
            self._out.write(json.dumps(data, ensure_ascii=self._ascii) + "\n")


class Terminal:
    """Tells events as lines for people.

    Args:
        out: where the lines go; errors go to `err`.
        err: where errors go.
        clock: seconds, growing.
        environment: NO_COLOR and TERM are read.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._out, self._err = _Quiet(out or sys.stdout), _Quiet(err or sys.stderr)
        self._clock = clock
        self._rewrites = self._out.isatty() and environment.get("TERM") != "dumb"
        self._coloured = self._rewrites and not environment.get("NO_COLOR")
        self._lock = threading.Lock()
        self._line_shown = False
        self._told: set[str] = set()
        self._last_status_at = -float("inf")
        self._activity, self._activity_since = "", 0.0

    def __call__(self, event: events.Event) -> None:
        with self._lock:
            if isinstance(event, events.Moving):
                self._tell_moving(event)
            elif isinstance(event, events.Progressed):
                self._status(progress_text(event), last=event.done == event.total)
            elif isinstance(event, events.Failed):
                self._error(event)
            else:
                for line in _lines(event):
                    self._once(line)

    def print(self, text: str, data: Mapping[str, Any]) -> None:
        """Print `text`."""
        with self._lock:
            self._line(text)

    def _once(self, line: str) -> None:
        # A job says again what preflight said; a person needs it once.
        if line not in self._told:
            self._told.add(line)
            self._line(self._paint(line))

    def _tell_moving(self, event: events.Moving) -> None:
        now = self._clock()
        if event.activity != self._activity or event.files_done == event.bytes_done == 0:
            self._activity, self._activity_since = event.activity, now
        elapsed = now - self._activity_since
        if elapsed >= QUIET_S:
            self._status(moving_text(event, elapsed), last=event.files_done == event.files_total)

    def _status(self, text: str, last: bool) -> None:
        now = self._clock()
        interval = TERMINAL_INTERVAL_S if self._rewrites else PIPE_INTERVAL_S
        if now - self._last_status_at < interval and not (last and self._rewrites):
            return
        self._last_status_at = now
        if not self._rewrites:
            self._out.write(text + "\n")
            return
        width = shutil.get_terminal_size().columns - 1
        self._out.write(_ERASE_LINE + text[:width])
        self._line_shown = True

    def _line(self, text: str) -> None:
        erase = _ERASE_LINE if self._line_shown else ""
        self._line_shown = False
        self._out.write(f"{erase}{text}\n")

    def _error(self, event: events.Failed) -> None:
        if self._line_shown:
            self._out.write("\n")
            self._line_shown = False
        where = [f"frame {event.frame}"] if event.frame is not None else []
        where += [event.file] if event.file and event.file not in event.message else []
        prefix = f"{', '.join(where)}: " if where else ""
        text = f"{prefix}{event.message} {event.fix}".rstrip()
        self._err.write(self._paint(f"error: {text}") + "\n")

    def _paint(self, line: str) -> str:
        if not self._coloured:
            return line
        for word, colour in (("error:", _RED), ("warning:", _YELLOW), ("fail:", _RED), ("warn:", _YELLOW)):
            if line.startswith(word):
                return f"{colour}{word}{_PLAIN}{line[len(word) :]}"
        return line


class _Quiet:
    """A stream that falls silent when its reader has gone or its disk is full, so that the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._gone = False

    def write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            self._gone = True
            silence(self._stream)

    def isatty(self) -> bool:
        return self._stream.isatty()


def make_streams_safe() -> None:
    """Let nothing that is said to standard output or error end the work: neither a character nor a closed stream."""
    if sys.stdout is None:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def flush_streams() -> None:
    """Write what is left in the buffers, or drop it: the interpreter would fail on it when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            silence(stream)


def silence(stream: TextIO) -> None:
    """Let a broken stream, and what is left in its buffer, lead nowhere."""
    with Path(os.devnull).open("wb") as nowhere, suppress(OSError):
        os.dup2(nowhere.fileno(), stream.fileno())


def progress_text(event: events.Progressed) -> str:
    """The line for a job's progress: stage, n/N and, when known, the time left."""
    left = f", about {duration(event.eta_seconds)} left" if event.eta_seconds else ""
    stages = f" (stage {event.stage_number} of {event.stage_count})" if event.stage_count else ""
    units = f" {event.done}/{event.total}" if event.total else ""
    return f"{event.stage or 'working'}{units}{stages}{left}"


def moving_text(event: events.Moving, elapsed_s: float) -> str:
    """The line for files under way: n/N, megabytes and, when it can be told, the time left."""
    left = ""
    if 0 < event.bytes_done < event.bytes_total and elapsed_s > 0:
        remaining = (event.bytes_total - event.bytes_done) * elapsed_s / event.bytes_done
        left = f", about {duration(remaining)} left"
    sizes = f"{event.bytes_done / 1e6:.0f} of {event.bytes_total / 1e6:.0f} MB"
    verb = _VERBS.get(event.activity, event.activity)
    return f"{verb} {event.files_done}/{event.files_total} files, {sizes}{left}"


def duration(seconds: float) -> str:
    """Seconds as `m:ss` or `h:mm:ss`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def finding_text(found: events.Finding) -> str:
    """The line for a problem: severity, input, frames, what is wrong, what to do."""
    frames = ""
    if found.frames:
        frames = f"frame{'s' if len(found.frames) > 1 else ''} {describe_frames(found.frames)}"
    file = f"({found.file})" if found.file and found.file not in found.message else ""
    where = " ".join(filter(None, (found.input, frames, file)))
    return f"{found.severity}: " + (f"{where}: " if where else "") + f"{found.message} {found.fix}".rstrip()


def _lines(event: events.Event) -> list[str]:
    if isinstance(event, events.Notes):
        return list(event.notes)
    if isinstance(event, events.Preflight):
        return [finding_text(p) for p in event.problems]
    if isinstance(event, events.Accepted):
        again = "" if event.created else f" (known already, {event.state})"
        return [f"Job {event.id}{again}"]
    if isinstance(event, events.Found):
        return [finding_text(event.problem)]
    if isinstance(event, events.Said):
        return [event.message]
    if isinstance(event, events.Reconnecting):
        return [f"The connection broke, trying again: {event.reason}"]
    if isinstance(event, events.StateChanged) and event.state in ("queued", "cancelling"):
        return [f"The job is {event.state}."]
    if isinstance(event, events.Done):
        return [f"Done in {duration(event.seconds)}: {event.files} files in {event.directory}"]
    return []


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as text with aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
    return "\n".join(lines)
