# SPDX-License-Identifier: Apache-2.0
"""Nodes: their knobs by name, inputs, place, panel (2.2, 2.3, N01 to N05)."""

from __future__ import annotations

import re
from typing import Any

from tests.nuke.standin import knob_kinds
from tests.nuke.standin.application import Application, Deleted, guarded
from tests.nuke.standin.formats import Box, Format, FrameRange
from tests.nuke.standin.knobs import Knob, Tab_Knob

SINCE = {"disable_group_view": 16}
"""N62: knobs that earlier versions lack (2.2)."""


@guarded
class Node:
    """A node of the script."""

    def __init__(self, app: Application, kind: str, group: Any) -> None:
        self._app, self._class, self._group = app, kind, group
        self._deleted = False
        self._inputs: list[Any] = []
        self._knobs: dict[str, Knob] = {}
        self._shown = False
        self._extra: set[str] = set()
        self._optional = 0
        facts = knob_kinds.CLASSES[kind]
        for row in (*knob_kinds.CLASSES[""]["knobs"], *facts["knobs"]):
            if app.major >= SINCE.get(row[0], 0):
                self._attach(self._made(row))

    def _made(self, row: Any) -> Knob:
        if row[0] == "colorspace" and row[1] == "Enumeration_Knob":
            row = (row[0], row[1], row[2], list(self._app.script.colorspaces()))
        return knob_kinds.make(row)

    def _attach(self, knob: Knob) -> None:
        knob._node = self
        self._knobs[knob._name] = knob

    def _alive(self) -> None:
        if self._deleted:
            raise Deleted("A PythonObject is not attached to a node")

    def _path(self) -> str:
        name = str(self._knobs["name"]._value)
        return name if self._group is None or self._group._group is None else f"{self._group._path()}.{name}"

    def _child(self, name: str) -> Any:
        return None

    def _limit(self) -> int:
        least = len(self._app.script.views) if self._class == "JoinViews" else 0
        return max(least, int(knob_kinds.CLASSES[self._class]["inputs"][1]))

    def _knob_was_set(self, knob: Knob, quietly: bool = False) -> None:
        """Follows what a knob does to the node, then says knobChanged where the version does (N24)."""
        if knob._name == "name":
            self._name_is_legal(str(knob._value))
        if knob._name == "file_type":
            self._exr_knobs(str(knob._value) == "exr")
        if not quietly:
            self._app.script.callbacks.programmatic(self, knob)

    def _name_is_legal(self, name: str) -> None:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(f"{name!r} is no legal name of a node")

    def _exr_knobs(self, present: bool) -> None:
        """N32: a Write has the knobs of EXR only while its file_type is exr (2.5)."""
        rows = {"Write": knob_kinds.EXR_WRITE, "Read": knob_kinds.EXR_READ}.get(self._class, ())
        for row in rows:
            if present and row[0] not in self._knobs:
                self._attach(self._made(row))
                self._extra.add(row[0])
            elif not present and row[0] in self._extra:
                del self._knobs[row[0]]
                self._extra.discard(row[0])

    def _source(self) -> Any:
        return self._app.script.sources.get(self)

    def __getitem__(self, name: str) -> Knob:
        """N01: NameError for a knob that is not there."""
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist")
        return self._knobs[name]

    def knob(self, name: str, *more: Any) -> Any:
        """N01: None for a knob that is not there."""
        if not isinstance(name, str):
            raise TypeError("knob takes a name")
        return self._knobs.get(name)

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs)

    def allKnobs(self) -> list[Knob]:  # noqa: N802
        return list(self._knobs.values())

    def numKnobs(self) -> int:  # noqa: N802
        return len(self._knobs)

    def addKnob(self, knob: Knob) -> None:  # noqa: N802
        """Adds a user knob, below a tab User if the node has none yet."""
        if not isinstance(knob, Knob):
            raise TypeError("addKnob takes a knob")
        if knob._name in self._knobs:
            raise ValueError(f"{self._path()} has a knob {knob._name}")
        if not isinstance(knob, Tab_Knob) and not any(
            one._user and isinstance(one, Tab_Knob) for one in self._knobs.values()
        ):
            self.addKnob(Tab_Knob("User", "User"))
        knob._user = True
        self._attach(knob)
        self._app.script.changed(f"{knob._name} is added")

    def removeKnob(self, knob: Knob) -> None:  # noqa: N802
        if self._knobs.get(knob._name) is not knob or not knob._user:
            raise ValueError(f"{self._path()} has no user knob {knob._name}")
        del self._knobs[knob._name]
        self._app.script.changed(f"{knob._name} is removed")

    def name(self) -> str:
        return str(self._knobs["name"]._value)

    def setName(self, name: str, uncollide: bool = True, *more: Any) -> None:  # noqa: N802
        """N06: names are unique in their group and do not begin with a digit (2.4)."""
        if not isinstance(name, str):
            raise TypeError("setName takes text")
        self._name_is_legal(name)
        taken = self._group._child(name) if self._group is not None else None
        if taken is not None and taken is not self:
            if not uncollide:
                raise ValueError(f"there is a {name} already")
            name = self._app.script.free_name(self._group, name)
        self._knobs["name"]._value = name
        self._app.script.changed(f"{name} is named")

    def fullName(self) -> str:  # noqa: N802
        return self._path()

    def Class(self) -> str:  # noqa: N802
        return self._class

    def isSelected(self) -> bool:  # noqa: N802
        return bool(self._knobs["selected"]._value)

    def setSelected(self, selected: bool) -> None:  # noqa: N802
        self._knobs["selected"]._value = bool(selected)

    def xpos(self) -> int:
        return int(self._knobs["xpos"]._number(0))

    def ypos(self) -> int:
        return int(self._knobs["ypos"]._number(0))

    def setXYpos(self, x: int, y: int) -> None:  # noqa: N802
        """N31: in 17 a place is two int."""
        self.setXpos(x)
        self.setYpos(y)

    def _place(self, name: str, value: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int if self._app.strict else (int, float)):
            raise TypeError(f"{name} is an int, not {type(value).__name__}")
        self._knobs[name]._value = [float(int(value))]
        self._app.script.changed(name)

    def setXpos(self, x: int) -> None:  # noqa: N802
        self._place("xpos", x)

    def setYpos(self, y: int) -> None:  # noqa: N802
        self._place("ypos", y)

    def screenWidth(self) -> int:  # noqa: N802
        return 80

    def screenHeight(self) -> int:  # noqa: N802
        return 18

    def maxInputs(self) -> int:  # noqa: N802
        return self._limit()

    def maximumInputs(self) -> int:  # noqa: N802
        return self._limit()

    def minInputs(self) -> int:  # noqa: N802
        return int(knob_kinds.CLASSES[self._class]["inputs"][0])

    def inputs(self) -> int:
        return len(self._inputs)

    def input(self, number: int) -> Any:
        if not isinstance(number, int):
            raise TypeError("input takes a number")
        return self._app.reach(self._inputs[number]) if 0 <= number < len(self._inputs) else None

    def setInput(self, number: int, node: Any) -> bool:  # noqa: N802
        """N07: beyond maxInputs an input is refused (6.2)."""
        if not isinstance(number, int) or not (node is None or isinstance(node, Node)):
            raise TypeError("setInput takes a number and a node")
        self._connect(number, node)
        self._app.script.changed("an input")
        self._app.script.callbacks.pseudo(self, "inputChange")
        return True

    def _connect(self, number: int, node: Any) -> None:
        if not 0 <= number < self._limit():
            raise IndexError(f"{self._path()} has {self._limit()} inputs, none numbered {number}")
        if node is not None and node._group is not self._group:
            raise RuntimeError(f"{node._path()} is not in the group of {self._path()}")
        self._inputs += [None] * (number + 1 - len(self._inputs))
        self._inputs[number] = node
        while self._inputs and self._inputs[-1] is None:
            self._inputs.pop()

    def connectInput(self, number: int, node: Any) -> bool:  # noqa: N802
        return self.setInput(number, node)

    def canSetInput(self, number: int, node: Any) -> bool:  # noqa: N802
        return 0 <= number < self._limit()

    def dependencies(self, *what: Any) -> list[Any]:
        return [self._app.reach(node) for node in self._inputs if node is not None]

    def dependent(self, *what: Any) -> list[Any]:
        others = self._group._children if self._group is not None else []
        return [self._app.reach(node) for node in others if self in node._inputs]

    def optionalInput(self) -> int:  # noqa: N802
        return self._optional

    def parent(self) -> Any:
        return self._group

    def showControlPanel(self, *more: Any) -> None:  # noqa: N802
        if not self._app.gui:
            raise RuntimeError("there are no panels without the interface")
        self._shown = True
        self._app.script.callbacks.pseudo(self, "showPanel")

    def hideControlPanel(self) -> None:  # noqa: N802
        if self._shown:
            self._shown = False
            self._app.script.callbacks.pseudo(self, "hidePanel")

    def shown(self) -> bool:
        return self._shown

    def error(self) -> bool:
        return False

    def hasError(self) -> bool:  # noqa: N802
        return False

    def treeHasError(self) -> bool:  # noqa: N802
        return False

    def firstFrame(self) -> int:  # noqa: N802
        return self._range()[0]

    def lastFrame(self) -> int:  # noqa: N802
        return self._range()[1]

    def frameRange(self) -> Any:  # noqa: N802
        return FrameRange(*self._range())

    def _range(self) -> tuple[int, int]:
        return self._app.script.picture.frames(self)

    def format(self) -> Format:
        return self._app.script.picture.format(self)

    def width(self) -> int:
        return self.format().width()

    def height(self) -> int:
        return self.format().height()

    def pixelAspect(self) -> float:  # noqa: N802
        return self.format().pixelAspect()

    def bbox(self) -> Any:
        return Box(*self._app.script.picture.box(self))

    def channels(self) -> list[str]:
        return self._app.script.picture.channels(self)

    def metadata(self, key: Any = None, frame: Any = None, view: Any = None) -> Any:
        """Everything, or the value of a key; None for a key that is not there (2.3)."""
        if key is not None and not isinstance(key, str):
            raise TypeError("metadata takes a key")
        found = self._app.script.picture.metadata(self, frame, view)
        return dict(found) if key is None else found.get(key)

    def writeKnobs(self, flags: int = 0) -> str:  # noqa: N802
        from tests.nuke.standin.writing import knob_lines

        return "\n".join(knob_lines(self))

    def forceValidate(self, *more: Any) -> None:  # noqa: N802
        self._range()


