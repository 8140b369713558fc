# SPDX-License-Identifier: Apache-2.0
"""Writing files so that they are either whole or not there, also after a power cut."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` durable; a no-op where folders cannot be opened (Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def begin_writeback(descriptor: int, offset: int, length: int) -> None:
    """Let the disk begin to write a part of a file, without waiting: the sync at its end then has less to do.

    A hint, and a no-op where the system has none. Linux starts the writeback of dirty pages on this advice and drops
    only clean ones, of which a part just written has none (mm/fadvise.c).
    """
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, offset, length, os.POSIX_FADV_DONTNEED)


def let_go(descriptor: int) -> None:
    """Let the system keep nothing of a file in memory, as nobody will read it soon; a no-op where it has no such hint.

    Its memory then serves what is written next. Fresh memory can cost several times as much, as on a virtual machine
    that gives back what it does not use.
    """
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def publish(temporary: Path, final: Path) -> None:
    """Sync `temporary`, rename it to `final` (same file system), and sync the folder.

    Raises:
        OSError: the disk refused; `temporary` is left for the caller to remove.
    """
    descriptor = os.open(temporary, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(final)
    sync_folder(final.parent)


def write_file(final: Path, data: bytes, mode: int = 0o644) -> None:
    """Write `data` as `final`, atomically and durably; nothing is left behind on failure.

    Raises:
        OSError: the disk refused.
    """
    temporary = final.with_name(f".{final.name}.{os.getpid()}.part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        publish(temporary, final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
