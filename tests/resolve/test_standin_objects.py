# SPDX-License-Identifier: Apache-2.0
"""The model's objects: what is missing is None, what is called is recorded, what hangs is known to."""

from __future__ import annotations

import threading

import pytest

from tests.resolve.standin.calls import Hang, NotModelled, ResolveGone, WrongThread

VERSIONS = ("18.6.6", "19.1", "20.3.2", "21.0", "21.1")


def project_of(session):
    return session.resolve.GetProjectManager().GetCurrentProject()


def timeline_of(session):
    return project_of(session).GetCurrentTimeline()


def item_of(session):
    return timeline_of(session).GetCurrentVideoItem()


def test_r01a_there_is_no_project(resolve_session):
    session = resolve_session()
    session.close_project()
    assert project_of(session) is None


def test_r01b_there_is_no_timeline(resolve_session):
    session = resolve_session()
    session.close_timeline()
    assert timeline_of(session) is None


def test_r01c_there_is_no_item_in_a_gap(resolve_session):
    session = resolve_session()
    session.stage.add_item(1, 86520, 10, session.stage.background, source=1)
    assert timeline_of(session).SetCurrentTimecode("01:00:04:15")
    assert timeline_of(session).GetCurrentVideoItem() is None


def test_r01c_the_topmost_item_under_the_playhead_counts(resolve_session):
    session = resolve_session()
    assert item_of(session).GetUniqueId() == session.stage.item.id
    timeline_of(session).SetCurrentTimecode("01:00:01:22")
    assert item_of(session).GetName() == "Title"


@pytest.mark.parametrize("kind", ["title", "generator", "fusion", "adjustment", "transition"])
def test_r01d_there_is_no_clip_behind_some_items(resolve_session, kind):
    session = resolve_session()
    session.turn_into(kind)
    item = timeline_of(session).GetItemListInTrack("video", 2)[0]
    assert item.GetMediaPoolItem() is None


def test_r01e_under_a_dialog_the_page_is_none_and_writes_fail_while_reads_work(resolve_session):
    session = resolve_session()
    timeline = timeline_of(session)
    session.open_dialog()
    assert session.resolve.GetCurrentPage() is None
    assert timeline.GetName() == "Reel 1"
    assert timeline.AddTrack("video") is False
    assert session.resolve.OpenPage("color") is False
    assert project_of(session).AddRenderJob() is None
    session.close_dialog()
    assert session.resolve.GetCurrentPage() == "edit"
    session.assert_restored()


def test_r02a_each_object_has_every_attribute_and_an_unknown_one_is_none(resolve_session):
    session = resolve_session()
    project = project_of(session)
    for thing in (session.resolve, project, timeline_of(session), item_of(session), project.GetMediaPool()):
        assert hasattr(thing, "GetSpeedRamp")
        assert thing.GetSpeedRamp is None
        with pytest.raises(TypeError, match="NoneType"):
            thing.GetSpeedRamp()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("first", "name", "of"),
    [
        ("19.0", "GetSourceStartFrame", item_of),
        ("19.1", "GetMarkInOut", timeline_of),
        ("19.1", "DeleteRenderPreset", project_of),
        ("20.2", "SetName", item_of),
        ("21.0.4", "GetSelectedClips", timeline_of),
        ("21.1", "GetType", item_of),
    ],
)
def test_r02b_a_method_is_there_from_its_version_on(resolve_session, version, first, name, of):
    thing = of(resolve_session(version=version))
    there = [int(p) for p in version.split(".")] >= [int(p) for p in first.split(".")]
    assert callable(getattr(thing, name)) == there
    assert (name in dir(thing)) == there


def test_r02c_dir_omits_methods_that_a_fusion_tool_has(resolve_session):
    tool = item_of(resolve_session()).AddFusionComp().AddTool("Merge")
    assert "GetAttrs" not in dir(tool)
    assert tool.GetAttrs("TOOLS_RegID") == "Merge"
    assert "SetInput" in dir(tool)


