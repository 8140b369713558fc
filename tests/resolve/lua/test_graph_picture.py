# SPDX-License-Identifier: Apache-2.0
"""The picture in the documentation shows the macro as it is now, and says what it is."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.resolve.lua.graph_picture import HASH, LABEL, PICTURE, draw, graph_hash
from tests.resolve.lua.setting import Node, group_of, read

AGAIN = "the macro changed: python -m tests.resolve.lua.graph_picture draws it again"


def test_the_picture_and_the_hash_beside_it_are_of_this_graph(group: Node) -> None:
    assert HASH.read_text().strip() == graph_hash(group), AGAIN
    with Image.open(PICTURE) as picture:
        assert picture.info["graph"] == graph_hash(group), AGAIN


def test_another_wire_name_or_place_gives_another_hash(text: str, interpreter: str, group: Node) -> None:
    for old, new in (
        ('SourceOp = "BlurMatte"', 'SourceOp = "GrowMatte"'),
        ('Name = "Mix"', 'Name = "Amount"'),
        ("Pos = { 880, 0 }", "Pos = { 880, 10 }"),
    ):
        changed = read(text.replace(old, new, 1), interpreter)
        assert graph_hash(group_of(changed)[1]) != graph_hash(group)


def test_it_draws(group: Node, tmp_path: Path) -> None:
    draw(group, tmp_path / "graph.png")
    with Image.open(tmp_path / "graph.png") as picture:
        assert picture.size == Image.open(PICTURE).size


def test_the_page_says_that_it_is_no_screenshot() -> None:
    page = (PICTURE.parents[1] / "resolve_macro.md").read_text()
    assert LABEL in page
    assert f"images/{PICTURE.name}" in page
