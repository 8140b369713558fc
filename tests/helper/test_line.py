# SPDX-License-Identifier: Apache-2.0
"""The plugin's side of the line to the helper, with real processes."""

import json
import queue
import sys
import threading
import time

import pytest
from void_line import command as helper_command
from void_line.errors import HelperGone, ProtocolMismatch
from void_line.helper import GONE, MISMATCH, Helper

ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked["do"] == "die":
        sys.exit(7)
    if asked["do"] == "noise":
        print("no json", flush=True)
        print(json.dumps({"id": 999, "reply": {}}), flush=True)
    if asked["do"] == "events":
        for n in range(3):
            print(json.dumps({"id": asked["id"], "event": {"event": "progress", "done": n}}), flush=True)
    if asked["do"] != "silence":
        said = {"said": asked["do"], "with": asked.get("text", "")}
        print(json.dumps({"id": asked["id"], "reply": said}), flush=True)
"""


@pytest.fixture
def helper(tmp_path, monkeypatch):
    script = tmp_path / "a helper.py"
    script.write_text(ECHO)
    monkeypatch.setenv("VOID_HELPER", f"'{sys.executable}' '{script}'")
    monkeypatch.setenv("VOID_LOG_DIR", str(tmp_path / "log"))
    helper = Helper("nuke 16.0v4")
    yield helper
    helper.kill()


def test_an_answer_reaches_who_asked(helper):
    assert helper.ask("site", {"text": "Ünïcode"}, 10)["reply"] == {"said": "site", "with": "Ünïcode"}


def test_events_come_in_order_before_the_end(helper):
    seen = queue.Queue()
    helper.request("events", {}, seen.put, seen.put)
    got = [seen.get(timeout=10) for _ in range(4)]
    assert [m["done"] for m in got[:3]] == [0, 1, 2]
    assert "reply" in got[3]


def test_lines_that_are_no_answer_are_passed_over(helper):
    assert helper.ask("noise", {}, 10)["reply"]["said"] == "noise"


def test_answers_never_come_on_the_asking_thread(helper):
    threads = queue.Queue()
    helper.request("site", {}, print, lambda _m: threads.put(threading.current_thread()))
    assert threads.get(timeout=10) is not threading.current_thread()


def test_a_death_ends_every_request_with_an_error_that_names_the_log(helper):
    ends = queue.Queue()
    helper.request("silence", {}, print, ends.put)
    helper.request("die", {}, print, ends.put)
    errors = [ends.get(timeout=10)["error"] for _ in range(2)]
    assert {e["code"] for e in errors} == {GONE}
    assert "exit code 7" in errors[0]["message"]
    assert helper.log in errors[0]["fix"]


def test_a_request_to_a_dead_helper_ends_too_and_not_on_the_asking_thread(helper):
    helper.kill()
    for _ in range(100):
        if not helper.alive:
            break
        time.sleep(0.05)
    ends = queue.Queue()
    helper.request("site", {}, print, lambda m: ends.put((m, threading.current_thread())))
    message, thread = ends.get(timeout=10)
    assert message["error"]["code"] == GONE
    assert thread is not threading.current_thread()


def test_a_silent_helper_is_not_waited_for_without_end(helper):
    with pytest.raises(HelperGone, match="did not answer"):
        helper.ask("silence", {}, 0.2)


def test_a_closed_helper_ends(helper):
    helper.ask("site", {}, 10)
    helper.close()
    for _ in range(100):
        if not helper.alive:
            break
        time.sleep(0.05)
    assert not helper.alive


OTHER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"id": asked["id"], %s}), flush=True)
"""


@pytest.mark.parametrize(
    ("answer", "said", "fix"),
    [
        ('"error": {"code": "protocol_mismatch", "protocol": 0}', "helper of VOID is older", "this machine"),
        (
            '"error": {"code": "protocol_mismatch", "protocol": 2}',
            "plugin of VOID is older",
            "void install nuke",
        ),
        ('"reply": {"protocol": 2}', "plugin of VOID is older", "void install nuke"),
        ('"error": {"code": "invalid_input"}', "different releases", "void install nuke"),
    ],
)
def test_a_helper_of_another_protocol_ends_all_and_it_is_said_which_is_older(
    tmp_path, monkeypatch, answer, said, fix
):
    (tmp_path / "other.py").write_text(OTHER % answer)
    monkeypatch.setenv("VOID_HELPER", f"'{sys.executable}' '{tmp_path / 'other.py'}'")
    monkeypatch.setenv("VOID_LOG_DIR", str(tmp_path))
    helper = Helper("nuke 16.0v4")
    try:
        for _ in range(2):
            with pytest.raises(ProtocolMismatch, match=said) as caught:
                helper.ask("site", {}, 10)
            assert fix in caught.value.fix
        ends = queue.Queue()
        helper.request("submit", {}, lambda _event: None, ends.put)
        assert ends.get(timeout=10)["error"]["code"] == MISMATCH
    finally:
        helper.kill()


def test_a_helper_that_cannot_be_started_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("VOID_HELPER", str(tmp_path / "nothing"))
    monkeypatch.setenv("VOID_LOG_DIR", str(tmp_path))
    with pytest.raises(HelperGone) as caught:
        Helper("nuke 16.0v4")
    assert "void install" in caught.value.fix


def test_the_helper_does_not_see_what_nuke_set_for_itself():
    given = {
        "PYTHONHOME": "/nuke",
        "LD_LIBRARY_PATH": "/nuke",
        "QT_PLUGIN_PATH": "x",
        "TCL_LIBRARY": "x",
        "HOME": "/h",
    }
    given["VOID_SITE_CONFIG"], given["OCIO"] = "/site.toml", "/c.ocio"
    kept = helper_command.helper_environment(given)
    assert sorted(kept) == ["HOME", "OCIO", "VOID_SITE_CONFIG"]


def test_the_installed_command_is_read_from_beside_the_package(tmp_path, monkeypatch):
    package = tmp_path / "void_line"
    package.mkdir()
    (tmp_path / helper_command.INSTALLED).write_text(json.dumps({"command": ["/opt/void/python", "-m", "x"]}))
    monkeypatch.setattr(helper_command, "__file__", str(package / "command.py"))
    assert helper_command.helper_command({"PATH": ""}) == ["/opt/void/python", "-m", "x"]


def test_without_any_helper_the_error_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(helper_command, "__file__", str(tmp_path / "void_line" / "command.py"))
    with pytest.raises(HelperGone, match="not installed"):
        helper_command.helper_command({"PATH": ""})


def test_a_log_without_end_is_begun_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("VOID_LOG_DIR", str(tmp_path))
    (tmp_path / "helper.log").write_bytes(b"x" * (helper_command.LOG_LIMIT_BYTES + 1))
    path = helper_command.log_file()
    assert (tmp_path / "helper.log").stat().st_size == 0
    assert path == str(tmp_path / "helper.log")
