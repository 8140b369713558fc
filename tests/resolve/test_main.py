# SPDX-License-Identifier: Apache-2.0
"""What VOID says and does before anything else: edition, version, dialogs; then the window, or the way without."""

from __future__ import annotations

import json

import pytest
from void_resolve import console, main
from void_resolve.panel import WINDOW

from tests.resolve.face import Helper, Work


@pytest.fixture
def seat(resolve_session, tmp_path, monkeypatch):
    """Runs the menu's VOID in a session; the helper and `work` are the test's."""
    monkeypatch.setenv("VOID_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VOID_LOG_DIR", str(tmp_path))
    helpers, dialogs = [], []

    def helper(host, words):
        helpers.append(Helper())
        helpers[-1].host = host
        return helpers[-1]

    monkeypatch.setattr(main, "Helper", helper)
    monkeypatch.setattr(main, "show_dialog", lambda title, text: dialogs.append(text))
    monkeypatch.setattr(console, "show_dialog", lambda title, text: dialogs.append(text))

    class Seat:
        folder = tmp_path / "resolve"

        def __init__(self):
            self.helpers, self.dialogs, self.work = helpers, dialogs, Work()

        def run(self, prepare=None, pressed=((WINDOW, "Close"),), names=None, **options):
            self.session = resolve_session(**options)
            if prepare:
                prepare(self.session)
            for name, event in pressed:
                self.session.click(name, event)
            main.run(self.session.menu_globals() if names is None else names, self.work)
            return self

        def said(self):
            return json.loads((self.folder / "status.json").read_text())["text"]

    return Seat()


LEAVE = (("Leave", "Clicked"),)


@pytest.mark.parametrize("version", ["19.1", "20.3.2", "21.0", "21.1"])
def test_in_studio_the_window_opens_and_its_helper_ends_with_it(seat, version):
    seat.run(version=version)
    (helper,) = seat.helpers
    assert helper.closed and helper.host.startswith(f"resolve {version}")
    assert not seat.session.events
    seat.session.assert_restored()


@pytest.mark.parametrize("version", ["18.6", "19.0", "20.3.2", "21.0"])
def test_the_free_edition_is_told_that_studio_is_needed_and_nothing_starts(seat, version):
    seat.run(edition="free", version=version, pressed=LEAVE if version in ("18.6", "19.0") else ())
    assert "VOID needs DaVinci Resolve Studio" in seat.said() and seat.helpers == []
    assert not seat.session.events
    assert bool(seat.dialogs) is (version not in ("18.6", "19.0"))


@pytest.mark.parametrize("version", ["18.6", "19.0"])
def test_an_old_version_is_refused_with_its_number(seat, version):
    seat.run(version=version, pressed=LEAVE)
    assert version in seat.said() and "19.1" in seat.said() and seat.helpers == []


def test_a_modal_dialog_is_named(seat):
    seat.run(prepare=lambda session: session.open_dialog(), pressed=LEAVE)
    assert "A window is open in Resolve" in seat.said() and "Close it" in seat.said()
    assert seat.helpers == []


def test_without_resolve_it_says_where_to_start(seat, monkeypatch):
    seat.run(names={}, pressed=())
    assert "Workspace > Scripts" in seat.said() and len(seat.dialogs) == 1


def test_when_resolve_is_gone_it_says_so(seat):
    seat.run(prepare=lambda session: session.quit_at(1), pressed=())
    assert "does not answer" in seat.said()


def test_without_windows_it_goes_the_other_way(seat):
    seat.run(fault="headless", pressed=())
    assert (seat.folder / "without_window.json").exists()
    assert seat.helpers[0].closed


def test_a_helper_that_does_not_start_is_told_and_the_window_opens_nevertheless(seat, monkeypatch):
    from void_line.errors import HelperGone

    def gone(host, words):
        raise HelperGone("The helper of VOID is not installed.", "Run `void install`.")

    monkeypatch.setattr(main, "Helper", gone)
    seat.run()
    assert "The helper of VOID is not installed." in (seat.folder / "log" / "resolve.log").read_text()
