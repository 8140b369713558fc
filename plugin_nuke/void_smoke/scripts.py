# SPDX-License-Identifier: Apache-2.0
"""Checks of scripts as text, of our groups as this Nuke reads them, and of the scenes."""

from __future__ import annotations

import os
from typing import Any

import nuke
from void_nuke import knobs as ours
from void_nuke.menus import GROUPS
from void_nuke.upgrade import gizmo_file

from void_smoke.bench import TERMINAL, Bench, NotHere, check, raised

KINDS = {
    ours.STRING: "String_Knob",
    ours.FILE: "File_Knob",
    ours.INT: "Int_Knob",
    ours.ENUMERATION: "Enumeration_Knob",
    ours.BOOLEAN: "Boolean_Knob",
    ours.DOUBLE: "Double_Knob",
    ours.CHANNEL: "Channel_Knob",
    ours.XY: "XY_Knob",
    ours.BBOX: "BBox_Knob",
    ours.TAB: "Tab_Knob",
    ours.BUTTON: "PyScript_Knob",
    ours.TEXT: "Text_Knob",
}
"""Python's name for a type of addUserKnob."""

HARD_TEXT = 'a b {c} [d] $e \\f "g" ü\nsecond line; #'
"""A value with all that Tcl would take for its own."""

SCENES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "smoke", "scenes")


@check("N50", "a value of any text survives copy and paste")
def any_text(bench: Bench) -> tuple[bool, Any]:
    node = bench.paste("NoOp {\n inputs 0\n addUserKnob {20 User}\n addUserKnob {1 void_a l a}\n}\n")[0]
    node["void_a"].setValue(HARD_TEXT)
    seen = bench.again(node)["void_a"].value()
    return seen == HARD_TEXT, seen


@check("N51", "a statement takes its inputs from the stack, the last pushed as input 0")
def stack_of_inputs(bench: Bench) -> tuple[bool, Any]:
    text = "NoOp {\n inputs 0\n name Below\n}\nset Nb [stack 0]\nNoOp {\n inputs 0\n name Above\n}\n"
    text += "push $Nb\nMerge2 {\n inputs 2\n name Both\n}\n"
    both = next(node for node in bench.paste(text) if node.Class() == "Merge2")
    seen = [both.input(number).name() for number in range(2)]
    return [name.rstrip("0123456789") for name in seen] == ["Below", "Above"], seen


@check("N52", "after a bad value nodePaste raises RuntimeError, and the node is there")
def bad_value(bench: Bench) -> tuple[bool, Any]:
    seen = raised(bench.paste, "Read {\n inputs 0\n on_error {void no such item}\n}\n")
    there = [node.Class() for node in nuke.allNodes("Read")]
    return seen[0] == "RuntimeError" and there == ["Read"], (seen, there)


@check("N54", "text that is no whole command is refused with RuntimeError")
def broken_text(bench: Bench) -> tuple[bool, Any]:
    seen = raised(bench.paste, "NoOp {\n inputs 0\n")
    return seen[0] == "RuntimeError", seen


@check("N44", "a layer that no node uses is not saved", (TERMINAL,))
def unused_layer(bench: Bench) -> tuple[bool, Any]:
    kept = nuke.Layer("void_check", ["void_check.red"])
    path = bench.file(".nk")
    nuke.scriptSaveAs(path)
    with open(path, encoding="utf-8") as file:
        return f"add_layer {{{kept.name()}" not in file.read(), path


@check("knobs", "the VOID node has the knobs of this release, in their order and of their types")
def knobs_of_the_node(bench: Bench) -> tuple[bool, Any]:
    node = _pasted("VOID")
    there = [(str(k.name()), str(k.Class())) for k in node.allKnobs() if str(k.name()).startswith("void_")]
    wanted = [(knob.name, KINDS[knob.kind]) for knob in ours.KNOBS]
    odd = [pair for pair in there if pair not in wanted] + [pair for pair in wanted if pair not in there]
    return there == wanted, odd or f"{len(there)} knobs" + ("" if there == wanted else ", in another order")


