# SPDX-License-Identifier: Apache-2.0
"""Removes what nobody needs, in small steps, each of which may be the last one.

Rows go before files, with a durable commit in between: a server that is killed at any moment leaves at worst files that
nothing names, which the next collection finds, and never a row that names a missing file.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from void_server.frames.blobs import BlobFolder
from void_server.frames.uploads import Uploads
from void_server.jobs.database import Database
from void_server.jobs.needs import Needs
from void_server.storage import files, reach
from void_server.storage.policy import KeepPolicy, Times

FILES_AT_ONCE = 64
"""Removed behind one closed gate: some ten milliseconds, in which whoever stores or asks for a blob waits."""
JOBS_AT_ONCE, UNITS_AT_ONCE = 20, 200
"""Of one transaction, in which all others wait for the database."""


@dataclass(frozen=True)
class Removed:
    """What a step removed."""

    files: int = 0
    size: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(self.files + other.files, self.size + other.size)


class Collector:
    """Of one store.

    Args:
        needs: blobs that running work needs and that no row names.
        free: bytes that are free on the disk of a folder.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobFolder,
        uploads: Uploads,
        needs: Needs,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._db, self._blobs, self._uploads, self._needs = database, blobs, uploads, needs
        self._free = free

    def is_short(self, policy: KeepPolicy) -> bool:
        """Whether less room is left on the disk than the policy wants."""
        return bool(policy.low_water_bytes) and self._free(self._blobs.root) < policy.low_water_bytes

    def collect(self, policy: KeepPolicy) -> Iterator[Removed]:
        """Remove all whose time has passed; nothing happens between two steps."""
        times = policy.times(self._blobs.clock(), self._needs.in_hand_since())
        yield Removed(*self._uploads.drop_abandoned(times.old_before))
        while self._let_go_of_jobs(times):
            yield Removed()
        while self._let_go_of_units(times, times.units_before)[0]:
            yield Removed()
        for found, _ in files.shards(self._blobs.folder):
            old = [file.digest for file in found if file.touched < times.old_before]
            yield Removed()
            for start in range(0, len(old), FILES_AT_ONCE):
                yield self._sweep(old[start : start + FILES_AT_ONCE], times)
        yield self._drop_archive_names()

    def relieve(self, policy: KeepPolicy) -> Iterator[Removed]:
        """Give up units before their time, the longest unused first, until there is room or none is left."""
        times = policy.times(self._blobs.clock(), self._needs.in_hand_since())
        while self.is_short(policy):
            count, named = self._let_go_of_units(times, times.old_before)
            if not count:
                return
            yield Removed()
            for start in range(0, len(named), FILES_AT_ONCE):
                yield self._sweep(named[start : start + FILES_AT_ONCE], times)

    def note_end(self, removed: Removed) -> None:
        """Record that a whole collection ended."""
        with self._db.transaction() as db:
            db.execute(
                "UPDATE collection SET finished = ?, files = files + ?, bytes = bytes + ?",
                (self._blobs.clock(), removed.files, removed.size),
            )

    def _let_go_of_jobs(self, times: Times) -> int:
        with self._db.transaction() as db:
            return reach.let_go_of_jobs(db, times, JOBS_AT_ONCE)

    def _let_go_of_units(self, times: Times, used_before: float) -> tuple[int, list[str]]:
        with self._db.transaction() as db:
            return reach.let_go_of_units(db, times, used_before, UNITS_AT_ONCE)

    def _sweep(self, digests: Sequence[str], times: Times) -> Removed:
        """Remove those of these blobs that are old and that nothing names."""
        with self._db.reading() as db:
            # A database that was made anew names nothing yet.
            if db.execute("SELECT since FROM collection").fetchone()["since"] >= times.old_before:
                return Removed()
            candidates = reach.unnamed(db, digests)
        if not candidates:
            return Removed()
        folder = self._blobs.folder
        with self._blobs.gate.alone():
            # Asked again: what somebody was told of before the gate closed is young now.
            sizes = {d: files.old_size(folder, d, times.old_before) for d in candidates}
            old = [d for d, size in sizes.items() if size is not None and d not in self._needs]
            with self._db.transaction() as db:
                free = reach.unnamed(db, old)
                reach.forget_blobs(db, free, times.now)
            for digest in free:
                files.remove(folder, digest)
                files.archive_name(self._blobs.root, digest).unlink(missing_ok=True)
        return Removed(len(free), sum(sizes[d] or 0 for d in free))

    def _drop_archive_names(self) -> Removed:
        """A second name without its blob keeps the bytes on the disk: what a killed collection left."""
        gone = []
        with self._blobs.gate.alone():
            for digest, path in files.named_archives(self._blobs.root / "colour"):
                if not self._blobs.has(digest):
                    gone.append(path.lstat().st_size)
                    path.unlink()
        return Removed(len(gone), sum(gone))
