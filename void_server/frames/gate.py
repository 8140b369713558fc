# SPDX-License-Identifier: Apache-2.0
"""The gate between those who say that a blob is there and the one who removes blobs: never both at the same moment.

A lock on a file, because workers are processes of their own. Each passage opens the file anew: such a lock belongs to
the opened file, so that threads which shared one would end each other's passage (flock(2)).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Gate:
    """Passages for many, or for one alone; who waits, waits for milliseconds.

    Never go through it inside a transaction of the database: whoever is alone in it opens one.

    Args:
        path: the file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def together(self) -> Iterator[None]:
        """Nothing is removed while the body runs."""
        with self._passage(alone=False):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody is in `together` while the body runs."""
        with self._passage(alone=True):
            yield

    @contextmanager
    def _passage(self, alone: bool) -> Iterator[None]:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            _lock(descriptor, alone)
            yield
        finally:
            os.close(descriptor)


def _lock(descriptor: int, alone: bool) -> None:
    if os.name == "nt":
        # It has no shared lock, and gives up after ten seconds, with an error that the caller reports.
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
