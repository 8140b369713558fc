# SPDX-License-Identifier: Apache-2.0
"""The window: one loop, never inside of another; work between its turns; progress, cancel, history, take back."""

from __future__ import annotations

import pytest
from void_line.errors import HelperGone
from void_resolve import progress as words
from void_resolve.errors import ArtistError
from void_resolve.panel import WINDOW, control
from void_resolve.screen import find_ui
from void_resolve.settings import FIRST, Site
from void_resolve.window import BUSY_MS, IDLE_MS, Window, pattern_of

from tests.resolve.face import Face, Outcome, Progress, Work, sent

DONE = Outcome("done", "It lies above.", "/results/v001", "job-1", ("Add Matte.", "Wire it."))


class Desk:
    """A window on a modelled Resolve; `press` is what the artist does, in order, before leaving."""

    def __init__(self, face: Face, site: Site | None = None, **values):
        self.face, self.session = face, face.session
        self.ui = find_ui(face.host.fusion, face.host.bmd)
        self.window = Window(
            face.bench, self.ui, face.settings(site, **values), "Studio 20.3.2. Studio is needed."
        )
        self.main, self.clicks = self.ui.dispatcher.windows
        self.items = self.main.GetItems()

    def run(self, *pressed):
        for name in pressed:
            self.session.click(name)
        if not self.face.work.requests and "Remove" not in pressed and "Reattach" not in pressed:
            self.leave()
        self.window.run()

    def leave(self):
        self.session.click(WINDOW, "Close")

    def works(self, script=None):
        """What `work` does, after which the artist leaves."""

        def run(told, cancelled, pause):
            try:
                return script(told, cancelled, pause) if script else DONE
            finally:
                self.leave()

        self.face.work.script = run

    def text(self, name):
        item = self.items[name]
        return item.PlainText if name == "Log" else item.Text


@pytest.fixture
def desk(resolve_session, tmp_path):
    def start(site=None, fault=(), **values):
        desk = Desk(Face(resolve_session(fault=fault), tmp_path, Work()), site, **values)
        desk.works()
        return desk

    return start


PLUGS = {
    "engines": [{"name": "cleanplate", "available": True, "unavailable_reason": ""}],
    "segmenters": [{"name": "sam2", "available": False, "unavailable_reason": "no weights"}],
    "reasoners": [{"name": "motion", "available": True, "unavailable_reason": ""}],
}


def test_the_lists_are_void_s_own_until_a_server_was_asked(desk):
    on = desk()
    on.run()
    assert "VOID's own list" in on.text("Lists") and on.face.helper.servers == []
    assert "void" in on.items[control("engine")].Items


def test_the_lists_are_the_server_s_once_it_has_answered_and_the_choice_stays(desk):
    on = desk(engine="void")
    on.face.helper.abilities = {"reply": {"version": "1.2", **PLUGS}}
    on.run("Connect")
    assert "as the server 1.2 says" in on.text("Lists")
    assert on.items[control("engine")].Items == ["As the site says", "cleanplate", "void"]
    assert on.items[control("engine")].CurrentIndex == 2
    assert on.items[control("segmenter")].Items[1] == "sam2 (not here: no weights)"


def test_a_server_that_is_set_is_asked_at_the_start(desk):
    on = desk(address="render:7443")
    on.run()
    assert on.face.helper.servers == [{"address": "render:7443", "token_file": "", "ca": ""}]


def test_a_server_that_does_not_tell_leaves_the_lists_and_says_why(desk):
    on = desk()
    on.face.helper.abilities = {"error": {"message": "It is down.", "fix": "Start it."}}
    on.run("Connect")
    assert "VOID's own list" in on.text("Lists") and "It is down. Start it." in on.text("Lists")


def test_a_helper_that_does_not_start_leaves_them_too(desk):
    on = desk()
    on.face.bench._start = lambda: (_ for _ in ()).throw(HelperGone("It is not installed.", "Install it."))
    on.run("Connect")
    assert "It is not installed." in on.text("Lists")


