# SPDX-License-Identifier: Apache-2.0
"""All checks in their order: at once in a terminal, and in two turns of the main thread in a window."""

from __future__ import annotations

import contextlib
import html
import os
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import nuke
from void_line.command import log_file
from void_nuke.main_thread import outside_undo, post

# Each adds its checks; this is their order.
from void_smoke import calls, knobs, rendering, report, scripts  # noqa: F401
from void_smoke.bench import (
    CHECKS,
    DIFFERS,
    NOT_CHECKED,
    OK,
    WINDOW,
    Bench,
    Check,
    Outcome,
    outcome,
    scratch_group,
)
from void_smoke.removal import three_frames

FILE = "void_check_report.json"

THREADS = Check(
    "N22",
    "threads",
    "arguments that are no tuple are wrapped; WithResult gives what came back, and None for an exception",
    (WINDOW,),
    lambda bench: (False, ""),
)
"""Made by `_Second`: it needs a turn of the event loop."""


class NotEmpty(Exception):
    """In a terminal the checks want a Nuke without an open script."""


def in_terminal(server: str, path: str) -> dict[str, Any]:
    """Make all checks in `nuke -t`; returns the report, which is written to a path too.

    Raises:
        NotEmpty: a script is open.
        OSError: the report cannot be written.
    """
    if nuke.allNodes() or nuke.root().name() not in ("", "Root"):
        raise NotEmpty("A script is open: start nuke -t with this file alone.")
    with _folder() as folder:
        bench, started = Bench(folder), time.monotonic()
        outcomes = [outcome(one, bench) for one in CHECKS]
        outcomes.append(_of_threads(NOT_CHECKED, "can only be seen in Nuke's window"))
        nuke.scriptClear()
        scenes = scripts.open_scenes()
        steps: list[dict[str, Any]] = []
        try:
            log = three_frames(bench, server, steps)
        finally:
            nuke.scriptClear()
        made = report.build(bench, outcomes, scenes, steps, log, time.monotonic() - started)
    report.write(made, path)
    return made


def in_window(server: str = "") -> None:
    """Make all checks in an artist's Nuke; the report is shown a moment after this returns.

    The script is left as it was: all is done in a group that is deleted, and is no step of undo.
    """
    selected = nuke.selectedNodes()
    folder = tempfile.mkdtemp(prefix="void_check_")
    bench, started = Bench(folder), time.monotonic()
    steps: list[dict[str, Any]] = []
    outcomes, log = [], []
    try:
        with outside_undo():
            for one in CHECKS:
                outcomes.append(outcome(one, bench))
                if not nuke.Undo().disabled():
                    nuke.Undo().disable()
            with scratch_group():
                log = three_frames(bench, server, steps)
            for node in nuke.allNodes():
                node.setSelected(node in selected)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    _Second(bench, outcomes, steps, log, started).start()


class _Second:
    """What only another thread can try, and then the end, on the main thread."""

    def __init__(
        self,
        bench: Bench,
        outcomes: list[Outcome],
        steps: list[dict[str, Any]],
        log: list[str],
        started: float,
    ) -> None:
        self._bench, self._outcomes, self._steps, self._log = bench, outcomes, steps, log
        self._started = started
        self._posted: list[Any] = []

    def start(self) -> None:
        """Go on beside Nuke."""
        threading.Thread(target=self._try, name="void-check", daemon=True).start()

    def _try(self) -> None:
        try:
            nuke.executeInMainThread(self._posted.append, "text")
            length = nuke.executeInMainThreadWithResult(len, "abc")
            nothing = nuke.executeInMainThreadWithResult(_raises)
            seen = self._posted, length, nothing
            result = OK if seen == (["text"], 3, None) else DIFFERS
            found = _of_threads(result, repr(seen))
        except Exception as error:  # noqa: BLE001 - what is raised is what was seen
            found = _of_threads(DIFFERS, f"raised {type(error).__name__}: {error}")
        post(self._end, found)

    def _end(self, found: Outcome) -> None:
        try:
            outcomes = [*self._outcomes, found]
            took = time.monotonic() - self._started
            made = report.build(self._bench, outcomes, [], self._steps, self._log, took)
            path = os.path.join(os.path.dirname(log_file()), FILE)
            report.write(made, path)
            said = f"{report.summary(made)}\n\nReport: {path}"
        except Exception as error:  # noqa: BLE001 - an artist pressed a button, and gets an answer
            traceback.print_exc()
            said = f"The report could not be written: {error}"
        finally:
            shutil.rmtree(self._bench.folder, ignore_errors=True)
        nuke.message(html.escape(said, quote=False).replace("\n", "<br>"))


def _of_threads(result: str, seen: str) -> Outcome:
    return Outcome(THREADS.rule, THREADS.name, THREADS.says, result, seen, 0.0)


def _raises() -> None:
    raise RuntimeError("VOID checks what Nuke does with this error; it is meant to be.")


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="void_check_")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
