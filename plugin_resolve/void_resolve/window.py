# SPDX-License-Identifier: Apache-2.0
"""The window: one thread, one loop that is never inside of another, and work between two turns of it.

The script is a process of its own, so that nothing it does keeps Resolve's own windows from working. All calls have to
be made on its main thread, and `work` waits by `pause` alone. So a press only notes what is wanted and ends the loop;
the work is done after the loop has ended, and each `pause` runs the loop again until its timer ends it. Presses of
Cancel arrive there. What is pressed while `work` calls Resolve waits for the next pause.
"""

from __future__ import annotations

import re
import traceback
from typing import Any, Callable

from void_line.errors import HelperGone

from void_resolve import progress as words
from void_resolve import unfinished
from void_resolve.abilities import Abilities
from void_resolve.choices import request_of, server_of
from void_resolve.errand import Bench, Errand, Left
from void_resolve.errors import LOST, ArtistError
from void_resolve.history import line_of
from void_resolve.keeping import log
from void_resolve.panel import ACTIONS, PICKED, WINDOW, Panel
from void_resolve.screen import Ui
from void_resolve.settings import Settings
from void_resolve.two_clicks import TEXT

BUSY_MS = 500
"""Shortest turn of the loop while VOID is at work; each one re-enters Resolve."""

IDLE_MS = 3000

LOG_LINES = 200

HISTORY_LINES = 30

_TURNS_FOR_NOTHING = 20
_CLICKS = "VoidClicks"


