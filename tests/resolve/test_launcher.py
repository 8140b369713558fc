# SPDX-License-Identifier: Apache-2.0
"""The menu's entries run where `__file__` is undefined; a failure is one message, never a traceback into Resolve."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from void_client.install.plugin_files import shipped_files
from void_client.install.resolve import LAUNCHER, LAUNCHERS, launcher

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "plugin_resolve"
PYTHONS = [
    path
    for version in ("3.8", "3.9", "3.10", "3.13", "3.14")
    for path in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))[:1]
]

RECORDING = """
CALLS = []
def run(names):
    CALLS.append(names["resolve"].GetProductName())
    {}
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Writes a launcher for a package whose two modules do as is said, and forgets all modules of that name."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "void_resolve"}
    path = list(sys.path)
    for name in kept:
        del sys.modules[name]

    def write(entry="main", package='Jürgen\'s "tools" \\n', does="pass"):
        folder = tmp_path / package / "void_resolve"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        for name in LAUNCHERS.values():
            (folder / f"{name}.py").write_text(
                RECORDING.format(does if name == entry else "raise AssertionError")
            )
        script = tmp_path / "VOID.py"
        script.write_bytes(launcher(shipped_files("resolve")[LAUNCHER], str(folder.parent), entry))
        return script

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "void_resolve"]:
        del sys.modules[name]
    sys.modules.update(kept)
    sys.path[:] = path


@pytest.mark.parametrize("entry", LAUNCHERS.values())
def test_an_entry_runs_its_module_with_resolve_s_globals(installed, resolve_session, entry):
    names = resolve_session().run_script(installed(entry))
    assert "__file__" not in names
    assert sys.modules[f"void_resolve.{entry}"].CALLS == ["DaVinci Resolve Studio"]


def test_it_runs_where_its_own_names_are_out_of_reach_of_its_functions(installed, resolve_session):
    code = compile(installed().read_text(encoding="utf-8"), "<string>", "exec")
    exec(code, {"__builtins__": __builtins__, **resolve_session().menu_globals()}, {})
    assert len(sys.modules["void_resolve.main"].CALLS) == 1


def test_choosing_it_again_adds_no_second_path(installed, resolve_session):
    script, before = installed(), len(sys.path)
    for _ in range(2):
        resolve_session().run_script(script)
    assert len(sys.path) == before + 1


@pytest.mark.parametrize("stdout", [True, False])
def test_a_package_that_is_gone_is_told_once(installed, resolve_session, tmp_path, stdout):
    script = installed()
    for path in sorted((tmp_path / 'Jürgen\'s "tools" \\n').rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    session = resolve_session()
    session.click("Leave")
    session.run_script(script, stdout=stdout)
    assert "void install resolve" in (tmp_path / "VOID_start.log").read_text(encoding="utf-8")
    assert not session.events


def test_an_error_of_the_package_is_told_and_not_raised(installed, resolve_session, tmp_path):
    session = resolve_session()
    session.click("Leave")
    session.run_script(installed(does="raise KeyError('lost')"))
    said = (tmp_path / "VOID_start.log").read_text(encoding="utf-8")
    assert said.count("Traceback") == 1 and "KeyError: 'lost'" in said and not session.events


def test_without_windows_and_without_a_writable_place_it_still_ends(installed, resolve_session, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    resolve_session(fault="headless").run_script(installed(does="raise KeyError"), stdout=False)


def test_where_uimanager_has_to_be_called_the_message_shows_too(installed, resolve_session):
    session = resolve_session(fault="ui_callable")
    session.click("VoidStart", "Close")
    session.run_script(installed(does="raise KeyError"))
    assert not session.events


# The oldest Python that may run it, and the newest.


@pytest.mark.parametrize("path", sorted(PLUGIN.rglob("*.py")), ids=lambda path: path.name)
def test_the_plugin_has_the_syntax_of_python_3_8_and_imports_nothing_from_elsewhere(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 8))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= {*sys.stdlib_module_names, "void_resolve", "void_line"}


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: path.parents[1].name)
def test_every_module_imports_in_every_python_at_hand(python):
    names = sorted(path.stem for path in (PLUGIN / "void_resolve").glob("*.py") if path.stem != "__init__")
    code = f"import importlib\nfor name in {names!r}: importlib.import_module('void_resolve.' + name)"
    environment = {**os.environ, "PYTHONPATH": f"{PLUGIN}{os.pathsep}{ROOT / 'plugin_line'}"}
    command = [str(python), "-W", "error", "-B", "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert ran.returncode == 0, ran.stderr
