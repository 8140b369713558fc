# SPDX-License-Identifier: Apache-2.0
"""Resolve itself: its pages, its dialogs, its product, and Fusion (facts, sections 0, 1.4 and 1.6)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from tests.resolve.standin.calls import Gate, Handle, Scripted
from tests.resolve.standin.pool import MediaStorage
from tests.resolve.standin.project import ProjectManager
from tests.resolve.standin.versions import number
from tests.resolve.standin.windows import Dispatcher, UIManager

PAGES = ("media", "cut", "edit", "fusion", "color", "fairlight", "deliver")
PRODUCTS = {"Studio": "DaVinci Resolve Studio", "free": "DaVinci Resolve"}


class Fusion(Scripted):
    script_class = "Fusion"

    def __init__(self, gate: Gate, resolve: Resolve) -> None:
        super().__init__(gate)
        self.resolve = resolve
        self.ui = UIManager(gate)
        self.picked: deque[str] = deque()

    def has_windows(self) -> bool:
        """Not without a display, and in the free edition not since 19.1 (R16c)."""
        free = self.resolve.edition == "free" and number(self.gate.version) >= number("19.1")
        return "headless" not in self.gate.faults and not free

    def attributes(self) -> dict[str, Any]:
        ui = self.ui if self.has_windows() else None
        return {"UIManager": (lambda: ui) if ui and "ui_callable" in self.gate.faults else ui}

    def GetResolve(self):
        return self.resolve

    def GetCurrentComp(self):
        return None

    def RequestDir(self, start=""):
        return self.picked.popleft() if self.picked else None

    def RequestFile(self, start=""):
        return self.picked.popleft() if self.picked else None


class Resolve(Scripted):
    script_class = "Resolve"

    def __init__(self, gate: Gate, edition: str) -> None:
        super().__init__(gate)
        self.edition = edition
        self.page = "edit"
        self.manager = ProjectManager(gate)
        self.fusion = Fusion(gate, self)
        self.storage = MediaStorage(gate, lambda: self.manager.project)

    def GetProductName(self):
        return PRODUCTS[self.edition]

    def GetVersion(self):
        """Major, minor, patch, build, suffix."""
        major, minor, patch, _ = number(self.gate.version)
        return [major, minor, patch, 7, ""]

    def GetVersionString(self):
        return ".".join(str(part) for part in self.GetVersion()[:4])

    def GetCurrentPage(self):
        return self.page

    def OpenPage(self, page):
        """Opening Deliver sets the marks of the timeline to all of it (R18b)."""
        if page not in PAGES:
            return False
        project = self.manager.project
        if page == "deliver" and self.page != "deliver" and project and project.current:
            timeline = project.current
            timeline.marks = {kind: (timeline.start, timeline.last() - 1) for kind in ("video", "audio")}
        self.page = page
        return True

    def GetProjectManager(self):
        return self.manager

    def GetMediaStorage(self):
        return self.storage

    def Fusion(self):
        return self.fusion

    def ImportRenderPreset(self, path):
        return False

    def ExportRenderPreset(self, name, path):
        return False

    def Quit(self):
        self.gate.violate("Resolve.Quit: the artist's program was closed")


class BMD:
    """The global `bmd` of a menu script."""

    def __init__(self, resolve: Handle, dispatcher: Callable[[UIManager], Dispatcher]) -> None:
        self._resolve = resolve
        self._dispatcher = dispatcher

    def scriptapp(self, name: str, host: str = "") -> Handle | None:
        return self._resolve if name == "Resolve" else None

    def UIDispatcher(self, ui: Any) -> Dispatcher | None:
        return self._dispatcher(ui) if isinstance(ui, UIManager) else None
