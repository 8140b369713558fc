# SPDX-License-Identifier: Apache-2.0
"""The way without a window: a file to choose with, the console, a status file, and the system's own message.

The first run writes `without_window.json` with "do": "nothing". The artist sets it to "remove", "reattach",
"take_back" or "clean_up" and chooses VOID again. A file named `cancel` beside it cancels.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import Any, Callable, Mapping

from void_resolve import progress as words
from void_resolve import unfinished
from void_resolve.choices import request_of
from void_resolve.errand import Bench, Errand
from void_resolve.errors import ArtistError
from void_resolve.keeping import Json, log, read_json, write_json
from void_resolve.settings import FIRST, Settings
from void_resolve.two_clicks import KEY_OUT

ORDER = "without_window.json"
STATUS = "status.json"
CANCEL = "cancel"

_DIALOG_LIMIT_S = 600
_DO = ("nothing", "remove", "reattach", "take_back", "clean_up")


def say(text: str) -> None:
    """Print, where there is something to print to: `sys.stdout` may be None in Resolve, or closed."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(text, flush=True)


def show_dialog(title: str, text: str) -> bool:
    """The system's own message, where the standard library reaches one; returns whether it was shown.

    It may open behind Resolve.
    """
    try:
        if sys.platform == "win32":
            import ctypes

            in_front = 0x00010000 | 0x00040000
            show = ctypes.windll.user32.MessageBoxW
            return bool(show(None, text, title, in_front))
        if sys.platform == "darwin":
            script = (
                "on run argv",
                'display dialog (item 1 of argv) with title (item 2 of argv) buttons {"OK"} default button 1',
                "end run",
            )
            lines = [part for line in script for part in ("-e", line)]
            ran = subprocess.run(
                ["/usr/bin/osascript", *lines, text, title],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_DIALOG_LIMIT_S,
                check=False,
            )
            return ran.returncode == 0
    except (OSError, AttributeError, subprocess.SubprocessError):
        pass
    return False


class Console:
    """One run without a window.

    Args:
        bench: what to work with.
        settings: the artist's.
        head: where this runs, and that Studio is needed.
        dialog: shows the system's message.
    """

    def __init__(
        self, bench: Bench, settings: Settings, head: str, dialog: Callable[[str, str], bool] = show_dialog
    ) -> None:
        self._bench, self._settings, self._head, self._dialog = bench, settings, head, dialog
        self._order_file = os.path.join(bench.folder, ORDER)
        self._said_stage: Any = None

    def run(self) -> None:
        """Do what the file says, and tell the end."""
        say(self._head)
        self._forget_cancel()
        order = read_json(self._order_file)
        do = order.get("do", "nothing")
        if not order or do == "nothing":
            self._explain(order)
            return
        try:
            outcome = self._done(str(do), order)
        except ArtistError as error:
            self._end("failed", str(error))
            return
        clicks = [f"{number}. {click}" for number, click in enumerate(outcome.clicks, 1)]
        folder = [f"Folder: {outcome.folder}"] if outcome.folder else []
        self._end(outcome.state, "\n".join([outcome.text, *folder, *clicks]))

    def pause(self, seconds: float) -> None:
        """Wait; nobody can press anything here."""
        self._bench.sleep(seconds)

    def _done(self, do: str, order: Json) -> Any:
        errand = Errand(self._bench, self._told, self._cancelled, self.pause)
        if do == "remove":
            values = {name: _fitting(order.get(name), self._settings.values[name]) for name in FIRST}
            values.update({name: FIRST[name] for name in FIRST if self._settings.site.locks(name)})
            # Nobody is asked here, so nobody consents.
            request = request_of(values, False, self._settings.site, self._bench.work.Request)
            return errand.remove(request)
        if do == "reattach":
            return errand.reattach(self._record(str(order.get("ticket", ""))))
        if do == "take_back":
            outcome = self._bench.work.Outcome
            return outcome("done", "\n".join(errand.take_back()), "", "", ())
        if do == "clean_up":
            outcome = self._bench.work.Outcome
            return outcome("done", "\n".join(errand.clean_up()), "", "", ())
        raise ArtistError(f'"do" is {do!r} in {self._order_file}.', f"Write one of {', '.join(_DO)}.")

    def _record(self, ticket: str) -> Json:
        open_ones = [each for each in self._bench.history.all() if self._bench.history.can_reattach(each)]
        found = next((each for each in open_ones if not ticket or each["ticket"] == ticket), None)
        if found is None:
            raise ArtistError(
                "There is no job to take up.", "Take the ticket of one out of the folder history."
            )
        return found

    def _explain(self, order: Json) -> None:
        if not order:
            try:
                write_json(self._order_file, {"do": "nothing", "ticket": "", **self._settings.values})
            except OSError as error:
                self._end("failed", f"{self._order_file} cannot be written: {error.strerror or error}.")
                return
        text = (
            f'No window can be opened here. Open {self._order_file}, check what it says, set "do" to "remove"'
            f' (or "reattach", "take_back", "clean_up"), and choose VOID again. Progress: {self._path(STATUS)};'
            f" a file {self._path(CANCEL)} cancels."
        )
        say(KEY_OUT)
        left = unfinished.safely_told(self._bench.host)
        self._end("waiting", f"{text}\n{left}" if left else text)

    def _told(self, progress: Any) -> None:
        if (progress.clip, progress.stage) != self._said_stage:
            self._said_stage = (progress.clip, progress.stage)
            say(words.line(progress))
        self._write(
            {
                "state": "running",
                "clip": list(progress.clip),
                "stage": progress.stage,
                "done": progress.done,
                "total": progress.total,
                "eta_seconds": progress.eta_seconds,
                "text": progress.text,
            }
        )

    def _end(self, state: str, text: str) -> None:
        self._write({"state": state, "text": text})
        log(self._bench.folder, f"{state}: {text}")
        say(text)
        self._dialog("VOID", text)

    def _cancelled(self) -> bool:
        return os.path.exists(self._path(CANCEL))

    def _forget_cancel(self) -> None:
        with contextlib.suppress(OSError):
            os.remove(self._path(CANCEL))

    def _write(self, said: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):
            write_json(self._path(STATUS), {**said, "updated": time.strftime("%Y-%m-%dT%H:%M:%S%z")})

    def _path(self, name: str) -> str:
        return os.path.join(self._bench.folder, name)


def _fitting(value: Any, usual: Any) -> Any:
    return value if isinstance(value, type(usual)) and not isinstance(value, bool) else usual
