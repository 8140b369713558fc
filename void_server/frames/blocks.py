# SPDX-License-Identifier: Apache-2.0
"""A file that was read whole and found right, of which some is to be read again: checksums of its blocks tell that this
part is still the same, without a look at the rest.

A checksum tells damage, not intent: who the file is from was settled by its SHA-256 when it was read whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from isal import isal_zlib

from void_server.errors import DataLoss, VoidError
from void_server.frames.durable import let_go

BLOCK_BYTES = 1 << 18
"""Of a 4K plate of 30 MB that is 120 checksums; a hundred lines of it are seven blocks."""


@dataclass(frozen=True)
class Blocks:
    """What is known of a file that was read whole.

    Attributes:
        digest: SHA-256 of its bytes; a file with the same pixels may have others.
        checksums: the CRC-32 of each `BLOCK_BYTES` bytes; the last may have fewer.
        head: bytes before the samples, which say where these are.
    """

    digest: str
    checksums: tuple[int, ...]
    head: int

    @staticmethod
    def of(path: Path, digest: str, head: int) -> Blocks:
        """Of a file that has this digest; raises OSError where it cannot be read."""
        found = []
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK_BYTES):
                found.append(isal_zlib.crc32(block))
        return Blocks(digest, tuple(found), head)


class BlocksWritten:
    """Checksums of the blocks of a file, of its bytes as they are handed to the disk, from front to back.

    Args:
        first: where these bytes begin; those before are told with `before`, once they are known.
    """

    def __init__(self, first: int = 0) -> None:
        self._first, self._end = first, first
        self._found: list[int] = []

    def add(self, data: bytes) -> None:
        """The next bytes."""
        rest = memoryview(data)
        while rest:
            inside = self._end % BLOCK_BYTES
            piece = rest[: BLOCK_BYTES - inside]
            if not inside or not self._found:
                self._found.append(0)
            self._found[-1] = isal_zlib.crc32(piece, self._found[-1])
            self._end += len(piece)
            rest = rest[len(piece) :]

    def before(self, data: bytes) -> None:
        """The bytes before the first, all of them."""
        head = BlocksWritten()
        head.add(data)
        inside = self._first % BLOCK_BYTES
        if inside and self._found:
            length = min(self._end - self._first, BLOCK_BYTES - inside)
            self._found[0] = isal_zlib.crc32_combine(head._found.pop(), self._found[0], length)
        self._found[:0] = head._found
        self._first = 0

    @property
    def checksums(self) -> tuple[int, ...]:
        """The CRC-32 of each block so far."""
        return tuple(self._found)


def digest_of_written(path: Path, checksums: tuple[int, ...]) -> str:
    """SHA-256 of a file that was just written, as 64 hexadecimal digits.

    Args:
        checksums: of the blocks that were handed to the disk.

    Raises:
        DataLoss: the file holds other bytes.
    """
    found: list[int] = []
    sha = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while block := _block(file.fileno(), len(found) * BLOCK_BYTES):
            found.append(isal_zlib.crc32(block))
            sha.update(block)
    if tuple(found) != checksums:
        raise DataLoss(
            f"{path} is not what was written to it.",
            fix="Check the server's disk and memory; the job can be ordered again.",
            file=str(path),
        )
    return sha.hexdigest()


class PartlyRead:
    """A file of which only what is asked for is read, each block once; `head` is there from the beginning.

    Args:
        path: reads what was read of it.
        opened: gives a descriptor of the file itself, for the length of a body.
        known: what is known of it.
        spoilt: the error to raise where a block is not what it was.
        copy: descriptor of a file in memory that is to get what was read, each byte in its place; None where `path` is
            the file itself.

    Raises:
        VoidError: `spoilt`, and what `opened` raises; so does `hold`.
        MemoryError: the copy does not fit; so does `hold`.
    """

    def __init__(
        self,
        path: Path,
        opened: Callable[[], AbstractContextManager[int]],
        known: Blocks,
        spoilt: Callable[[], VoidError],
        copy: int | None = None,
    ) -> None:
        self.path, self.known = path, known
        self._opened, self._spoilt, self._copy = opened, spoilt, copy
        self._held: set[int] = set()
        self.hold([(0, known.head)])

    def hold(self, ranges: list[tuple[int, int]]) -> None:
        """Let these ranges [first, end) of bytes be there."""
        wanted = {block for a, b in ranges for block in range(a // BLOCK_BYTES, -(-b // BLOCK_BYTES))}
        wanted = {block for block in wanted if block < len(self.known.checksums)} - self._held
        with self._opened() as file:
            for block in sorted(wanted):
                data = self._checked(file, block)
                if self._copy is not None:
                    _put(self._copy, data, block * BLOCK_BYTES)
        self._held |= wanted

    def read(self, first: int, end: int) -> Iterator[bytes]:
        """The bytes [first, end), a block at a time, each found right; where they end too soon, `spoilt` is raised."""
        with self._opened() as file:
            for block in range(first // BLOCK_BYTES, -(-end // BLOCK_BYTES)):
                at = block * BLOCK_BYTES
                data = self._checked(file, block)
                if at + len(data) < min(end, at + BLOCK_BYTES):
                    raise self._spoilt()
                yield data[max(0, first - at) : end - at]

    def let_go(self) -> None:
        """Say that nobody will read the file soon."""
        with self._opened() as file:
            let_go(file)

    def _checked(self, file: int, block: int) -> bytes:
        data = _block(file, block * BLOCK_BYTES)
        if block >= len(self.known.checksums) or isal_zlib.crc32(data) != self.known.checksums[block]:
            raise self._spoilt()
        return data


def _block(file: int, at: int) -> bytes:
    """The bytes of a block; fewer at the end of the file. A read may give fewer before, as over a network."""
    os.lseek(file, at, os.SEEK_SET)
    data = os.read(file, BLOCK_BYTES)
    while len(data) < BLOCK_BYTES and (more := os.read(file, BLOCK_BYTES - len(data))):
        data += more
    return data


def _put(copy: int, data: bytes, at: int) -> None:
    """Write into a file in memory; its failures are those of memory, not of a disk."""
    try:
        done = 0
        while done < len(data):
            done += os.pwrite(copy, data[done:], at + done)
    except OSError as error:
        raise MemoryError(str(error)) from error