def test_what_a_crash_left_is_told_and_put_back_by_a_press_alone(desk):
    on = desk()
    project = on.session.stage.project
    project.SaveAsNewRenderPreset("VOID 0123abcd")
    on.run()
    assert "VOID was interrupted here before" in on.text("Log") and on.items["CleanUp"].Enabled
    assert "VOID 0123abcd" in project.presets
    on.window._leaving = False
    on.run("CleanUp")
    assert "VOID 0123abcd" not in project.presets and not on.items["CleanUp"].Enabled


def test_where_nothing_is_left_nothing_can_be_cleaned_up(desk):
    on = desk()
    on.run()
    assert not on.items["CleanUp"].Enabled and "interrupted" not in on.text("Log")


def test_the_first_line_says_that_studio_is_needed(desk):
    on = desk()
    on.run()
    assert "Studio is needed" in on.text("Head")
    assert "shot" in on.text("Clip")
    assert not on.main.shown


@pytest.mark.parametrize("fault", [(), "ui_callable"])
def test_every_id_is_an_identifier_and_every_setting_has_a_control(desk, fault):
    on = desk(fault=fault)
    assert {control(name) for name in FIRST} <= set(on.items)
    assert all(name.isidentifier() for name in (*on.items, *on.clicks.GetItems()))
    on.leave()
    on.window.run()


def test_remove_makes_a_request_of_what_is_chosen(desk):
    on = desk(matte="track", matte_track="MATTES", handles=5)
    on.items[control("look")].CurrentIndex = 1
    on.items[control("prompt")].Text = " an empty table "
    on.items["Consent"].Checked = True
    on.run("Remove")
    (request,) = on.face.work.requests
    assert (request.look, request.matte, request.matte_track) == ("graded", "track", "MATTES")
    assert (request.prompt, request.handles, request.cloud_consent) == ("an empty table", 5, True)


def test_consent_holds_for_one_job_and_the_other_choices_are_kept(desk):
    on = desk()
    on.items[control("look")].CurrentIndex = 1
    on.items["Consent"].Checked = True
    on.run("Remove")
    assert on.items["Consent"].Checked is False
    assert on.face.settings().path and on.window._settings.values["look"] == "graded"


def test_a_choice_that_cannot_be_is_told_and_nothing_is_started(desk):
    on = desk(matte="files")
    on.session.click("Remove")
    on.leave()
    on.window.run()
    assert "No sequence of mattes" in on.text("Status") and on.face.work.requests == []


def test_the_end_is_told_with_folder_and_clicks_and_the_drawing_is_shown(desk):
    on = desk()
    shown = []
    on.clicks.Show = lambda: shown.append(True)
    on.run("Remove")
    assert on.text("Status") == "It lies above."
    assert "1. Add Matte." in on.text("Log") and "/results/v001" in on.text("Log") and shown
    assert "It lies above." in on.face.log()


def test_progress_shows_stage_count_time_left_and_a_bar(desk):
    on = desk()
    seen = []

    def work(told, cancelled, pause):
        told(Progress("fill", 3, 12, 75.0, "stage 4 of 9"))
        seen.append((on.text("Status"), on.text("Bar")))
        return DONE

    on.works(work)
    on.run("Remove")
    ((status, bar),) = seen
    assert status == "fill · 3/12 · 1:15 left · stage 4 of 9"
    assert bar == "[" + "#" * 10 + "." * 30 + "] 3/12"
    assert on.text("Bar") == ""


def test_progress_within_one_turn_is_shown_once_but_a_new_stage_and_the_end_always(desk):
    on = desk()
    seen = []

    def work(told, cancelled, pause):
        for done in range(5):
            told(Progress("fill", done, 5))
            seen.append(on.text("Status"))
        told(Progress("fill", 5, 5))
        seen.append(on.text("Status"))
        told(Progress("conform", 0, 5))
        seen.append(on.text("Status"))
        return DONE

    on.works(work)
    on.run("Remove")
    assert seen == ["fill · 0/5"] * 5 + ["fill · 5/5", "conform · 0/5"]


