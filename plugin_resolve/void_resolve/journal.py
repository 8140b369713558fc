# SPDX-License-Identifier: Apache-2.0
"""What has to be put back, on disk while it is not: so that a crash of Resolve or of the script can be cleaned up."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict
from uuid import uuid4

from void_resolve.keeping import Json, read_json, write_json

Note = Dict[str, Any]
"""`kind` and what that kind needs; all of it plain values."""


class Journal:
    """The notes of one piece of work.

    Args:
        folder: where journals lie; empty = none is kept.
        project: id and name of the project.
    """

    def __init__(self, folder: str, project: tuple[str, str] = ("", "")) -> None:
        self.path = os.path.join(folder, f"{uuid4().hex}.json") if folder else ""
        self._project = project
        self._notes: list[Note] = []

    def add(self, note: Note) -> None:
        """Note what is about to be changed, before it is."""
        self._notes.append(note)
        self._write()

    def drop(self, notes: list[Note]) -> None:
        """Take notes back: what they say is put back, or is to stay."""
        self._notes = [note for note in self._notes if not any(note is each for each in notes)]
        self._write()

    def end(self) -> None:
        """Nothing is left to be put back."""
        if self.path:
            with contextlib.suppress(OSError):
                os.remove(self.path)

    def _write(self) -> None:
        # Without it a crash leaves more to do by hand; that is no reason to refuse the work.
        if self.path:
            with contextlib.suppress(OSError):
                project_id, name = self._project
                write_json(self.path, {"project": project_id, "name": name, "notes": self._notes})


def all_in(folder: str) -> dict[str, Json]:
    """The journals that lie in a folder, by path; what is none is passed over."""
    try:
        names = sorted(os.listdir(folder)) if folder else []
    except OSError:
        return {}
    paths = [os.path.join(folder, name) for name in names if name.endswith(".json")]
    found = {path: read_json(path) for path in paths}
    return {path: each for path, each in found.items() if isinstance(each.get("notes"), list)}
