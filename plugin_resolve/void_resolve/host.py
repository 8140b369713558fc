# SPDX-License-Identifier: Apache-2.0
"""Resolve as a script finds it: which one, which version, and whether it listens.

Resolve answers for every attribute, with None for what it does not know, so that only `dir` tells what it can do.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any, Mapping

from void_resolve.errors import LOST, ArtistError, need

STUDIO = "DaVinci Resolve Studio"
FLOOR = (19, 1)
"""The oldest version with marks, node graphs and the deletion of render presets."""


class Host:
    """The running Resolve.

    Attributes:
        resolve: its first object.
        fusion: for windows and file dialogs; None where there is none.
        bmd: the menu script's global of that name; None in an external script.
        product: its name.
        version: major, minor, patch.
        unfinished: folder for what has to be put back after a crash; empty = none is kept.
        begun: journals of this session.
    """

    unfinished = ""

    def __init__(self, resolve: Any, fusion: Any = None, bmd: Any = None) -> None:
        self.resolve, self.fusion, self.bmd = resolve, fusion, bmd
        self.begun: set[str] = set()
        self._thread = threading.current_thread()
        self.product = str(resolve.GetProductName() or "")
        self.version = _version(resolve.GetVersion())

    @classmethod
    def find(cls, names: Mapping[str, Any]) -> Host:
        """Resolve, from the globals of a menu script, else as an external script reaches it.

        Raises:
            ArtistError: there is none that answers.
        """
        bmd, fusion = names.get("bmd"), names.get("fusion") or names.get("fu") or names.get("app")
        resolve = names.get("resolve") or _through(bmd, "scriptapp", "Resolve")
        resolve = resolve or _through(fusion, "GetResolve") or _external()
        if resolve is None:
            raise ArtistError(
                "No Resolve answers.",
                "Start the script from Workspace > Scripts in DaVinci Resolve Studio; from outside, set"
                " Preferences > System > General > External scripting using to Local.",
            )
        return cls(resolve, fusion, bmd)

    @property
    def studio(self) -> bool:
        """Whether this is the Studio edition."""
        return self.product == STUDIO

    def can(self, thing: Any, name: str) -> bool:
        """Whether an object of Resolve has a method in this version."""
        return name in dir(thing)

    def check_thread(self) -> None:
        """Refuse to go on beside the script's main thread, where calls of Resolve lock up.

        Raises:
            RuntimeError: this is another thread.
        """
        if threading.current_thread() is not self._thread:
            raise RuntimeError("Resolve is called from a thread that may not.")

    def check_edition(self) -> None:
        """Refuse what cannot work here.

        Raises:
            ArtistError: it is not Studio, or too old.
        """
        if not self.studio:
            raise ArtistError(
                f"VOID needs DaVinci Resolve Studio; this is {self.product or 'unknown'}.",
                "The free edition has no Python scripts from 21.1 on. Use the command `void remove` instead.",
            )
        if self.version[:2] < FLOOR:
            raise ArtistError(
                f"VOID needs Resolve 19.1 or newer; this is {'.'.join(map(str, self.version))}.",
                "Update Resolve, or use the command `void remove`.",
            )

    def page(self) -> str:
        """The page that is open.

        Raises:
            ArtistError: a window of Resolve keeps every change away.
        """
        self.check_thread()
        page = self.resolve.GetCurrentPage()
        if not page:
            raise ArtistError(
                "A window is open in Resolve (project settings, project manager, a backup, or a question)"
                " that keeps scripts from changing anything.",
                "Close it, then try again.",
            )
        return str(page)

    def open_page(self, page: str) -> None:
        """Go to a page.

        Raises:
            ArtistError: it does not open.
        """
        if self.page() != page:
            need(self.resolve.OpenPage(page), f"Resolve did not open its page {page}.")

    def project(self) -> Any:
        """The open project.

        Raises:
            ArtistError: none is open.
        """
        self.check_thread()
        manager = need(self.resolve.GetProjectManager(), "Resolve does not show its projects.")
        return need(manager.GetCurrentProject(), "No project is open.", "Open one.")

    def timeline(self) -> Any:
        """The current timeline.

        Raises:
            ArtistError: there is none.
        """
        return need(
            self.project().GetCurrentTimeline(), "No timeline is open.", "Open the one with your clip."
        )

    def pool(self) -> Any:
        """The media pool.

        Raises:
            ArtistError: it does not answer.
        """
        return need(self.project().GetMediaPool(), "Resolve does not show its media pool.")

    def storage(self) -> Any:
        """The media storage.

        Raises:
            ArtistError: it does not answer.
        """
        self.check_thread()
        return need(self.resolve.GetMediaStorage(), "Resolve does not show its media storage.")


def _version(answer: Any) -> tuple[int, int, int]:
    try:
        major, minor, patch = (int(part) for part in list(answer)[:3])
    except (TypeError, ValueError):
        return 0, 0, 0
    return major, minor, patch


def _through(thing: Any, method: str, *arguments: str) -> Any | None:
    if thing is None:
        return None
    try:
        return getattr(thing, method)(*arguments)
    except LOST:
        return None


def _external() -> Any | None:
    try:
        module = importlib.import_module("DaVinciResolveScript")
    except ImportError:
        return None
    return _through(module, "scriptapp", "Resolve")
