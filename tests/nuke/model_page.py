# SPDX-License-Identifier: Apache-2.0
"""Writes docs/nuke_model.md: the rules of the modelled Nuke, and which of them the check inside Nuke tries.

python -m tests.nuke.model_page
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "nuke_model.md"

HEAD = """# What the tests assume of Nuke

No Nuke was at hand: the plugin is tested against a model of Nuke's Python (`tests/nuke/standin`), and this page lists
its rules. They are from Foundry's public documentation and from other projects' code; **nothing here was confirmed in a
Nuke**. Where nobody knows, the model takes the harsher way, and the third column says what it takes.

*Check* says where [the check inside Nuke](nuke.md#what-was-run-where) tries a rule: without a window (`-t`), in Nuke's
window, or both; some rules in part, and the report says in its own words what was tried. A rule that differs in a
report is a bug of ours until somebody has looked at it.

Written by `python -m tests.nuke.model_page` from `tests/nuke/standin/rules.py`; a test compares them.

| rule | the model says | assumed without a source | check |
|---|---|---|---|
"""

ALSO = """
## Beyond the rules

The check also compares, in your Nuke:

"""
LAST = """- each scene of `smoke/scenes`: it opens, and its VOID node has its knobs and inputs (`-t` alone)
- three frames: node, rendered matte, helper, server, files, the node's Reads, what Nuke renders of the node, copy and
  paste; without a window also saving and opening
"""


def text() -> str:
    """The page."""
    from tests.nuke.standin import Session
    from tests.nuke.standin.rules import RULES

    for folder in ("plugin_nuke", "plugin_line"):
        if str(ROOT / folder) not in sys.path:
            sys.path.append(str(ROOT / folder))
    session = Session().install()
    try:
        from void_smoke import bench, report, runner
    finally:
        session.remove()
    every = (*bench.CHECKS, runner.THREADS)
    rows = []
    for rule, said in RULES.items():
        modes = {mode for one in every if one.rule == rule for mode in one.modes}
        shown = " and ".join(mode for mode in (bench.TERMINAL, bench.WINDOW) if mode in modes)
        tried = shown or f"none: {report.CANNOT[rule]}"
        rows.append(f"| {rule} | {_cell(said.says)} | {_cell(said.assumed)} | {_cell(tried)} |\n")
    others = "".join(f"- {one.says}\n" for one in every if one.rule not in RULES)
    return HEAD + "".join(rows) + ALSO + others + LAST


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
    print(PAGE)
