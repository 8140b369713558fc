# SPDX-License-Identifier: Apache-2.0
"""All that is checked of one file."""

from __future__ import annotations

from pathlib import Path

from tests.nuke.tcl import python_in, reader, rules
from tests.nuke.tcl.reader import Problem

ROOT = Path(__file__).resolve().parents[3]


def shipped() -> list[Path]:
    """Every .gizmo and .nk of the repository that is for Nuke."""
    places = [ROOT / "gizmos", ROOT / "plugin_nuke", ROOT / "tests" / "nuke" / "fixtures"]
    return sorted(path for place in places for path in place.rglob("*") if path.suffix in (".gizmo", ".nk"))


def problems(path: Path) -> list[Problem]:
    """What is wrong with a file; a file that tclsh cannot read whole is judged no further."""
    script = reader.read(path)
    found = list(script.problems)
    if path.suffix == ".gizmo" and not path.read_text(encoding="utf-8").startswith("Group {"):
        found.append(Problem("output", "a gizmo of ours begins with `Group {`"))
    for rule in (*rules.RULES, python_in.compiles, python_in.compiles_in_old):
        found += rule(script)
    return found
