# SPDX-License-Identifier: Apache-2.0
"""The result back on the timeline, with what belongs to it; and out again without a trace."""

from __future__ import annotations

import pytest
from void_resolve import work

from tests.resolve.fake_helper import JOB
from tests.resolve.standin.stage import RECORD


def names(here):
    return [track.name for track in here.stage.timeline.tracks["video"]]


def test_the_new_track_lies_right_above_the_clip(seat):
    here = seat()
    here.done()
    assert names(here) == ["Background", "VFX", "VOID", "Titles", "Temp"]


def test_before_20_3_it_can_only_be_made_on_top(seat):
    here = seat(version="20.2")
    here.done()
    assert names(here) == ["Background", "VFX", "Titles", "Temp", "VOID"]


def test_a_clip_at_the_head_of_a_timeline_that_begins_at_frame_0_gets_its_result(seat):
    here = seat()
    timeline = here.stage.timeline
    timeline.start, timeline.playhead, timeline.marks = 0, 5, {}
    for track in (track for tracks in timeline.tracks.values() for track in tracks):
        track.items = [item for item in track.items if item.start >= RECORD]
        for item in track.items:
            item.start -= RECORD
    here.session.remember()
    here.done(points=((5, 20, 12, True),))
    assert (here.result.start, here.result.duration) == (0, 20)


def test_a_second_result_beside_the_first_shares_its_track(seat):
    here = seat()
    here.done()
    here.stage.timeline.marks = {"video": (RECORD + 12, RECORD + 14)}
    here.stage.timeline.playhead = RECORD + 13
    assert here.remove(points=((RECORD + 13, 1, 1, True),)).state == "done"
    assert names(here).count("VOID") == 1
    assert len(here.results) == 2


def test_over_the_first_it_gets_a_track_of_its_own(seat):
    here = seat(version="21.0.4")
    here.stage.project.selected_items = [here.stage.item]
    here.done()
    here.session.remember()
    here.done()
    assert names(here) == ["Background", "VFX", "VOID", "VOID", "Titles", "Temp"]


def test_the_look_is_the_original_s(seat):
    here = seat()
    here.done()
    assert here.result.grade.gain() == 0.5
    assert here.result.properties["Pan"] == 3.0


def test_an_as_graded_result_gets_neither_grade_nor_sizing(seat):
    here = seat()
    here.done(look="graded")
    assert here.result.grade.gain() == 1
    assert here.result.properties["Pan"] == 0


def test_timecode_and_reel_are_the_source_s(seat):
    here = seat()
    here.stage.source.changed["Start TC"] = "09:59:59:20"
    here.stage.source.metadata["Reel Name"] = "A001"
    here.session.remember()
    here.done()
    # 12 frames into the source.
    assert here.result.clip.properties()["Start TC"] == "10:00:00:08"
    assert here.result.clip.metadata["Reel Name"] == "A001"


def test_what_resolve_does_not_take_is_left_to_the_artist(seat, monkeypatch):
    monkeypatch.setattr("tests.resolve.standin.media.WRITABLE", frozenset({"FPS"}))
    here = seat()
    here.stage.source.changed["Start TC"] = "09:59:59:20"
    here.session.remember()
    clicks = here.done().clicks
    for name in ("start timecode", "Input Color Space", "Data Level", "alpha mode"):
        assert any(name in click for click in clicks), name


def test_a_sequence_of_another_rate_is_put_right(seat):
    here = seat(fault="wrong_fps")
    here.done()
    assert here.result.clip.rate == 24
    assert here.result.duration == 10


def test_the_job_is_on_the_marker_and_on_the_clips(seat):
    here = seat()
    here.done()
    [marker] = here.result.markers.values()
    assert marker["customData"].endswith(JOB)
    ours = [
        clip
        for folder in here.stage.project.pool.root.folders
        if folder.name == "VOID"
        for clip in folder.clips
    ]
    assert {(clip.third_party["VOID job"], clip.third_party["VOID role"]) for clip in ours} == {
        (JOB, "result"),
        (JOB, "matte"),
    }


def test_the_passes_are_the_result_s_external_matte(seat):
    here = seat()
    outcome = here.done()
    [matte] = here.result.clip.mattes
    assert (matte.first, matte.last) == (1013, 1022)
    assert "_VOID_matte" in matte.pattern
    assert any("Add Matte" in click for click in outcome.clicks)
    assert any("R what was removed" in click for click in outcome.clicks)


def test_their_alpha_is_straight(seat):
    here = seat()
    here.done()
    passes = [clip for clip in here.stage.project.pool.clips() if "matte" in clip.name]
    assert [clip.changed["Alpha mode"] for clip in passes] == ["Straight"]


def test_nothing_of_the_source_clip_is_changed(seat):
    here = seat()
    here.done()
    assert here.stage.source.mattes == []
    assert here.stage.source.third_party == {}


@pytest.mark.parametrize("fault", ["null_item", "locked"])
def test_a_result_that_cannot_be_placed_leaves_nothing_behind(seat, fault):
    here = seat()

    def submit(*given):
        here.session.gate.faults = frozenset({fault})
        return type(here.helper)._submit(here.helper, *given)

    here.helper._submit = submit
    outcome = here.remove()
    assert (outcome.state, outcome.job) == ("failed", JOB)
    here.session.assert_restored()


def test_a_clip_that_was_moved_meanwhile_is_followed(seat):
    here = seat()

    def submit(*given):
        here.stage.item.start += 100
        here.session.remember()
        return type(here.helper)._submit(here.helper, *given)

    here.helper._submit = submit
    here.stage.timeline.playhead = RECORD + 5
    here.done()
    assert here.result.start == RECORD + 102


