# SPDX-License-Identifier: Apache-2.0
"""The Python inside of a script: does it compile here, and where Nuke 14 would run it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.nuke.tcl.reader import Problem, Script

NO_OLD = "there is no Python 3.9: that buttons compile in Nuke 14 is not checked"

_CALLBACKS = ("onCreate", "onDestroy", "knobChanged", "updateUI", "autolabel", "beforeRender", "afterRender")
_COMPILES = "import sys; compile(sys.stdin.read(), 'a knob', 'exec')"


@functools.cache
def old_python() -> str | None:
    """A Python 3.9 that runs; None where there is none."""
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    places = [shutil.which("python3.9"), *map(str, versions.glob("3.9.*/bin/python3.9"))]
    for place in places:
        if place and subprocess.run([place, "-c", ""], capture_output=True).returncode == 0:
            return place
    return None


def texts(script: Script) -> Iterator[tuple[str, str]]:
    """Each piece of Python, with its place."""
    for node in script.nodes.values():
        for user in node.users:
            if user.kind == "22":
                yield f"{node.name}.{user.name}", user.script
        for name, value in node.knobs:
            if name in _CALLBACKS:
                yield f"{node.name}.{name}", value


def compiles(script: Script) -> Iterator[Problem]:
    """Every piece compiles, and no button is without one."""
    for place, text in texts(script):
        if not text.strip():
            yield Problem("python", f"{place} holds no Python")
        try:
            compile(text, place, "exec")
        except SyntaxError as problem:
            yield Problem("python", f"{place}: {problem}")


def compiles_in_old(script: Script) -> Iterator[Problem]:
    """The same under Python 3.9, all pieces in one go."""
    old = old_python()
    if old is None:
        return
    whole = "\n".join(
        f"def _{number}():\n  {_indented(text)}" for number, (_, text) in enumerate(texts(script))
    )
    ran = subprocess.run([old, "-c", _COMPILES], input=whole, capture_output=True, text=True)
    if ran.returncode:
        yield Problem("python", f"not in Python 3.9: {ran.stderr.strip().splitlines()[-1]}")


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
