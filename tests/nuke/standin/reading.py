# SPDX-License-Identifier: Apache-2.0
"""Reading scripts: statements of .nk and .gizmo files onto a stack of nodes (2.7, N50 to N54)."""

from __future__ import annotations

import re
from typing import Any

from tests.nuke.standin import knob_kinds, tcl
from tests.nuke.standin.knobs import Enumeration_Knob, Flag, Knob, Tab_Knob, Text_Knob

FLAGS = {
    "INVISIBLE": Flag.INVISIBLE,
    "HIDDEN": Flag.HIDDEN,
    "DO_NOT_WRITE": Flag.DO_NOT_WRITE,
    "STARTLINE": Flag.STARTLINE,
    "ENDLINE": Flag.ENDLINE,
    "DISABLED": Flag.DISABLED,
    "NO_ANIMATION": Flag.NO_ANIMATION,
}
IGNORED = ("version", "define_window_layout_xml")


class Reading:
    """One text that is being read into a group."""

    def __init__(self, app: Any, group: Any, selected: Any = None) -> None:
        self.app, self.script = app, app.script
        self.groups = [group]
        self.stacks: list[list[Any]] = [[selected] if selected is not None else []]
        self.variables: dict[str, Any] = {}
        self.made: list[Any] = []
        self.open: list[Any] = []
        self.statements = 0

    def read(self, text: str) -> list[Any]:
        """Makes what the text says; nodes of the outermost level are returned."""
        self.app.loading += 1
        try:
            for words in tcl.commands(text):
                self._statement(words)
            if self.open:
                raise tcl.TclError(f"end_group is missing after {self.open[-1]._path()}")
        finally:
            self.app.loading -= 1
        return self.made

    def _statement(self, words: list[Any]) -> None:
        name = words[0].text
        if name in IGNORED:
            return
        if name == "add_layer":
            parts = [word.text for word in tcl.split_list(words[1].text)]
            self.script.layers.add(parts[0], parts[1:])
        elif name == "push":
            self._push(words[1].text)
        elif name == "set":
            if words[1].text == "cut_paste_input" and not self.stacks[-1]:
                self.stacks[-1].append(None)
            stacked = re.fullmatch(r"\[stack (\d+)\]", words[2].text)
            if not stacked or int(stacked[1]) >= len(self.stacks[-1]):
                raise tcl.TclError(f"set {words[1].text} {words[2].text}: no such place of the stack")
            self.variables[words[1].text] = self.stacks[-1][-1 - int(stacked[1])]
        elif name == "end_group":
            self._end_group()
        elif len(words) == 2:
            self._node(name, words[1].text)
        else:
            raise tcl.TclError(f"{name}: unknown command, or not a class with its knobs")

    def _push(self, what: str) -> None:
        if what == "0":
            self.stacks[-1].append(None)
        elif what[:1] == "$" and what[1:] in self.variables:
            self.stacks[-1].append(self.variables[what[1:]])
        else:
            raise tcl.TclError(f"push {what}: no such variable")

    def _end_group(self) -> None:
        if not self.open:
            raise tcl.TclError("end_group without a Group")
        group = self.open.pop()
        self.groups.pop()
        self.stacks.pop()
        group._pending()
        self._finish(group)

    def _pop(self, count: int, name: str) -> list[Any]:
        stack, found = self.stacks[-1], []
        for _ in range(count):
            if stack:
                found.append(stack.pop())
            else:
                if self.statements > 1 or len(self.stacks) > 1:
                    text = f"{name} takes an input that is not on the stack"
                    self.app.breach("stack", "N51", text)
                found.append(None)
        return found

    def _node(self, kind: str, body: str) -> None:
        self.statements += 1
        words = tcl.split_list(body)
        if len(words) % 2:
            raise tcl.TclError(f"{kind}: a knob without a value at the end of {body[-60:]!r}")
        pairs = [(words[at].text, words[at + 1]) for at in range(0, len(words), 2)]
        if kind == "Root":
            self.statements -= 1
            fill(self.script.root, [pair for pair in pairs if pair[0] != "inputs"])
            return
        given = dict(pairs)
        counts = [int(one) for one in given["inputs"].text.split("+")] if "inputs" in given else [1]
        inputs = self._pop(sum(counts), kind)
        node = self.script.add(kind, self.groups[-1], given["name"].text if "name" in given else "")
        node._optional = sum(counts[1:])
        fill(node, [pair for pair in pairs if pair[0] not in ("inputs", "name")])
        self.stacks[-1].append(node)
        if len(self.groups) == 1:
            self.made.append(node)

        def connect() -> None:
            for number, other in enumerate(inputs):
                if other is not None:
                    node._connect(number, other)

        if kind in ("Group", "Gizmo"):
            node._pending = connect
            self.groups.append(node)
            self.stacks.append([])
            self.open.append(node)
        else:
            connect()
            self._finish(node)

    def _finish(self, node: Any) -> None:
        self.script.callbacks.created(node)


def fill(node: Any, pairs: list[tuple[str, Any]]) -> None:
    """Gives a node its user knobs and values; a knob that it lacks fails the test (N53)."""
    app = node._app
    for name, word in pairs:
        if name == "addUserKnob":
            knob = user_knob(word.text)
            if knob._name in node._knobs:
                app.breach("load", "N53", f"{node._path()} has {knob._name} twice")
            node._attach(knob)
        elif name not in node._knobs:
            app.breach("load", "N53", f"{node._path()}: no such knob {name}")
        else:
            node._knobs[name]._read(word.text)
            if name != "name":
                node._knob_was_set(node._knobs[name], quietly=True)


def user_knob(text: str) -> Knob:
    """The knob that an addUserKnob describes (2.7)."""
    words = tcl.split_list(text)
    number, name = int(words[0].text), words[1].text if len(words) > 1 else ""
    if number not in knob_kinds.USER_KINDS:
        raise NotImplementedError(f"the stand-in has no user knob of the kind {number}")
    knob: Any = knob_kinds.USER_KINDS[number](name or f"_{id(words)}")
    knob._user = True
    at = 2
    while at < len(words):
        key = words[at].text
        if key[:1] in "+-" and key[1:] in FLAGS:
            (knob._declared if key[0] == "+" else knob._minus).add(FLAGS[key[1:]])
            if key[0] == "+":
                knob._flags.add(FLAGS[key[1:]])
            at += 1
            continue
        if at + 1 >= len(words):
            raise tcl.TclError(f"addUserKnob {{{text}}}: {key} has no value")
        value = words[at + 1].text
        at += 2
        if key == "l":
            knob._label = value
        elif key == "t":
            knob._tooltip = value
        elif key == "M" and isinstance(knob, Enumeration_Knob):
            knob._items = [word.text for word in tcl.split_list(value)]
            knob._value = knob._default = knob._keys()[0]
        elif key == "T":
            knob._value = value
            if not isinstance(knob, Text_Knob):
                knob._default = value
        elif key == "n" and isinstance(knob, Tab_Knob):
            knob._group_kind = value
        elif key != "R":
            raise tcl.TclError(f"addUserKnob {{{text}}}: unknown {key}")
        else:
            at += 1
    return knob
