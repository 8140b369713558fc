# SPDX-License-Identifier: Apache-2.0
"""The rest: pages, marks, presets, versions, windows, and whether a test notices what is left behind."""

from __future__ import annotations

import threading

import pytest

from tests.resolve.standin.calls import Hang, WrongThread
from tests.resolve.standin.markers import frame_of, timecode
from tests.resolve.standin.stage import RECORD, START


class Desk:
    def __init__(self, session):
        self.session = session
        self.resolve = session.resolve
        self.project = session.resolve.GetProjectManager().GetCurrentProject()
        self.pool = self.project.GetMediaPool()
        self.timeline = self.project.GetCurrentTimeline()
        self.item = self.timeline.GetCurrentVideoItem()


@pytest.fixture
def desk(resolve_session):
    return lambda **options: Desk(resolve_session(**options))


def test_r18a_marks_count_from_the_start_of_the_timeline_and_unset_ones_have_no_key(desk):
    timeline = desk().timeline
    assert timeline.GetMarkInOut() == {"video": {"in": 32, "out": 41}}
    assert timeline.ClearMarkInOut("all")
    assert timeline.GetMarkInOut() == {}


def test_r18a_marks_may_be_frames_of_the_timeline(desk):
    timeline = desk(fault="marks_absolute").timeline
    assert timeline.GetMarkInOut()["video"] == {"in": RECORD + 2, "out": RECORD + 11}


def test_r18b_opening_deliver_overwrites_the_marks(desk):
    on = desk()
    assert on.resolve.OpenPage("deliver")
    assert on.timeline.GetMarkInOut()["video"] == {"in": 0, "out": 99}
    assert on.timeline.SetMarkInOut(32, 41, "video")
    assert on.timeline.ClearMarkInOut("audio")
    on.resolve.OpenPage("edit")
    on.session.assert_restored()


def test_r18c_a_new_timeline_has_the_projects_size_and_not_the_other_timelines(desk):
    on = desk()
    new = on.pool.CreateEmptyTimeline("void")
    assert new.GetSetting("timelineResolutionWidth") == "64"
    assert on.timeline.GetSetting("timelineResolutionWidth") == "32"


def test_r18d_settings_of_a_timeline_need_its_own_first(desk):
    new = desk().pool.CreateEmptyTimeline("void")
    assert new.SetSetting("timelineResolutionWidth", "40") is False
    assert new.SetSetting("useCustomSettings", "1") is True
    assert new.SetSetting("timelineResolutionWidth", 40) is False
    assert new.SetSetting("timelineResolutionWidth", "40") is True
    assert new.GetSetting("timelineResolutionWidth") == "40"


def test_r18n_a_new_timeline_is_not_the_current_one_unless_it_is(desk):
    for fault, current in ((), "Reel 1"), ("new_timeline_is_current", "void"):
        on = desk(fault=fault)
        on.pool.CreateEmptyTimeline("void")
        assert on.project.GetCurrentTimeline().GetName() == current
        assert on.pool.CreateEmptyTimeline("void") is None


def test_r18i_a_preset_keeps_the_settings_and_gives_them_back(desk):
    on = desk()
    assert on.project.SaveAsNewRenderPreset("VOID restore")
    on.project.SetCurrentRenderFormatAndCodec("exr", "RGBHalfZIP")
    on.project.SetCurrentRenderMode(1)
    on.project.SetRenderSettings({"FormatWidth": 32, "FormatHeight": 24, "ExportAlpha": True})
    assert on.project.LoadRenderPreset("VOID restore")
    assert on.project.DeleteRenderPreset("VOID restore")
    on.session.assert_restored()


def test_r18j_a_preset_is_not_overwritten_and_an_unknown_one_not_loaded(desk):
    project = desk().project
    assert project.GetRenderPresetList() == ["Editorial H264", "VFX"]
    assert project.SaveAsNewRenderPreset("VFX") is False
    assert project.LoadRenderPreset("none") is False
    assert project.DeleteRenderPreset("none") is False


@pytest.mark.parametrize("fault", [(), "version_starts_blank"])
def test_r18k_a_new_version_is_loaded_and_its_grade_must_be_reset(desk, fault):
    on = desk(fault=fault)
    grade = on.session.stage.item
    assert on.item.AddVersion("VOID clean", 0)
    assert on.item.GetCurrentVersion() == {"versionName": "VOID clean", "versionType": 0}
    assert grade.grade.gain() == (1 if fault else 0.5)
    assert on.item.GetNodeGraph().ResetAllGrades()
    assert grade.grade.gain() == 1
    assert on.item.DeleteVersionByName("VOID clean", 0) is False
    assert on.item.LoadVersionByName("Version 1", 0)
    assert on.item.DeleteVersionByName("VOID clean", 0)
    on.session.assert_restored()


