# SPDX-License-Identifier: Apache-2.0
"""A store whose disk really fills up: a small file system where mounting is allowed, else a quota on file sizes."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from pathlib import Path

from tests.client.conftest import ServerProcess
from tests.server.test_command import children

TMPFS_BYTES = 24 << 20
WAYS = ("tmpfs", "quota")


def mount_tmpfs(folder: Path, options: str) -> bool:
    """Mount a file system in memory; returns whether this user may."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "void-test", str(folder)]
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


def unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=True)


class SmallDisk:
    """A folder that can be filled and freed while a server works in it.

    Args:
        way: "tmpfs": a file system of 24 MiB, filled by a file; "quota": RLIMIT_FSIZE of the server and its workers.
    """

    def __init__(self, folder: Path, way: str) -> None:
        self.way = way
        self.folder = folder
        self._filler = folder / "filler"
        self.mounted = way == "tmpfs" and mount_tmpfs(folder, f"size={TMPFS_BYTES}")
        folder.mkdir(parents=True, exist_ok=True)

    def fill(self, server: ServerProcess, leave: int) -> None:
        """Let the disk take only about so many more bytes (quota: files of so many bytes)."""
        if not self.mounted:
            self._limit(server, leave)
            return
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        with self._filler.open("rb+") as file:
            file.truncate(max(0, self._filler.stat().st_size - leave))

    def free(self, server: ServerProcess) -> None:
        if self.mounted:
            self._filler.unlink()
        else:
            self._limit(server, resource.RLIM_INFINITY)

    def close(self) -> None:
        if self.mounted:
            unmount(self.folder)

    @staticmethod
    def _limit(server: ServerProcess, size: int) -> None:
        for pid in (server.pid, *children(server.pid)):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
