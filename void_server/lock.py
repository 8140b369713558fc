# SPDX-License-Identifier: Apache-2.0
"""A lock file that one process holds for as long as it lives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO


class LockHeld(Exception):
    """Another process holds the lock."""


class LockFile:
    """Holds `path` until `release` or the end of the process, however it ends.

    Raises:
        LockHeld: another process holds it.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("ab")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise LockHeld(str(path)) from None

    def tell_process(self) -> None:
        """Leave this process's id in the file, for `holder`; nothing where a locked file cannot be read (Windows)."""
        if os.name != "nt":
            self._file.truncate(0)
            self._file.write(str(os.getpid()).encode())
            self._file.flush()

    def release(self) -> None:
        """Let others have it."""
        self._file.close()


def holder(path: Path) -> int | None:
    """Process id of whoever holds the lock and told it; None when nobody does."""
    if not path.exists():
        return None
    try:
        LockFile(path).release()
    except LockHeld:
        text = path.read_text(encoding="ascii", errors="replace")
        return int(text) if text.isdecimal() else None
    return None


def _lock(file: IO[bytes]) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
