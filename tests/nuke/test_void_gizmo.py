# SPDX-License-Identifier: Apache-2.0
"""VOID.gizmo: its knobs are those of knobs.py; its network gives the live plate outside of the blend."""

from __future__ import annotations

import pytest

from gizmos import make
from tests.nuke.tcl import reader, rules
from tests.nuke.tcl.reader import Node, Script

callbacks, knobs = make.callbacks, make.knobs

pytestmark = pytest.mark.skipif(reader.TCLSH is None, reason=reader.NO_TCLSH)

COPIES = ("CopyMask", "CopyQC", "CopySource", "CopyGain", "CopyOffset")
SENDS = ("SendPlate", "SendRemove", "SendAffected", "SendKeep", "SendQuadmask")


@pytest.fixture(scope="module")
def script() -> Script:
    """The gizmo as it is shipped."""
    return reader.read(make.GIZMO)


@pytest.fixture
def group(script: Script) -> Node:
    """The node VOID."""
    return script.named("VOID")


def into(script: Script, name: str) -> list[str]:
    """Names of what a node is connected to, from its first input on."""
    return [script.nodes[number].name for number in script.named(name).inputs]


# The knobs


def test_the_head_is_what_knobs_py_says_now() -> None:
    text = make.GIZMO.read_text(encoding="utf-8")
    assert text == make.with_head(text)


def test_the_knobs_have_the_names_types_labels_and_flags_of_knobs_py(group: Node) -> None:
    assert [(user.kind, user.name, user.label, user.tooltip, user.flags) for user in group.users] == [
        (str(knob.kind), knob.name, knob.label, knob.tooltip, knob.flags) for knob in knobs.KNOBS
    ]


def test_the_knobs_have_the_defaults_of_knobs_py(group: Node) -> None:
    for knob, user in zip(knobs.KNOBS, group.users, strict=True):
        value = user.script if knob.kind == knobs.TEXT else group.get(knob.name)
        assert value == knob.default, knob.name


def test_the_enumerations_have_the_items_of_knobs_py(group: Node) -> None:
    for knob, user in zip(knobs.KNOBS, group.users, strict=True):
        assert tuple(reader.items(user.items)) == knob.choices, knob.name


def test_the_buttons_and_callbacks_hold_the_lines_of_knobs_py(group: Node) -> None:
    scripts = {user.name: user.script for user in group.users if user.kind == str(knobs.BUTTON)}
    assert scripts == {name: callbacks.button_line(action) for name, action in callbacks.ACTIONS.items()}
    assert (group.get("onCreate"), group.get("knobChanged")) == (callbacks.ON_CREATE, callbacks.KNOB_CHANGED)


def test_text_that_braces_cannot_hold_is_refused() -> None:
    for text in ("a } b", "a { b", "a \\ b", "}{"):
        with pytest.raises(ValueError, match="braces"):
            make.word(text)


# The network


def test_the_inputs_are_plate_remove_affected_and_keep(script: Script) -> None:
    numbers = {node.name: int(node.get("number")) for node in script.nodes.values() if node.kind == "Input"}
    assert numbers == {name: number for number, name in enumerate(knobs.INPUTS)}


def test_the_output_is_chosen_between_result_plate_quadmask_and_difference(script: Script) -> None:
    assert into(script, "Output1") == ["Show"]
    assert into(script, "Show") == ["Passes", "plate", "QuadmaskView", "DifferenceView"]
    assert into(script, "Passes") == ["CopyOffset", "MattesAsLayer"]
    choices = next(knob.choices for knob in knobs.KNOBS if knob.name == "void_show")
    assert choices == ("result", "original", "quadmask", "difference")


def test_without_a_result_the_output_is_the_plate(script: Script) -> None:
    which = rules.expressions(script.named("Show").get("which"))
    assert which == ["parent.void_has_result ? parent.void_show : 1"]
    assert script.named("Result").get("disable") == "{!parent.void_has_result}"


