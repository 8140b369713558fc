# SPDX-License-Identifier: Apache-2.0
"""Resumable uploads: bytes gather in `partial/`, and count only once their SHA-256 is right."""

from __future__ import annotations

import hashlib
import io
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from void_server.errors import Busy, DataLoss, InvalidInput, LimitExceeded
from void_server.frames.blobs import BlobFolder, StoredBlob, check_digest
from void_server.frames.durable import begin_writeback

SILENT_SECONDS = 20
"""A client whose connection died without a word comes again while its first upload still seems to be under way. One
from which nothing came for so long gives way to it; a chunk of 1 MiB takes 16 s at the slowest rate that a client
allows for (64 KiB/s)."""
WRITEBACK_BYTES = 8 << 20
"""The disk begins to write so much while more is received."""
_PARTIAL = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{16}")


def is_partial(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of `partial/` is an upload under way, or one that broke off."""
    return entry.is_file(follow_symlinks=False) and _PARTIAL.fullmatch(entry.name) is not None


class _Turn:
    """The upload that may write a partial file now."""

    def __init__(self) -> None:
        self._writing = threading.Lock()
        self._moved = time.monotonic()
        self._over = False

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Nobody takes over meanwhile.

        Raises:
            Busy: somebody has.
        """
        with self._writing:
            if self._over:
                raise Busy("Another upload of this file went on.", fix="Ask FindMissing for the offset.")
            yield
            self._moved = time.monotonic()

    def yields(self, silent_seconds: float) -> bool:
        """End it if nothing has come for so long; returns whether it has ended."""
        if time.monotonic() - self._moved < silent_seconds or not self._writing.acquire(blocking=False):
            return False
        self._over = True
        self._writing.release()
        return True


class Uploads:
    """Uploads under way into one store.

    A partial upload belongs to its owner: nobody learns from it what others send.

    Args:
        blobs: the store.
        max_blob_bytes: limit `max_blob_bytes` of the configuration.
        silent_seconds: limit `silent_upload_seconds`.
    """

    def __init__(
        self, blobs: BlobFolder, max_blob_bytes: int, silent_seconds: float = SILENT_SECONDS
    ) -> None:
        self._silent_seconds = silent_seconds
        self._blobs = blobs
        self._max_blob_bytes = max_blob_bytes
        self._folder = blobs.root / "partial"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._active: dict[Path, _Turn] = {}
        self._lock = threading.Lock()

    def received(self, digest: str, owner: str) -> int:
        """Bytes that an earlier upload of this owner left; they are kept for a while then."""
        partial = self._partial(digest, owner)
        try:
            with self._lock:
                return partial.stat().st_size if self._blobs.renew(partial) else 0
        except FileNotFoundError:
            return 0

    def drop_abandoned(self, before: float) -> tuple[int, int]:
        """Remove what nobody went on with since `before` (seconds since 1970); returns files and bytes."""
        files = size = 0
        with os.scandir(self._folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                with self._lock:
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    if path in self._active or found.st_mtime >= before or not is_partial(entry):
                        continue
                    path.unlink(missing_ok=True)
                files, size = files + 1, size + found.st_size
        return files, size

    def receive(
        self,
        digest: str,
        size: int,
        offset: int,
        owner: str,
        chunks: Iterable[bytes | memoryview],
        *,
        known: bool = False,
    ) -> StoredBlob:
        """Append `chunks` at `offset`; verify and store once `size` bytes are there.

        A transfer that breaks off leaves what has arrived for the next try.

        Args:
            known: the owner may open this blob already. Anybody else sends and proves every byte, whether the
                blob is stored or not, and cannot tell which.

        Raises:
            LimitExceeded: `size` is over `max_blob_bytes`, or the disk has too little room left.
            Busy: the same owner is sending the same blob just now, or took over because nothing came, or `offset` is
                not what was received so far.
            InvalidInput: more bytes came than announced.
            DataLoss: fewer bytes came than announced, or they have another digest (the partial is dropped).
        """
        check_digest(digest)
        if size > self._max_blob_bytes:
            raise LimitExceeded(
                f"A file of {size} bytes is over the limit max_blob_bytes = {self._max_blob_bytes}.",
                fix="Send smaller frames, or raise --max-blob-bytes on the server.",
                file=digest,
            )
        partial = self._partial(digest, owner)
        with self._claim(partial) as turn:
            if known and self._blobs.touch([digest]):
                partial.unlink(missing_ok=True)
                return StoredBlob(digest, self._blobs.size(digest))
            self._blobs.check_space(max(0, size - offset))
            received = self._append(partial, digest, size, offset, chunks, turn)
            try:
                return self._blobs.add_file(partial, expected=digest, digest=received)
            except DataLoss:
                partial.unlink(missing_ok=True)
                raise

    def _append(
        self,
        partial: Path,
        digest: str,
        size: int,
        offset: int,
        chunks: Iterable[bytes | memoryview],
        turn: _Turn,
    ) -> str:
        """Write what comes behind what is there; returns the SHA-256 of all of it."""
        have = partial.stat().st_size if partial.exists() else 0
        if offset != have:
            raise Busy(
                f"The upload continues at byte {offset}, but {have} bytes are here.",
                fix="Ask FindMissing for the offset and go on from there.",
                file=digest,
            )
        with partial.open("a+b", buffering=0) as file:
            file.seek(0)
            sha = hashlib.file_digest(file, "sha256") if have else hashlib.sha256()
            begun = have
            for chunk in chunks:
                have += len(chunk)
                if have > size:
                    raise InvalidInput(
                        f"More bytes came than the {size} announced.",
                        fix="The file grew while it was sent; send it again.",
                        file=digest,
                    )
                self._blobs.check_space(len(chunk))
                with turn.writing():
                    _write_all(file, chunk)
                sha.update(chunk)
                if have - begun >= WRITEBACK_BYTES:
                    begin_writeback(file.fileno(), begun, have - begun)
                    begun = have
        with turn.writing():
            pass
        if have < size:
            raise DataLoss(
                f"The upload ended after {have} of {size} bytes.",
                fix="Ask FindMissing for the offset and go on from there.",
                file=digest,
            )
        return sha.hexdigest()

    @contextmanager
    def _claim(self, partial: Path) -> Iterator[_Turn]:
        turn = _Turn()
        with self._lock:
            elder = self._active.get(partial)
            if elder and not elder.yields(self._silent_seconds):
                raise Busy(
                    "Another upload of this file is under way.", fix="Ask FindMissing again in a moment."
                )
            self._active[partial] = turn
        try:
            yield turn
        finally:
            with self._lock:
                if self._active.get(partial) is turn:
                    del self._active[partial]

    def _partial(self, digest: str, owner: str) -> Path:
        mark = hashlib.sha256(owner.encode()).hexdigest()[:16]
        return self._folder / f"{check_digest(digest)}.{mark}"


def _write_all(file: io.FileIO, data: bytes | memoryview) -> None:
    """Write every byte: an unbuffered write may take a part alone where the disk is nearly full."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
