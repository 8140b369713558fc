# SPDX-License-Identifier: Apache-2.0
"""The checklist of docs/security.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_line_of_the_checklist_names_a_test_that_exists():
    page = (ROOT / "docs" / "security.md").read_text()
    section = page.split("### A checklist for an outside reader")[1].split("###")[0]
    lines = re.findall(r"^\| (?!claim|---)(.+?) \| (.+?) \|$", section, re.M)
    assert len(lines) > 10
    for claim, tests in lines:
        named = re.findall(r"`(\w+\.py)(?:::(\w+))?`", tests)
        assert named, claim
        for module, test in named:
            text = (ROOT / "tests" / "server" / module).read_text()
            assert f"def {test}" in text if test else "def test_" in text, (claim, module, test)