def test_the_live_plate_is_below_the_result_where_the_blend_matte_is(script: Script) -> None:
    assert into(script, "Blend") == ["plate", "ResultEdge", "BlendMatte"]
    blend = script.named("Blend")
    assert (blend.get("channels"), blend.get("maskChannel"), blend.get("bbox")) == ("rgb", "alpha", "B")
    assert blend.get("mix", "1") == "1"
    assert blend.get("invertMask", "false") == "false"


def test_the_blend_matte_is_whole_wherever_the_result_differs(script: Script) -> None:
    matte = script.named("BlendMatte")
    assert into(script, "BlendMatte") == ["LayersEdge"]
    assert (matte.get("channel3"), matte.get("expr3")) == ("alpha", "void_mask.alpha > 0")
    assert [matte.get(f"channel{number}") for number in range(3)] == ["none"] * 3


@pytest.mark.parametrize(
    ("name", "edge"), [("Result", "ResultEdge"), ("ResultLayers", "LayersEdge"), ("Mattes", "MattesEdge")]
)
def test_what_comes_back_is_black_outside_of_its_files_and_frames(
    script: Script, name: str, edge: str
) -> None:
    result = script.named(name)
    assert [result.get(knob) for knob in ("before", "after", "on_error")] == ["black"] * 3
    assert (result.get("raw"), result.get("file")) == ("true", "")
    assert into(script, edge) == [name]


@pytest.mark.parametrize(("name", "below"), list(zip(COPIES, ("Blend", *COPIES[:-1]), strict=True)))
def test_only_layers_of_void_are_copied_on_top_of_the_plate_s(script: Script, name: str, below: str) -> None:
    copy = script.named(name)
    assert into(script, name) == [below, "LayersEdge"]
    assert copy.get("channels").startswith("void_")
    assert [copy.get("from0"), copy.get("to0")] == ["none", "none"]
    assert (copy.get("bbox"), copy.get("metainput")) == ("B", "B")


def test_the_layers_are_those_of_the_knob_layers(script: Script) -> None:
    choices = next(knob.choices for knob in knobs.KNOBS if knob.name == "void_passes")
    shown = {}
    for name in COPIES[1:]:
        (off,) = rules.expressions(script.named(name).get("disable"))
        python = off.replace("parent.void_passes", "index").replace("&&", "and")
        shown[name] = {choice for index, choice in enumerate(choices) if not eval(python, {"index": index})}
    assert shown == {
        "CopyQC": {"qc", "all"},
        "CopySource": {"source", "all"},
        "CopyGain": {"relight", "all"},
        "CopyOffset": {"relight", "all"},
    }


def test_nothing_that_is_sent_is_computed_for_the_output(script: Script) -> None:
    needed = set()
    waiting = [script.named("Output1")]
    while waiting:
        node = waiting.pop()
        needed.add(node.name)
        waiting += [script.nodes[number] for number in node.inputs]
    assert needed.isdisjoint(SENDS)


def test_the_mattes_are_sent_as_alpha_and_the_quadmask_as_it_is(script: Script) -> None:
    for name in SENDS:
        write = script.named(name)
        values = [write.get(knob) for knob in ("file_type", "raw", "autocrop", "create_directories", "file")]
        assert values == ["exr", "true", "false", "true", ""]
        assert write.get("compression") == "Zip (1 scanline)"
    assert {name: script.named(name).get("channels") for name in SENDS} == {
        "SendPlate": "rgba",
        "SendRemove": "alpha",
        "SendAffected": "alpha",
        "SendKeep": "alpha",
        "SendQuadmask": "void_mask",
    }
    assert {name: into(script, name) for name in SENDS} == {
        "SendPlate": ["plate"],
        "SendRemove": ["PickRemove"],
        "SendAffected": ["PickAffected"],
        "SendKeep": ["PickKeep"],
        "SendQuadmask": ["remove"],
    }


@pytest.mark.parametrize("name", ["remove", "affected", "keep"])
def test_a_matte_is_picked_from_its_own_input(script: Script, name: str) -> None:
    pick = script.named(f"Pick{name.capitalize()}")
    assert into(script, pick.name) == [name, name]
    assert [pick.get(knob) for knob in ("from0", "to0", "channels")] == ["rgba.alpha", "rgba.alpha", "none"]
