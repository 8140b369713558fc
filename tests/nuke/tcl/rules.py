# SPDX-License-Identifier: Apache-2.0
"""The rules that a script of ours keeps, each a function from a script to the problems it finds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from tests.nuke.tcl.reader import Node, Problem, Script, items

FACTS = json.loads(Path(__file__).with_name("classes.json").read_text(encoding="utf-8"))
CLASSES = FACTS["classes"]

USER_KINDS = {"1", "2", "3", "4", "6", "7", "11", "12", "15", "18", "20", "22", "26", "41"}
"""Types of addUserKnob that are used here, of those that are known."""

BUILT_IN_LAYERS = {"rgba", "rgb", "alpha", "red", "green", "blue", "all", "none", "mask", "depth"}
ENDS = {"Output", "Write", "CurveTool", "Viewer"}
"""Classes that something is computed for."""
NO_IMAGE = {"StickyNote", "Root", "Viewer"}

_STATEMENT = {"inputs"}
_CHANNEL_TYPES = {"Channel_Knob", "ChannelMask_Knob"}
_FREE_TEXT = {"label", "help", "note_font"}
_EXPRESSION = re.compile(r"\{\s*\"?([^{}\"]+)\"?[^{}]*\}")
_ABSOLUTE = re.compile(r"""(?:^|[\s"'])(?:/[A-Za-z]|[A-Za-z]:[\\/]|\\\\)""")
_CHANNEL = re.compile(r"(?<![\w.])([A-Za-z_]\w*)\.(red|green|blue|alpha)\b")
_PARENT = re.compile(r"\bparent\.(\w+)")
_COMMAND = re.compile(r"(?<!\\)\[\s*(file \w+|\S*?)(?=[\s\]])")
_NAME = re.compile(r"[A-Za-z_]\w*")


def knobs_of(node: Node) -> dict[str, dict]:
    """Facts about the knobs that a node has, those of its file type included."""
    known = dict(CLASSES[node.kind]["knobs"])
    if node.kind == "Write" and node.get("file_type") == "exr":
        known.update(FACTS["exr_writer"])
    return known


def classes_known(script: Script) -> Iterator[Problem]:
    """Every statement is a class of the table."""
    for node in script.nodes.values():
        if node.kind not in CLASSES:
            yield Problem("class", f"{node.name}: {node.kind} is no class of the table")


def _of_known_class(script: Script) -> list[Node]:
    return [node for node in script.nodes.values() if node.kind in CLASSES]


def knobs_known(script: Script) -> Iterator[Problem]:
    """Every knob is one of its class, or was added."""
    for node in _of_known_class(script):
        known = knobs_of(node)
        added = {user.name for user in node.users}
        for name, _value in node.knobs:
            if name not in known and name not in added and name not in _STATEMENT:
                yield Problem("knob", f"{node.name} ({node.kind}) has no knob {name}")


def values_known(script: Script) -> Iterator[Problem]:
    """A boolean is one, and an enumeration has the item."""
    for node in _of_known_class(script):
        known = knobs_of(node)
        for name, value in node.knobs:
            facts = known.get(name, {})
            if "values" in facts and value not in facts["values"] and not value.startswith("{"):
                yield Problem("enum", f"{node.name}.{name} is {value!r}: none of {facts['values']}")
            if facts.get("type") == "Boolean_Knob" and not _is_boolean(value):
                yield Problem("enum", f"{node.name}.{name} is {value!r}: not true or false")
        values = dict(node.knobs)
        for user in node.users:
            value = values.get(user.name)
            if user.kind == "4" and value is not None and value not in items(user.items):
                yield Problem("enum", f"{node.name}.{user.name} is {value!r}: none of {items(user.items)}")
            if user.kind == "6" and value is not None and not _is_boolean(value):
                yield Problem("enum", f"{node.name}.{user.name} is {value!r}: not true or false")


def _is_boolean(value: str) -> bool:
    return value in ("true", "false", "0", "1") or value.startswith("{")


def inputs_in_number(script: Script) -> Iterator[Problem]:
    """No node has more inputs than its class; a Group has as many as it has Inputs."""
    for node in _of_known_class(script):
        most = CLASSES[node.kind]["inputs"]
        if node.kind == "Group":
            most = sum(inner.kind == "Input" for inner in script.inside(node.number))
            if "inputs" not in dict(node.knobs):
                continue
        if node.wanted > most:
            yield Problem("inputs", f"{node.name} ({node.kind}) has {node.wanted} inputs of at most {most}")


def names_once(script: Script) -> Iterator[Problem]:
    """In a group a name is given once, and is one that Nuke takes."""
    for group in {node.group for node in script.nodes.values()}:
        seen = set()
        for node in script.inside(group):
            if node.kind == "Root":
                continue
            name = node.get("name")
            if not _NAME.fullmatch(name):
                yield Problem("name", f"{node.name}: {name!r} is no name of a node")
            if name in seen:
                yield Problem("duplicate", f"two nodes are named {name}")
            seen.add(name)


def user_knobs_sound(script: Script) -> Iterator[Problem]:
    """User knobs have a known type and a name of their own; links have a target."""
    for node in _of_known_class(script):
        seen: set[str] = set()
        built_in = set(CLASSES[node.kind]["knobs"])
        for user in node.users:
            if user.kind not in USER_KINDS:
                yield Problem("user knob", f"{node.name}.{user.name}: type {user.kind} is not known")
            if user.name in seen:
                yield Problem("duplicate", f"{node.name} has two knobs {user.name}")
            if user.name in built_in:
                yield Problem("clash", f"{node.name}: {user.name} is a knob of every {node.kind}")
            seen.add(user.name)
            if user.kind == "41":
                yield from _link(script, node, user.name, user.script)
        names = [name for name, _value in node.knobs]
        for name in seen:
            if names.count(name) > 1:
                yield Problem("duplicate", f"{node.name}.{name} has two values")


def _link(script: Script, group: Node, name: str, target: str) -> Iterator[Problem]:
    inner, _, knob = target.partition(".")
    for node in script.inside(group.number):
        known = {*CLASSES.get(node.kind, {"knobs": {}})["knobs"], *(user.name for user in node.users)}
        if node.name == inner and knob in known:
            return
    yield Problem("link", f"{group.name}.{name} is linked to {target!r}, which is not there")


def groups_whole(script: Script) -> Iterator[Problem]:
    """A group has one Output, and Inputs numbered from 0 without a gap."""
    for group in script.groups():
        inside = script.inside(group.number)
        outputs = sum(node.kind == "Output" for node in inside)
        if outputs != 1:
            yield Problem("output", f"{group.name} has {outputs} Outputs")
        numbers = sorted(int(node.get("number", "0")) for node in inside if node.kind == "Input")
        if numbers != list(range(len(numbers))):
            yield Problem("numbers", f"{group.name} has Inputs numbered {numbers}")


def all_reachable(script: Script) -> Iterator[Problem]:
    """Every node serves something that is computed."""
    served = {node.number for node in script.nodes.values() if node.kind in ENDS}
    waiting = list(served)
    while waiting:
        for number in script.nodes[waiting.pop()].inputs:
            if number and number not in served:
                served.add(number)
                waiting.append(number)
    for node in script.nodes.values():
        alone = node.group == 0 and node.kind == "Group" and len(script.inside(0)) == 1
        if node.number not in served and node.kind not in NO_IMAGE and not alone:
            yield Problem("unreachable", f"nothing uses {node.name} ({node.kind})")


def links_in_expressions(script: Script) -> Iterator[Problem]:
    """What an expression reads from its group is there."""
    for node in script.nodes.values():
        if node.kind not in CLASSES:
            continue
        for name, value in node.knobs:
            wanted = _PARENT.findall(value) if name not in _FREE_TEXT else []
            if wanted and not node.group:
                yield Problem("link", f"{node.name}.{name} reads a parent outside of any group")
            elif wanted:
                group = script.nodes[node.group]
                there = {user.name for user in group.users} | set(CLASSES["Group"]["knobs"])
                for knob in set(wanted) - there:
                    yield Problem("link", f"{node.name}.{name} reads parent.{knob}, which is not there")


def layers_declared(script: Script) -> Iterator[Problem]:
    """Each layer that a knob names is built in or declared."""
    for node in _of_known_class(script):
        declared = script.declared(node.number if node.kind == "Group" else node.group)
        channels = {channel for names in declared.values() for channel in names}
        for name, value in node.knobs:
            for layer, channel in _layers_in(node, name, value):
                whole = f"{layer}.{channel}"
                if layer in BUILT_IN_LAYERS or (whole in channels if channel else layer in declared):
                    continue
                yield Problem(
                    "layer", f"{node.name}.{name} names {whole if channel else layer}, never declared"
                )


def _layers_in(node: Node, name: str, value: str) -> list[tuple[str, str]]:
    if name in _FREE_TEXT or name == "name":
        return []
    kind = knobs_of(node).get(name, {}).get("type", "")
    user = {one.name: one.kind for one in node.users}.get(name)
    if kind in _CHANNEL_TYPES or user == "11":
        words = [word.lstrip("-") for word in value.split()]
        return [(layer, channel) for layer, _, channel in (word.partition(".") for word in words)]
    if kind in ("EvalString_Knob",) or value.startswith("{"):
        return [(layer, channel) for layer, channel in _CHANNEL.findall(value) if layer != "parent"]
    return []


def paths_relative(script: Script) -> Iterator[Problem]:
    """No value is a place of somebody's machine."""
    for node in script.nodes.values():
        for name, value in node.knobs:
            if name not in _FREE_TEXT and _ABSOLUTE.search(value):
                yield Problem("path", f"{node.name}.{name} is absolute: {value!r}")


def substitutions_harmless(script: Script) -> Iterator[Problem]:
    """What Nuke would evaluate as Tcl in a value only reads a knob or takes a path apart."""
    for node in script.nodes.values():
        python = {"onCreate", "knobChanged"}
        for name, value in node.knobs:
            for command in _COMMAND.findall(value) if name not in python else ():
                if command not in ("value", "file dirname"):
                    yield Problem("substitution", f"{node.name}.{name} evaluates [{command} …]")


def expressions(value: str) -> list[str]:
    """The expressions in a numeric knob's value."""
    return [found.strip() for found in _EXPRESSION.findall(value)]


RULES = (
    classes_known,
    knobs_known,
    values_known,
    inputs_in_number,
    names_once,
    user_knobs_sound,
    groups_whole,
    all_reachable,
    links_in_expressions,
    layers_declared,
    paths_relative,
    substitutions_harmless,
)
