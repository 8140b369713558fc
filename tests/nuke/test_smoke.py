# SPDX-License-Identifier: Apache-2.0
"""The check that a person runs in a real Nuke: in the modelled one all is as assumed, and what is not is found."""

from __future__ import annotations

import getpass
import json
import platform
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate

from tests.nuke.seat import forget_plugin, helper_variables, stop_local_server
from tests.nuke.standin import Session
from tests.nuke.standin.rules import RULES

SMOKE = Path(__file__).parents[2] / "plugin_nuke" / "smoke" / "smoke.py"
TRIED = {"bad value", "swallowed"}
"""Breaches that the checks make on purpose."""

RESULT = {"enum": ["ok", "differs", "not checked"]}
TEXT, NUMBER = {"type": "string"}, {"type": "number", "minimum": 0}


def rows(**fields: Any) -> dict[str, Any]:
    row = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return {"type": "array", "items": row}


FIELDS = {
    "report": {"const": 1},
    **dict.fromkeys(("nuke", "edition", "os", "python", "date"), TEXT),
    "mode": {"enum": ["-t", "window"]},
    "node_version": {"type": "integer"},
    "seconds": NUMBER,
    "counts": {"type": "object", "required": RESULT["enum"]},
    "checks": rows(rule=TEXT, name=TEXT, says=TEXT, result=RESULT, seen=TEXT, seconds=NUMBER),
    "cannot_be_checked": {"type": "object", "additionalProperties": TEXT},
    "scenes": rows(scene=TEXT, result=RESULT, seen=TEXT),
    "removal": rows(step=TEXT, result=RESULT, seen=TEXT, seconds=NUMBER),
    "log": {"type": "array", "items": TEXT},
}
SCHEMA = {"type": "object", "properties": FIELDS, "required": list(FIELDS), "additionalProperties": False}


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    data = tmp_path_factory.mktemp("data")
    yield helper_variables(data)
    stop_local_server(data)


@pytest.fixture
def nuke(
    nuke_session: Callable[..., Session], own_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Session]]:
    """Starts a modelled Nuke in which the checks find a helper and a server of this tree."""
    for name, value in own_server.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OCIO", raising=False)

    def start(version: str, gui: bool) -> Session:
        session = nuke_session(version=version, gui=gui)
        started.append(session)
        return session

    started: list[Session] = []

    forget_checks()
    yield start
    forget_checks()
    made = {one.kind for session in started for one in session.violations}
    for kind in made & TRIED:
        started[0].expect(kind)


def forget_checks() -> None:
    forget_plugin()
    for name in [n for n in sys.modules if n == "void_smoke" or n.startswith("void_smoke.")]:
        del sys.modules[name]


def in_terminal(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, dict[str, Any]]:
    """`nuke -t smoke.py --out PATH`: exit code and report."""
    monkeypatch.setattr(sys, "argv", [str(SMOKE), "--out", str(path)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SMOKE), run_name="__main__")
    return int(ended.value.code or 0), json.loads(path.read_text(encoding="utf-8"))


def in_window(session: Session, folder: Path) -> dict[str, Any]:
    """The menu item, until its message is shown; the report."""
    import void_nuke.smoke_entry

    session.app.answers.append(True)
    void_nuke.smoke_entry.run()
    session.process_events(lambda: bool(session.app.messages), 60)
    return json.loads((folder / "void_check_report.json").read_text(encoding="utf-8"))


def different(report: dict[str, Any]) -> list[dict[str, Any]]:
    every = [*report["checks"], *report["scenes"], *report["removal"]]
    return [one for one in every if one["result"] == "differs"]


@pytest.mark.parametrize("version", ["14.0v1", "16.0v4", "17.0v1"])
def test_in_a_terminal_all_is_as_assumed_and_three_frames_come_back(nuke, version, tmp_path, monkeypatch):
    session = nuke(version, gui=False)
    code, report = in_terminal(tmp_path / "report.json", monkeypatch)
    validate(report, SCHEMA)
    assert (different(report), code) == ([], 0)
    assert (report["nuke"], report["mode"]) == (version, "-t")
    assert {one["scene"] for one in report["scenes"]} >= {"clean.nk", "stereo.nk"}
    unchecked = [one["step"] for one in report["removal"] if one["result"] != "ok"]
    assert unchecked == ["rendered by Nuke, the node gives the plate's bits outside and the result's inside"]
    assert session.nuke.allNodes() == []


@pytest.mark.parametrize("version", ["16.0v4", "17.0v1"])
def test_in_a_window_too_and_the_artist_s_script_is_left_as_it_was(nuke, version, own_server):
    session = nuke(version, gui=True)
    mine, chosen = session.nuke.nodes.NoOp(name="Mine1"), session.nuke.nodes.NoOp(name="Mine2")
    chosen.setSelected(True)
    steps = len(session.undo.loose), len(session.undo.blocks)
    report = in_window(session, Path(own_server["VOID_LOG_DIR"]))
    validate(report, SCHEMA)
    assert different(report) == []
    assert report["mode"] == "window" and "different" in session.app.messages[0]
    assert session.nuke.allNodes() == [mine, chosen] and session.nuke.selectedNodes() == [chosen]
    assert (len(session.undo.loose), len(session.undo.blocks)) == steps


def test_a_nuke_that_does_otherwise_is_told_of_with_what_was_seen(nuke, tmp_path, monkeypatch):
    from tests.nuke.standin import pictures, pixels

    def other_way(read: Any, frame: int) -> int:
        text = str(read._knobs["frame"]._value)
        return frame - int(text) if read._knobs["frame_mode"]._value == "offset" else frame

    for module in (pictures, pixels):
        monkeypatch.setattr(module, "file_number", other_way)
    nuke("16.0v4", gui=False)
    code, report = in_terminal(tmp_path / "report.json", monkeypatch)
    assert code == 1
    assert {one["rule"] for one in report["checks"] if one["result"] == "differs"} == {"N70"}
    assert "'offset -100, frame 103': 203" in next(one["seen"] for one in different(report))


def test_the_report_has_no_names_of_people_or_machines(nuke, tmp_path, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "annamaria")
    monkeypatch.setattr(platform, "node", lambda: "render-01")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    nuke("16.0v4", gui=False)
    from void_smoke import report

    said = report.plain(f"{tmp_path}/home/x annamaria@render-01: /elsewhere/annamaria/y", "/none")
    assert said == "~/x USER@HOST: /elsewhere/USER/y"


def test_an_open_script_is_refused(nuke, tmp_path, monkeypatch, capsys):
    nuke_module = nuke("16.0v4", gui=False).nuke
    nuke_module.nodes.NoOp()
    monkeypatch.setattr(sys, "argv", [str(SMOKE), "--out", str(tmp_path / "report.json")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SMOKE), run_name="__main__")
    assert ended.value.code == 2 and "A script is open" in capsys.readouterr().out
    assert not (tmp_path / "report.json").exists()


def test_every_rule_is_checked_or_said_to_be_uncheckable(nuke):
    nuke("16.0v4", gui=False)
    from void_smoke import bench, report, runner

    checked = {one.rule for one in (*bench.CHECKS, runner.THREADS)} - {"knobs"}
    assert checked | set(report.CANNOT) == set(RULES)
    assert not checked & set(report.CANNOT)
