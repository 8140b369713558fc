# SPDX-License-Identifier: Apache-2.0
"""Content-addressed files: `blobs/ab/abcd…` holds the bytes whose SHA-256 is `abcd…`.

Server and workers share this class; both only ever add whole, verified files under their final name. Only the server
removes files (`void_server.storage`), and none whose time of change is younger than its grace: so whoever tells
somebody that a blob is there renews that time (`touch`), and the gate keeps a removal from coming in between.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from void_server.errors import DataLoss, InvalidInput, NotFound
from void_server.frames.blocks import Blocks, PartlyRead
from void_server.frames.durable import publish, sync_folder
from void_server.frames.gate import Gate
from void_server.frames.space import check_space

_DIGEST = re.compile(r"[0-9a-f]{64}")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class StoredBlob:
    """A blob that is in the store.

    Attributes:
        digest: SHA-256 of the bytes, 64 lower-case hexadecimal digits.
        size: length in bytes.
    """

    digest: str
    size: int


def check_digest(digest: str) -> str:
    """Return `digest` if it is 64 lower-case hexadecimal digits.

    Raises:
        InvalidInput: it is anything else; also keeps hostile names away from the file system.
    """
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput(
            f"{digest[:80]!r} is not a SHA-256 digest.", fix="Send 64 lower-case hexadecimal digits."
        )
    return digest


def not_stored(digest: str) -> NotFound:
    """What a caller is told of a blob that is not there, and of one that is not the caller's to open."""
    return NotFound(f"Blob {digest} is not in the store.", fix="Upload it again.", file=digest)


def corrupt(digest: str) -> DataLoss:
    """What is raised of a blob whose bytes on disk are no longer those of its digest."""
    return DataLoss(
        f"Blob {digest} is corrupt in the store.",
        fix="Check the server's disk, delete the file, and submit the job again.",
        file=digest,
    )


