# SPDX-License-Identifier: Apache-2.0
"""The open script: root, network, selection, views, and how nodes come and go (2.3, N05 to N08)."""

from __future__ import annotations

import re
import sys
from typing import Any

from tests.nuke.standin import knob_kinds
from tests.nuke.standin.application import Application, guarded
from tests.nuke.standin.callbacks import Callbacks
from tests.nuke.standin.formats import Format
from tests.nuke.standin.layers import Layers
from tests.nuke.standin.nodes import Group, Node
from tests.nuke.standin.pictures import Picture

UNSAVED = "Root"
"""N61: the name of a root whose script has no file yet (2.3)."""

ROOT_KNOBS: tuple[tuple[Any, ...], ...] = (
    ("format", "Format_Knob", "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)"),
    ("first_frame", "Int_Knob", "1"),
    ("last_frame", "Int_Knob", "100"),
    ("frame", "Int_Knob", "1"),
    ("fps", "Double_Knob", "24"),
    ("lock_range", "Boolean_Knob", "false"),
    ("proxy", "Boolean_Knob", "false"),
    ("proxy_type", "Enumeration_Knob", "scale", ["format", "scale"]),
    ("proxy_format", "Format_Knob", "1024 778 0 0 1024 778 1 1K_Super_35(full-ap)"),
    ("proxy_scale", "Double_Knob", "0.5"),
    ("project_directory", "File_Knob", ""),
    ("views", "Multiline_Eval_String_Knob", "main"),
    ("colorManagement", "Enumeration_Knob", "Nuke", ["Nuke", "OCIO"]),
    ("OCIO_config", "Enumeration_Knob", "nuke-default", ["nuke-default", "aces_1.2", "custom"]),
    ("customOCIOConfigPath", "File_Knob", ""),
    *((name, "String_Knob", "linear") for name in ("workingSpaceLUT",)),
    *((name, "String_Knob", "sRGB") for name in ("monitorLut", "int8Lut", "int16Lut")),
    ("logLut", "String_Knob", "Cineon"),
    ("floatLut", "String_Knob", "linear"),
)
"""2.5: knobs of the root, seen in scene files and peers' code."""

knob_kinds.CLASSES.setdefault("Root", {"inputs": [0, 0], "knobs": [list(row) for row in ROOT_KNOBS]})
knob_kinds.CLASSES.setdefault(
    "BackdropNode",
    {"inputs": [0, 0], "knobs": [["bdwidth", "Array_Knob", "200"], ["bdheight", "Array_Knob", "100"]]},
)


@guarded
class Root(Group):
    """nuke.root()."""

    def setProxy(self, on: bool) -> None:  # noqa: N802
        self._knobs["proxy"].setValue(bool(on))

    def proxy(self) -> bool:
        return bool(self._knobs["proxy"].value())

    def setFrame(self, frame: int) -> None:  # noqa: N802
        self._knobs["frame"].setValue(int(frame))

    def name(self) -> str:
        return str(self._knobs["name"]._value)

    def _name_is_legal(self, name: str) -> None:
        """A root's name is the path of its script."""

    def _knob_was_set(self, knob: Any, quietly: bool = False) -> None:
        if knob._name == "views":
            self._app.script.views = _views(str(knob._value))
        if knob._name == "colorManagement":
            self._colours_changed()
        super()._knob_was_set(knob, quietly)

    def _colours_changed(self) -> None:
        for node in self._app.script.every_node():
            if "colorspace" in node._knobs:
                node._knobs["colorspace"]._items = list(self._app.script.colorspaces())

    def _range(self) -> tuple[int, int]:
        return int(self._knobs["first_frame"]._number(0)), int(self._knobs["last_frame"]._number(0))

    def format(self) -> Format:
        return self._knobs["format"].value()

    def _path(self) -> str:
        return "root"


def _views(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line.split()] or ["main"]


class Script:
    """What is open in one application."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.callbacks = Callbacks(app)
        self.clipboard = ""
        self.formats: dict[str, Format] = {}
        self.sources: dict[Any, Any] = {}
        self.picture = Picture(self)
        self.undo: Any = None
        self.reset()

    def reset(self) -> None:
        """An empty script without a file."""
        for node in self.every_node() if hasattr(self, "root") else []:
            node._deleted = True
        self.app.script = self
        self.layers = Layers()
        self.views = ["main"]
        self.sources.clear()
        self.root: Any = None
        self.root = Root(self.app, "Root", None)
        self.root._knobs["name"]._value = UNSAVED
        self.root._knobs["name"]._default = UNSAVED
        self.context: list[Any] = [self.root]

    def frame(self) -> int:
        return int(self.root._knobs["frame"]._value[0]) if self.root is not None else 1

    def changed(self, what: str) -> None:
        """Tells the undo stack of a change."""
        if self.undo is not None and not self.app.loading:
            self.undo.change(what)

    def colorspaces(self) -> list[str]:
        """N34: names of the colour spaces of the project's configuration."""
        if self.root is not None and self.root._knobs["colorManagement"]._value == "OCIO":
            return knob_kinds.ACES
        return knob_kinds.NUKE_DEFAULT

    def every_node(self, group: Any = None) -> list[Any]:
        """All nodes, those in groups too."""
        found = []
        for node in (group or self.root)._children:
            found.append(node)
            if isinstance(node, Group):
                found += self.every_node(node)
        return found

    def free_name(self, group: Any, wanted: str) -> str:
        """N06: the name with the first number that no node of the group has."""
        stem = re.sub(r"\d+$", "", wanted) or wanted
        number = 1
        while group._child(f"{stem}{number}") is not None:
            number += 1
        return f"{stem}{number}"

    def add(self, kind: str, group: Any, name: str = "") -> Any:
        """A new node that nothing is connected to; its callbacks are not yet called."""
        if kind not in knob_kinds.CLASSES or kind in ("", "Root"):
            raise RuntimeError(f"{kind}: Unknown command")
        made = (Group if kind in ("Group", "Gizmo") else Node)(self.app, kind, group)
        wanted = name or kind
        taken = not name or group._child(wanted) is not None
        made._knobs["name"]._value = self.free_name(group, wanted) if taken else wanted
        group._children.append(made)
        self.changed(f"{kind} is made")
        return made

    def remove(self, node: Any) -> None:
        """Takes a node, and what is inside of it, out of the script (N02)."""
        self.callbacks.run("OnDestroy", node, own="onDestroy")
        for inner in self.every_node(node) if isinstance(node, Group) else []:
            inner._deleted = True
        for other in node._group._children:
            other._inputs = [None if one is node else one for one in other._inputs]
            while other._inputs and other._inputs[-1] is None:
                other._inputs.pop()
        node._group._children.remove(node)
        node._deleted = True
        self.changed("a node is deleted")

    def find(self, path: str, group: Any) -> Any:
        """The node of a path such as VOID1.SendPlate, or None."""
        if path == "root" or path == "Root":
            return self.root
        parts = path.split(".")
        at = group
        if parts[0] == "root":
            at, parts = self.root, parts[1:]
        for part in parts:
            at = at._child(part) if at is not None else None
        return at

    def run_text(self, text: str, node: Any, knob: Any = None) -> None:
        """N14: runs the Python of a button or callback, with thisNode and thisKnob set."""
        self.app.this.append((node, knob))
        try:
            scope = {"nuke": sys.modules.get("nuke"), "nukescripts": sys.modules.get("nukescripts")}
            exec(compile(text, f"<{node._path()}>", "exec"), scope)
        finally:
            self.app.this.pop()
