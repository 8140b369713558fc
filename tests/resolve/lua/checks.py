# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the macro, as far as its text can tell. Fusion is not asked: there is none here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from tests.resolve.lua.known_inputs import CHOICES, EXR, INPUTS, ONE_FRAME, OUTPUT, SEQUENCES
from tests.resolve.lua.setting import Node, NotRead, group_of, read, repeated_keys, wires

_WORD = re.compile(r"[A-Za-z_]\w*")


class Fault(NamedTuple):
    """One thing that is wrong."""

    kind: str
    where: str


def faults(text: str, interpreter: str) -> list[Fault]:
    """Everything that is wrong with a macro's text, in the order in which it stands there."""
    try:
        macro = read(text, interpreter)
    except NotRead as problem:
        return [Fault(problem.kind, str(problem))]
    name, group = group_of(macro)
    tools = group.table("Tools").fields
    return [
        *(Fault("repeated key", key) for key in repeated_keys(text)),
        *_frame(macro, name, group),
        *_outputs(group, tools),
        *_tools(tools),
        *_connections(tools),
        *_cycles(tools),
        *_published(group, tools),
        *_user_controls(group, tools),
        *_clips(text, tools),
    ]


def _frame(macro: Node, name: str, group: Node) -> Iterator[Fault]:
    if not name:
        yield Fault("frame", "there is not exactly one tool at the top")
        return
    if macro.fields.get("ActiveTool") != name:
        yield Fault("active tool", str(macro.fields.get("ActiveTool")))
    if group.made_by != "GroupOperator":
        yield Fault("no group", f"{group.made_by}: the Edit page takes a GroupOperator only")


def _outputs(group: Node, tools: dict[str, Node]) -> Iterator[Fault]:
    outputs = group.table("Outputs").fields
    if "MainOutput1" not in outputs:
        yield Fault("no main output", ", ".join(outputs))
    for key, output in outputs.items():
        if output.made_by != "InstanceOutput" or not re.fullmatch(r"MainOutput1|Output[2-9]", key):
            yield Fault("output", key)
        yield from _source(tools, output, key)


def _source(tools: dict[str, Node], node: Node, where: str) -> Iterator[Fault]:
    if node.fields.get("SourceOp") not in tools:
        yield Fault("dangling", f"{where}: {node.fields.get('SourceOp')}")
    elif node.fields.get("Source") != OUTPUT:
        yield Fault("output", f"{where}: {node.fields.get('Source')}")


def _tools(tools: dict[str, Node]) -> Iterator[Fault]:
    for name, tool in tools.items():
        known = INPUTS.get(tool.made_by or "")
        if known is None:
            yield Fault("unknown tool", f"{name} = {tool.made_by}")
            continue
        own = known | tool.table("UserControls").fields.keys()
        for entry, value in tool.table("Inputs").fields.items():
            if entry not in own:
                yield Fault("unknown input", f"{name}.{entry}")
            elif not isinstance(value, Node) or value.made_by != "Input":
                yield Fault("no input", f"{name}.{entry}")
            else:
                yield from _value(f"{name}.{entry}", entry, value, own)


def _value(where: str, entry: str, given: Node, own: frozenset[str] | set[str]) -> Iterator[Fault]:
    choice = given.fields.get("Value")
    if isinstance(choice, Node) and (
        choice.made_by != "FuID" or len(choice.items) != 1 or choice.items[0] not in CHOICES.get(entry, ())
    ):
        yield Fault("unknown choice", f"{where}: {choice.items}")
    for word in _WORD.findall(given.fields.get("Expression", "")):
        if word not in own:
            yield Fault("expression", f"{where}: {word}")


def _connections(tools: dict[str, Node]) -> Iterator[Fault]:
    for _, tool, entry in wires(tools):
        yield from _source(tools, tools[tool].table("Inputs").table(entry), f"{tool}.{entry}")