class Window:
    """What the artist sees.

    Args:
        bench: what to work with.
        ui: what makes windows.
        settings: the artist's.
        head: the first line: where this runs, and that Studio is needed.
    """

    def __init__(self, bench: Bench, ui: Ui, settings: Settings, head: str) -> None:
        self._bench, self._ui, self._settings = bench, ui, settings
        self._panel = Panel(ui, settings, head)
        self._clicks = self._clicks_window()
        self._lines: list[str] = []
        self._records: list[Any] = []
        self._wanted = ""
        self._busy = self._cancelled = self._warned = self._leaving = self._elapsed = False
        self._shown_at, self._shown_stage = float("-inf"), ""
        self._abilities = Abilities()
        self._idle = ui.manager.Timer({"ID": "VoidIdle", "Interval": IDLE_MS})
        self._turn = ui.manager.Timer({"ID": "VoidTurn", "Interval": BUSY_MS})
        ui.dispatcher.On.Timeout = self._safely(self._timeout)
        for name in ACTIONS:
            getattr(self._panel.window.On, name).Clicked = self._safely(self._want(name))
        self._panel.window.On.Cancel.Clicked = self._safely(self._cancel)
        getattr(self._panel.window.On, WINDOW).Close = self._safely(self._close)

    def run(self) -> None:
        """Show it until it is closed."""
        self._list_history()
        if self._settings.values["address"] or self._settings.site.values.get("address"):
            self._connect()
        self._look()
        self._tell_unfinished()
        if self._settings.site.problem:
            self._say(self._settings.site.problem)
        self._panel.window.Show()
        for_nothing = 0
        try:
            while not self._leaving and for_nothing < _TURNS_FOR_NOTHING:
                self._wanted = ""
                self._idle.Start()
                self._ui.dispatcher.RunLoop()
                self._idle.Stop()
                if self._wanted:
                    for_nothing = 0
                    self._do(self._wanted)
                elif not self._leaving:
                    for_nothing += 1
                    self._bench.sleep(BUSY_MS / 1000)
        except Left:
            log(self._bench.folder, "the window was closed while VOID was at work")
        finally:
            self._clicks.Hide()
            self._panel.window.Hide()

    def pause(self, seconds: float) -> None:
        """Wait, while the artist may press Cancel. The loop is run here, so never call this from a handler.

        Raises:
            Left: the artist has closed the window twice.
        """
        if self._leaving:
            raise Left
        until = self._bench.now() + seconds
        self._elapsed = False
        self._turn.Interval = max(BUSY_MS, round(seconds * 1000))
        self._turn.Start()
        self._ui.dispatcher.RunLoop()
        self._turn.Stop()
        if self._leaving:
            raise Left
        rest = until - self._bench.now()
        if rest > 0 and not self._elapsed and not self._cancelled:
            self._bench.sleep(rest)

    def _do(self, wanted: str) -> None:
        try:
            if wanted == "Remove":
                self._remove()
            elif wanted == "Reattach":
                self._reattach()
            elif wanted == "TakeBack":
                for line in Errand(self._bench, self._told, self._is_cancelled, self.pause).take_back():
                    self._say(line)
            elif wanted == "CleanUp":
                self._clean_up()
            elif wanted == "Connect":
                self._connect()
            elif wanted == "TwoClicks":
                self._clicks.Show()
            else:
                self._pick(wanted)
        except ArtistError as error:
            self._say(str(error))

    def _remove(self) -> None:
        values = self._panel.values()
        request = request_of(values, self._panel.consent(), self._settings.site, self._bench.work.Request)
        self._settings.keep(values)
        self._panel.withdraw_consent()
        self._work(lambda errand: errand.remove(request))

    def _reattach(self) -> None:
        chosen = self._panel.chosen_history()
        if chosen >= len(self._records):
            raise ArtistError("Nothing was sent from here yet.")
        record = self._records[chosen]
        self._work(lambda errand: errand.reattach(record))

    def _work(self, run: Callable[[Errand], Any]) -> None:
        self._busy, self._cancelled, self._warned = True, False, False
        self._shown_at, self._shown_stage = float("-inf"), ""
        self._panel.lock(True)
        try:
            outcome = run(Errand(self._bench, self._told, self._is_cancelled, self.pause))
        finally:
            self._busy = False
        self._panel.lock(False)
        self._panel.show("Bar", "")
        self._say(outcome.text or outcome.state.capitalize())
        if outcome.folder:
            self._note(f"folder: {outcome.folder}")
        for number, click in enumerate(outcome.clicks, 1):
            self._note(f"{number}. {click}")
        if outcome.clicks:
            self._clicks.Show()
        self._list_history()

    def _told(self, progress: Any) -> None:
        """Show progress, at most once a turn: every label that is set re-enters Resolve."""
        now = self._bench.now()
        stage = f"{progress.clip[0]}:{progress.stage}"
        new_stage = stage != self._shown_stage
        ended = progress.total > 0 and progress.done >= progress.total
        if not (new_stage or ended) and now - self._shown_at < BUSY_MS / 1000:
            return
        if new_stage:
            self._note(words.noted(progress))
        self._shown_at, self._shown_stage = now, stage
        if not (self._cancelled or self._warned):
            self._panel.show("Status", words.line(progress))
        self._panel.show("Bar", words.bar(progress.done, progress.total))

    def _is_cancelled(self) -> bool:
        return self._cancelled

    def _pick(self, button: str) -> None:
        """Resolve's own pickers, outside of the loop."""
        setting = PICKED[button]
        fusion = self._bench.host.fusion
        picked = fusion.RequestDir() if setting == "out" else fusion.RequestFile()
        if picked:
            self._panel.type(setting, str(picked) if setting == "out" else pattern_of(str(picked)))

    def _want(self, name: str) -> Callable[[], None]:
        def want() -> None:
            if not self._busy:
                self._wanted = name
                self._ui.dispatcher.ExitLoop()

        return want

    def _cancel(self) -> None:
        if self._busy and not self._cancelled:
            self._cancelled = True
            self._say("Cancelling…")
            self._ui.dispatcher.ExitLoop()

    def _close(self) -> None:
        if self._busy and not self._warned:
            self._warned = True
            self._say(
                "VOID is at work. Cancel ends the job. Close once more to leave: the job goes on on its server,"
                " and Re-attach takes it up."
            )
            return
        self._leaving = True
        self._ui.dispatcher.ExitLoop()

    def _timeout(self) -> None:
        if self._busy:
            self._elapsed = True
            self._ui.dispatcher.ExitLoop()
        else:
            self._look()

    def _look(self) -> None:
        self._panel.show("Clip", self._bench.at_hand())
        self._take_lists()

    def _take_lists(self) -> None:
        """The server's lists, where its answer is there."""
        for name, known in self._abilities.taken().items():
            self._panel.refill(name, known)
        self._panel.show("Lists", self._abilities.text)

    def _tell_unfinished(self) -> None:
        """Say what a crash has left; it is put back by a press alone."""
        left = unfinished.safely_told(self._bench.host)
        self._panel.may_clean_up(bool(left))
        if left:
            self._say(left)

    def _clean_up(self) -> None:
        for line in Errand(self._bench, self._told, self._is_cancelled, self.pause).clean_up():
            self._say(line)
        self._tell_unfinished()

    def _connect(self) -> None:
        """Ask the server what it can do, for the lists; the answer is taken up at an idle turn."""
        try:
            self._abilities.ask(self._bench.helper(), server_of(self._panel.values()))
        except HelperGone as error:
            self._abilities.refuse(str(error))
        self._take_lists()

    def _list_history(self) -> None:
        self._records = self._bench.history.all()[:HISTORY_LINES]
        self._panel.list_history([line_of(record) for record in self._records])

    def _say(self, text: str) -> None:
        self._panel.show("Status", text)
        self._note(text)

    def _note(self, text: str) -> None:
        self._lines = [*self._lines, text][-LOG_LINES:]
        self._panel.log("\n".join(self._lines))
        log(self._bench.folder, text)

    def _clicks_window(self) -> Any:
        manager = self._ui.manager
        drawing = manager.TextEdit(
            {"ID": "Drawing", "ReadOnly": True, "PlainText": TEXT, "StyleSheet": "font-family: monospace;"}
        )
        window = self._ui.dispatcher.AddWindow(
            {"ID": _CLICKS, "WindowTitle": "VOID: the two clicks", "Geometry": [160, 120, 780, 640]},
            [manager.VGroup({}, [drawing, manager.Button({"ID": "HideClicks", "Text": "Close"})])],
        )
        hide = self._safely(window.Hide)
        window.On.HideClicks.Clicked = hide
        getattr(window.On, _CLICKS).Close = hide
        return window

    def _safely(self, handle: Callable[[], Any]) -> Callable[[Any], None]:
        """A handler of which nothing is raised into the dispatcher; where Resolve is gone the loop ends."""

        def handler(_event: Any) -> None:
            try:
                handle()
            except Exception as error:  # noqa: BLE001 - what is raised through the loop leaves it unusable
                log(self._bench.folder, traceback.format_exc())
                if isinstance(error, LOST):
                    self._leaving = True
                    self._ui.dispatcher.ExitLoop()

        return handler


def pattern_of(path: str) -> str:
    """The pattern of the sequence that a picked frame is of."""
    found = re.search(r"(\d+)(\.[^./\\]+)$", path)
    return path[: found.start()] + "#" * len(found.group(1)) + found.group(2) if found else path
