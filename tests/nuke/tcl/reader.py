# SPDX-License-Identifier: Apache-2.0
"""A .nk or .gizmo file as nodes: what reader.tcl found, evaluated by tclsh."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

TCLSH = shutil.which("tclsh") or shutil.which("tclsh8.6")
NO_TCLSH = "there is no tclsh: that .nk and .gizmo files are whole and true to Nuke's classes is not checked"

_READER = Path(__file__).with_name("reader.tcl")
_WITH_VALUE = {"l", "t", "T", "M", "R", "n"}


class Problem(NamedTuple):
    """Something wrong with a file: its kind, a word that tests go by, and a sentence."""

    kind: str
    text: str


class UserKnob(NamedTuple):
    """What one addUserKnob says."""

    kind: str
    name: str
    label: str = ""
    tooltip: str = ""
    script: str = ""
    items: str = ""
    flags: tuple[str, ...] = ()


@dataclass
class Node:
    """A node as it is written.

    Attributes:
        number: of its statement, from 1.
        group: number of the group that it is in; 0 = none.
        kind: its class.
        inputs: numbers of the nodes that it is connected to; 0 = nothing there.
        knobs: names and values as they stand, in order.
        users: its user knobs, in order.
    """

    number: int
    group: int
    kind: str
    wanted: int
    inputs: list[int]
    knobs: list[tuple[str, str]] = field(default_factory=list)
    users: list[UserKnob] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As the file says, or its class and number."""
        return self.get("name") or f"{self.kind}#{self.number}"

    def get(self, knob: str, default: str = "") -> str:
        """The value of a knob as text; the default where the file has none."""
        return dict(self.knobs).get(knob, default)


@dataclass
class Script:
    """What a file holds.

    Attributes:
        layers: for each group, names of channels by layer; key 0 is the file itself.
        problems: what tclsh or the stack could not do.
    """

    nodes: dict[int, Node] = field(default_factory=dict)
    layers: dict[int, dict[str, list[str]]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def inside(self, group: int) -> list[Node]:
        """Nodes directly in a group."""
        return [node for node in self.nodes.values() if node.group == group]

    def groups(self) -> list[Node]:
        """All Groups."""
        return [node for node in self.nodes.values() if node.kind == "Group"]

    def named(self, name: str, group: int | None = None) -> Node:
        """The node of a name; raises KeyError."""
        for node in self.nodes.values():
            if node.name == name and group in (None, node.group):
                return node
        raise KeyError(name)

    def declared(self, group: int) -> dict[str, list[str]]:
        """Layers that a node in this group can use: declared there, or around it."""
        found: dict[str, list[str]] = {}
        while True:
            found.update(self.layers.get(group, {}))
            if not group:
                return found
            group = self.nodes[group].group


def read(path: Path) -> Script:
    """Evaluates a file; raises RuntimeError where there is no tclsh."""
    if TCLSH is None:
        raise RuntimeError(NO_TCLSH)
    ran = subprocess.run([TCLSH, str(_READER), str(path)], capture_output=True, check=True, timeout=60)
    script = Script()
    for line in ran.stdout.decode("ascii").splitlines():
        what, *words = [bytes.fromhex(word[1:]).decode() for word in line.split(" ")]
        _take(script, what, words)
    return script


def _take(script: Script, what: str, words: list[str]) -> None:
    if what == "node":
        number, group, kind, wanted, *inputs = words
        taken = [int(one) for one in inputs if one.isdigit()]
        script.nodes[int(number)] = Node(int(number), int(group), kind, int(wanted), taken)
        if len(taken) != len(inputs):
            script.problems.append(Problem("command", f"{kind}: input {inputs} was never set"))
    elif what == "knob":
        script.nodes[int(words[0])].knobs.append((words[1], words[2]))
    elif what == "user":
        _take_user(script, script.nodes[int(words[0])], words[1:])
    elif what == "layer":
        _take_layer(script, int(words[0]), words[1:])
    elif what == "problem":
        script.problems.append(Problem(words[0], words[1]))


def _take_user(script: Script, node: Node, words: list[str]) -> None:
    if len(words) < 2:
        if words != ["20", "User"]:
            script.problems.append(Problem("user knob", f"{node.name}: addUserKnob {words}"))
        return
    kind, name, *rest = words
    said: dict[str, str] = {}
    flags = []
    while rest:
        word = rest.pop(0)
        if word[:1] in "+-" and word[1:].isupper():
            flags.append(word)
        elif word == "R" and len(rest) > 1:
            said["R"] = f"{rest.pop(0)} {rest.pop(0)}"
        elif word in _WITH_VALUE and rest:
            said[word] = rest.pop(0)
        else:
            script.problems.append(Problem("user knob", f"{node.name}.{name}: {word!r} means nothing here"))
    knob = UserKnob(
        kind,
        name,
        said.get("l", name),
        said.get("t", ""),
        said.get("T", ""),
        said.get("M", ""),
        tuple(flags),
    )
    if name in dict(node.knobs):
        script.problems.append(Problem("user knob", f"{node.name}.{name} has its value before it is added"))
    node.users.append(knob)


def _take_layer(script: Script, group: int, words: list[str]) -> None:
    if len(words) == 1:
        words = words[0].split()
    layer, *channels = words
    script.layers.setdefault(group, {})[layer] = channels


def items(text: str) -> list[str]:
    """The words of a Tcl list that has no escapes, such as the choices of an enumeration."""
    words: list[str] = []
    index = 0
    while index < len(text):
        character = text[index]
        if character.isspace():
            index += 1
        elif character == "{":
            end = _closing(text, index)
            words.append(text[index + 1 : end])
            index = end + 1
        elif character == '"':
            end = text.index('"', index + 1)
            words.append(text[index + 1 : end])
            index = end + 1
        else:
            end = index
            while end < len(text) and not text[end].isspace():
                end += 1
            words.append(text[index:end])
            index = end
    return words


def _closing(text: str, start: int) -> int:
    depth = 0
    for index in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index
    raise ValueError(f"no closing brace in {text!r}")