def collected(digest: str, when: float) -> NotFound:
    """What a caller is told of a result of its own that a collection removed at `when`, in seconds since 1970."""
    day = datetime.fromtimestamp(when, timezone.utc).date()
    return NotFound(
        f"This result was removed on {day} by collection.",
        fix="Order it again: the same command computes it anew.",
        file=digest,
    )


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class BlobFolder:
    """The blobs below `root`.

    Args:
        root: folder of the store; `blobs/` and `tmp/` are made below it.
        min_free_bytes: limit of that name; 0 = no limit.
        clock: seconds since 1970, UTC, for the times of change.
    """

    def __init__(self, root: Path, min_free_bytes: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self.clock = clock
        self._min_free_bytes = min_free_bytes
        self._blobs = root / "blobs"
        self._tmp = root / "tmp"
        for folder in (self._blobs, self._tmp):
            folder.mkdir(parents=True, exist_ok=True)
        self.gate = Gate(root / "blobs.gate")

    @property
    def folder(self) -> Path:
        """Where the blobs lie."""
        return self._blobs

    def path(self, digest: str) -> Path:
        """Where the blob lies, whether it is there or not."""
        return self._blobs / check_digest(digest)[:2] / digest

    def has(self, digest: str) -> bool:
        """Whether the blob is there, whole."""
        return self.path(digest).is_file()

    def touch(self, digests: Iterable[str]) -> set[str]:
        """Those of `digests` that are there; for the length of the server's grace they are not removed.

        To be asked instead of `has` wherever somebody is told that a blob is there, or goes on as if it were.
        """
        with self.gate.together():
            return {digest for digest in digests if self.renew(self.path(digest))}

    def renew(self, path: Path) -> bool:
        """Let a file's time of change be now; returns whether it is there."""
        now = self.clock()
        try:
            os.utime(path, (now, now))
        except FileNotFoundError:
            return False
        except OSError as error:
            # From a disk that became read-only nothing is removed either.
            if error.errno != errno.EROFS:
                raise
        return path.is_file()

    def size(self, digest: str) -> int:
        """Length in bytes.

        Raises:
            NotFound: it is not in the store.
        """
        try:
            return self.path(digest).stat().st_size
        except FileNotFoundError:
            raise not_stored(digest) from None

    def verified_path(self, digest: str) -> Path:
        """The blob's path after its bytes were hashed again and found right.

        Raises:
            NotFound: it is not in the store.
            DataLoss: the bytes on disk no longer have this digest.
        """
        path = self.path(digest)
        self.size(digest)
        if digest_of_file(path) != digest:
            raise corrupt(digest)
        return path

    def part(self, digest: str, known: Blocks, spoilt: DataLoss | None = None) -> PartlyRead:
        """The blob, of which only what is asked for is read again and found right.

        Args:
            spoilt: what to raise instead of the usual where it is not.

        Raises:
            NotFound: it is not in the store.
            DataLoss: its bytes are no longer what is known of them.
        """
        path = self.path(digest)
        self.size(digest)

        @contextmanager
        def opened() -> Iterator[int]:
            with path.open("rb", buffering=0) as file:
                yield file.fileno()

        return PartlyRead(path, opened, known, lambda: spoilt or corrupt(digest))

    def check_space(self, coming: int = 0) -> None:
        """Let a write of `coming` bytes pass.

        Raises:
            LimitExceeded: fewer than `min_free_bytes` would stay free.
        """
        check_space(self.root, self._min_free_bytes, coming)

    @contextmanager
    def scratch(self, suffix: str = "") -> Iterator[Path]:
        """A fresh name in `tmp/`, on the store's file system; whatever lies there at the end is removed.

        Raises:
            LimitExceeded: the disk has too little room left.
        """
        self.check_space()
        path = self._tmp / f"{secrets.token_hex(12)}{suffix}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def clear_scratch(self) -> None:
        """Remove what killed processes left in `tmp/`; for the one server of this store, before its workers start."""
        for path in self._tmp.iterdir():
            path.unlink(missing_ok=True)

    def add_file(self, scratch: Path, expected: str = "", digest: str = "") -> StoredBlob:
        """Move a finished file of `tmp/` into the store under its digest, durably; heals a stored blob gone bad.

        Args:
            digest: SHA-256 of the bytes, where they were hashed as they were written; else they are read again.

        Raises:
            DataLoss: `expected` is given and the bytes have another digest; nothing is stored.
            OSError: the disk refused.
        """
        digest = digest or digest_of_file(scratch)
        if expected and digest != expected:
            raise DataLoss(
                f"The bytes have SHA-256 {digest}, not {expected} as announced.",
                fix="The file changed while it was sent, or the transfer is broken; send it again.",
            )
        size = scratch.stat().st_size
        final = self.path(digest)
        if self.touch([digest]) and digest_of_file(final) == digest:
            scratch.unlink()
            return StoredBlob(digest, size)
        if not final.parent.is_dir():
            final.parent.mkdir(exist_ok=True)
            sync_folder(self._blobs)
        # What an upload left long ago counts from now on.
        self.renew(scratch)
        publish(scratch, final)
        return StoredBlob(digest, size)

    def add_bytes(self, data: bytes) -> StoredBlob:
        """Store `data`, durably; see `add_file`."""
        with self.scratch() as path:
            path.write_bytes(data)
            return self.add_file(path)

    def read(self, digest: str, offset: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `offset` on in pieces of at most 1 MiB.

        Raises:
            NotFound: it is not in the store.
            InvalidInput: `offset` lies behind the end.
        """
        size = self.size(digest)
        if not 0 <= offset <= size:
            raise InvalidInput(f"Offset {offset} lies outside blob {digest} of {size} bytes.", file=digest)
        try:
            file = self.path(digest).open("rb")
        except FileNotFoundError:
            raise not_stored(digest) from None
        with file:
            file.seek(offset)
            while block := file.read(_BLOCK):
                yield block
