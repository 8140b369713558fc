# SPDX-License-Identifier: Apache-2.0
"""How large the parts of a store are, counted in the background: a scrape never walks folders."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

COUNT_SECONDS = 900.0
"""Between two countings; one of a million blobs takes seconds of reading folders."""
PAUSE_SECONDS = 0.01
"""After each of the up to 256 folders of blobs, so that the disk stays free for the work."""

FOLDERS = {
    "blobs": "blobs",
    "partial": "partial_uploads",
    "tmp": "scratch",
    "jobs": "manifests",
    "checkpoints": "checkpoints",
}
"""Folders of a store, and what the bytes of the files in them are called."""
SECOND_NAMES = "colour"
"""The folder whose files are blobs under another name."""


@dataclass(frozen=True)
class StoreSize:
    """Result of a counting.

    Attributes:
        bytes: by kind.
        files: of blobs.
        counted: seconds since 1970; 0 before the first counting.
    """

    bytes: dict[str, int] = field(default_factory=dict)
    files: int = 0
    counted: float = 0.0


class StoreSizes:
    """Counts `store` again and again in a thread of its own until `close`; `latest` is what it found last."""

    def __init__(self, store: Path, every_seconds: float = COUNT_SECONDS) -> None:
        self._store = store
        self._every = every_seconds
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store-size", daemon=True)
        self.latest = StoreSize()

    def start(self) -> None:
        """Begin to count."""
        self._thread.start()

    def close(self) -> None:
        """Count no more."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self.latest = self._count()
            self._closing.wait(self._every)

    def _count(self) -> StoreSize:
        found = dict.fromkeys((*FOLDERS.values(), "database", "other"), 0)
        files = 0
        for entry in _entries(self._store):
            if entry.name in FOLDERS or entry.is_dir(follow_symlinks=False):
                if entry.name != SECOND_NAMES:
                    count, size = self._below(Path(entry.path))
                    found[FOLDERS.get(entry.name, "other")] += size
                    files += count if entry.name == "blobs" else 0
            else:
                found["database" if entry.name.startswith("void.sqlite3") else "other"] += _size(entry)
        return StoreSize(found, files, time.time())

    def _below(self, folder: Path) -> tuple[int, int]:
        """Number and bytes of the files in a folder and below; folders themselves have no bytes."""
        files = size = 0
        for entry in _entries(folder):
            if self._closing.is_set():
                break
            if entry.is_dir(follow_symlinks=False):
                inner = self._below(Path(entry.path))
                files, size = files + inner[0], size + inner[1]
                self._closing.wait(PAUSE_SECONDS)
            elif entry.is_file(follow_symlinks=False):
                files, size = files + 1, size + _size(entry)
        return files, size


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def _size(entry: os.DirEntry[str]) -> int:
    """Bytes of a file; 0 for what is none, as a link or a socket, and for one that has gone meanwhile."""
    try:
        return entry.stat(follow_symlinks=False).st_size if entry.is_file(follow_symlinks=False) else 0
    except OSError:
        return 0