@check("knobs", "its hidden knobs are hidden, before and after a copy")
def hidden_knobs(bench: Bench) -> tuple[bool, Any]:
    node = _pasted("VOID")
    hidden = [knob.name for knob in ours.KNOBS if ours.HIDDEN in knob.flags]
    seen = [[name for name in hidden if at[name].visible()] for at in (node, bench.again(node))]
    return seen == [[], []], seen


@check(
    "knobs", "values of the VOID node and of its Reads survive copy and paste, but those that are not saved"
)
def kept_values(bench: Bench) -> tuple[bool, Any]:
    node = _pasted("VOID")
    values = {
        "void_feather": 7.5,
        "void_range": "custom",
        "void_last": 12,
        "void_seed": "18446744073709551615",
    }
    values.update(void_server="elsewhere:1", void_key_frames="1 3-5", void_output="/a b/[value name]")
    for name, value in values.items():
        node[name].setValue(value)
    node.node("Result")["file"].setValue("[value parent.void_output]/v001/a.%04d.exr")
    copy = bench.again(node)
    expected = {**values, "void_server": ""}
    odd = {name: copy[name].value() for name, value in expected.items() if copy[name].value() != value}
    inner = copy.node("Result")["file"].value()
    return not odd and inner == "[value parent.void_output]/v001/a.%04d.exr", odd or inner


@check("knobs", "a place of two equal numbers is still two, and a box four")
def numbers_of_a_place(bench: Bench) -> tuple[bool, Any]:
    node = _pasted("VOID")
    node["void_point1"].setValue([5.0, 5.0])
    node["void_box"].setValue([3.0, 3.0, 3.0, 3.0])
    seen = raised(list, node["void_point1"].value()), raised(list, node["void_box"].value())
    return seen == (("", [5.0] * 2), ("", [3.0] * 4)), seen


@check("knobs", "each of our groups is read as one Group with its Output and Inputs")
def our_groups(bench: Bench) -> tuple[bool, Any]:
    seen = {}
    for name in GROUPS:
        node = _pasted(name)
        inputs = sum(inner.Class() == "Input" for inner in node.nodes())
        outputs = sum(inner.Class() == "Output" for inner in node.nodes())
        seen[name] = str(node.Class()), int(node.maxInputs()) == inputs, outputs
    return all(found == ("Group", True, 1) for found in seen.values()), seen


@check("knobs", "our layers have their channels once a VOID node is there")
def our_layers(bench: Bench) -> tuple[bool, Any]:
    _pasted("VOID")
    every = [str(channel) for channel in nuke.channels()]
    wanted = [f"void_mask.{channel}" for channel in ("red", "green", "blue", "alpha")]
    return all(channel in every for channel in wanted), [one for one in every if one.startswith("void_")]


def _pasted(name: str) -> Any:
    for node in nuke.selectedNodes():
        node.setSelected(False)
    nuke.nodePaste(gizmo_file(name))
    return nuke.selectedNode()


def open_scenes() -> list[dict[str, Any]]:
    """Open each scene in this Nuke, which has to be one without a window; what each showed."""
    found = []
    for name in sorted(os.listdir(SCENES)) if os.path.isdir(SCENES) else []:
        if name.endswith(".nk"):
            error, seen = raised(_opened, os.path.join(SCENES, name).replace("\\", "/"))
            so = not error and seen["knobs"] == len(ours.KNOBS) and seen["inputs"] == ["plate", "remove"]
            found.append({"scene": name, "result": "ok" if so else "differs", "seen": repr((error, seen))})
    nuke.scriptClear()
    return found


def _opened(path: str) -> dict[str, Any]:
    nuke.scriptClear()
    nuke.scriptOpen(path)
    node = nuke.toNode("VOID1")
    if node is None:
        raise NotHere("there is no VOID1 in it")
    connected = [name for number, name in enumerate(ours.INPUTS) if node.input(number) is not None]
    count = sum(str(knob.name()).startswith("void_") for knob in node.allKnobs())
    return {"knobs": count, "inputs": connected, "views": list(nuke.views())}