def test_cancel_arrives_during_a_pause_and_ends_it(desk):
    on = desk()
    seen = []

    def work(told, cancelled, pause):
        pause(0.25)
        seen.append(cancelled())
        on.session.click("Cancel")
        before = on.session.now()
        pause(60)
        seen.append((cancelled(), on.session.now() - before))
        return Outcome("cancelled", "Cancelled.")

    on.works(work)
    on.run("Remove")
    assert seen == [False, (True, 0.0)]
    assert on.text("Status") == "Cancelled."


def test_a_pause_lasts_as_long_as_it_says_and_half_a_second_at_least(desk):
    on = desk()
    lasted = []

    def work(told, cancelled, pause):
        for seconds in (0.1, 2.0):
            before = on.session.now()
            pause(seconds)
            lasted.append(on.session.now() - before)
        return DONE

    on.works(work)
    on.run("Remove")
    assert lasted == [BUSY_MS / 1000, 2.0]


def test_polling_is_gentle(desk):
    on = desk()
    idle, turn = on.ui.manager.timers
    assert idle.Interval == IDLE_MS >= 2000 and turn.Interval == BUSY_MS >= 500
    states = []

    def work(told, cancelled, pause):
        states.append((idle.running, turn.running))
        return DONE

    on.works(work)
    on.run("Remove")
    assert states == [(False, False)] and not (idle.running or turn.running)


def test_while_at_work_only_cancel_can_be_pressed_and_other_presses_do_nothing(desk):
    on = desk()
    seen = []

    def work(told, cancelled, pause):
        seen.append([on.items[name].Enabled for name in ("Remove", "TakeBack", "Reattach", "Cancel")])
        on.session.click("Remove")
        pause(0.5)
        return DONE

    on.works(work)
    on.run("Remove")
    assert seen == [[False, False, False, True]]
    assert len(on.face.work.requests) == 1
    assert [on.items[name].Enabled for name in ("Remove", "Cancel")] == [True, False]


def test_closing_once_while_at_work_explains_and_twice_leaves_the_job_to_its_server(desk, tmp_path):
    on = desk()
    seen = []

    def work(told, cancelled, pause):
        told(sent(tmp_path / "v001"))
        on.leave()
        pause(0.5)
        seen.append((on.text("Status"), cancelled()))
        on.leave()
        pause(0.5)
        raise AssertionError("the window has been left")

    on.face.work.script = work
    on.run("Remove")
    assert "Close once more to leave" in seen[0][0] and seen[0][1] is False
    (record,) = on.face.history.all()
    assert (record["state"], record["job"], record["folder"]) == ("left", "job-7", str(tmp_path / "v001"))
    assert on.face.history.can_reattach(record) and not on.main.shown


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ArtistError("Retimed.", "Bake it."), "Retimed. Bake it."),
        (RuntimeError("Resolve has quit"), "Re-attach"),
    ],
)
def test_a_failure_is_told_in_words_and_recorded(desk, error, said):
    on = desk()

    def work(told, cancelled, pause):
        raise error

    on.works(work)
    on.run("Remove")
    assert said in on.text("Status")
    assert on.face.history.all()[0]["state"] == "failed"


def test_a_job_of_before_is_taken_up_from_the_history(desk, tmp_path):
    on = desk()
    folder = tmp_path / "v001"
    sent(folder, "job-9")
    on.face.history.begin(state="left", job="job-9", folder=str(folder), clip="shot")
    on.run("Reattach")
    (record,) = on.face.work.requests
    assert record["job"] == "job-9" and record["returned"] == {"job": "job-9"}
    assert [each["state"] for each in on.face.history.all()] == ["done"]
    assert "shot · done" in on.items["History"].Items[0]


def test_what_is_done_is_not_brought_in_twice(desk):
    on = desk()
    on.face.history.begin(state="done", job="job-9", folder="/results/v001")
    on.session.click("Reattach")
    on.leave()
    on.window.run()
    assert "nothing to take up" in on.text("Status") and on.face.work.requests == []


