# SPDX-License-Identifier: Apache-2.0
"""Several files put into the store together: the disk works on all of them while their maker goes on.

Each file is synced twice, itself and its folder. One after the other that is most of the time that a unit waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from void_server.frames.blobs import BlobFolder, StoredBlob, digest_of_file
from void_server.frames.blocks import digest_of_written

AT_ONCE = 4
"""Files that the disk is given at a time: the picture, its matte, and what is told of both."""


class Adding:
    """What `adding` gives.

    Args:
        blobs: the store.
        stack: keeps the scratch files.
        pool: does what the disk is waited for.
    """

    def __init__(self, blobs: BlobFolder, stack: ExitStack, pool: ThreadPoolExecutor) -> None:
        self._blobs, self._stack, self._pool = blobs, stack, pool
        self.begun: list[Future[StoredBlob]] = []

    def scratch(self, suffix: str) -> Path:
        """A fresh name to write to, as `BlobFolder.scratch` gives, until the end."""
        return self._stack.enter_context(self._blobs.scratch(suffix))

    def file(self, scratch: Path, checksums: tuple[int, ...] | None = None) -> StoredBlob:
        """Begin to move a finished scratch file into the store; see `BlobFolder.add_file`.

        Args:
            checksums: of the blocks that were written to it, to be compared (`BlocksWritten`).

        Raises:
            DataLoss: it does not hold what was written to it.
        """
        digest = digest_of_file(scratch) if checksums is None else digest_of_written(scratch, checksums)
        size = scratch.stat().st_size
        self.begun.append(self._pool.submit(self._blobs.add_file, scratch, digest=digest))
        return StoredBlob(digest, size)


@contextmanager
def adding(blobs: BlobFolder) -> Iterator[Adding]:
    """Files added in the block are durable when it ends, all of them.

    Raises:
        OSError: the disk refused; of the files some may be in the store, whole.
    """
    with ExitStack() as scratch, ThreadPoolExecutor(AT_ONCE, thread_name_prefix="adding") as pool:
        files = Adding(blobs, scratch, pool)
        yield files
        for file in files.begun:
            file.result()
