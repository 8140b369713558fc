# SPDX-License-Identifier: Apache-2.0
"""Whichever call of Resolve fails, wherever the artist cancels: all is as it was, or the result is there as well."""

from __future__ import annotations

import os
from functools import cache

import pytest
from void_resolve import work

from tests.resolve.standin.comps import FusionComp
from tests.resolve.steps import Walk
from tests.resolve.test_fusion_mask import MASKED

WAYS = {
    "source": {},
    "key": {"matte": "key", "points": ()},
    "track": {"matte": "track", "matte_track": "Temp", "points": ()},
    "fusion": {"matte": "fusion", "points": ()},
    "one file per key": {"matte_files": "keys", "options": {"matte_files": "keys"}},
}


def start(seat, way):
    here = seat()
    # Two frames: how many there are changes nothing of what has to be put back.
    first = here.stage.item.start
    here.stage.timeline.marks = {"video": (first + 4, first + 5)}
    if way == "fusion":
        here.stage.item.comps = [FusionComp(here.session.gate, "Composition 1", MASKED % ("", ""))]
    here.session.remember()
    here.calls_before = len(here.session.calls)
    return here


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    """Records are not lost with the power here, and waiting for the disk would take most of the time."""
    monkeypatch.setattr(os, "fsync", lambda _number: None)


@pytest.fixture
def walked(seat):
    """The walk of a way, and the places that the ways before it walk already."""

    @cache
    def walk(way):
        here = start(seat, way)
        done = Walk(here, lambda: here.remove(**WAYS[way]))
        assert done.outcome.state == "done", done.outcome
        return here, done

    def find(way):
        before = list(WAYS)[: list(WAYS).index(way)]
        known = {place for each in before for place in walk(each)[1].places.values()}
        return (*walk(way), known)

    return find


def as_it_was(here, outcome, number):
    try:
        here.session.assert_restored(result=outcome.state == "done")
        if outcome.state != "done":
            assert not here.results
            assert outcome.text
    except AssertionError as error:
        raise AssertionError(f"call {number}, {here.session.calls[number - 1]}: {error}") from error


@pytest.mark.parametrize("way", WAYS)
def test_whichever_call_fails_nothing_is_left_half_done(seat, walked, way):
    _, walk, known = walked(way)
    ended = 0
    for number in walk.steps(known):
        here = start(seat, way)
        here.session.fail_at(number - here.calls_before)
        outcome = here.remove(**WAYS[way])
        ended += outcome.state == "failed"
        as_it_was(here, outcome, number)
    assert ended > 0


@pytest.mark.parametrize("way", WAYS)
def test_wherever_the_artist_cancels_all_is_as_it_was(seat, walked, way):
    _, walk, _ = walked(way)
    ended = 0
    for number in walk.before_looks():
        here = start(seat, way)
        here.session.cancel_at(number - here.calls_before)
        outcome = here.remove(**WAYS[way])
        assert outcome.state in ("cancelled", "done")
        ended += outcome.state == "cancelled"
        as_it_was(here, outcome, number)
    assert ended > 10


def test_whichever_call_fails_while_it_is_taken_out_it_is_whole_or_gone(seat):
    here = start(seat, "source")
    here.done()
    walk = Walk(here, lambda: work.take_back(here.host))
    first = min(walk.places) - 1
    for number in walk.steps():
        again = start(seat, "source")
        again.done()
        before = again.session.state()
        again.session.fail_at(number - first)
        try:
            taken = work.take_back(again.host)
        except work.ArtistError:
            taken = []
        if taken:
            left = [clip for clip in again.stage.project.pool.clips() if clip.third_party]
            assert (again.results, left) == ([], []), (number, again.session.calls[-1])
            assert "VOID" not in [track.name for track in again.stage.timeline.tracks["video"]], number
        else:
            assert len(again.results) == 1, number
        for key in ("page", "current timeline", "playheads", "marks", "current bin"):
            assert again.session.state()[key] == before[key], (number, key)
