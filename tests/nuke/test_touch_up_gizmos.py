# SPDX-License-Identifier: Apache-2.0
"""The gizmos for touching up by hand: what their knobs and buttons do, by their text."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.nuke.tcl import checks, reader, rules
from tests.nuke.tcl.reader import Node, Script

pytestmark = pytest.mark.skipif(reader.TCLSH is None, reason=reader.NO_TCLSH)

GIZMOS = ("VOID", "VOID_Masks", "VOID_TouchUp", "VOID_QuadmaskPaint", "VOID_QC")


def gizmo(name: str) -> Script:
    """A gizmo as it is shipped."""
    return reader.read(checks.ROOT / "gizmos" / f"{name}.gizmo")


def main_pipe(script: Script) -> list[Node]:
    """From the Output upwards: what comes in first, and of a Switch what it may choose."""
    found, waiting = [], [script.named("Output1")]
    while waiting:
        node = waiting.pop()
        found.append(node)
        wanted = node.inputs if node.kind == "Switch" else node.inputs[:1]
        waiting += [script.nodes[number] for number in wanted]
    return found


@pytest.mark.parametrize("name", ["VOID", "VOID_Masks", "VOID_TouchUp", "VOID_QuadmaskPaint"])
def test_bbox_and_metadata_of_a_picture_are_those_of_its_main_input(name: str) -> None:
    for node in main_pipe(gizmo(name)):
        if node.kind in ("Keymix", "Copy", "Merge2"):
            assert (node.get("bbox"), node.get("metainput", "B")) == ("B", "B"), node.name


@pytest.mark.parametrize("name", GIZMOS)
def test_every_part_is_explained_to_who_opens_the_group(name: str) -> None:
    script = gizmo(name)
    assert [node for node in script.nodes.values() if node.kind == "StickyNote" and node.get("label")]
    assert script.groups()[0].get("help")


@pytest.mark.parametrize("name", GIZMOS)
def test_no_two_nodes_lie_on_each_other(name: str) -> None:
    script = gizmo(name)
    inside = script.inside(script.groups()[0].number)
    places = [(int(node.get("xpos")), int(node.get("ypos"))) for node in inside]
    for index, (x, y) in enumerate(places):
        for other_x, other_y in places[index + 1 :]:
            assert abs(x - other_x) >= 90 or abs(y - other_y) >= 40


@pytest.mark.parametrize("name", GIZMOS)
def test_only_classes_of_nuke_14_are_used(name: str) -> None:
    newer = {"Shuffle2", "VariableGroup", "VariableSwitch", "LiveInput", "BlinkScript", "Gizmo"}
    assert not {node.kind for node in gizmo(name).nodes.values()} & newer
    assert not any("group_view" in knob for node in gizmo(name).nodes.values() for knob, _ in node.knobs)


def test_grow_makes_a_matte_larger_by_a_negative_erode() -> None:
    for name in ("VOID_Masks", "VOID_TouchUp"):
        grow = gizmo(name).named("Grow")
        assert (grow.kind, rules.expressions(grow.get("size"))) == ("FilterErode", ["-parent.void_grow"])


def test_each_rotopaint_draws_into_one_channel_that_is_read_back() -> None:
    script = gizmo("VOID_QuadmaskPaint")
    outputs = {node.name: node.get("output") for node in script.nodes.values() if node.kind == "RotoPaint"}
    assert outputs == {"PaintRemove": "void_mask.red", "PaintAffected": "void_mask.green"}
    scripts = [user.script for user in script.groups()[0].users if user.name.startswith("void_paint_")]
    assert scripts[1:3] == [f'nuke.thisNode().node("{name}").showControlPanel()' for name in outputs]


class Knob:
    """A knob with a value."""

    def __init__(self, value: object) -> None:
        self._value = value

    def value(self) -> object:
        return self._value

    def setValue(self, value: object) -> None:  # noqa: N802
        self._value = value


class FakeNode(dict[str, Knob]):
    """A node of knobs and of nodes inside."""

    def __init__(self, inside: dict[str, FakeNode] | None = None, **values: object) -> None:
        super().__init__({name: Knob(value) for name, value in values.items()})
        self.inside = inside or {}

    def node(self, name: str) -> FakeNode:
        return self.inside[name]

    def knob(self, name: str) -> Knob | None:
        return self.get(name)


def pressed(gizmo_name: str, button: str, node: FakeNode, **nuke: object) -> None:
    """Runs a button of a gizmo with this node as its own."""
    users = gizmo(gizmo_name).groups()[0].users
    (text,) = (user.script for user in users if user.name == button)
    exec(text, {"nuke": SimpleNamespace(thisNode=lambda: node, **nuke)})


RANGE = {"first": 1001, "last": 1010, "origfirst": 1001, "origlast": 1010}
SHIFT = {"frame_mode": "offset", "frame": "-100"}


@pytest.mark.parametrize(("kind", "read"), [(0, "Result"), (1, "Mattes")])
def test_take_masks_reads_the_files_that_the_named_node_shows(kind: int, read: str) -> None:
    shown = FakeNode(file="[value parent.name]/v002/VOID1.####.exr", **RANGE, **SHIFT)
    nodes = {"root.VOID1": FakeNode({read: shown}, void_has_result=True, void_kind=kind)}
    masks = FakeNode(file="", frame_mode="expression", frame="", **dict.fromkeys(RANGE, 1))
    group = FakeNode({"Masks": masks}, void_source="VOID1", void_from_files=False, void_from_mattes=None)

    pressed("VOID_QuadmaskPaint", "void_take", group, toNode=nodes.get)
    assert {name: knob.value() for name, knob in masks.items()} == {
        "file": "[value root.VOID1.name]/v002/VOID1.####.exr",
        **RANGE,
        **SHIFT,
    }
    assert group["void_from_files"].value() is True
    assert group["void_from_mattes"].value() is bool(kind)


@pytest.mark.parametrize(
    "source", [None, FakeNode(), FakeNode({"Result": FakeNode(file="")}, void_has_result=False, void_kind=0)]
)
def test_take_masks_says_which_node_has_none(source: FakeNode | None) -> None:
    said: list[str] = []
    group = FakeNode(void_source="VOID7", void_from_files=False)
    pressed("VOID_QuadmaskPaint", "void_take", group, toNode=lambda name: source, message=said.append)
    assert said == ["VOID_QuadmaskPaint: VOID7 is no VOID node with a result."]
    assert group["void_from_files"].value() is False


def test_the_numbers_of_qc_are_of_the_whole_picture() -> None:
    script = gizmo("VOID_QC")
    tools = {node.name: node for node in script.nodes.values() if node.kind == "CurveTool"}
    assert tools["WorstOutside"].get("operation") == "Max Luma Pixel"
    assert tools["ChangedArea"].get("operation") == "Avg Intensities"
    for tool in tools.values():
        assert tool.get("ROI") == "0 0 {width} {height}"


def test_measure_executes_both_tools_over_the_range_of_the_knobs() -> None:
    tools = {"WorstOutside": FakeNode(), "ChangedArea": FakeNode()}
    executed = []
    pressed(
        "VOID_QC",
        "void_measure",
        FakeNode(tools, void_first=1001, void_last=1010),
        execute=lambda node, first, last: executed.append((id(node), first, last)),
    )
    assert executed == [(id(tool), 1001, 1010) for tool in tools.values()]
