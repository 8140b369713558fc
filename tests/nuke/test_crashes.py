# SPDX-License-Identifier: Apache-2.0
"""Whatever dies, a job and its result are found again: Nuke, the server, the helper; and a Nuke without a window."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.nuke.seat import ROOT, Seat, forget_plugin
from tests.nuke.standin import Session


def helper_pid(seat):
    return seat.plugin.helper()._process.pid


def kill_helper(seat):
    helper = seat.plugin.helper()
    helper._process.kill()
    helper._process.wait(10)


def killed(seat):
    """Nuke is gone, at once: nothing is saved, and the helper's line is cut."""
    kill_helper(seat)
    seat.plugin._following.clear()
    seat.session.threads.process_events()
    seat.session.remove()


@pytest.fixture
def reopen(seat, monkeypatch):
    """Starts another Nuke as its start-up does, and opens the script in it."""
    sessions = []

    def open_again(gui=True):
        session = Session("16.0v4", gui).install()
        sessions.append(session)
        forget_plugin()
        again = Seat.__new__(Seat)
        again.session, again.nuke, again.folder, again.script = (
            session,
            session.nuke,
            seat.folder,
            seat.script,
        )
        again.plugin = importlib.import_module("void_nuke.session").SESSION
        again.follow = importlib.import_module("void_nuke.follow")
        if gui:
            importlib.import_module("void_nuke.menus").add_menus()
        session.nuke.scriptOpen(str(seat.script))
        again.node = session.nuke.toNode("VOID1")
        sessions.append(again)
        return again

    yield open_again
    for session, again in zip(sessions[::2], sessions[1::2]):
        again.leave()
        try:
            session.judge()
        finally:
            session.remove()


# Nuke.


@pytest.mark.parametrize("saved", ["before", "after"])
def test_nuke_is_killed_while_a_job_runs_and_the_result_is_brought_in(seat, shot, reopen, saved):
    seat.with_shot(shot)
    if saved == "before":
        seat.nuke.scriptSave()
    seat.press("void_remove_button")
    assert seat.wait("running") == "running"
    if saved == "after":
        seat.nuke.scriptSave()
    killed(seat)
    again = reopen()
    assert again.node["void_state"].value() == "running"
    assert again.wait() == "done", again.status
    assert again.node["void_version"].value() == 1
    assert len(again.results()) == 4
    assert again.node.node("Result").metadata("input/filename", shot.first) == str(again.results()[0])
    assert again.record()["job"] == json.loads(again.node["void_job"].value())["job"]


def test_a_press_that_nobody_accepted_before_nuke_ended_is_told(seat, shot, reopen):
    node = seat.with_shot(shot)
    seat.sent()
    assert node["void_state"].value() == "sending"
    seat.nuke.scriptSave()
    killed(seat)
    again = reopen()
    assert again.node["void_state"].value() == "idle"
    assert "press Remove again" in again.status


def test_a_script_whose_nodes_cannot_be_looked_after_is_opened(seat, shot, reopen):
    broken = seat.with_shot(shot)
    broken["void_job"].setValue('{"ticket": "of a later release"}')
    broken["void_state"].setValue("running")
    seat.with_shot(shot)["void_output"].setValue("")
    node = seat.with_shot(shot)
    node["void_output"].setValue("")
    node["void_state"].setValue("running")
    seat.nuke.scriptSave()
    killed(seat)
    again = reopen()
    assert again.nuke.toNode("VOID2")["void_state"].value() == "idle"
    assert again.nuke.toNode("VOID3")["void_state"].value() == "failed"
    assert "no folder for the results" in str(again.nuke.toNode("VOID3")["void_status"].value())


def test_a_closed_script_ends_the_helper(seat, shot):
    importlib.import_module("void_nuke.menus").add_menus()
    seat.with_shot(shot)
    process = seat.plugin.helper()._process
    seat.nuke.scriptClear()
    process.wait(5)


# The server.


class Served:
    """A server of the test's own, which can be killed and started again where it was."""

    def __init__(self, folder):
        self.folder, self.port = folder, 0

    def start(self):
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "void_server", "serve", "--listen", f"127.0.0.1:{self.port}"),
                *("--store", str(self.folder / "store"), "--token-file", str(self.folder / "token")),
                *("--workers", "1"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'build' / 'contract'}"},
        )
        self.address = self.process.stdout.readline().split()[-1]
        self.port = int(self.address.rpartition(":")[2])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def served(tmp_path):
    server = Served(tmp_path)
    server.start()
    yield server
    server.process.terminate()
    server.process.wait(20)


def test_a_server_that_is_killed_while_it_is_watched_goes_on_with_the_job_when_it_is_back(seat, shot, served):
    node = seat.with_shot(shot)
    node["void_server"].setValue(served.address)
    node["void_token_file"].setValue(str(served.folder / "token"))
    seat.press("void_remove_button")
    assert seat.wait("running") == "running"
    served.kill()
    served.start()
    assert seat.wait() == "done", seat.status
    assert len(seat.results()) == 4


def test_a_server_that_cannot_be_reached_is_named_in_the_message(seat, shot):
    node = seat.with_shot(shot)
    node["void_server"].setValue("127.0.0.1:9")
    node["void_token_file"].setValue(str(seat.script))
    seat.press("void_masks_button")
    assert seat.wait() == "failed"
    assert seat.messages and "VOID1" in seat.messages[-1]


