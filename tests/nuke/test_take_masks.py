# SPDX-License-Identifier: Apache-2.0
"""The masks of a VOID node in VOID_QuadmaskPaint, and back into the same node, without a loop."""

from __future__ import annotations

import pytest

from tests.nuke.seat import ROOT, Seat


@pytest.fixture
def seat(nuke_session, tmp_path):
    seat = Seat(nuke_session(), tmp_path)
    yield seat
    seat.leave()


@pytest.mark.parametrize(("kind", "read"), [(0, "Result"), (1, "Mattes")])
def test_the_painter_reads_the_files_of_the_node_that_it_is_connected_to(seat, kind, read):
    nuke = seat.nuke
    plate = nuke.nodes.CheckerBoard2()
    void = seat.add_node(plate)
    void.setName("VOID1")
    void["void_kind"].setValue(kind)
    inner = void.node(read)
    inner["file"].setValue("[file dirname [value root.name]]/void/[value parent.name]/v001/a.%04d.exr")
    inner["last"].setValue(5)
    for node in nuke.selectedNodes():
        node.setSelected(False)
    nuke.nodePaste(str(ROOT / "gizmos" / "VOID_QuadmaskPaint.gizmo"))
    painter = nuke.selectedNode()
    painter.setInput(0, plate)
    void.setInput(1, painter)
    seat.press("void_take", painter)
    masks = painter.node("Masks")
    assert masks["file"].evaluate(3) == f"{seat.folder}/void/VOID1/v001/a.0003.exr"
    assert masks["last"].value() == 5 and not masks["disable"].value()
    assert painter.node("MattesAsLayer")["disable"].value() is (kind == 0)
    assert painter.node("Source")["which"].value() == 1
