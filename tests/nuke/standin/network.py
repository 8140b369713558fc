# SPDX-License-Identifier: Apache-2.0
"""Calls of `nuke` that make, find, copy, load and save nodes (2.2, 2.3, N01, N05 to N08, N52)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

from tests.nuke.standin import knob_kinds, reading, tcl, writing
from tests.nuke.standin.application import Application
from tests.nuke.standin.nodes import Group, Node

CLIPBOARD = "%clipboard%"


class Network:
    """The calls, by the names that the module `nuke` has them under."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.plugins: list[str] = []

    def calls(self) -> dict[str, Callable[..., Any]]:
        """Name and call of each."""
        return {
            "createNode": self.create,
            "toNode": self.to_node,
            "allNodes": self.all_nodes,
            "selectedNodes": self.selected_nodes,
            "selectedNode": self.selected_node,
            "delete": self.delete,
            "nodeCopy": self.node_copy,
            "nodePaste": self.node_paste,
            "loadToolset": self.node_paste,
            "scriptSave": self.script_save,
            "scriptSaveAs": self.script_save,
            "scriptOpen": self.script_open,
            "scriptClear": self.script_clear,
            "endGroup": self.end_group,
            "pluginPath": lambda: list(self.plugins),
            "pluginAddPath": lambda path, **more: self.plugins.insert(0, self._path(path)),
            "pluginAppendPath": lambda path: self.plugins.append(self._path(path)),
        }

    def _path(self, path: Any) -> str:
        if not isinstance(path, str):
            raise TypeError("a plugin path is text")
        return path

    def _here(self) -> Any:
        return self.app.script.context[-1]

    def to_node(self, name: str) -> Any:
        """N01: None for a node that is not there."""
        if not isinstance(name, str):
            raise TypeError("toNode takes a name")
        return self.app.reach(self.app.script.find(name, self._here()))

    def all_nodes(
        self,
        filter: Any = None,
        group: Any = None,
        recurseGroups: bool = False,  # noqa: N803
    ) -> list[Any]:
        found = self.app.script.every_node(group or self._here()) if recurseGroups else None
        every = found if found is not None else list((group or self._here())._children)
        return [self.app.reach(node) for node in every if filter is None or node._class == filter]

    def _selection(self) -> list[Any]:
        return [node for node in self._here()._children if node._knobs["selected"]._value]

    def selected_nodes(self, filter: Any = None) -> list[Any]:
        return [self.app.reach(node) for node in self._selection() if filter in (None, node._class)]

    def selected_node(self) -> Any:
        if not self._selection():
            raise ValueError("no node selected")
        return self.app.reach(self._selection()[-1])

    def make(self, kind: str, values: dict[str, Any]) -> Any:
        """nuke.nodes.Class(knob=value, inputs=[…]): no splice, no panel (N05)."""
        node = self._new(kind, str(values.pop("name", "")), None)
        for number, other in enumerate(values.pop("inputs", [])):
            node._connect(number, other)
        for name, value in values.items():
            node[name].setValue(value)
        if not self._is_gizmo(kind):
            self.app.script.callbacks.created(node)
        return self.app.reach(node)

    def _is_gizmo(self, kind: str) -> bool:
        return kind not in knob_kinds.CLASSES

    def _gizmo(self, kind: str) -> str:
        for folder in self.plugins:
            for extension in (".gizmo", ".nk"):
                path = Path(folder) / f"{kind}{extension}"
                if path.is_file():
                    return path.read_text(encoding="utf-8")
        raise RuntimeError(f"{kind}: Unknown command")

    def _new(self, kind: str, name: str, selected: Any) -> Any:
        if not self._is_gizmo(kind):
            return self.app.script.add(kind, self._here(), name)
        made = reading.Reading(self.app, self._here(), selected).read(self._gizmo(kind))
        if not made:
            raise RuntimeError(f"{kind}: no node is in its file")
        if name:
            made[-1].setName(name)
        return made[-1]

    def create(self, kind: str, knobs: str = "", inpanel: bool = True, *more: Any) -> Any:
        """N05: splices into the selection, selects the new node alone, and opens its panel."""
        if not isinstance(kind, str) or not isinstance(knobs, str):
            raise TypeError("createNode takes the name of a class and text")
        before = self._selection()
        above = before[-1] if before else None
        node = self._new(kind, "", None)
        words = tcl.split_list(knobs)
        for at in range(0, len(words) - 1, 2):
            node[words[at].text]._read(words[at + 1].text)
            node._knob_was_set(node[words[at].text], quietly=True)
        if above is not None and node._limit():
            for other in self._here()._children:
                if other is not node:
                    other._inputs = [node if one is above else one for one in other._inputs]
            node._connect(0, above)
        self._select([node])
        if self._is_gizmo(kind):
            self.app.script.changed(f"{kind} is made")
        else:
            self.app.script.callbacks.created(node)
        if inpanel and self.app.gui:
            node.showControlPanel()
        return self.app.reach(node)

    def _select(self, chosen: list[Any]) -> None:
        for node in self._here()._children:
            node._knobs["selected"]._value = node in chosen

    def delete(self, node: Any) -> None:
        if not isinstance(node, Node):
            raise TypeError("delete takes a node")
        node._alive()
        self.app.script.remove(node)

    def node_copy(self, path: str) -> None:
        chosen = self._selection()
        if not chosen:
            raise RuntimeError("no node selected")
        text = writing.script_text(self.app.script, chosen, with_root=False)
        if path == CLIPBOARD:
            self.app.script.clipboard = text
        else:
            Path(path).write_text(text, encoding="utf-8")

    def node_paste(self, path: str) -> Any:
        """N52: after a bad value it raises, and the nodes are there all the same (2.3)."""
        text = self.app.script.clipboard if path == CLIPBOARD else Path(path).read_text(encoding="utf-8")
        selection = self._selection()
        made = self.read(text, selection[-1] if selection else None)
        self._select(made)
        return self.app.reach(made[-1]) if made else None

    def read(self, text: str, selected: Any = None) -> list[Any]:
        """Reads text into the group that is entered."""
        before = len(self.app.violations)
        made = reading.Reading(self.app, self._here(), selected).read(text)
        bad = [one.text for one in self.app.violations[before:] if one.kind == "bad value"]
        if bad:
            raise RuntimeError("\n".join(bad))
        return made

    def script_save(self, path: str = "", *more: Any) -> bool:
        """N15, N16, N44: what a saved script lacks."""
        script = self.app.script
        name = path or str(script.root._knobs["name"]._value)
        if name == "Root":
            raise RuntimeError("the script has no name")
        script.callbacks.plain("OnScriptSave")
        script.root._knobs["name"]._value = name
        text = writing.script_text(script, list(script.root._children), with_root=True)
        Path(name).write_text(text, encoding="utf-8")
        return True

    def script_open(self, path: str) -> None:
        self.script_clear()
        text = Path(path).read_text(encoding="utf-8")
        try:
            self.read(text)
        finally:
            self.app.script.root._knobs["name"]._value = path
            self.app.script.callbacks.plain("OnScriptLoad")

    def script_clear(self) -> None:
        self.app.script.callbacks.plain("OnScriptClose")
        self.app.script.reset()

    def end_group(self) -> None:
        group = self._here()
        if isinstance(group, Group):
            group.end()
