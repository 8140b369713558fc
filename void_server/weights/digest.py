# SPDX-License-Identifier: Apache-2.0
"""SHA-256 of files that are larger than memory, with progress."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 4 << 20

Progress = Callable[[str, int, int], None]
"""Told after each block: what is being read, bytes done, bytes in all."""


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Tells nobody."""


def sha256_of(path: Path, what: str, progress: Progress = no_progress) -> str:
    """Digest of a file, in hexadecimal; `what` is the file's name for `progress`.

    Raises:
        OSError: it cannot be read.
    """
    return digest(reported(blocks(path), path.stat().st_size, what, progress))


def blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, `BLOCK_BYTES` at a time.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def reported(parts: Iterable[bytes], total: int, what: str, progress: Progress) -> Iterator[bytes]:
    """The same parts; `progress` is told of each when it has been used."""
    done = 0
    for part in parts:
        yield part
        done += len(part)
        progress(what, done, total)


def digest(parts: Iterable[bytes], target: BinaryIO | None = None) -> str:
    """Digest of these bytes, in hexadecimal, written to `target` on the way where one is given.

    Raises:
        OSError: writing failed.
    """
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
        if target is not None:
            target.write(part)
    return total.hexdigest()
