# SPDX-License-Identifier: Apache-2.0
"""Checks of modes, nodes, groups and layers."""

from __future__ import annotations

from typing import Any

import nuke

from void_smoke.bench import TERMINAL, WINDOW, Bench, NotHere, check, raised


@check("N61", "an unsaved script's root is named Root, and scriptName raises", (TERMINAL,))
def unsaved_script(bench: Bench) -> tuple[bool, Any]:
    name, script = nuke.root().name(), raised(nuke.scriptName)
    return name == "Root" and script[0] == "RuntimeError", (name, script)


@check("N60", "nuke.GUI and nuke.env tell mode, version and edition")
def environment(bench: Bench) -> tuple[bool, Any]:
    wanted = ("NukeVersionMajor", "NukeVersionMinor", "NukeVersionRelease", "NukeVersionString", "gui")
    wanted += ("nukex", "studio", "assist", "indie", "nc", "WIN32", "MACOS", "LINUX", "interactive")
    seen = {name: raised(lambda name=name: nuke.env[name]) for name in wanted}
    there = {name: value for name, (error, value) in seen.items() if not error}
    so = set(there) == set(wanted) and bool(there["gui"]) == bool(nuke.GUI)
    return so and int(there["NukeVersionMajor"]) == bench.major, there


@check("N60", "nuke.env raises KeyError for a name that it has not")
def environment_lacks(bench: Bench) -> tuple[bool, Any]:
    seen = raised(lambda: nuke.env["VoidNoSuchThing"])
    return seen[0] == "KeyError", seen


@check("N01", "node['x'] raises NameError; node.knob and toNode give None")
def what_is_not_there(bench: Bench) -> tuple[bool, Any]:
    node = nuke.nodes.NoOp()
    seen = raised(lambda: node["void_none"])[0], node.knob("void_none"), nuke.toNode("VoidNone1")
    return seen == ("NameError", None, None), seen


@check("N02", "an object of a deleted node raises ValueError")
def deleted_node(bench: Bench) -> tuple[bool, Any]:
    node = nuke.nodes.NoOp()
    nuke.delete(node)
    seen = raised(node.name)
    return seen[0] == "ValueError", seen


@check("N03", "a name that nuke has not raises AttributeError")
def missing_name(bench: Bench) -> tuple[bool, Any]:
    seen = raised(lambda: nuke.voidNoSuchCall)
    return seen[0] == "AttributeError", seen


@check("N05", "createNode splices into the selection, nuke.nodes.X does not")
def splicing(bench: Bench) -> tuple[bool, Any]:
    first = nuke.nodes.NoOp()
    after = nuke.nodes.NoOp()
    after.setInput(0, first)
    for node in nuke.selectedNodes():
        node.setSelected(False)
    first.setSelected(True)
    made = nuke.nodes.NoOp()
    created = nuke.createNode("NoOp", "", False)
    seen = made.input(0), created.input(0).name(), after.input(0).name(), created.isSelected()
    return seen == (None, first.name(), created.name(), True), seen


@check("N06", "names are unique in a group, and begin with no digit")
def names(bench: Bench) -> tuple[bool, Any]:
    one, two = nuke.nodes.NoOp(), nuke.nodes.NoOp()
    one.setName("Same1")
    two.setName("Same1")
    seen = one.name(), two.name(), raised(two.setName, "1digit")
    return one.name() != two.name() and seen[2][0] == "ValueError", seen


@check("N07", "an input beyond maxInputs raises IndexError")
def too_many_inputs(bench: Bench) -> tuple[bool, Any]:
    node, other = nuke.nodes.NoOp(), nuke.nodes.NoOp()
    seen = node.maxInputs(), raised(node.setInput, 5, other)
    return seen[1][0] == "IndexError", seen


