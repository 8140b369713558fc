# SPDX-License-Identifier: Apache-2.0
"""Timelines of the model: what an append places, where tracks end, and what items say of their source."""

from __future__ import annotations

import pytest

from tests.resolve.standin.calls import Hang
from tests.resolve.standin.renderer import composite
from tests.resolve.standin.stage import RECORD, START


class Desk:
    """The handles that these tests need."""

    def __init__(self, session):
        self.session = session
        self.stage = session.stage
        self.project = session.resolve.GetProjectManager().GetCurrentProject()
        self.pool = self.project.GetMediaPool()
        self.timeline = self.project.GetCurrentTimeline()
        self.item = self.timeline.GetCurrentVideoItem()
        self.clip = self.item.GetMediaPoolItem()

    def add_track(self):
        assert self.timeline.AddTrack("video")
        return int(self.timeline.GetTrackCount("video"))

    def append(self, **options):
        info = {"mediaPoolItem": self.clip, "startFrame": 1011, "endFrame": 1031, "recordFrame": RECORD}
        return self.pool.AppendToTimeline([{**info, "mediaType": 1, **options}])

    def new_timeline(self):
        timeline = self.pool.CreateEmptyTimeline("void")
        assert self.project.SetCurrentTimeline(timeline)
        return timeline


@pytest.fixture
def desk(resolve_session):
    return lambda **options: Desk(resolve_session(**options))


def test_r09a_the_end_of_an_append_is_exclusive(desk):
    on = desk()
    track = on.add_track()
    on.append(trackIndex=track)
    (placed,) = on.timeline.GetItemListInTrack("video", track)
    assert (placed.GetStart(), placed.GetEnd(), placed.GetDuration()) == (RECORD, RECORD + 20, 20)
    assert (placed.GetSourceStartFrame(), placed.GetSourceEndFrame()) == (1011, 1030)


def test_r03c_what_an_append_gave_answers_floats(desk):
    on = desk()
    (item,) = on.append(trackIndex=on.add_track())
    assert [type(item.GetStart()), type(item.GetDuration())] == [float, float]
    assert type(on.item.GetStart()) is int


def test_r09b_an_append_without_a_list_hangs(desk):
    on = desk()
    with pytest.raises(Hang):
        on.pool.AppendToTimeline({"mediaPoolItem": on.clip, "startFrame": 1011, "endFrame": 1031})
    assert len(on.session.hangs) == 1


def test_r09c_what_collides_is_not_placed_and_no_error_says_so(desk):
    on = desk()
    (item,) = on.append(trackIndex=2)
    assert item is not None
    assert item.GetStart() is None
    assert item.GetUniqueId() == ""
    assert len(on.timeline.GetItemListInTrack("video", 2)) == 1


def test_r09c_what_begins_where_another_ends_does_not_collide(desk):
    on = desk()
    (item,) = on.append(trackIndex=2, recordFrame=RECORD + 20)
    assert item.GetUniqueId()


def test_r09d_the_first_append_on_a_new_timeline_may_answer_none_in_a_list(desk):
    on = desk(fault="first_append_none")
    timeline = on.new_timeline()
    assert on.append(trackIndex=1) == [None]
    assert timeline.GetItemListInTrack("video", 1) == []
    assert on.append(trackIndex=1)[0].GetUniqueId()


def test_r09e_an_append_may_answer_an_item_without_an_id(desk):
    on = desk(fault="null_item")
    track = on.add_track()
    (item,) = on.append(trackIndex=track)
    assert item.GetUniqueId() == ""
    assert on.timeline.GetItemListInTrack("video", track) == []


def test_r09f_what_was_appended_may_be_gone_after_saving(desk):
    on = desk(fault="lost_on_save")
    track = on.add_track()
    (item,) = on.append(trackIndex=track)
    assert item.GetDuration() == 20
    assert on.session.resolve.GetProjectManager().SaveProject()
    assert on.timeline.GetItemListInTrack("video", track) == []
    assert item.GetDuration() is None