def test_r18l_a_node_can_be_disabled_and_nothing_tells_whether_it_is(desk):
    on = desk()
    graph = on.item.GetNodeGraph()
    assert graph.SetNodeEnabled(1, False)
    assert on.session.stage.item.grade.gain() == 1
    assert graph.GetNodeEnabled is None


def test_grades_are_copied(desk):
    on = desk()
    below = on.timeline.GetItemListInTrack("video", 1)[0]
    assert on.item.CopyGrades([below])
    assert on.session.stage.timeline.tracks["video"][0].items[0].grade.gain() == 0.5


@pytest.mark.parametrize(("colour", "taken"), [("Sand", True), ("Teal", False), ("sand", False)])
def test_r18m_a_marker_has_one_of_sixteen_colours(desk, colour, taken):
    assert desk().item.AddMarker(5, colour, "VOID", "", 1, "void") is taken


def test_timecodes_are_positions_of_the_playhead(desk):
    on = desk()
    assert on.timeline.GetCurrentTimecode() == "01:00:01:11"
    assert on.timeline.SetCurrentTimecode("01:00:00:24") is False
    assert on.timeline.SetCurrentTimecode("01:00:00:00") is True
    assert on.session.stage.timeline.playhead == START


@pytest.mark.parametrize("frame", [0, 1799, 1800, 17981, 17982, 107892, 2589407])
def test_dropped_frames_go_there_and_back(frame):
    assert frame_of(timecode(frame, 29.97, True), 29.97, True) == frame
    assert timecode(1800, 29.97, True) == "00:01:00;02"


@pytest.mark.parametrize(
    ("edition", "name"), [("Studio", "DaVinci Resolve Studio"), ("free", "DaVinci Resolve")]
)
def test_the_product_and_its_version(desk, edition, name):
    on = desk(edition=edition)
    assert on.resolve.GetProductName() == name
    assert on.resolve.GetVersion()[:3] == [20, 3, 2]
    assert on.resolve.GetVersionString() == "20.3.2.7"


def test_a_comp_that_cannot_be_parsed_comes_in_empty(desk, tmp_path):
    on = desk()
    (tmp_path / "broken.comp").write_text("Composition { Tools = {")
    assert on.item.ImportFusionComp(str(tmp_path / "broken.comp")) is not None
    assert on.session.stage.item.comps[0].text == ""
    assert on.item.GetFusionCompByIndex(0) is None
    assert on.item.DeleteFusionCompByName("Composition 1")
    on.session.assert_restored()


def window_of(on):
    given = on.session.menu_globals()
    ui = given["fusion"].UIManager
    dispatcher = given["bmd"].UIDispatcher(ui)
    window = dispatcher.AddWindow(
        {"ID": "VOID", "WindowTitle": "VOID"},
        ui.VGroup([ui.Label({"ID": "Line", "Text": ""}), ui.Button({"ID": "Remove", "Text": "Remove"})]),
    )
    return ui, dispatcher, window


def test_a_window_delivers_clicks_and_timeouts_until_it_is_left(desk):
    on = desk()
    ui, dispatcher, window = window_of(on)
    seen = []
    timer = ui.Timer({"ID": "Poll", "Interval": 500})

    def press(event):
        seen.append(event["who"])
        timer.Start()

    def poll(event):
        seen.append(event["who"])
        window.GetItems()["Line"].Text = f"{len(seen)}"
        if len(seen) == 3:
            dispatcher.ExitLoop()

    window.On.Remove.Clicked = press
    dispatcher.On.Timeout = poll
    on.session.click("Remove")
    dispatcher.RunLoop()
    assert seen == ["Remove", "Poll", "Poll"]
    assert window.Find("Line").Text == "3"
    assert on.session.now() == 1.0


def test_r16b_a_loop_inside_of_a_loop_hangs(desk):
    on = desk()
    _, dispatcher, window = window_of(on)
    window.On.Remove.Clicked = lambda event: dispatcher.RunLoop()
    on.session.click("Remove")
    with pytest.raises(Hang):
        dispatcher.RunLoop()
    assert on.session.forgive() == ["RunLoop inside of RunLoop"]


