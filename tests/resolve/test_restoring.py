# SPDX-License-Identifier: Apache-2.0
"""Whichever call of Resolve fails, wherever the artist cancels: all is as it was, or the result is there as well."""

from __future__ import annotations

import pytest
from void_resolve import work

WAYS = {
    "source": {},
    "key": {"matte": "key", "points": ()},
}
SAMPLES = 8
"""Tests a way is split into, so that they can run side by side; each takes some seconds, as it renders thirty times."""


def calls_of(seat, way):
    here = seat()
    here.done(**WAYS[way])
    return len(here.session.calls)


def as_it_was(here, outcome, **how):
    here.session.assert_restored(result=outcome.state == "done", **how)
    if outcome.state != "done":
        assert not here.results
        assert outcome.text


@pytest.mark.parametrize("sample", range(SAMPLES))
@pytest.mark.parametrize("way", WAYS)
def test_whichever_call_fails_nothing_is_left_half_done(seat, way, sample):
    ended = 0
    for number in range(3 + sample, calls_of(seat, way) + 1, SAMPLES):
        here = seat()
        here.session.fail_at(number - here.calls_before)
        outcome = here.remove(**WAYS[way])
        ended += outcome.state == "failed"
        try:
            as_it_was(here, outcome)
        except AssertionError as error:
            raise AssertionError(f"call {number}, {here.session.calls[number - 1]}: {error}") from error
    assert ended > 0


@pytest.mark.parametrize("sample", range(SAMPLES))
@pytest.mark.parametrize("way", WAYS)
def test_wherever_the_artist_cancels_all_is_as_it_was(seat, way, sample):
    for number in range(3 + sample, calls_of(seat, way) + 1, SAMPLES):
        here = seat()
        here.session.cancel_at(number - here.calls_before)
        outcome = here.remove(**WAYS[way])
        assert outcome.state in ("cancelled", "done")
        try:
            as_it_was(here, outcome)
        except AssertionError as error:
            raise AssertionError(f"call {number}, {here.session.calls[number - 1]}: {error}") from error


def test_whichever_call_fails_while_it_is_taken_out_it_is_whole_or_gone(seat):
    here = seat()
    here.done()
    first = len(here.session.calls)
    work.take_back(here.host)
    for number in range(1, len(here.session.calls) - first + 1):
        again = seat()
        again.done()
        before = again.session.state()
        again.session.fail_at(number)
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