@check("N08", "with group: enters it, also from inside of another, and leaves it again")
def entering(bench: Bench) -> tuple[bool, Any]:
    inner = nuke.nodes.Group()
    with inner:
        inside = nuke.nodes.NoOp()
    outside = nuke.nodes.NoOp()
    seen = inside.fullName(), outside.fullName(), [node.name() for node in inner.nodes()]
    so = inside.fullName() == f"{inner.fullName()}.{inside.name()}"
    return so and outside.fullName().rpartition(".")[0] == inner.fullName().rpartition(".")[0], seen


@check("N76", "toNode takes a path from the root, beginning with root., inside of a group too")
def path_from_root(bench: Bench) -> tuple[bool, Any]:
    node = nuke.nodes.NoOp()
    found = nuke.toNode(f"root.{node.fullName()}")
    seen = found.fullName() if found is not None else None
    return seen == node.fullName(), seen


@check("N62", "Group has the knob disable_group_view since 16")
def group_view(bench: Bench) -> tuple[bool, Any]:
    there = nuke.nodes.Group().knob("disable_group_view") is not None
    return there is (bench.major >= 16), there


@check("N63", "Indie and Non-commercial reach 10 nodes")
def limited_edition(bench: Bench) -> tuple[bool, Any]:
    if not (nuke.env["indie"] or nuke.env["nc"]):
        raise NotHere("this is neither Indie nor Non-commercial")
    made = 0
    while made < 30 and not raised(nuke.nodes.NoOp)[0]:
        made += 1
    return made < 30, made


@check("N64", "message raises RuntimeError without the window", (TERMINAL,))
def message_in_terminal(bench: Bench) -> tuple[bool, Any]:
    seen = raised(nuke.message, "VOID checks whether this is shown without a window.")
    return seen[0] == "RuntimeError", seen


@check("N65", "setProgress takes an int from 0 to 100", (WINDOW,))
def progress(bench: Bench) -> tuple[bool, Any]:
    task = nuke.ProgressTask("VOID check")
    good, broken, cancelled = raised(task.setProgress, 50), raised(task.setProgress, 0.5), task.isCancelled()
    del task
    return not good[0] and broken[0] == "TypeError" and cancelled is False, (good, broken, cancelled)


@check("N66", "ProgressTask needs the window", (TERMINAL,))
def progress_in_terminal(bench: Bench) -> tuple[bool, Any]:
    seen = raised(nuke.ProgressTask, "VOID check")[0]
    return seen == "RuntimeError", seen


@check("N68", "undo blocks end when what is in them raises", (TERMINAL,))
def undo_block(bench: Bench) -> tuple[bool, Any]:
    def breaks() -> None:
        with nuke.Undo("VOID check"):
            raise ZeroDivisionError

    seen = raised(breaks)[0]
    return seen == "ZeroDivisionError", seen


@check("N69", "undo is off until it was enabled as often as it was disabled")
def undo_switch(bench: Bench) -> tuple[bool, Any]:
    undo = nuke.Undo()
    undo.disable()
    undo.disable()
    undo.enable()
    seen = bool(undo.disabled())
    undo.enable()
    return seen, seen


@check("N40", "reserved layers are not added to", (TERMINAL,))
def reserved_layer(bench: Bench) -> tuple[bool, Any]:
    seen = raised(lambda: nuke.Layer("depth", ["depth.Z", "depth.void"]).channels())
    return seen[0] == "RuntimeError", seen


@check("N41", "a layer has at most 4 channels", (TERMINAL,))
def wide_layer(bench: Bench) -> tuple[bool, Any]:
    seen = raised(lambda: nuke.Layer("void_check5", [f"void_check5.c{n}" for n in range(5)]).channels())
    return seen[0] == "RuntimeError", seen


@check("N43", "illegal names of layers are refused", (TERMINAL,))
def illegal_layer(bench: Bench) -> tuple[bool, Any]:
    seen = raised(lambda: nuke.Layer("1void check", ["1void check.red"]).channels())
    return seen[0] == "RuntimeError", seen
