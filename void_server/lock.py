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

    def release(self) -> None:
        """Let others have it."""
        self._file.close()


def _lock(file: IO[bytes]) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
