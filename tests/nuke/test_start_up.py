# SPDX-License-Identifier: Apache-2.0
"""Nuke's start with the plugin: nothing raises, nothing starts, nothing of a pipeline is pushed aside."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from tests.nuke.seat import ROOT, forget_plugin

PLUGIN = ROOT / "plugin_nuke"


def start(name, **names):
    """Run a start-up file as Nuke does."""
    path = PLUGIN / name
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), {"__file__": str(path), **names})


@pytest.fixture
def nuke(nuke_session, monkeypatch):
    """A Nuke that has not started the plugin yet."""
    monkeypatch.setattr(sys, "path", [p for p in sys.path if "plugin_" not in p])
    forget_plugin()
    for name in [n for n in sys.modules if n.partition(".")[0] == "void_line"]:
        monkeypatch.delitem(sys.modules, name)
    return nuke_session()


def test_the_menus_have_every_group_and_the_loading_of_scripts_is_heard(nuke):
    start("menu.py")
    menu = nuke.nuke.menu("Nodes").menu("VOID")
    names = ["VOID", "VOID_Masks", "VOID_TouchUp", "VOID_QuadmaskPaint", "VOID_QC"]
    assert [item.name() for item in menu.items()] == names
    registered = nuke.app.script.callbacks.registered
    assert (len(registered["OnScriptLoad"]), len(registered["OnScriptClose"])) == (1, 1)


def test_every_group_of_the_menus_is_found_by_its_name(nuke):
    start("init.py")
    start("menu.py")
    for item in nuke.nuke.menu("Nodes").menu("VOID").items():
        for node in nuke.nuke.selectedNodes():
            node.setSelected(False)
        item.invoke()
        assert nuke.nuke.selectedNode().Class() == "Group"


def test_the_path_grows_at_its_end_alone(nuke):
    before = list(sys.path)
    start("menu.py")
    assert sys.path[: len(before)] == before
    assert sys.path[len(before) :] == [str(PLUGIN), str(ROOT / "plugin_line")]
    start("menu.py")
    assert len(sys.path) == len(before) + 2


def test_the_groups_are_found_behind_those_of_others(nuke):
    nuke.nuke.pluginAddPath("/studio/gizmos")
    start("init.py")
    assert nuke.nuke.pluginPath() == ["/studio/gizmos", str(ROOT / "gizmos")]


def test_on_a_farm_the_groups_are_found_and_no_more_is_done(nuke_session):
    session = nuke_session(gui=False)
    start("init.py")
    assert session.nuke.pluginPath() == [str(ROOT / "gizmos")]


def test_nothing_is_started(nuke, monkeypatch):
    started = []

    def popen(*arguments, **more):
        started.append(arguments)
        raise OSError("no process is started here")

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setenv("VOID_HELPER", "void-helper")
    threads = threading.active_count()
    start("init.py")
    start("menu.py")
    assert (threading.active_count(), started) == (threads, [])


@pytest.mark.parametrize("name", ["init.py", "menu.py"])
def test_a_start_up_that_fails_is_printed_and_nuke_goes_on(nuke, monkeypatch, capsys, name):
    def broken(*arguments, **more):
        raise RuntimeError("a broken pipeline")

    monkeypatch.setattr(nuke.nuke, "pluginAppendPath", broken)
    monkeypatch.setattr(nuke.nuke, "menu", broken)
    start(name)
    said = capsys.readouterr()
    assert "could not be added" in said.out and "a broken pipeline" in said.err


def test_a_plugin_that_is_half_installed_is_printed_and_nuke_goes_on(nuke, monkeypatch, capsys, tmp_path):
    (tmp_path / "void_nuke").mkdir()
    (tmp_path / "void_nuke" / "__init__.py").write_text("raise ImportError('half a plugin')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    start("menu.py")
    assert "half a plugin" in capsys.readouterr().err
    assert nuke.nuke.menu("Nodes").menu("VOID") is None


@pytest.mark.parametrize("major", [12, 13])
def test_an_older_nuke_is_told_not_to_be_supported(nuke, capsys, major):
    nuke.app.env["NukeVersionMajor"] = major
    start("menu.py")
    assert f"VOID needs Nuke 14 or newer; this is Nuke {major}" in capsys.readouterr().out
    assert nuke.nuke.menu("Nodes").menu("VOID") is None
    assert "void_nuke.node" not in sys.modules


HOSTILE = """
    import sys
    from pathlib import Path
    sys.path[:0] = [{hostile!r}, {root!r}]
    from tests.nuke.standin import Session
    session = Session().install()
    before = set(sys.modules)
    for name in ("init.py", "menu.py"):
        path = Path({plugin!r}) / name
        exec(compile(path.read_text(), str(path), "exec"), {{"__file__": str(path), "__name__": name}})
    import importlib
    for file in sorted((Path({plugin!r}) / "void_nuke").glob("*.py")):
        importlib.import_module("void_nuke." + file.stem)
    heavy = ("grpc", "google", "numpy", "OpenEXR", "PySide2", "PySide6", "void_client")
    print(sorted(name for name in set(sys.modules) - before if name.partition(".")[0] in heavy))
    print(sorted(sys.modules[n].__file__ for n in sys.modules if n.startswith("void_") and
                 not sys.modules[n].__file__.startswith({root!r})))
    print(session.nuke.menu("Nodes").menu("VOID") is not None)
"""
NAMES = (
    "frames",
    "order",
    "values",
    "node",
    "source",
    "colour",
    "display",
    "errors",
    "folders",
    "command",
    "helper",
)


def test_a_pipeline_with_modules_of_the_same_names_changes_nothing_and_nothing_compiled_is_imported(tmp_path):
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('a module of the pipeline')\n")
    text = textwrap.dedent(HOSTILE).format(hostile=str(tmp_path), root=str(ROOT), plugin=str(PLUGIN))
    done = subprocess.run([sys.executable, "-I", "-c", text], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[]", "[]", "True"], done.stderr
    assert "Traceback" not in done.stderr


def test_the_plugin_is_python_that_the_oldest_promised_nuke_reads():
    import ast

    for path in sorted([*PLUGIN.glob("*.py"), *(PLUGIN / "void_nuke").glob("*.py")]):
        ast.parse(Path(path).read_text(encoding="utf-8"), str(path), feature_version=(3, 9))
    # What a Nuke 13 reads to be told that it is too old.
    for name in ("menu.py", "init.py", "void_nuke/__init__.py", "void_nuke/menus.py"):
        ast.parse((PLUGIN / name).read_text(encoding="utf-8"), name, feature_version=(3, 7))
