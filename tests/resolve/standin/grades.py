# SPDX-License-Identifier: Apache-2.0
"""A grade as nodes with a gain each, and perhaps a key wired to an Alpha Output (facts, section 2.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from tests.resolve.standin.calls import Gate, Scripted

Box = tuple[float, float, float, float]


@dataclass
class Node:
    gain: float = 1.0
    enabled: bool = True
    label: str = ""


@dataclass
class Grade:
    """What a version holds. `key` is a box in fractions of the picture: left, top, right, bottom."""

    nodes: list[Node] = field(default_factory=lambda: [Node()])
    key: Box | None = None

    def gain(self) -> float:
        return prod(node.gain for node in self.nodes if node.enabled)

    def copy(self) -> Grade:
        return Grade([Node(node.gain, node.enabled, node.label) for node in self.nodes], self.key)

    def __repr__(self) -> str:
        return f"Grade({[(node.gain, node.enabled) for node in self.nodes]}, {self.key})"


class ColorGroup(Scripted):
    """Clips with grades in common, before and after the clip's own; ResetAllGrades of a clip leaves them (R20a)."""

    script_class = "ColorGroup"

    def __init__(self, gate: Gate, name: str, gain: float = 1.0) -> None:
        super().__init__(gate)
        self.name = name
        self.gain = gain

    def GetName(self):
        return self.name


class Graph(Scripted):
    """The nodes of the version that is loaded when a method is called."""

    script_class = "Graph"

    def __init__(self, gate: Gate, item: Graded) -> None:
        super().__init__(gate)
        self.item = item

    def GetNumNodes(self):
        return len(self.item.grade.nodes)

    def GetNodeLabel(self, index):
        nodes = self.item.grade.nodes
        return nodes[index - 1].label if 1 <= index <= len(nodes) else ""

    def GetToolsInNode(self, index):
        return ["Key"] if index == 1 and self.item.grade.key else []

    def SetNodeEnabled(self, index, enabled):
        nodes = self.item.grade.nodes
        if not 1 <= index <= len(nodes):
            return False
        nodes[index - 1].enabled = bool(enabled)
        return True

    def ResetAllGrades(self):
        self.item.versions[self.item.version] = Grade()
        return True


class Graded:
    """Versions of a grade: the API adds, loads and deletes them by name; 0 is a local one (R18k)."""

    gate: Gate
    versions: dict[str, Grade]
    version: str
    group: ColorGroup | None

    def whole_gain(self) -> float:
        """Of the version and of the group."""
        return self.grade.gain() * (self.group.gain if self.group else 1.0)

    def GetColorGroup(self):
        return self.group

    def AssignToColorGroup(self, group):
        if not isinstance(group, ColorGroup) or "group_refused" in self.gate.faults:
            return False
        self.group = group
        return True

    def RemoveFromColorGroup(self):
        had = self.group is not None
        self.group = None
        return had

    @property
    def grade(self) -> Grade:
        return self.versions[self.version]

    def AddVersion(self, name, kind):
        """The new version is loaded, and begins as a copy of the one before, or blank."""
        if kind != 0 or name in self.versions:
            return False
        blank = "version_starts_blank" in self.gate.faults
        self.versions[name] = Grade() if blank else self.grade.copy()
        self.version = name
        return True

    def LoadVersionByName(self, name, kind):
        if kind != 0 or name not in self.versions:
            return False
        self.version = name
        return True

    def DeleteVersionByName(self, name, kind):
        """The loaded version cannot be deleted."""
        if kind != 0 or name == self.version:
            return False
        return self.versions.pop(name, None) is not None

    def RenameVersionByName(self, old, new, kind):
        if kind != 0 or old not in self.versions or new in self.versions:
            return False
        self.versions = {new if name == old else name: grade for name, grade in self.versions.items()}
        self.version = new if self.version == old else self.version
        return True

    def GetVersionNameList(self, kind):
        return list(self.versions) if kind == 0 else []

    def GetCurrentVersion(self):
        return {"versionName": self.version, "versionType": 0}

    def GetNodeGraph(self, layer=1):
        return Graph(self.gate, self) if layer == 1 else None

    def CopyGrades(self, targets):
        if not isinstance(targets, list) or not targets:
            return False
        if not all(isinstance(target, Graded) for target in targets):
            return False
        for target in targets:
            target.versions[target.version] = self.grade.copy()
        return True
