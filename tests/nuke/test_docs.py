# SPDX-License-Identifier: Apache-2.0
"""The pages about Nuke: what they name is there, and the page of the model is of the rules of today."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from void_nuke import knobs

from tests.nuke import model_page
from tests.nuke.seat import forget_plugin

DOCS = model_page.ROOT / "docs"
PAGES = [*sorted(DOCS.glob("nuke*.md")), DOCS / "install_nuke.md", model_page.ROOT / "README.md"]


@pytest.fixture
def fresh_plugin():
    """The plugin's modules belong to one modelled Nuke each."""

    def forget():
        forget_plugin()
        for name in [n for n in sys.modules if n == "void_smoke" or n.startswith("void_smoke.")]:
            del sys.modules[name]

    forget()
    yield
    forget()


def test_the_page_of_the_model_has_the_rules_of_today(fresh_plugin):
    assert model_page.PAGE.read_text(encoding="utf-8") == model_page.text(), (
        "run python -m tests.nuke.model_page"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_what_a_page_links_to_is_there(page: Path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_buttons_that_the_page_names_are_the_node_s():
    text = (DOCS / "nuke.md").read_text(encoding="utf-8")
    labels = {knob.label for knob in knobs.KNOBS}
    named = {
        "Remove",
        "Preview",
        "Masks only",
        "Re-run from masks",
        "Job log",
        "Reconnect",
        "segmenter",
        "key frames",
    }
    assert named <= labels
    assert all(re.search(rf"\*{name}", text) or f"> {name}" in text for name in named)


def test_the_table_of_what_a_person_ran_is_empty_until_there_is_a_report():
    table = (DOCS / "nuke.md").read_text(encoding="utf-8").split("## What was run where")[1]
    rows = [line for line in table.splitlines() if line.startswith("|")][2:]
    assert rows == ["| *none yet* | | | |"]