# The helper.


def test_a_helper_that_is_killed_while_sending_is_started_again(seat, shot):
    seat.with_shot(shot)
    seat.press("void_masks_button")
    kill_helper(seat)
    assert seat.wait() == "done", seat.status
    assert "it is started again" in seat.log()


def test_a_helper_that_is_killed_while_watching_costs_nothing(seat, shot):
    node = seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait("running") == "running"
    job = seat.record()["job"]
    kill_helper(seat)
    assert seat.wait() == "done", seat.status
    assert seat.record()["job"] == job and len(seat.results()) == 4
    assert node["void_version"].value() == 1 and not seat.messages


def test_a_helper_that_dies_four_times_is_given_up_with_the_place_of_its_log(seat, shot, monkeypatch):
    seat.with_shot(shot)
    monkeypatch.setenv("VOID_HELPER", "sh -c 'exit 7'")
    seat.press("void_masks_button")
    assert seat.wait("failed", timeout=30) == "failed"
    assert "exit code 7" in seat.status and "helper.log" in seat.messages[-1]
    assert seat.log().count("it is started again") == 3
    assert not seat.plugin.follows(seat.record()["ticket"])


def test_a_helper_that_is_gone_for_good_while_a_job_is_watched_is_told(seat, shot, monkeypatch):
    node = seat.with_shot(shot)
    seat.press("void_remove_button")
    assert seat.wait("running") == "running"
    monkeypatch.setenv("VOID_HELPER", "/nowhere/void-helper")
    kill_helper(seat)
    assert seat.wait("failed", timeout=30) == "failed"
    assert "cannot be started" in seat.status
    monkeypatch.undo()
    for name in ("VOID_HELPER", "VOID_DATA_DIR"):
        monkeypatch.setenv(name, seat.variables[name])
    seat.press("void_reconnect")
    assert seat.wait() == "done", seat.status
    assert node["void_has_result"].value()


def test_cancel_while_sending_is_kept_to_by_a_helper_that_dies(seat, shot, monkeypatch):
    seat.with_shot(shot)
    monkeypatch.setenv("VOID_HELPER", "sleep 60")
    seat.press("void_masks_button")
    seat.press("void_cancel_button")
    kill_helper(seat)
    assert seat.wait(timeout=20) == "cancelled"


def test_a_helper_that_is_not_there_is_told_before_anything_is_done(seat, shot, monkeypatch):
    monkeypatch.setenv("VOID_HELPER", "/nowhere/void-helper")
    seat.with_shot(shot)
    seat.press("void_remove_button")
    assert "cannot be started (/nowhere/void-helper" in seat.messages[-1]
    assert "void install" in seat.messages[-1]
    assert not (seat.folder / "void").exists()


def test_reconnect_without_a_helper_leaves_the_node_free(seat, shot, monkeypatch):
    node = seat.with_shot(shot)
    seat.sent()
    folder = seat.folder / "void" / "VOID1" / "v001" / "job.json"
    folder.write_text(json.dumps({**seat.record(), "job": "abc"}))
    monkeypatch.setenv("VOID_HELPER", "/nowhere/void-helper")
    kill_helper(seat)
    seat.press("void_reconnect")
    assert node["void_state"].value() == "failed"
    assert not seat.plugin.follows(seat.record()["ticket"])


def test_a_pipelines_environment_does_not_reach_the_helper(seat, shot, monkeypatch):
    for name in ("PYTHONHOME", "LD_PRELOAD", "QT_PLUGIN_PATH", "TCL_LIBRARY"):
        monkeypatch.setenv(name, "/nowhere")
    answers = []
    seat.plugin.ask("site", {}, answers.append)
    seat.session.process_events(lambda: answers, 30)
    assert "reply" in answers[0]


# Without a window.


def test_in_a_render_the_node_opens_reads_its_files_and_starts_nothing(seat, shot, reopen, monkeypatch):
    seat.with_shot(shot)
    seat.press("void_masks_button")
    assert seat.wait() == "done", seat.status
    seat.nuke.scriptSave()
    killed(seat)
    monkeypatch.setenv("VOID_SITE_CONFIG", "/nowhere/site.toml")
    again = reopen(gui=False)
    assert again.node.node("Mattes").metadata("input/filename", shot.first)
    again.node["void_version"].setValue(1)
    for button in ("void_masks_button", "void_reconnect", "void_cancel_button", "void_upgrade"):
        with pytest.raises(RuntimeError, match="VOID1: this works in Nuke's window only"):
            again.press(button)
    importlib.import_module("void_nuke.node").after_load()
    assert again.plugin._helper is None
    assert not again.session.execution.rendered


def test_waiting_for_the_helper_never_stops_nuke(seat, shot, monkeypatch):
    # A helper that hears nothing: every button of the node answers at once all the same.
    monkeypatch.setenv("VOID_HELPER", "sleep 60")
    seat.with_shot(shot)
    process = seat.plugin.helper()._process
    began = time.monotonic()
    for button in ("void_masks_button", "void_cancel_button", "void_test", "void_reconnect"):
        seat.press(button)
    assert time.monotonic() - began < 5
    process.kill()
    process.wait(10)
    assert seat.wait() == "cancelled"
