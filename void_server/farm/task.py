# SPDX-License-Identifier: Apache-2.0
"""A shot as a farm's task: `void` does it, and its events are told by the protocol of Open Job Description.

Lines on standard output: `openjd_progress: PERCENT`, `openjd_status: TEXT`, `openjd_fail: TEXT` (Open Job Description,
"How Jobs Are Run", "Stdout/Stderr Messages"). At the word that the task is to end (SIGTERM, the notification of
NOTIFY_THEN_TERMINATE) the job is cancelled, and the task ends behind it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

Tell = Callable[[str], object]
CANCELLED = 130


def run_shot(file: Path, shot: str, tell: Tell) -> int:
    """Run one shot of a file on the session's server; returns the exit code of `void`."""
    command = [sys.executable, "-m", "void_client", "batch", str(file), "--only", shot, "--local", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:

        def end(_number: int, _frame: FrameType | None) -> None:
            # The client's first Ctrl-C cancels the job that it ordered.
            if process.poll() is None:
                process.send_signal(signal.SIGINT)

        # The farm tells a group of processes, or this one alone.
        before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            told = Told(shot, tell)
            for line in process.stdout or ():
                told.take(line)
            code = process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    if code == CANCELLED:
        tell(f"openjd_fail: {shot} was cancelled")
    return code if code >= 0 else 128 - code


class Told:
    """Turns the JSON lines of `void` into the lines of a task.

    Args:
        shot: its name.
        tell: takes lines.
    """

    def __init__(self, shot: str, tell: Tell) -> None:
        self._shot = shot
        self._tell = tell
        self._percent = -1.0
        self._status = ""
        self._accepted = False

    def take(self, line: str) -> None:
        """Tell what a line says; what is no JSON is passed on."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self._tell(line.rstrip("\n"))
            return
        kind = event.get("event")
        if kind == "progress":
            self._progress(event)
        elif kind == "job":
            self._accepted = True
            self._tell(f"Job {event['id']}")
        elif kind == "error":
            self._tell(f"openjd_fail: {_one_line(self._shot, event['message'], event['fix'])}")
        elif kind in ("problem", "preflight", "shot_problem", "notes", "message", "reconnecting"):
            self._tell(f"{kind}: {json.dumps(event, ensure_ascii=False)}")
        elif kind == "done":
            self._percentage(100.0)
            self._state(f"{event['files']} files in {event['directory']}")

    def _progress(self, event: Mapping[str, Any]) -> None:
        count, total = event["stage_count"], event["total"]
        if not count:
            return
        share = event["done"] / total if total else 0.0
        if self._accepted:
            self._percentage(100.0 * (event["stage_number"] - 1 + share) / count)
        # Before that it is the preflight's own, which has other stages.
        self._state(f"{event['stage']} {event['done']}/{total}")

    def _percentage(self, percent: float) -> None:
        # Stages without units are passed over, and a stage may begin again after a break.
        if percent >= self._percent + 0.1:
            self._percent = percent
            self._tell(f"openjd_progress: {min(percent, 100.0):.1f}")

    def _state(self, text: str) -> None:
        if text != self._status:
            self._status = text
            self._tell(f"openjd_status: {_one_line(self._shot, text)}")


def _one_line(shot: str, *texts: str) -> str:
    return " ".join(f"{shot}: {' '.join(texts)}".split())
