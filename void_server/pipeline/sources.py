# SPDX-License-Identifier: Apache-2.0
"""Where the files of an order are read from: the frame store, or shared storage, where they may change at any time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from void_server.frames.blobs import BlobFolder
from void_server.frames.blocks import Blocks, PartlyRead
from void_server.frames.rooted_file import RootedFile, changed
from void_server.frames.roots import Roots


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
        """A path that reads one file while the body runs; on shared storage it is a copy of exactly these bytes.

        Args:
            digest: SHA-256 of the bytes.
            rooted: where it lies on shared storage; None = in the store.
            verified: hash the bytes of a stored file again; those of shared storage always are.

        Raises:
            NotFound, DataLoss: the store lacks it, or spoilt it.
            SourceChanged: on shared storage it is not what it was when the job was accepted.
            SourceUnavailable: the storage does not give it just now.
        """
        if rooted is None:
            yield self.blobs.verified_path(digest) if verified else self.blobs.path(digest)
            return
        with self.roots.snapshot(rooted) as snapshot:
            if snapshot.digest != digest:
                raise changed(rooted, "other bytes")
            yield snapshot.path

    @contextmanager
    def part(self, digest: str, rooted: RootedFile | None, known: Blocks) -> Iterator[PartlyRead]:
        """A file that was read whole before, of which only what is asked for is read; raises as `reading`.

        Args:
            known: what was found of it then.
        """
        if rooted is None:
            yield self.blobs.part(digest, known)
            return
        with self.roots.part(rooted, known) as part:
            yield part
