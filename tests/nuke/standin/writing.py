# SPDX-License-Identifier: Apache-2.0
"""Writing scripts: nodes in the order of their inputs, with a stack (2.7, N15, N16, N50, N54)."""

from __future__ import annotations

import re
from typing import Any

from tests.nuke.standin import tcl
from tests.nuke.standin.knob_kinds import PyScript_Knob, _Channels
from tests.nuke.standin.knobs import Enumeration_Knob, EvalString_Knob, Flag, Tab_Knob, Text_Knob
from tests.nuke.standin.layers import BUILT_IN

NEVER = ("name", "selected", "indicators")
LATE = ("version",)


def knob_lines(node: Any) -> list[str]:
    """The lines between the braces of a node."""
    lines = []
    extra = [knob for name, knob in node._knobs.items() if name in node._extra]
    plain = [knob for knob in node._knobs.values() if knob not in extra and not knob._user]
    for knob in plain + extra:
        if knob._name not in NEVER and knob._saved() and knob._changed_from_default():
            lines.append(f"{knob._name} {knob._word()}")
    lines.append(f"name {tcl.quote(str(node._knobs['name']._value))}")
    for knob in node._knobs.values():
        if knob._user:
            lines += _user_lines(knob)
    return lines


def _user_lines(knob: Any) -> list[str]:
    words = [str(knob._number_of_kind), knob._name]
    if knob._label != knob._name:
        words += ["l", tcl.quote(knob._label)]
    if knob._tooltip:
        words += ["t", tcl.quote(knob._tooltip)]
    if (isinstance(knob, (PyScript_Knob, Text_Knob)) and knob._value) or knob._number_of_kind == 41:
        words += ["T", tcl.quote(knob._value)]
    if isinstance(knob, Enumeration_Knob):
        words += ["M", "{" + " ".join(tcl.quote(item) for item in knob._items) + "}"]
    if isinstance(knob, Tab_Knob) and knob._group_kind:
        words += ["n", knob._group_kind]
    words += [f"+{flag.name}" for flag in Flag if flag in knob._declared]
    words += [f"-{flag.name}" for flag in Flag if flag in knob._minus]
    lines = ["addUserKnob {" + " ".join(words) + "}"]
    buttons = (Tab_Knob, PyScript_Knob, Text_Knob)
    holds_value = not isinstance(knob, buttons) and knob._number_of_kind != 41
    if holds_value and knob._saved() and knob._changed_from_default():
        lines.append(f"{knob._name} {knob._word()}")
    return lines


def _ordered(nodes: list[Any]) -> list[Any]:
    done: list[Any] = []

    def visit(node: Any) -> None:
        if node in done or node not in nodes:
            return
        for other in node._inputs:
            if other is not None:
                visit(other)
        done.append(node)

    for node in nodes:
        visit(node)
    return done


def network(nodes: list[Any], indent: str = "", names: dict[Any, str] | None = None) -> list[str]:
    """Statements that make these nodes again; links to other nodes are lost."""
    lines: list[str] = []
    names = {} if names is None else names
    for node in _ordered(nodes):
        inputs = [one if one in names else None for one in node._inputs]
        while inputs and inputs[-1] is None:
            inputs.pop()
        for other in reversed(inputs):
            lines.append(f"{indent}push ${names[other]}" if other is not None else f"{indent}push 0")
        lines.append(f"{indent}{node._class} {{")
        optional = min(node._optional, max(0, len(inputs) - 1))
        count = f"{len(inputs) - optional}+{optional}" if optional else str(len(inputs))
        lines.append(f"{indent} inputs {count}")
        lines += [f"{indent} {line}" for line in knob_lines(node)]
        lines.append(f"{indent}}}")
        if node._class in ("Group", "Gizmo"):
            lines += network(node._children, indent + " ", names)
            lines.append(f"{indent}end_group")
        names[node] = f"N{len(names) + 1:x}"
        lines.append(f"{indent}set {names[node]} [stack 0]")
    return lines


def layer_lines(script: Any, nodes: list[Any]) -> list[str]:
    """N44: a layer that no node uses is dropped (2.3)."""
    said = []
    for node in nodes:
        for knob in node._knobs.values():
            if isinstance(knob, (_Channels, EvalString_Knob)) and knob._name not in ("label", "help"):
                said.append(str(knob._value))
    used = set(re.findall(r"\w+", " ".join(said)))
    return [
        "add_layer {" + " ".join((layer, *script.layers.of(layer))) + "}"
        for layer in script.layers.table
        if layer not in BUILT_IN and layer in used
    ]


def script_text(script: Any, nodes: list[Any], with_root: bool) -> str:
    """The text of a saved script, or of nodes that are copied."""
    app = script.app
    every = [one for node in nodes for one in (node, *_inside(script, node))]
    lines = [f"version {app.major}.{app.minor} v{app.release}"]
    if with_root:
        lines += ["Root {", " inputs 0", *(f" {line}" for line in knob_lines(script.root)), "}"]
    else:
        lines.insert(0, "set cut_paste_input [stack 0]")
    lines += layer_lines(script, every)
    return "\n".join([*lines, *network(nodes)]) + "\n"


def _inside(script: Any, node: Any) -> list[Any]:
    return script.every_node(node) if hasattr(node, "_children") else []
