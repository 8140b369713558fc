# SPDX-License-Identifier: Apache-2.0
"""A file below a root, and what tells that it is still the one that was named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from void_server.errors import SourceChanged

SAMPLE_BLOCKS, BLOCK_BYTES = 16, 4096
"""Blocks spread over a file whose digest shows that the caller has read it; see `FileStamp` of the contract."""


@dataclass(frozen=True)
class FileStamp:
    """What tells that a file is still the one that was named.

    Attributes:
        bytes: length.
        modified_ns: time of the last change, nanoseconds since 1970, by the server's view of the file.
        inode: number of the file on its disk.
        changed_ns: time of the last change of bytes or attributes, which nobody can set. Part of what is recorded of a
            file, so that other bytes under an old time are looked at anew; attributes alone may change under a job.
    """

    bytes: int
    modified_ns: int
    inode: int
    changed_ns: int


@dataclass(frozen=True)
class RootedFile:
    """A file below a root, as it was when its job was accepted.

    Attributes:
        root: name of the root.
        relative: path below it, with forward slashes.
        stamp: what it was then.
    """

    root: str
    relative: str
    stamp: FileStamp

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> RootedFile:
        """From the JSON form."""
        return RootedFile(value["root"], value["relative"], FileStamp(**value["stamp"]))


def changed(file: RootedFile, why: str) -> SourceChanged:
    """The file is not what it was when its job was accepted."""
    return SourceChanged(
        f"{file.root}:{file.relative} changed after the job was accepted ({why}).",
        fix="Give the same command again: it takes the file as it is now, and goes on with what is finished.",
        file=f"{file.root}:{file.relative}",
    )


def stamp_of(descriptor: int) -> FileStamp:
    """Of an open file."""
    found = os.fstat(descriptor)
    return FileStamp(found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns)


def digest_of_samples(descriptor: int, size: int) -> str:
    """SHA-256 of blocks spread over an open file of so many bytes; of all of a small one."""
    sha = hashlib.sha256()
    if size <= SAMPLE_BLOCKS * BLOCK_BYTES:
        sha.update(os.pread(descriptor, size, 0))
    else:
        for block in range(SAMPLE_BLOCKS):
            sha.update(os.pread(descriptor, BLOCK_BYTES, block * (size - BLOCK_BYTES) // (SAMPLE_BLOCKS - 1)))
    return sha.hexdigest()


def refuse_change(file: RootedFile, descriptor: int) -> None:
    """Let an open file pass that is what it was.

    Raises:
        SourceChanged: it is another, or was written to.
    """
    now = stamp_of(descriptor)
    for what, before, after in (
        ("size", file.stamp.bytes, now.bytes),
        ("time of change", file.stamp.modified_ns, now.modified_ns),
        ("inode", file.stamp.inode, now.inode),
    ):
        if before != after:
            raise changed(file, f"another {what}")
