# SPDX-License-Identifier: Apache-2.0
"""Which clip, which frames of it, and what it is: retimed, reversed and others are baked or refused with the reason."""

from __future__ import annotations

import pytest
from void_resolve import clip as clips
from void_resolve import selection

from tests.resolve.standin.renderer import read_picture
from tests.resolve.standin.stage import RECORD

AS_SEEN = {"look": "graded"}
BAKED = {
    "retimed": "its speed is changed",
    "reversed": "it plays in reverse",
    "other_rate": "48.000 frames a second",
    "unknown": "does not tell which of its frames",
    "compound": "no file of its own",
    "multicam": "no file of its own",
}


@pytest.mark.parametrize("kind", BAKED)
def test_what_is_no_plain_clip_is_refused_from_its_source_with_the_reason(seat, kind):
    here = seat()
    here.session.turn_into(kind)
    said = here.refused()
    assert BAKED[kind] in said
    assert "As graded" in said


@pytest.mark.parametrize("speed", [1.5, 0.5, 1.05])
def test_a_retime_from_the_first_frame_of_the_clip_on_is_recognised_by_its_end(seat, speed):
    here = seat()
    here.stage.item.speed, here.stage.item.source = speed, 1001
    here.session.remember()
    assert "its speed is changed" in here.refused()


@pytest.mark.parametrize("kind", BAKED)
def test_as_graded_it_is_baked_in_frames_of_the_timeline(seat, kind):
    here = seat()
    here.session.turn_into(kind)
    here.done(**AS_SEEN)
    assert list(here.files()) == list(range(RECORD + 2, RECORD + 12))
    assert (here.result.start, here.result.duration) == (RECORD + 2, 10)
    assert here.result.clip.properties()["Start TC"] == "01:00:01:08"


@pytest.mark.parametrize("kind", ["title", "generator", "fusion", "adjustment"])
@pytest.mark.parametrize("look", ["source", "graded"])
def test_what_has_no_clip_is_refused(seat, kind, look):
    here = seat()
    here.session.turn_into(kind)
    assert "no clip in the media pool" in here.refused(look=look)


def test_a_movie_is_numbered_from_its_first_frame(seat):
    here = seat()
    here.session.turn_into("movie")
    here.done()
    assert list(here.files()) == list(range(12, 22))


@pytest.mark.parametrize("fault", ["source_off_by_one", "source_from_zero"])
def test_what_versions_tell_otherwise_of_a_plain_clip_is_understood(seat, fault):
    here = seat(fault=fault)
    here.done()
    assert [read_picture(path)[0, 0, 0] * 2 for path in here.files().values()] == list(range(1013, 1023))


def test_both_at_once_are_understood_too(seat):
    here = seat(fault=["source_off_by_one", "source_from_zero"])
    here.done()
    assert list(here.files()) == list(range(1013, 1023))


@pytest.mark.parametrize("fault", [(), "marks_absolute"])
def test_marks_are_understood_counted_from_the_timeline_or_not(seat, fault):
    here = seat(fault=fault)
    here.done()
    assert list(here.files()) == list(range(1013, 1023))


def test_without_marks_it_is_all_that_is_shown(seat):
    here = seat()
    here.stage.timeline.marks = {}
    here.session.remember()
    here.done()
    assert list(here.files()) == list(range(1011, 1031))


def test_marks_beside_the_clip_are_refused(seat):
    here = seat()
    here.stage.timeline.marks = {"video": (RECORD - 20, RECORD - 1)}
    here.session.remember()
    assert "beside" in here.refused()


def test_marks_that_could_mean_two_ranges_are_refused(seat):
    here = seat()
    timeline = here.stage.timeline
    timeline.SetStartTimecode("00:00:00:05")
    timeline.marks = {"video": (37, 46)}
    here.session.remember()
    said = here.refused()
    assert "cannot be told which frames" in said


@pytest.mark.parametrize(("handles", "sent"), [(4, (1009, 1026)), (50, (1001, 1040)), (-3, (1013, 1022))])
def test_handles_come_from_the_source_as_far_as_there_are_any(seat, handles, sent):
    here = seat()
    here.done(handles=handles)
    assert (min(here.files()), max(here.files())) == sent
    result = here.result
    assert (result.start, result.duration) == (RECORD + 2, 10)
    assert result.source_frame(result.start) == 1013


def test_handles_of_what_the_timeline_shows_end_with_the_clip(seat):
    here = seat()
    here.done(handles=5, look="graded")
    assert (min(here.files()), max(here.files())) == (1011, 1027)


def test_a_selected_clip_goes_before_the_playhead_where_the_version_tells(seat):
    here = seat(version="21.0.4")
    other = here.stage.add_item(1, RECORD + 200, 12, here.stage.background, source=40)
    here.stage.timeline.marks = {}
    here.stage.project.selected_items = [other]
    here.session.remember()
    here.done(points=((45, 1, 1, True),))
    assert list(here.files()) == list(range(40, 52))


def test_an_older_version_is_never_asked_for_the_selection(seat):
    here = seat(version="20.3.2")
    here.done()
    assert not here.session.called("GetSelectedClips")


@pytest.mark.parametrize(
    ("close", "said"), [("close_project", "No project is open"), ("close_timeline", "No timeline is open")]
)
def test_nothing_open_is_said(seat, close, said):
    here = seat()
    getattr(here.session, close)()
    outcome = here.remove()
    assert outcome.state == "failed"
    assert said in outcome.text


def test_a_gap_under_the_playhead_is_said(seat):
    here = seat()
    here.stage.timeline.playhead = RECORD + 90
    here.session.remember()
    assert "no clip under the playhead" in here.refused()


def test_a_free_edition_and_an_old_version_are_refused_first(seat):
    free = seat(edition="free")
    assert not free.host.studio
    assert "needs DaVinci Resolve Studio" in free.refused()
    assert "19.1 or newer" in seat(version="18.6.6").refused()


def test_an_open_window_is_named_and_nothing_is_changed(seat):
    here = seat()
    here.session.open_dialog()
    outcome = here.remove()
    here.session.close_dialog()
    assert "window is open in Resolve" in outcome.text
    here.session.assert_restored()


def test_items_are_found_again_by_their_ids(seat):
    here = seat()
    current = selection.clip_of(here.host, "", "")
    found = clips.find(here.host, current.timeline_id, current.item_id)
    assert found is not None
    assert found[1].GetUniqueId() == here.stage.item.id
    assert clips.find(here.host, current.timeline_id, "gone") is None
