# SPDX-License-Identifier: Apache-2.0
"""Where the files of an order are read from: the frame store, or shared storage, where they may change at any time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from void_server.frames.blobs import BlobFolder, digest_of_file
from void_server.frames.roots import RootedFile, Roots, changed


@dataclass(frozen=True)
class Sources:
    """Opens the files of an order.

    Attributes:
        blobs: the frame store.
        roots: the folders of shared storage.
    """

    blobs: BlobFolder
    roots: Roots

    @contextmanager
    def reading(self, digest: str, rooted: RootedFile | None, *, verified: bool = False) -> Iterator[Path]:
        """A path that reads one file while the body runs.

        Args:
            digest: SHA-256 of the bytes; empty for a rooted file that nobody has hashed yet.
            rooted: where it lies on shared storage; None = in the store.
            verified: hash the bytes again before they are used.

        Raises:
            NotFound, DataLoss: the store lacks it, or spoilt it.
            SourceChanged: on shared storage it is not what it was when the job was accepted.
        """
        if rooted is None:
            yield self.blobs.verified_path(digest) if verified else self.blobs.path(digest)
            return
        with self.roots.reading(rooted) as path:
            if verified and digest_of_file(path) != digest:
                raise changed(rooted, "other bytes")
            yield path
