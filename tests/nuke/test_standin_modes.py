# SPDX-License-Identifier: Apache-2.0
"""Rules of modes and of the interface, by their ids in `standin.rules`."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.nuke import standin
from tests.nuke.standin import BrokenRules, Session, interface
from tests.nuke.standin.rules import RULES


def judged(use):
    """What breaks when a use of Nuke is over."""
    session = Session().install()
    try:
        use(session)
        with pytest.raises(BrokenRules) as error:
            session.judge()
    finally:
        session.remove()
    return str(error.value)


def test_n60_mode_and_version(nuke_session):
    nuke = nuke_session("14.1v2", gui=False, env={"studio": True, "WIN32": True}).nuke
    assert nuke.GUI is False and nuke.NUKE_VERSION_STRING == "14.1v2"
    assert (nuke.env["NukeVersionMajor"], nuke.env["NukeVersionMinor"]) == (14, 1)
    assert nuke.env["studio"] and nuke.env["WIN32"] and not nuke.env["indie"]
    with pytest.raises(RuntimeError):
        nuke.menu("Nodes")


def test_n61_an_unsaved_script(nuke_session, tmp_path):
    nuke = nuke_session().nuke
    assert nuke.root().name() == "Root" and nuke.script_directory() == ""
    with pytest.raises(RuntimeError):
        nuke.scriptName()
    nuke.scriptSave(str(tmp_path / "a.nk"))
    assert nuke.scriptName() == str(tmp_path / "a.nk")


@pytest.mark.parametrize(("version", "there"), [("15.2v1", False), ("16.0v1", True)])
def test_n62_disable_group_view(nuke_session, version, there):
    assert (nuke_session(version).nuke.nodes.Group().knob("disable_group_view") is not None) is there


@pytest.mark.parametrize("edition", ["indie", "nc"])
def test_n63_an_edition_that_reaches_ten_nodes(nuke_session, edition):
    nuke = nuke_session(env={edition: True}).nuke
    for _ in range(10):
        nuke.nodes.NoOp()
    assert nuke.toNode("NoOp10")
    with pytest.raises(RuntimeError, match="10 nodes"):
        nuke.nodes.NoOp()


def test_n64_messages_need_the_interface(nuke_session):
    nuke = nuke_session(gui=False).nuke
    for call in (nuke.message, nuke.ask, nuke.ProgressTask):
        with pytest.raises(RuntimeError):
            call("x")


def test_n64_questions_are_answered_by_the_test(nuke_session):
    session = nuke_session()
    session.app.answers.append(True)
    assert session.nuke.ask("Really?") is True and session.app.questions == ["Really?"]
    with pytest.raises(RuntimeError):
        session.nuke.ask("Again?")


def test_n65_progress_is_an_int_to_100(nuke_session):
    task = nuke_session().nuke.ProgressTask("x")
    task.setProgress(100)
    for wrong in (0.5, None, 101, -1, True):
        with pytest.raises(TypeError):
            task.setProgress(wrong)


def test_n66_cancel_is_scripted(nuke_session):
    nuke = nuke_session().nuke
    task = nuke.ProgressTask("x")
    assert not task.isCancelled()
    interface.ProgressTask.cancelled = staticmethod(lambda name: name == "x")
    assert task.isCancelled()


def test_n67_a_task_is_released():
    kept = []
    assert "was not released" in judged(lambda session: kept.append(session.nuke.ProgressTask("x")))


def test_n68_undo_blocks_balance(nuke_session):
    assert "the undo block x" in judged(lambda session: session.nuke.Undo.begin("x"))
    assert "without begin" in judged(lambda session: session.nuke.Undo.end())
    session = nuke_session()
    nuke = session.nuke
    with pytest.raises(ZeroDivisionError), nuke.Undo("Remove"):
        nuke.nodes.NoOp(label="x")
        raise ZeroDivisionError
    nuke.nodes.NoOp()
    assert session.undo.blocks == [("Remove", 2)] and session.undo.loose == ["NoOp is made"]


def test_n69_undo_is_enabled_again(nuke_session):
    assert "not enabled" in judged(lambda session: session.nuke.Undo().disable())
    assert "without disable" in judged(lambda session: session.nuke.Undo.enable())
    session = nuke_session()
    session.nuke.Undo().disable()
    session.nuke.nodes.NoOp()
    session.nuke.Undo().enable()
    assert session.undo.loose == []


def test_menus(nuke_session):
    session = nuke_session()
    nuke, seen = session.nuke, []
    nuke.menu("Nodes").addMenu("VOID", icon="void.png").addCommand("VOID", lambda: seen.append(1))
    nuke.menu("Nuke").addCommand("VOID/Say", "nuke.message('x')")
    nuke.menu("Nodes").findItem("VOID/VOID").invoke()
    nuke.menu("Nuke").findItem("VOID/Say").invoke()
    assert seen == [1] and session.app.messages == ["x"]


def test_what_is_expected_must_happen():
    assert "did not happen: hang" in judged(lambda session: session.expect("hang"))


def test_the_code_is_of_python_3_9():
    for path in Path(standin.__file__).parent.glob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_every_rule_has_a_test_with_its_name():
    text = "".join(
        path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_standin_*.py")
    )
    assert set(RULES) == {name.upper() for name in re.findall(r"def test_(n\d\d)_", text)}


@pytest.mark.parametrize(("python", "version"), [("3.9", "14.0v1"), ("3.10", "15.2v1"), ("3.13", "17.0v1")])
def test_it_runs_in_the_pythons_of_nuke(python, version):
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{python}.*/bin/python")
    found = next(map(str, roots), "") or shutil.which(f"python{python}")
    if not found or subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip(f"there is no Python {python} here")
    code = (
        f"from tests.nuke.standin import Session; session = Session({version!r}).install(); import nuke\n"
        "read = nuke.createNode('Read'); read['file'].fromUserText('/a b/c.%04d.exr 1001-1005')\n"
        "nuke.nodes.Group(); text = read.writeKnobs(); nuke.scriptClear()\n"
        "session.read('Read {\\n inputs 0\\n' + text + '}\\n'); print(nuke.toNode('Read1').lastFrame())\n"
        "session.judge()"
    )
    root = Path(standin.__file__).parents[3]
    done = subprocess.run([found, "-B", "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("1005\n", "")