def test_re_attach_with_an_empty_history_says_so(desk):
    on = desk()
    on.session.click("Reattach")
    on.leave()
    on.window.run()
    assert "Nothing was sent" in on.text("Status")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (["track VOID", "bin VOID"], "bin VOID"),
        ([], "nothing of VOID"),
        (ArtistError("Go to Edit."), "Go to Edit."),
    ],
)
def test_remove_void_result_tells_what_was_taken_out(desk, answer, said):
    on = desk()
    on.face.work.taken_back = answer
    on.run("TakeBack")
    assert said in on.text("Log")


def test_the_pickers_fill_the_fields(desk):
    on = desk()
    on.session.application.fusion.picked.extend(["/m/roto.1001.exr", "/out folder"])
    on.run("PickMatte", "PickOut")
    assert on.items[control("matte_pattern")].Text == "/m/roto.####.exr"
    assert on.items[control("out")].Text == "/out folder"


def test_a_picker_that_is_closed_changes_nothing(desk):
    on = desk()
    on.run("PickOut")
    assert on.items[control("out")].Text == "/results"


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("/m/a.1001.exr", "/m/a.####.exr"),
        ("/v2/a_00000001.exr", "/v2/a_########.exr"),
        ("/m2/still.exr", "/m2/still.exr"),
    ],
)
def test_a_picked_frame_stands_for_its_sequence(path, pattern):
    assert pattern_of(path) == pattern


def test_what_the_studio_locks_cannot_be_changed_and_shows_the_studio_s_value(desk):
    site = Site("/s.toml", {"address": "render01:7788"}, {}, frozenset({"server", "cloud_consent", "engine"}))
    on = desk(site)
    address = on.items[control("address")]
    assert (address.Enabled, address.PlaceholderText) == (False, "render01:7788")
    assert on.items["Consent"].Enabled is False
    address.Text = "elsewhere:1"
    on.run("Remove")
    assert on.face.work.requests[0].server["address"] == ""


def test_a_site_file_that_is_wrong_is_told_at_once_and_nothing_is_sent(desk):
    on = desk(Site(problem="/s.toml: line 3 is no TOML."))
    on.session.click("Remove")
    on.leave()
    on.window.run()
    assert "line 3 is no TOML" in on.text("Log") and on.face.work.requests == []


def test_a_dialog_of_resolve_is_named_while_the_window_is_idle(desk):
    on = desk()
    on.session.open_dialog()
    on.run()
    assert "A window is open in Resolve" in on.text("Clip")


def test_the_drawing_of_the_two_clicks_is_shown_and_hidden(desk):
    on = desk()
    on.session.click("TwoClicks")
    on.session.click("HideClicks")
    on.leave()
    on.window.run()
    drawing = on.clicks.GetItems()["Drawing"].PlainText
    assert "Add Alpha Output" in drawing and "Add Matte" in drawing and not on.clicks.shown


def test_a_handler_never_raises_into_the_dispatcher(desk, monkeypatch):
    on = desk()
    monkeypatch.setattr(on.window, "_look", lambda: (_ for _ in ()).throw(KeyError("x")))
    on.ui.dispatcher.On.Timeout({"who": "VoidIdle"})
    assert "KeyError" in on.face.log()


def test_when_resolve_is_gone_the_window_ends(desk):
    on = desk()
    on.window._leaving = False
    on.ui.dispatcher.ExitLoop()
    monkey = RuntimeError("Resolve has quit")
    on.window._look = lambda: (_ for _ in ()).throw(monkey)
    on.ui.dispatcher.On.Timeout({"who": "VoidIdle"})
    assert on.window._leaving


def test_the_history_that_cannot_be_written_stops_a_job_before_it_is_sent(desk, tmp_path):
    on = desk()
    (tmp_path / "history").write_text("a file")
    on.session.click("Remove")
    on.leave()
    on.window.run()
    assert "cannot be written" in on.text("Status") and on.face.work.requests == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(None, ""), (-1, ""), (5, "0:05 left"), (75.4, "1:15 left"), (3725, "1:02:05 left")]
)
def test_time_left(seconds, said):
    assert words.eta(seconds) == said


def test_a_bar_never_overflows():
    assert words.bar(7, 0) == "" and words.bar(9, 3, 3) == "[###] 3/3" and words.bar(-1, 3, 3) == "[...] 0/3"