def test_r09g_another_rate_floors_the_duration(desk):
    on = desk()
    on.clip.SetClipProperty("FPS", "25")
    (item,) = on.append(trackIndex=on.add_track())
    assert item.GetDuration() == 19


def test_r09h_a_start_outside_of_the_clips_own_numbers_freezes_the_first_frame(desk):
    on = desk()
    on.append(trackIndex=on.add_track(), startFrame=10, endFrame=30)
    frames = [composite(on.stage.timeline, RECORD + offset)[0][0, 0, 0] for offset in (0, 7, 19)]
    assert frames == [1001, 1001, 1001]


def test_an_append_shows_the_frames_of_the_clip(desk):
    on = desk()
    on.append(trackIndex=on.add_track())
    frames = [composite(on.stage.timeline, RECORD + offset)[0][0, 0, 0] for offset in (0, 7, 19)]
    assert frames == [1011, 1018, 1030]


def test_r10a_clips_are_deleted_on_the_edit_page_only(desk):
    on = desk()
    on.session.resolve.OpenPage("color")
    assert on.timeline.DeleteClips([on.item]) is False
    on.session.resolve.OpenPage("edit")
    assert on.timeline.DeleteClips([on.item]) is True
    assert on.item.GetName() is None


def test_r10e_what_is_linked_to_a_deleted_clip_stays(desk):
    on = desk()
    on.timeline.DeleteClips([on.item])
    assert len(on.timeline.GetItemListInTrack("audio", 1)) == 1


def test_r10b_the_current_timeline_cannot_be_deleted(desk):
    on = desk()
    new = on.new_timeline()
    assert on.pool.DeleteTimelines([new]) is False
    on.project.SetCurrentTimeline(on.timeline)
    assert on.pool.DeleteTimelines([new]) is True
    assert new.GetName() is None
    on.session.assert_restored()


@pytest.mark.parametrize("index", [0, 5])
def test_r10c_tracks_count_from_one_to_their_number(desk, index):
    on = desk()
    assert on.timeline.GetTrackName("video", index) == ""
    assert on.timeline.SetTrackEnable("video", index, True) is False
    assert on.timeline.DeleteTrack("video", index) is False
    assert on.append(trackIndex=index) == [None]


def test_r10d_a_locked_state_takes_no_track(desk):
    on = desk(fault="locked")
    assert on.timeline.AddTrack("video") is False
    assert on.timeline.GetTrackCount("video") == 4


def test_r10f_a_locked_track_is_neither_deleted_nor_emptied(desk):
    on = desk()
    assert on.timeline.DeleteTrack("video", 3) is False
    title = on.timeline.GetItemListInTrack("video", 3)[0]
    assert title.SetClipEnabled(False) is False
    assert on.timeline.DeleteClips([title]) is False


@pytest.mark.parametrize(("version", "inserted"), [("20.2", False), ("20.3.2", True)])
def test_a_track_is_inserted_at_an_index_from_20_3_on(desk, version, inserted):
    on = desk(version=version)
    assert on.timeline.AddTrack("video", {"index": 3}) is inserted
    assert on.timeline.GetItemListInTrack("video", 3) == [] or not inserted


def test_r11a_a_take_answers_false_and_is_there(desk):
    on = desk()
    assert on.item.AddTake(on.clip, 1011, 1030) is False
    assert on.item.GetTakesCount() == 1


def test_r11b_a_take_is_final_only_after_one_was_selected(desk):
    on = desk()
    on.item.AddTake(on.clip, 1011, 1030)
    assert on.item.FinalizeTake() is False
    assert on.item.SelectTakeByIndex(1)
    assert on.item.FinalizeTake() is True


