# SPDX-License-Identifier: Apache-2.0
"""Writing files so that they are either whole or not there, also after a power cut."""

from __future__ import annotations

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
