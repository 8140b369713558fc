# SPDX-License-Identifier: Apache-2.0
"""Without a window: a file to choose with, prints that cannot fail, a status file, a file that cancels."""

from __future__ import annotations

import json
import sys

import pytest
from void_resolve import console
from void_resolve.console import CANCEL, ORDER, STATUS, Console, say
from void_resolve.settings import Site

from tests.resolve.face import OUT, Face, Outcome, Progress, Work, sent


class Place:
    def __init__(self, session, folder):
        self.face = Face(session, folder, Work())
        self.folder = folder
        self.dialogs = []

    def run(self, site=None, **order):
        if order:
            (self.folder / ORDER).write_text(json.dumps(order))
        dialog = lambda title, text: self.dialogs.append(text) or True  # noqa: E731
        Console(self.face.bench, self.face.settings(site), "Studio is needed.", dialog).run()
        return json.loads((self.folder / STATUS).read_text())


@pytest.fixture
def place(resolve_session, tmp_path):
    return Place(resolve_session(fault="headless"), tmp_path)


def test_the_first_run_explains_and_does_nothing(place, capsys):
    status = place.run()
    written = json.loads((place.folder / ORDER).read_text())
    assert (written["do"], written["look"], written["out"]) == ("nothing", "source", OUT)
    assert status["state"] == "waiting" and ORDER in status["text"] and place.dialogs == [status["text"]]
    assert "Studio is needed." in capsys.readouterr().out and place.face.work.requests == []


def test_remove_does_what_the_file_says(place, capsys):
    status = place.run(do="remove", look="graded", matte="track", matte_track="MATTES", handles="many")
    (request,) = place.face.work.requests
    assert (request.look, request.matte_track, request.handles, request.out) == ("graded", "MATTES", 0, OUT)
    assert status["state"] == "done" and "1. Wire it." in status["text"]
    assert "It lies above." in capsys.readouterr().out


def test_what_a_crash_left_is_told_and_put_back_where_the_file_says_so(place):
    project = place.face.session.stage.project
    project.SaveAsNewRenderPreset("VOID 0123abcd")
    assert "VOID was interrupted here before" in place.run()["text"]
    assert "put back: the render settings" in place.run(do="clean_up")["text"]
    assert "VOID 0123abcd" not in project.presets


def test_nobody_consents_by_a_file(place):
    place.run(do="remove", cloud_consent=True)
    assert place.face.work.requests[0].cloud_consent is False


def test_what_the_site_locks_is_left_to_it(place):
    place.run(Site(locked=frozenset({"engine"})), do="remove", engine="void")
    assert place.face.work.requests[0].engine == ""


def test_the_status_file_tells_progress(place):
    seen = []

    def work(told, cancelled, pause):
        told(Progress("fill", 3, 12, 75.0, "stage 4 of 9"))
        seen.append(json.loads((place.folder / STATUS).read_text()))
        pause(0.5)
        return Outcome("done", "It lies above.")

    place.face.work.script = work
    place.run(do="remove")
    assert {key: seen[0][key] for key in ("state", "stage", "done", "total", "eta_seconds")} == {
        "state": "running",
        "stage": "fill",
        "done": 3,
        "total": 12,
        "eta_seconds": 75.0,
    }


def test_a_file_named_cancel_cancels_and_an_old_one_does_not(place):
    (place.folder / CANCEL).write_text("")
    seen = []

    def work(told, cancelled, pause):
        seen.append(cancelled())
        (place.folder / CANCEL).write_text("")
        seen.append(cancelled())
        return Outcome("cancelled", "Cancelled.")

    place.face.work.script = work
    assert place.run(do="remove")["state"] == "cancelled"
    assert seen == [False, True]


def test_reattach_takes_the_newest_open_job_or_the_named_one(place):
    for job in ("job-1", "job-2"):
        sent(place.folder / job, job)
        place.face.session.sleep(1)
        place.face.history.begin(state="left", job=job, folder=str(place.folder / job), ticket=job)
    place.run(do="reattach", ticket="job-1")
    place.run(do="reattach")
    assert [record["job"] for record in place.face.work.requests] == ["job-1", "job-2"]
    assert "no job to take up" in place.run(do="reattach")["text"]


def test_take_back_tells_what_was_taken_out(place):
    place.face.work.taken_back = ["track VOID"]
    assert place.run(do="take_back")["text"] == "track VOID"


@pytest.mark.parametrize(
    ("order", "said"),
    [({"do": "dance"}, "dance"), ({"do": "remove", "matte": "files"}, "No sequence of mattes")],
)
def test_what_cannot_be_is_told(place, order, said):
    status = place.run(**order)
    assert status["state"] == "failed" and said in status["text"] and place.dialogs[-1] == status["text"]


@pytest.mark.parametrize("stream", [None, "closed"])
def test_printing_never_fails(monkeypatch, tmp_path, stream):
    if stream == "closed":
        stream = (tmp_path / "out").open("w")
        stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    say("text")


def test_the_mac_s_message_gets_its_words_as_arguments_and_no_shell_reads_them(monkeypatch):
    ran = []

    class Ran:
        returncode = 0

    monkeypatch.setattr(console.sys, "platform", "darwin")
    monkeypatch.setattr(
        console.subprocess, "run", lambda command, **options: ran.append((command, options)) or Ran
    )
    text = 'a "quoted" \\ text\n$(x)'
    assert console.show_dialog("VOID", text)
    ((command, options),) = ran
    assert command[0] == "/usr/bin/osascript" and command[-2:] == [text, "VOID"]
    assert options["stdin"] == console.subprocess.DEVNULL and "shell" not in options


def test_where_there_is_no_such_message_nothing_happens(monkeypatch):
    monkeypatch.setattr(console.sys, "platform", "linux")
    assert console.show_dialog("VOID", "text") is False
    monkeypatch.setattr(console.sys, "platform", "win32")
    assert console.show_dialog("VOID", "text") is False
