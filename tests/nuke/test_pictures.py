# SPDX-License-Identifier: Apache-2.0
"""The pictures of node graphs in the docs are of the graphs as they are now."""

from __future__ import annotations

import json

import pytest

from tests.nuke import draw
from tests.nuke.tcl import checks, reader

pytestmark = pytest.mark.skipif(reader.TCLSH is None, reason=reader.NO_TCLSH)


def test_each_picture_was_drawn_from_the_graph_of_today() -> None:
    now = {
        name: draw.fingerprint(reader.read(checks.ROOT / source))
        for name, (source, _) in draw.PICTURES.items()
    }
    assert json.loads(draw.GRAPHS.read_text(encoding="utf-8")) == now, "run python -m tests.nuke.draw"


@pytest.mark.parametrize("name", draw.PICTURES)
def test_a_picture_is_small(name: str) -> None:
    assert 5_000 < (draw.IMAGES / name).stat().st_size < 150_000


def test_a_moved_node_or_another_connection_asks_for_a_new_picture() -> None:
    script = reader.read(checks.ROOT / "gizmos" / "VOID_QC.gizmo")
    before = draw.fingerprint(script)
    script.named("Show").inputs.reverse()
    assert draw.fingerprint(script) != before
    script.named("Show").inputs.reverse()
    assert draw.fingerprint(script) == before
    script.named("Show").knobs.append(("xpos", "7"))
    assert draw.fingerprint(script) != before
