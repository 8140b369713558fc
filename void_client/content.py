# SPDX-License-Identifier: Apache-2.0
"""Local bytes that a server may need, named by their SHA-256."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from void.v1 import types_pb2

from void_client.errors import BadInput
from void_client.events import Moving, Sink

METER_INTERVAL_S = 0.1

HASH_THREADS = 4
"""Files hashed at once; hashlib lets other threads run, and storage rarely feeds more."""

_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Content:
    """Bytes with their digest.

    Attributes:
        name: the name that the user knows them by.
        digest: SHA-256 of the bytes, 64 lower-case hexadecimal digits.
        size: length in bytes.
        open: opens the bytes for reading, from the beginning.
    """

    name: str
    digest: str
    size: int
    open: Callable[[], BinaryIO]

    @property
    def blob(self) -> types_pb2.Blob:
        """How the contract names these bytes."""
        return types_pb2.Blob(digest=self.digest, bytes=self.size)


def content_of_bytes(name: str, data: bytes) -> Content:
    """The content of bytes in memory."""
    return Content(name, hashlib.sha256(data).hexdigest(), len(data), lambda: io.BytesIO(data))


def content_of_file(path: Path, name: str, on_bytes: Callable[[int], None] | None = None) -> Content:
    """The content of a file, read once.

    Args:
        path: the file.
        name: the name that the user knows it by.
        on_bytes: told the bytes of each block read.

    Raises:
        BadInput: the file is empty, cannot be read, or changed while it was being read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            before = os.fstat(file.fileno())
            digest, size = sha256_of(file, on_bytes)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise _unreadable(name, error) from error
    if size == 0:
        raise _empty(name)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or size != after.st_size:
        raise BadInput(
            f"{name} changed while it was being read.",
            fix="Wait until it has been written and run the command again.",
            file=name,
        )
    return Content(name, digest, size, lambda: path.open("rb", buffering=0))


def look_at_file(path: Path, name: str) -> None:
    """Find what can be told of a file without reading it.

    Raises:
        BadInput: it cannot be opened, or is empty.
    """
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise _unreadable(name, error) from error
    if size == 0:
        raise _empty(name)


def _unreadable(name: str, error: OSError) -> BadInput:
    return BadInput(
        f"{name} cannot be read: {error.strerror or error}.",
        fix="Check its permissions and the storage.",
        file=name,
    )


def _empty(name: str) -> BadInput:
    return BadInput(f"{name} is empty.", fix="Render or copy it again.", file=name)


def sha256_of(file: BinaryIO, on_bytes: Callable[[int], None] | None = None) -> tuple[str, int]:
    """SHA-256 of what is left in a file, and how many bytes that was."""
    sha, size = hashlib.sha256(), 0
    while block := file.read(_BLOCK_BYTES):
        sha.update(block)
        size += len(block)
        if on_bytes:
            on_bytes(len(block))
    return sha.hexdigest(), size


class Meter:
    """Counts files and bytes from several threads and tells how far they are, at most every `METER_INTERVAL_S`.

    Args:
        activity: `looking`, `hashing`, `uploading` or `fetching`.
        files_total: files to come.
        bytes_total: bytes to come.
        on_event: told; the first and the last change always.
    """

    def __init__(self, activity: str, files_total: int, bytes_total: int, on_event: Sink) -> None:
        self._activity = activity
        self._totals = (files_total, bytes_total)
        self._on_event = on_event
        self._lock = threading.Lock()
        self._files = self._bytes = 0
        self._told_at = -float("inf")

    def add(self, bytes_: int = 0, files: int = 0) -> None:
        """Count more, or, after a restart of a transfer, less."""
        with self._lock:
            self._bytes += bytes_
            self._files += files
            self._tell(last=files > 0)

    def leave_out(self, bytes_: int, files: int) -> None:
        """Expect fewer than was said at first."""
        with self._lock:
            files_total, bytes_total = self._totals
            self._totals = (files_total - files, bytes_total - bytes_)
            if self._told_at > -float("inf"):
                self._tell(last=True)

    def tell(self) -> None:
        """Tell how far it is, whenever that was told last."""
        with self._lock:
            self._told_at = -float("inf")
            self._tell(last=False)

    def _tell(self, last: bool) -> None:
        files_total, bytes_total = self._totals
        now = time.monotonic()
        if now - self._told_at >= METER_INTERVAL_S or (last and self._files == files_total):
            self._told_at = now
            self._on_event(Moving(self._activity, self._files, files_total, self._bytes, bytes_total))


def hash_files(
    files: Iterable[tuple[Path, str]], on_event: Sink
) -> tuple[dict[Path, Content], list[BadInput]]:
    """Hash files in parallel; a file named twice is read once.

    Returns:
        The contents by path, and what was wrong with the others, in the order given.
    """
    names = dict(files)
    total = sum(path.stat().st_size for path in names if path.exists())
    meter = Meter("hashing", len(names), total, on_event)

    def one(item: tuple[Path, str]) -> Content | BadInput:
        try:
            content = content_of_file(*item, on_bytes=meter.add)
        except BadInput as error:
            return error
        meter.add(files=1)
        return content

    with ThreadPoolExecutor(HASH_THREADS, "void-hash") as pool:
        results = list(pool.map(one, names.items()))
    contents = {path: r for path, r in zip(names, results, strict=True) if isinstance(r, Content)}
    return contents, [r for r in results if isinstance(r, BadInput)]