@pytest.mark.parametrize("index", [0, 2])
def test_r11c_takes_count_from_one_to_their_number(desk, index):
    on = desk()
    on.item.AddTake(on.clip, 1011, 1030)
    assert on.item.SelectTakeByIndex(index) is False
    assert on.item.GetTakeByIndex(index) == {}


def test_r15_at_100_percent_the_offset_and_the_source_range_agree(desk):
    item = desk().item
    assert item.GetLeftOffset() == 10
    assert (item.GetSourceStartFrame(), item.GetSourceEndFrame()) == (1011, 1030)


def test_r15a_the_source_range_of_a_retimed_item_is_not_as_long_as_the_item(desk):
    on = desk()
    on.session.turn_into("retimed")
    span = on.item.GetSourceEndFrame() - on.item.GetSourceStartFrame() + 1
    assert (span, on.item.GetDuration()) == (30, 20)
    assert on.item.GetLeftOffset() == 6


def test_r15b_a_reversed_item_starts_after_its_end(desk):
    on = desk()
    on.session.turn_into("reversed")
    assert (on.item.GetSourceStartFrame(), on.item.GetSourceEndFrame()) == (1030, 1011)
    assert [on.stage.item.source_frame(RECORD + offset) for offset in (0, 19)] == [1030, 1011]


def test_r15c_the_source_range_may_be_unknown(desk):
    item = desk(fault="source_unknown").item
    assert (item.GetSourceStartFrame(), item.GetSourceEndFrame()) == (0, 0)


def test_r15d_a_compound_clip_has_a_clip_without_a_file(desk):
    on = desk()
    on.session.turn_into("compound")
    clip = on.item.GetMediaPoolItem()
    assert (clip.GetClipProperty("Type"), clip.GetClipProperty("File Path")) == ("Compound", "")


def test_r15e_a_multicam_item_gives_the_timelines_frame_as_its_source(desk):
    on = desk()
    on.session.turn_into("multicam")
    assert on.item.GetSourceStartFrame() == on.item.GetStart() == RECORD


def test_r15f_a_source_start_may_be_one_too_low(desk):
    item = desk(fault="source_off_by_one").item
    assert (item.GetSourceStartFrame(), item.GetLeftOffset()) == (1010, 10)


def test_r15g_a_transition_is_listed_and_has_no_property(desk):
    on = desk()
    on.stage.add_item(2, RECORD + 15, 10, kind="transition")
    items = on.timeline.GetItemListInTrack("video", 2)
    assert [item.GetName() for item in items] == ["shot.[1001-1040].exr", "Transition"]
    assert items[1].GetProperty() == {}
    assert items[0].GetProperty()["Pan"] == 3.0


def test_r15h_another_rate_makes_the_source_end_exclusive(desk):
    on = desk()
    on.session.turn_into("other_rate")
    assert (on.item.GetSourceStartFrame(), on.item.GetSourceEndFrame()) == (1011, 1051)


def test_r15i_source_frames_may_count_from_zero(desk):
    assert desk(fault="source_from_zero").item.GetSourceStartFrame() == 10


def test_the_start_of_the_timeline_is_no_zero(desk):
    assert desk().timeline.GetStartFrame() == START


def test_r15c_the_source_range_of_one_item_may_be_unknown(desk):
    on = desk()
    on.session.turn_into("unknown")
    assert (on.item.GetSourceStartFrame(), on.item.GetSourceEndFrame()) == (0, 0)
    below = on.timeline.GetItemListInTrack("video", 1)[0]
    assert below.GetSourceStartFrame() == 1


def test_a_movie_counts_from_zero_and_shows_no_range(desk):
    on = desk()
    on.session.turn_into("movie")
    clip = on.item.GetMediaPoolItem()
    assert clip.GetClipProperty("File Path").endswith("shot.mov")
    assert (clip.GetClipProperty("Start"), clip.GetClipProperty("Frames")) == ("0", "40")
    assert composite(on.stage.timeline, RECORD)[0].max() == 8.0 * 0.5
    on.session.assert_restored()
