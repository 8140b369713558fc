# SPDX-License-Identifier: Apache-2.0
"""Checks of knobs: their values, what a script keeps of them, and callbacks."""

from __future__ import annotations

from typing import Any

import nuke

from void_smoke.bench import Bench, check, raised


@check("N11", "an enumeration keeps an item that it lacks, and setValue returns True")
def unknown_item(bench: Bench) -> tuple[bool, Any]:
    knob = nuke.nodes.Read()["on_error"]
    seen = raised(knob.setValue, "void no such item"), knob.value()
    return seen == (("", True), "void no such item"), seen


@check("N12", "an int knob refuses what does not fit 32 bits")
def wide_number(bench: Bench) -> tuple[bool, Any]:
    knob = nuke.Int_Knob("void_int", "int")
    nuke.nodes.NoOp().addKnob(knob)
    seen = raised(knob.setValue, 2**31)
    return seen[0] == ("TypeError" if bench.major >= 17 else "OverflowError"), seen


def _double() -> Any:
    knob = nuke.Double_Knob("void_double", "double")
    nuke.nodes.NoOp().addKnob(knob)
    return knob


@check("N13", "setValue returns True, and raises TypeError for another kind")
def kinds_of_value(bench: Bench) -> tuple[bool, Any]:
    knob = _double()
    seen = knob.setValue(3.5), raised(knob.setValue, "3.5 px"), knob.value()
    return seen[0] is True and seen[1][0] == "TypeError" and seen[2] == 3.5, seen


@check("N14", "a button runs its text with thisNode and thisKnob set")
def button(bench: Bench) -> tuple[bool, Any]:
    node = nuke.nodes.NoOp()
    said = "nuke.thisNode()['label'].setValue(nuke.thisNode().name() + ' ' + nuke.thisKnob().name())"
    knob = nuke.PyScript_Knob("void_button", "button", said)
    node.addKnob(knob)
    knob.execute()
    return node["label"].value() == f"{node.name()} void_button", node["label"].value()


@check("N15", "a flag that Python sets is lost on save and load; +INVISIBLE of addUserKnob stays")
def flags(bench: Bench) -> tuple[bool, Any]:
    text = "NoOp {\n inputs 0\n addUserKnob {20 User}\n addUserKnob {1 void_a l a}\n"
    node = bench.paste(text + " addUserKnob {1 void_b l b +INVISIBLE}\n}\n")[0]
    node["void_a"].setFlag(nuke.INVISIBLE)
    before = node["void_a"].visible(), node["void_b"].visible()
    copy = bench.again(node)
    after = copy["void_a"].visible(), copy["void_b"].visible()
    return (before, after) == ((False, False), (True, False)), (before, after)


@check("N16", "a value under +DO_NOT_WRITE is not saved, the knob is")
def not_written(bench: Bench) -> tuple[bool, Any]:
    text = "NoOp {\n inputs 0\n addUserKnob {20 User}\n addUserKnob {1 void_a l a +DO_NOT_WRITE}\n}\n"
    node = bench.paste(text)[0]
    node["void_a"].setValue("kept from scripts")
    copy = bench.again(node)
    seen = copy["void_a"].value(), "kept from scripts" in bench.pasted_text
    return seen == ("", False), seen


@check("N17", "a file knob keeps its text; evaluate replaces what is in brackets, and the frame number")
def file_knob(bench: Bench) -> tuple[bool, Any]:
    text = "NoOp {\n inputs 0\n addUserKnob {20 User}\n addUserKnob {2 void_file l file}\n}\n"
    node = bench.paste(text)[0]
    written = "/void/[value name]/a.%04d.exr"
    node["void_file"].setValue(written)
    seen = node["void_file"].value(), node["void_file"].evaluate(7)
    return seen == (written, f"/void/{node.name()}/a.0007.exr"), seen


@check("N17", "what is in brackets may be a path from the root")
def file_of_another_node(bench: Bench) -> tuple[bool, Any]:
    node, other = nuke.nodes.Read(), nuke.nodes.NoOp()
    node["file"].setValue(f"/void/[value root.{other.fullName()}.name]/a.exr")
    return node["file"].evaluate() == f"/void/{other.name()}/a.exr", node["file"].evaluate()


@check("N18", "a knob with an expression has its value, whatever is set")
def expression(bench: Bench) -> tuple[bool, Any]:
    knob = _double()
    knob.setExpression("1 + 2")
    before = knob.value()
    knob.setValue(9.0)
    return (before, knob.value()) == (3.0, 3.0), (before, knob.value(), knob.hasExpression())


@check("N18", "a switch inside of a group follows the group's enumeration by parent.")
def parent_expression(bench: Bench) -> tuple[bool, Any]:
    text = "Group {\n inputs 0\n addUserKnob {20 User}\n addUserKnob {4 void_pick l pick M {a b c}}\n}\n"
    text += ' Blur {\n  inputs 0\n  name Inner\n  disable {{"parent.void_pick == 2"}}\n }\nend_group\n'
    group = bench.paste(text)[0]
    before = bool(group.node("Inner")["disable"].value())
    group["void_pick"].setValue("c")
    after = bool(group.node("Inner")["disable"].value())
    return (before, after) == (False, True), (before, after)


@check("N19", "a channel knob says alpha for rgba.alpha, and its script text says all of it")
def channel(bench: Bench) -> tuple[bool, Any]:
    text = "NoOp {\n inputs 0\n addUserKnob {20 User}\n addUserKnob {11 void_channel l channel}\n"
    node = bench.paste(text + " void_channel rgba.alpha\n}\n")[0]
    seen = node["void_channel"].value(), node["void_channel"].toScript()
    return seen == ("alpha", "rgba.alpha"), seen


