# SPDX-License-Identifier: Apache-2.0
"""Fusion compositions of an item (facts, section 2.6): what is set on their tools is taken, and only text renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.resolve.standin import compositions
from tests.resolve.standin.calls import Gate, Scripted


class FusionTool(Scripted):
    """`dir()` omits GetAttrs and SetAttrs, which are there (R02c)."""

    script_class = "FusionTool"
    hidden = frozenset({"GetAttrs", "SetAttrs"})

    def __init__(self, gate: Gate, kind: str, name: str) -> None:
        super().__init__(gate)
        self.kind = kind
        self.name = name
        self.inputs: dict[str, Any] = {}

    def SetInput(self, name, value, time=0):
        self.inputs[name] = value

    def GetInput(self, name, time=0):
        return self.inputs.get(name)

    def ConnectInput(self, name, tool):
        self.inputs[name] = tool
        return True

    def GetAttrs(self, name=None):
        attributes = {"TOOLS_Name": self.name, "TOOLS_RegID": self.kind}
        return attributes if name is None else attributes.get(name)

    def SetAttrs(self, attributes):
        self.name = attributes.get("TOOLS_Name", self.name)


class FusionComp(Scripted):
    script_class = "FusionComp"

    def __init__(self, gate: Gate, name: str, text: str = "") -> None:
        super().__init__(gate)
        self.name = name
        self.text = text
        self.tools = [FusionTool(gate, tool.kind, name) for name, tool in compositions.tools(text).items()]
        self.locked = False

    def AddTool(self, kind, x=-32768, y=-32768):
        tool = FusionTool(self.gate, kind, f"{kind}{sum(t.kind == kind for t in self.tools) + 1}")
        self.tools.append(tool)
        return tool

    def FindTool(self, name):
        return next((tool for tool in self.tools if tool.name == name), None)

    def GetToolList(self, selected=False, kind=None):
        """A table of Lua: it counts from 1."""
        found = [tool for tool in self.tools if kind in (None, tool.kind)]
        return {float(number): tool for number, tool in enumerate(found, 1)}

    def Lock(self):
        self.locked = True

    def Unlock(self):
        self.locked = False

    def StartUndo(self, name):
        return None

    def EndUndo(self, keep=True):
        return None


class Comps:
    """An item's compositions. A file that cannot be parsed comes in as an empty one (section 2.6)."""

    gate: Gate
    comps: list[FusionComp]

    def composed(self) -> FusionComp | None:
        """The one that renders: of two the older one, which is the wrong one for who added the other (R19a)."""
        return self.comps[0] if self.comps else None

    def _named(self, name: str) -> FusionComp | None:
        return next((comp for comp in self.comps if comp.name == name), None)

    def GetFusionCompCount(self):
        return len(self.comps)

    def GetFusionCompNameList(self):
        return [comp.name for comp in self.comps]

    def GetFusionCompByIndex(self, index):
        """Counts from 1."""
        return self.comps[index - 1] if 1 <= index <= len(self.comps) else None

    def GetFusionCompByName(self, name):
        return self._named(name)

    def _add(self, text: str) -> FusionComp:
        taken = {comp.name for comp in self.comps}
        free = (f"Composition {number}" for number in range(1, len(taken) + 2))
        comp = FusionComp(self.gate, next(name for name in free if name not in taken), text)
        self.comps.append(comp)
        return comp

    def AddFusionComp(self):
        return self._add(compositions.PLAIN)

    def ImportFusionComp(self, path):
        if not Path(path).is_file():
            return None
        text = Path(path).read_text()
        bare = compositions.without_braces_in_texts(text)
        parsed = (
            "comp_not_parsed" not in self.gate.faults
            and text.strip().startswith(("Composition", "{"))
            and bare.count("{") == bare.count("}")
        )
        return self._add(text if parsed else "")

    def ExportFusionComp(self, path, index):
        if not 1 <= index <= len(self.comps):
            return False
        Path(path).write_text(self.comps[index - 1].text)
        return True

    def DeleteFusionCompByName(self, name):
        comp = self._named(name)
        if comp is None:
            return False
        self.comps.remove(comp)
        return True