def _cycles(tools: dict[str, Node]) -> Iterator[Fault]:
    before: dict[str, set[str]] = {name: set() for name in tools}
    for source, tool, _ in wires(tools):
        before[tool].add(source)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as circle:
        yield Fault("cycle", " -> ".join(circle.args[1]))


def _published(group: Node, tools: dict[str, Node]) -> Iterator[Fault]:
    published = group.table("Inputs").fields
    if "MainInput1" not in published:
        yield Fault("no main input", ", ".join(published))
    for key, control in published.items():
        if control.made_by != "InstanceInput" or not re.fullmatch(r"(Main)?Input[1-9]", key):
            yield Fault("published", key)
        source = control.fields.get("Source")
        tool = tools.get(str(control.fields.get("SourceOp")))
        if tool is None:
            yield Fault("dangling", f"{key}: {control.fields.get('SourceOp')}")
        elif source not in INPUTS.get(tool.made_by or "", ()) | tool.table("UserControls").fields.keys():
            yield Fault("unknown input", f"{key}: {source}")
        elif "Default" in control.fields:
            shipped = tool.table("Inputs").table(str(source)).fields.get("Value")
            if shipped != control.fields["Default"]:
                yield Fault("default", f"{key}: {control.fields['Default']} and {shipped}")
    targets = Counter((item.fields.get("SourceOp"), item.fields.get("Source")) for item in published.values())
    names = Counter(item.fields.get("Name") for item in published.values())
    for what, times in [*targets.items(), *names.items()]:
        if times > 1:
            yield Fault("published twice", str(what))


def _user_controls(group: Node, tools: dict[str, Node]) -> Iterator[Fault]:
    published = {
        (item.fields.get("SourceOp"), item.fields.get("Source")): item
        for item in group.table("Inputs").fields.values()
    }
    for name, tool in tools.items():
        for entry, control in tool.table("UserControls").fields.items():
            where = f"{name}.{entry}"
            instance = published.get((name, entry))
            if instance is None:
                yield Fault("user control", f"{where} is not published")
            elif instance.fields.get("Default") != control.fields.get("INP_Default"):
                yield Fault("user control", f"{where} has two defaults")
            elif instance.fields.get("Name") != control.fields.get("LINKS_Name"):
                yield Fault("user control", f"{where} has two names")
            options = [item for item in control.items if "CCS_AddString" in item.fields]
            is_list = control.fields.get("INPID_InputControl") == "ComboControl"
            if is_list and control.fields.get("INP_MaxAllowed") != len(options) - 1:
                yield Fault("user control", f"{where} has {len(options)} options")


def _clips(text: str, tools: dict[str, Node]) -> Iterator[Fault]:
    loaders = {name for name, tool in tools.items() if tool.made_by == "Loader"}
    if loaders != SEQUENCES.keys():
        yield Fault("placeholder", f"Loaders: {', '.join(sorted(loaders))}")
    for name in sorted(loaders & SEQUENCES.keys()):
        clips = tools[name].table("Clips").items
        if len(clips) != 1 or clips[0].made_by != "Clip" or clips[0].fields.get("ID") != "Clip1":
            yield Fault("clip", name)
            continue
        clip = clips[0].fields
        if clip.get("FormatID") != EXR:
            yield Fault("clip", f"{name}: {clip.get('FormatID')}")
        if clip.get("Filename") != SEQUENCES[name]:
            yield Fault("placeholder", f"{name}: {clip.get('Filename')}")
        for key, number in ONE_FRAME.items():
            if clip.get(key) != number:
                yield Fault("placeholder", f"{name}: {key} = {clip.get(key)}")
    for placeholder in SEQUENCES.values():
        if text.count(placeholder) != 1:
            yield Fault("placeholder", f"{placeholder}: {text.count(placeholder)} times")
    for key, number in ONE_FRAME.items():
        if text.count(f"{key} = {number},") != len(SEQUENCES):
            yield Fault("placeholder", f"{key} = {number},: {text.count(f'{key} = {number},')} times")
