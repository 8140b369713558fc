# SPDX-License-Identifier: Apache-2.0
"""The script is killed in the middle: what it left is told at the next start, and put back when the artist says so."""

from __future__ import annotations

import os

import pytest
from void_resolve import unfinished
from void_resolve.host import Host
from void_resolve.journal import Journal, all_in
from void_resolve.state import Restore

from tests.resolve.seat import Seat
from tests.resolve.standin.calls import Killed
from tests.resolve.steps import Walk
from tests.resolve.test_restoring import WAYS, start, walked

__all__ = ["walked"]
SHORT = ["source", "key", "track", "fusion"]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Journals are not lost with the power here."""
    monkeypatch.setattr(os, "fsync", lambda _number: None)


def killed(seat, way, number, folder) -> Seat:
    """An artist whose script died during this call, and a new script of his."""
    here = start(seat, way)
    here.host.unfinished = str(folder)
    here.session.kill_at(number - here.calls_before)
    with pytest.raises(Killed):
        here.remove(**WAYS[way])
    here.session.restart()
    here.host = Host.find(here.session.menu_globals())
    here.host.unfinished = str(folder)
    return here


@pytest.mark.parametrize("way", SHORT)
def test_killed_at_any_step_it_can_be_cleaned_up(seat, walked, tmp_path, way):
    _, walk, known = walked(way)
    cleaned = 0
    for number in walk.steps(known):
        folder = tmp_path / f"{way} {number}"
        here = killed(seat, way, number, folder)
        before = here.session.state()
        left = unfinished.look(here.host)
        assert here.session.state() == before, "looking changes nothing"
        cleaned += bool(left.words)
        told = unfinished.clean_up(here.host)
        assert not [line for line in told if "by hand" in line], (number, told)
        try:
            # A result that was brought whole stays.
            here.session.assert_restored(result=len(here.results) == 1)
        except AssertionError as error:
            raise AssertionError(f"call {number}, {here.session.calls[number - 1]}: {error}") from error
        assert unfinished.look(here.host).words == [], number
        assert not list(folder.glob("*.json")), number
    assert cleaned > 10


def at_first(seat, way, method, tmp_path):
    """Killed at the first call of a method."""
    here = start(seat, way)
    walk = Walk(here, lambda: here.remove(**WAYS[way]))
    assert walk.places
    return killed(seat, way, here.session.called(method)[0].number, tmp_path)


def test_what_is_left_is_named(seat, tmp_path):
    here = at_first(seat, "key", "ResetAllGrades", tmp_path)
    said = unfinished.safely_told(here.host)
    for words in ("the render settings", "the grade, and the version VOID", "video track 1", "Clean up"):
        assert words in said


def test_what_is_left_in_another_project_is_left_there(seat, tmp_path):
    here = at_first(seat, "key", "ResetAllGrades", tmp_path)
    here.stage.project.id, here.stage.project.presets = "another", {}
    assert unfinished.look(here.host).notes == {}
    assert "VOID was interrupted in Feature" in unfinished.safely_told(here.host)
    assert unfinished.clean_up(here.host) == []


def test_without_its_journal_a_timeline_and_a_preset_are_known_by_their_names(seat, tmp_path):
    here = at_first(seat, "source", "StartRendering", tmp_path)
    for path in tmp_path.glob("*.json"):
        path.unlink()
    words = unfinished.look(here.host).words
    assert [word.split(" VOID")[0] for word in words] == [
        "the timeline",
        "the render settings, and the preset",
    ]
    unfinished.clean_up(here.host)
    assert [timeline.name for timeline in here.stage.project.timelines] == ["Reel 1 old", "Reel 1"]


def test_the_work_of_this_session_is_not_taken_for_left(seat, tmp_path):
    here = start(seat, "source")
    here.host.unfinished = str(tmp_path)
    found = []

    def look(_progress):
        # Our timeline and preset are known by their names meanwhile; the journal is this session's own.
        found.append((len(list(tmp_path.glob("*.json"))), set(unfinished.look(here.host).notes)))

    here.progress = type("Told", (), {"append": staticmethod(look)})()
    here.remove()
    assert max(count for count, _ in found) == 1
    assert {path for _, paths in found for path in paths} <= {""}
    assert not list(tmp_path.glob("*.json"))


def test_of_what_is_put_back_only_what_could_not_be_stays_noted(tmp_path):
    restore = Restore(Journal(str(tmp_path), ("id", "Feature")))
    restore.later("a", lambda: True, kind="preset", name="a")
    restore.later("b", lambda: False, kind="preset", name="b")
    restore.put_back()
    [kept] = all_in(str(tmp_path)).values()
    assert [note["name"] for note in kept["notes"]] == restore.failed == ["b"]


def test_what_cannot_be_put_back_stays_noted(seat, tmp_path):
    here = at_first(seat, "key", "ResetAllGrades", tmp_path)
    here.session.open_dialog()
    with pytest.raises(unfinished.ArtistError, match="window is open"):
        unfinished.clean_up(here.host)
    here.session.close_dialog()
    assert len(list(tmp_path.glob("*.json"))) == 1
    unfinished.clean_up(here.host)
    here.session.assert_restored()