def test_r02d_arguments_go_by_position_only(resolve_session):
    with pytest.raises(TypeError, match="keyword"):
        project_of(resolve_session()).StartRendering(["id"], isInteractiveMode=False)


def test_r03a_properties_are_texts(resolve_session):
    clip = item_of(resolve_session()).GetMediaPoolItem()
    assert all(isinstance(value, str) for value in clip.GetClipProperty().values())
    assert (clip.GetClipProperty("Start"), clip.GetClipProperty("End")) == ("1001", "1040")
    assert clip.GetClipProperty("Resolution") == "40x24"


def test_r03b_a_sequence_shows_its_range_in_brackets(resolve_session):
    path = item_of(resolve_session()).GetMediaPoolItem().GetClipProperty("File Path")
    assert path.endswith("shot/shot.[1001-1040].exr")


def test_r03c_whole_numbers_are_floats_in_markers(resolve_session):
    timeline = timeline_of(resolve_session())
    assert timeline.AddMarker(96, "Blue", "name", "note", 1, "tag")
    assert [type(frame) for frame in timeline.GetMarkers()] == [float, float]
    assert timeline.GetMarkerByCustomData("tag")[96.0]["duration"] == 1.0


def test_two_handles_of_one_object_are_equal_in_their_id_only(resolve_session):
    session = resolve_session()
    one, other = item_of(session), item_of(session)
    assert one != other
    assert one.GetUniqueId() == other.GetUniqueId()


def test_r16a_a_call_from_another_thread_is_an_error_that_stays(resolve_session):
    session = resolve_session()
    raised = []

    def call():
        try:
            session.resolve.GetCurrentPage()
        except WrongThread as error:
            raised.append(error)

    thread = threading.Thread(target=call, name="poller")
    thread.start()
    thread.join()
    assert len(raised) == 1
    with pytest.raises(AssertionError, match="poller"):
        session.assert_restored()
    assert session.forgive() == ["Resolve.GetCurrentPage from thread poller"]


@pytest.mark.parametrize("how", ["raise", "hang"])
def test_r17a_after_it_has_quit_calls_raise_or_hang(resolve_session, how):
    session = resolve_session()
    session.quit_at(2, how)
    manager = session.resolve.GetProjectManager()
    for _ in range(2):
        with pytest.raises(Hang if how == "hang" else ResolveGone):
            manager.GetCurrentProject()
    assert len(session.hangs) == (2 if how == "hang" else 0)


def test_r17b_no_except_of_errors_gets_past_a_hang():
    assert not issubclass(Hang, Exception)


def test_the_call_of_a_number_fails_in_its_own_way(resolve_session):
    session = resolve_session()
    timeline = timeline_of(session)
    session.fail_at(1)
    assert timeline.GetItemListInTrack("video", 2) == []
    session.fail_at(2)
    assert timeline.GetTrackName("video", 1) == "Background"
    assert timeline.AddTrack("video") is False
    assert timeline.AddTrack("video") is True


def test_the_artist_cancels_during_the_call_of_a_number(resolve_session):
    session = resolve_session()
    seen = []
    session.on_cancel(lambda: seen.append(len(session.calls)))
    session.cancel_at(2)
    session.resolve.GetCurrentPage()
    assert not session.cancelled()
    session.resolve.GetCurrentPage()
    assert session.cancelled()
    assert seen == [2]


def test_every_call_is_recorded_with_what_it_gave(resolve_session):
    session = resolve_session()
    session.resolve.OpenPage("color")
    call = session.called("OpenPage")[0]
    assert (call.number, call.script_class, call.arguments, call.result) == (1, "Resolve", ("color",), True)


def test_what_the_model_does_not_know_is_an_error_and_no_silence(resolve_session):
    with pytest.raises(NotModelled, match=r"Timeline\.DetectSceneCuts"):
        timeline_of(resolve_session()).DetectSceneCuts()
