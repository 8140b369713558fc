# SPDX-License-Identifier: Apache-2.0
"""The window with the real core behind it, on the modelled Resolve: one press, leaving, taking up again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from void_resolve.panel import WINDOW
from void_resolve.screen import find_ui
from void_resolve.window import Window

from tests.resolve.face import Face

work = pytest.importorskip("void_resolve.work", reason="the core is not here")
Seat = pytest.importorskip("tests.resolve.seat", reason="the core's tests are not here").Seat


class Desk:
    """An artist who closes the window once its work is done."""

    def __init__(self, session, tmp_path):
        self.session = session
        self.seat = Seat(session, tmp_path / "out")
        self.seat.helper.alive = True
        self.face = Face(session, tmp_path / "data", self._work())
        self.face.bench._start = lambda: self.seat.helper
        frame = self.seat.stage.item.start + 5
        self.chosen = {"matte": "points", "points": f"{frame} 20 12", "out": str(tmp_path / "out")}

    def _work(self):
        def closing(function):
            def run(*arguments):
                try:
                    return function(*arguments)
                finally:
                    self.session.click(WINDOW, "Close")

            return run

        return SimpleNamespace(
            Request=work.Request,
            Outcome=work.Outcome,
            picked=work.picked,
            remove=closing(work.remove),
            reattach=closing(work.reattach),
            take_back=work.take_back,
        )

    def press(self, name, told=None):
        """Press a button of a new window; its log."""
        ui = find_ui(self.face.host.fusion, self.face.host.bmd)
        window = Window(self.face.bench, ui, self.face.settings(**self.chosen), "head")
        show = window._told
        window._told = lambda progress: (show(progress), told and told(progress))
        self.session.click(name)
        window.run()
        self.session.events.clear()
        return ui.dispatcher.windows[0].GetItems()["Log"].PlainText

    def records(self):
        return [(record["state"], record["job"]) for record in self.face.history.all()]


def test_one_press_brings_the_result_and_all_else_is_as_it_was(resolve_session, tmp_path):
    desk = Desk(resolve_session(), tmp_path)
    log = desk.press("Remove")
    assert "1. " in log and "Add Matte" in log
    assert [state for state, _ in desk.records()] == ["done"]
    assert len(desk.seat.results) == 1
    desk.session.assert_restored(result=True)


def test_leaving_puts_resolve_back_and_the_history_takes_the_job_up(resolve_session, tmp_path):
    desk = Desk(resolve_session(), tmp_path)
    desk.seat.helper.endless = True

    def leave(progress):
        if progress.stage == "accepted":
            desk.session.click(WINDOW, "Close")
            desk.session.click(WINDOW, "Close")

    desk.press("Remove", leave)
    desk.session.assert_restored()
    ((state, job),) = desk.records()
    assert state == "left" and job
    desk.seat.helper.endless = False
    desk.press("Reattach")
    assert desk.records() == [("done", job)]
    assert len(desk.seat.results) == 1
