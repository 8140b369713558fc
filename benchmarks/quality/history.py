# SPDX-License-Identifier: Apache-2.0
"""A file of figures, one JSON object a line, that only grows; and what changed since its newest line of a kind."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.quality.figures import changes
from void_server.engines.cleanplate import CleanplateSettings
from void_server.errors import InvalidInput

LARGEST = 64 * 2**20
"""Bytes of a history file; a line is about 3 KB."""

ENGINE_ROW = "cleanplate"


@dataclass(frozen=True)
class Entry:
    """One shot, measured once.

    Attributes:
        date: ISO 8601, UTC.
        metrics: version of the figures' definitions; entries of two versions are not compared.
        engine: version of the clean-plate engine.
        shot: name.
        frames: first and last frame number.
        size: width and height.
        given: where the affected region came from.
        settings: of the engine.
        rows: figures of each row of the table; None where there is none (NaN).
        seconds: a frame, by stage.
        yardsticks: their sum over the yardstick of the same run.
        machine: processor and versions.
    """

    date: str
    metrics: int
    engine: str
    shot: str
    frames: list[int]
    size: list[int]
    given: str
    settings: dict[str, Any]
    rows: dict[str, dict[str, float | None]]
    seconds: dict[str, float]
    yardsticks: float
    machine: str

    @property
    def same(self) -> tuple[object, ...]:
        """What two entries that can be compared have in common.

        A setting that an entry does not know yet had its default.
        """
        known = {f.name: f.default for f in fields(CleanplateSettings) if f.default is not MISSING}
        settings = tuple((name, self.settings.get(name, default)) for name, default in sorted(known.items()))
        return self.metrics, self.shot, tuple(self.frames), tuple(self.size), self.given, settings


def read_history(path: Path) -> list[Entry]:
    """The entries in the order of the file; none where there is no file.

    Raises:
        InvalidInput: a line is not an entry; the message names the line.
    """
    if not path.exists():
        return []
    if path.stat().st_size > LARGEST:
        raise InvalidInput(f"{path} has more than {LARGEST} bytes.", fix="Begin a new history file.")
    lines = path.read_bytes().split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [_entry(path, number, line) for number, line in enumerate(lines, start=1)]


def append(path: Path, entry: Entry) -> None:
    """Adds one line with a single write and syncs it, so that runs side by side do not mix their lines.

    Raises:
        OSError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(handle).st_size
        unended = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        line = json.dumps(asdict(entry), sort_keys=True, allow_nan=False)
        data = (("\n" if unended else "") + line + "\n").encode()
        if os.write(handle, data) != len(data):
            raise OSError(f"{path} could not be written whole; its last line is broken")
        os.fsync(handle)
    finally:
        os.close(handle)


def compare(earlier: Sequence[Entry], new: Entry) -> tuple[list[str], list[str]]:
    """Worse and better figures of the engine since the newest earlier entry of the same shot, settings and given."""
    same = [entry for entry in earlier if entry.same == new.same]
    if not same:
        return [], []
    old = same[-1]
    worse, better = changes(old.rows.get(ENGINE_ROW, {}), new.rows[ENGINE_ROW])
    since = f" ({new.shot}; engine {old.engine} -> {new.engine}, since {old.date})"
    return [f"worse: {line}{since}" for line in worse], [f"better: {line}{since}" for line in better]


def without_nan(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN and no infinity: None instead."""
    return {key: float(value) if math.isfinite(value) else None for key, value in values.items()}


def _entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        values = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _broken(path, number, "is not JSON") from error
    names = {f.name for f in fields(Entry)}
    if not isinstance(values, dict) or set(values) != names:
        raise _broken(path, number, f"is not an object of {', '.join(sorted(names))}")
    entry = Entry(**values)
    if not _well_typed(entry):
        raise _broken(path, number, "has a value of the wrong kind")
    return entry


def _well_typed(entry: Entry) -> bool:
    def numbers(values: object, *, none: bool = False) -> bool:
        return isinstance(values, dict) and all(_number(v) or (none and v is None) for v in values.values())

    texts = (entry.date, entry.engine, entry.shot, entry.given, entry.machine)
    pairs = (entry.frames, entry.size)
    return (
        all(isinstance(value, str) for value in texts)
        and all(isinstance(p, list) and len(p) == 2 and all(type(v) is int for v in p) for p in pairs)
        and type(entry.metrics) is int
        and isinstance(entry.settings, dict)
        and all(v is None or isinstance(v, str | int | float) for v in entry.settings.values())
        and isinstance(entry.rows, dict)
        and all(numbers(row, none=True) for row in entry.rows.values())
        and numbers(entry.seconds)
        and _number(entry.yardsticks)
    )


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _broken(path: Path, number: int, what: str) -> InvalidInput:
    return InvalidInput(
        f"{path}, line {number}: the line {what}.",
        fix="Take that line out of the file, or give another file with --history.",
    )