@check("N23", "a callback that cannot be called is refused with ValueError")
def callback_refused(bench: Bench) -> tuple[bool, Any]:
    seen = raised(lambda: nuke.addOnCreate(5, (), {}, "VoidNoSuchClass"))
    if not seen[0]:
        raised(lambda: nuke.removeOnCreate(5, (), {}, "VoidNoSuchClass"))
    return seen[0] == "ValueError", seen


_WATCHES = "if nuke.thisKnob().name() == '{}': nuke.thisNode()['label'].setValue('called')"


@check("N24", "knobChanged is called for what Python sets since 17, and not before")
def knob_changed(bench: Bench) -> tuple[bool, Any]:
    node = nuke.nodes.NoOp()
    node["knobChanged"].setValue(_WATCHES.format("note_font_size"))
    node["note_font_size"].setValue(23)
    called = node["label"].value() == "called"
    return called is (bench.major >= 17), called


@check("N29", "a change of inputs comes as the knob inputChange")
def input_change(bench: Bench) -> tuple[bool, Any]:
    node, other = nuke.nodes.NoOp(), nuke.nodes.NoOp()
    node["knobChanged"].setValue(_WATCHES.format("inputChange"))
    node.setInput(0, other)
    return node["label"].value() == "called", node["label"].value()


@check("N25", "onCreate of a node is run when it is pasted")
def on_create(bench: Bench) -> tuple[bool, Any]:
    text = "NoOp {\n inputs 0\n onCreate {nuke.thisNode()['label'].setValue('created')}\n}\n"
    node = bench.paste(text)[0]
    return node["label"].value() == "created", node["label"].value()


@check("N26", "callbacks of a class run before those of *")
def order_of_callbacks(bench: Bench) -> tuple[bool, Any]:
    seen: list[str] = []
    both = (("*", "all"), ("NoOp", "class"))
    for kind, word in both:
        nuke.addOnCreate(seen.append, (word,), {}, kind)
    try:
        nuke.nodes.NoOp()
    finally:
        for kind, word in both:
            nuke.removeOnCreate(seen.append, (word,), {}, kind)
    return seen == ["class", "all"], seen


@check("N31", "since 17 a place in the node graph takes no float")
def strict_arguments(bench: Bench) -> tuple[bool, Any]:
    seen = raised(nuke.nodes.NoOp().setXpos, 1.5)
    return seen[0] == ("TypeError" if bench.major >= 17 else ""), seen


@check("N33", "fromUserText sets a Read's range, setValue does not")
def range_of_read(bench: Bench) -> tuple[bool, Any]:
    read = nuke.nodes.Read()
    knobs = ("first", "last", "origfirst", "origlast")
    read["file"].fromUserText(f"{bench.folder}/none.%04d.exr 1001-1005")
    set_by_text = [int(read[name].value()) for name in knobs]
    read["file"].setValue(f"{bench.folder}/other.%04d.exr")
    left = [int(read[name].value()) for name in knobs]
    return set_by_text == left == [1001, 1005] * 2, (set_by_text, left)


@check("N33", "reload of a Read raises its knob version")
def reload_of_read(bench: Bench) -> tuple[bool, Any]:
    read = nuke.nodes.Read()
    before = read["version"].value()
    read["reload"].execute()
    return read["version"].value() == before + 1, (before, read["version"].value())


@check(
    "N32", "a Write has the knobs of EXR only while its file_type is exr, with the items that the plugin sets"
)
def exr_knobs(bench: Bench) -> tuple[bool, Any]:
    write = nuke.nodes.Write()
    names = ("datatype", "compression", "autocrop", "metadata", "interleave")
    before = [name for name in names if write.knob(name) is not None]
    write["file_type"].setValue("exr")
    lacking = [name for name in names if write.knob(name) is None]
    items = {
        "datatype": ("16 bit half", "32 bit float"),
        "compression": ("Zip (1 scanline)",),
        "metadata": ("default metadata and exr/*",),
        "interleave": ("channels, layers and views",),
        "on_error": ("error",),
        "frame_mode": ("expression",),
    }
    for name, wanted in items.items():
        there = [item.split("\t")[0] for item in write[name].values()] if write.knob(name) is not None else []
        lacking += [f"{name}: {item}" for item in wanted if item not in there]
    return not before and not lacking, {"before": before, "lacking": lacking}


@check("N34", "which colour spaces a Read offers depends on the project's colour management")
def colour_spaces(bench: Bench) -> tuple[bool, Any]:
    kind = nuke.root()["colorManagement"].value()
    there = [item.split("\t")[0] for item in nuke.nodes.Read()["colorspace"].values()]
    return ("linear" in there) is (kind == "Nuke"), (kind, len(there), there[:12])


@check("N73", "a label's [value …] is of its own node")
def label(bench: Bench) -> tuple[bool, Any]:
    text = "NoOp {\n inputs 0\n addUserKnob {20 User}\n addUserKnob {1 void_state l state}\n"
    node = bench.paste(text + ' void_state idle\n label "is \\[value void_state]"\n}\n')[0]
    seen = node["label"].value(), node["label"].evaluate()
    return seen == ("is [value void_state]", "is idle"), seen


@check("N74", "writeKnobs gives a line for each knob that is not at its default")
def written_knobs(bench: Bench) -> tuple[bool, Any]:
    node = nuke.nodes.Blur()
    flags = nuke.WRITE_NON_DEFAULT_ONLY | nuke.TO_SCRIPT

    def names() -> list[str]:
        return [line.strip().split(" ", 1)[0] for line in str(node.writeKnobs(flags)).splitlines()]

    before = names()
    node["size"].setValue(7.0)
    after = names()
    return "size" not in before and "size" in after and "mix" not in after, (before, node.writeKnobs(flags))