@pytest.mark.parametrize(
    ("options", "there"),
    [
        ({"version": "20.3.2", "edition": "Studio"}, True),
        ({"version": "20.3.2", "edition": "free"}, False),
        ({"version": "18.6.6", "edition": "free"}, True),
        ({"fault": "headless"}, False),
    ],
)
def test_r16c_windows_are_absent_without_a_display_and_in_the_free_edition(desk, options, there):
    assert (desk(**options).session.menu_globals()["fusion"].UIManager is not None) is there


def test_r16d_windows_belong_to_the_main_thread(desk):
    on = desk()
    _, _, window = window_of(on)
    raised = []

    def write():
        try:
            window.elements["Line"].Text = "from a thread"
        except WrongThread as error:
            raised.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert len(raised) == 1
    assert len(on.session.forgive()) == 1


def test_r16e_an_id_that_is_no_identifier_is_noticed(desk):
    on = desk()
    on.session.menu_globals()["fusion"].UIManager.Button({"ID": "re-move"})
    assert len(on.session.forgive()) == 1


def test_r16f_the_manager_of_windows_may_have_to_be_called(desk):
    given = desk(fault="ui_callable").session.menu_globals()
    assert given["bmd"].UIDispatcher(given["fusion"].UIManager()) is not None


@pytest.mark.parametrize("stdout", [True, False])
def test_r18p_a_script_of_the_menu_has_no_file_and_perhaps_no_stdout(desk, tmp_path, stdout):
    (tmp_path / "VOID.py").write_text(
        "import sys\n"
        "page = bmd.scriptapp('Resolve').GetCurrentPage()\n"
        "found = ('__file__' in globals(), sys.stdout is not None, page)\n"
    )
    names = desk().session.run_script(tmp_path / "VOID.py", stdout=stdout)
    assert names["found"] == (False, stdout, "edit")


@pytest.mark.parametrize(("edition", "there"), [("Studio", True), ("free", False)])
def test_r18q_the_free_edition_answers_no_process_but_its_own(desk, edition, there):
    assert (desk(edition=edition).session.external("Resolve") is not None) is there


def test_untouched_is_restored(desk):
    desk().session.assert_restored()


LEFT_BEHIND = {
    "page": lambda on: on.resolve.OpenPage("color"),
    "playheads": lambda on: on.timeline.SetCurrentTimecode("01:00:00:00"),
    "current timeline": lambda on: on.project.SetCurrentTimeline(on.project.GetTimelineByIndex(1)),
    "timelines": lambda on: on.pool.CreateEmptyTimeline("void"),
    "tracks": lambda on: on.timeline.SetTrackEnable("video", 1, False),
    "marks": lambda on: on.timeline.ClearMarkInOut("all"),
    "markers": lambda on: on.timeline.AddMarker(1, "Blue", "", "", 1, ""),
    "current bin": lambda on: on.pool.SetCurrentFolder(on.pool.GetRootFolder()),
    "render presets": lambda on: on.project.SaveAsNewRenderPreset("VOID"),
    "render settings": lambda on: on.project.SetRenderSettings({"ExportAlpha": True}),
    "project settings": lambda on: on.project.SetSetting("colorScienceMode", "acescct"),
    "jobs": lambda on: on.project.StopRendering(),
    "clips": lambda on: on.item.GetMediaPoolItem().SetClipProperty("FPS", "25"),
    "items": lambda on: on.item.SetClipEnabled(False),
    "versions": lambda on: on.item.AddVersion("VOID", 0),
}


@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_what_was_left_behind_is_noticed(desk, name):
    on = desk()
    LEFT_BEHIND[name](on)
    with pytest.raises(AssertionError, match="not restored"):
        on.session.assert_restored()


def test_a_result_may_stay_and_nothing_else(desk):
    on = desk()
    on.pool.AddSubFolder(on.pool.GetRootFolder(), "VOID")
    on.timeline.AddTrack("video")
    clip = on.item.GetMediaPoolItem()
    info = {
        "mediaPoolItem": clip,
        "startFrame": 1011,
        "endFrame": 1031,
        "recordFrame": RECORD,
        "trackIndex": 5,
    }
    assert on.pool.AppendToTimeline([info])[0].GetUniqueId()
    with pytest.raises(AssertionError, match="not restored"):
        on.session.assert_restored()
    on.session.assert_restored(result=True)
    on.item.SetClipEnabled(False)
    with pytest.raises(AssertionError, match="tracks"):
        on.session.assert_restored(result=True)
