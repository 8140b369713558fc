# SPDX-License-Identifier: Apache-2.0
"""The plugin in the Pythons of the Nukes it is promised for: tests/nuke/under.py, run by each that is here.

A Python that is not here is skipped, and named in the last lines of the tests' output.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.nuke.seat import helper_variables, stop_local_server
from tests.small_shot import SmallShot, write_small_shot

ROOT = Path(__file__).resolve().parents[2]
UNDER = ROOT / "tests" / "nuke" / "under.py"
PYTHONS = [("3.9", "14.0v1"), ("3.10", "15.2v1"), ("3.11", "16.0v4"), ("3.11", "17.0v1"), ("3.13", "17.0v1")]
"""Pythons, and the Nuke that is modelled in each; 3.13 is for Nuke 18, of which nothing is known yet."""

HOSTS = {"plugin_nuke": (3, 9), "plugin_line": (3, 8), "plugin_resolve": (3, 8)}
"""Oldest Python of each folder of files for hosts."""

OWN = {"void_line", "void_nuke", "void_smoke", "void_resolve"}
OF_HOSTS = {"nuke", "nukescripts", "PySide2", "PySide6"}


def interpreter(version: str) -> str:
    """A Python of a version that runs; empty = none is here."""
    kept = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))) / "versions"
    found = [str(path) for path in sorted(kept.glob(f"{version}.*/bin/python{version}"))]
    for program in [*found, shutil.which(f"python{version}") or ""]:
        asked = [program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if (
            program
            and subprocess.run(asked, capture_output=True, text=True, check=False).stdout == f"{version}\n"
        ):
            return program
    return ""


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("shot"), frames=3)


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    data = tmp_path_factory.mktemp("data")
    yield helper_variables(data)
    stop_local_server(data)


@pytest.mark.parametrize(("python", "nuke"), PYTHONS)
def test_the_plugin_works_end_to_end_in(python, nuke, shot, own_server, tmp_path):
    program = interpreter(python)
    if not program:
        pytest.skip(
            f"there is no Python {python} here, which Nuke {nuke.split('.')[0]} would run the plugin in"
        )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON") and k != "OCIO"}
    done = subprocess.run(
        [program, "-B", "-s", str(UNDER), str(shot.folder), str(tmp_path), nuke],
        env={**environment, **own_server},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["python"] == [int(part) for part in python.split(".")]
    assert "void_nuke.work" in said["modules"] and "void_smoke.runner" in said["modules"]
    for step in ("remove", "masks"):
        state, status, files = said[step]
        assert (state, len(files)) == ("done", 3), status
        assert all(Path(path).stat().st_size > 0 for path in files)
    before, after, version = said["shown"]
    assert before == after == said["remove"][2][0] and version == 1
    assert (said["messages"], said["foreign"]) == ([], [])


def files_of_hosts() -> list[Path]:
    return sorted(path for folder in HOSTS for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", files_of_hosts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_for_hosts_has_the_syntax_of_its_oldest_python_and_imports_no_package(path):
    text = path.read_text(encoding="utf-8")
    ast.parse(text, feature_version=HOSTS[path.relative_to(ROOT).parts[0]])
    assert imported(text) <= set(sys.stdlib_module_names) | OWN | OF_HOSTS


def imported(text: str) -> set[str]:
    """Packages that a module imports, wherever in it."""
    found = set()
    for statement in ast.walk(ast.parse(text)):
        if isinstance(statement, ast.Import):
            found |= {name.name.split(".")[0] for name in statement.names}
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            found.add(str(statement.module).split(".")[0])
    return found


def test_the_check_of_imports_and_syntax_finds_what_it_is_for():
    assert imported("def f():\n    import numpy.linalg\nfrom grpc import aio") == {"numpy", "grpc"}
    with pytest.raises(SyntaxError):
        ast.parse("match 1:\n    case 1: pass", feature_version=(3, 9))
    with pytest.raises(SyntaxError):
        ast.parse("with (open('a') as b, open('c') as d): pass", feature_version=(3, 8))


def test_the_line_to_the_helper_calls_no_host():
    for path in (ROOT / "plugin_line").rglob("*.py"):
        assert not imported(path.read_text(encoding="utf-8")) & (OF_HOSTS | OWN - {"void_line"})