@guarded
class Group(Node):
    """A node with a network of its own (2.2)."""

    def __init__(self, app: Application, kind: str, group: Any) -> None:
        self._children: list[Node] = []
        super().__init__(app, kind, group)

    def _child(self, name: str) -> Any:
        for node in self._children:
            if node._knobs["name"]._value == name:
                return node
        return None

    def _limit(self) -> int:
        return sum(node._class == "Input" for node in self._children)

    def begin(self) -> Any:
        """N08, N25: begin and end balance; entering a group while a script loads crashes Nuke (2.4)."""
        if self._app.loading:
            text = f"{self._path()} is entered while a script loads"
            self._app.breach("crash", "N25", text)
            raise RuntimeError(text)
        self._app.script.context.append(self)
        return self

    def end(self) -> None:
        if len(self._app.script.context) < 2:
            self._app.breach("group", "N08", "end of a group that was not begun")
            raise RuntimeError("end of a group that was not begun")
        self._app.script.context.pop()

    def __enter__(self) -> Any:
        return self.begin()

    def __exit__(self, *error: Any) -> None:
        self.end()

    def nodes(self) -> list[Any]:
        return [self._app.reach(node) for node in self._children]

    def numNodes(self) -> int:  # noqa: N802
        return len(self._children)

    def node(self, name: str) -> Any:
        if not isinstance(name, str):
            raise TypeError("node takes a name")
        return self._app.reach(self._child(name))

    def output(self) -> Any:
        return next((self._app.reach(node) for node in self._children if node._class == "Output"), None)