def test_a_clip_that_is_gone_meanwhile_is_said_and_nothing_is_imported(seat):
    here = seat()

    def submit(*given):
        here.stage.item.leave()
        here.session.remember()
        return type(here.helper)._submit(here.helper, *given)

    here.helper._submit = submit
    outcome = here.remove()
    assert "not on its timeline any more" in outcome.text
    here.session.assert_restored()


def test_another_timeline_that_is_open_by_then_stays_open(seat):
    here = seat()

    def submit(*given):
        here.stage.project.current = here.stage.project.timelines[0]
        here.session.remember()
        return type(here.helper)._submit(here.helper, *given)

    here.helper._submit = submit
    here.done()
    assert here.stage.project.current.name == "Reel 1 old"


def test_a_window_that_is_open_by_then_is_waited_for(seat):
    here = seat()

    def submit(*given):
        here.session.open_dialog()
        return type(here.helper)._submit(here.helper, *given)

    here.helper._submit = submit
    sleep = here.session.sleep

    def pause(seconds):
        if any("window is open" in each.text for each in here.progress):
            here.session.close_dialog()
        sleep(seconds)

    here.session.sleep = pause
    here.done()


def test_take_back_takes_out_what_was_put_in_and_no_more(seat):
    here = seat()
    before = here.session.before
    here.done()
    here.session.remember()
    taken = work.take_back(here.host)
    assert any("from video track 3" in each for each in taken)
    here.session.before = before
    here.session.assert_restored()


def test_take_back_leaves_what_lies_elsewhere(seat):
    here = seat()
    here.done()
    here.stage.timeline.playhead = RECORD + 60
    here.session.remember()
    assert work.take_back(here.host) == []
    here.session.assert_restored()


def test_take_back_keeps_a_track_and_a_bin_that_hold_other_things(seat):
    here = seat()
    here.done()
    other = here.stage.add_item(3, RECORD + 40, 5, here.stage.background, source=1)
    bins = here.stage.project.pool.root.folders
    [ours] = [folder for folder in bins if folder.name == "VOID"]
    theirs = here.stage.project.pool.add_clip(here.stage.background.media, ours)
    here.session.remember()
    work.take_back(here.host)
    assert names(here)[2] == "VOID"
    assert here.stage.timeline.tracks["video"][2].items == [other]
    assert ours.clips == [theirs]


def test_take_back_keeps_a_clip_that_another_timeline_uses(seat):
    here = seat()
    here.done()
    clip = here.result.clip
    here.stage.add_item(1, RECORD + 300, 5, clip, source=1013)
    here.session.remember()
    taken = work.take_back(here.host)
    assert any("used elsewhere" in each for each in taken)
    assert clip in here.stage.project.pool.clips()


@pytest.mark.parametrize("fault", ["mattes_refused", "matte_is_a_still", "mattes_lost"])
def test_passes_that_resolve_does_not_attach_lie_in_the_bin_to_be_dragged(seat, fault):
    here = seat(fault=fault)
    outcome = here.done()
    assert here.result.clip.mattes == []
    assert any("drag" in click and "into the node editor" in click for click in outcome.clicks)
    assert [clip for clip in here.stage.project.pool.clips() if "matte" in clip.name]


def test_the_first_frame_on_a_timeline_of_another_rate_is_never_guessed(seat):
    here = seat()
    here.stage.timeline.own["timelineFrameRate"] = "25"
    here.session.remember()
    assert "frames a second and the timeline 25" in here.refused()


def mattes(here):
    """The external mattes of the result, by the name of their sequence."""
    return [matte.shown().rpartition("/")[2].partition(".")[0] for matte in here.result.clip.mattes]


BY_KEY = ["shot_VOID_remove", "shot_VOID_affected", "shot_VOID_overlap", "shot_VOID_blend"]
KEYS_ASKED = {"options": {"matte_files": "keys"}}


def test_one_sequence_per_key_where_the_artist_chooses_it(seat):
    here = seat()
    outcome = here.done(matte_files="keys", **KEYS_ASKED)
    assert mattes(here) == BY_KEY
    assert any("Add Matte > shot_VOID_remove or" in click for click in outcome.clicks)
    assert any("_blend where the result may differ" in click for click in outcome.clicks)


def test_one_sequence_per_key_where_four_channels_are_not_taken(seat):
    here = seat(fault="alpha_matte_refused")
    outcome = here.done(**KEYS_ASKED)
    assert mattes(here) == BY_KEY
    assert any("did not attach the passes" in click for click in outcome.clicks)


def test_four_channels_are_enough_where_they_are_taken(seat):
    here = seat()
    here.done(**KEYS_ASKED)
    assert mattes(here) == ["shot_VOID_matte"]


def test_where_only_four_channels_are_wanted_nothing_else_is_imported(seat):
    here = seat(fault="alpha_matte_refused")
    here.done(matte_files="rgba", **KEYS_ASKED)
    assert mattes(here) == []
    assert len([clip for clip in here.stage.project.pool.clips() if clip.third_party]) == 2


def test_a_job_without_sequences_of_each_key_says_how_to_get_them(seat):
    clicks = seat(fault="alpha_matte_refused").done().clicks
    assert any("One per key" in click and "press Remove again" in click for click in clicks)


def test_a_key_that_is_attached_as_a_still_is_taken_off_and_the_others_stay(seat, monkeypatch):
    here = seat(fault="matte_is_a_still")
    clicks = here.done(matte_files="keys", **KEYS_ASKED).clicks
    assert mattes(here) == []
    assert len([click for click in clicks if "did not attach shot_VOID" in click]) == 4


def test_sequences_of_each_key_are_taken_out_again(seat):
    here = seat()
    here.done(matte_files="keys", **KEYS_ASKED)
    assert work.take_back(here.host)
    here.session.assert_restored()
