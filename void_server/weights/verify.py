# SPDX-License-Identifier: Apache-2.0
"""Verification: length and digest are recorded when a file is first seen whole, and checked afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from void_server.weights.catalogue import WeightFile
from void_server.weights.digest import Progress, no_progress, sha256_of
from void_server.weights.layout import State, Status, state_of
from void_server.weights.record import Entry, Record, load, save


@dataclass(frozen=True)
class Checked:
    """One file after verification.

    Args:
        file: which.
        status: how it stands.
        recorded: what is recorded of it now; None where nothing is.
        first: it was recorded by this verification.
    """

    file: WeightFile
    status: Status
    recorded: Entry | None = None
    first: bool = False

    @property
    def remark(self) -> str:
        """What a person should know of a file that is usable: its length is not the published one."""
        published = self.file.published_bytes
        if self.status.state is not State.PRESENT or published in (None, self.status.size):
            return ""
        return f"{self.file.name} has {self.status.size} bytes; the published file has {published}"


def verify(
    folder: Path, files: Iterable[WeightFile], *, again: bool = False, progress: Progress = no_progress
) -> list[Checked]:
    """Verify these files of a weights folder, and record what is seen for the first time.

    A file that was verified and has not been written to since is not read again, unless `again` asks for it.
    Hold `folder.locked` meanwhile.

    Raises:
        OSError: a file cannot be read, or the record not be written.
        DataLoss: the record is damaged.
    """
    record = load(folder)
    checked = []
    for file in files:
        found = _verify_one(folder, file, record.files.get(file.name), again, progress)
        if found.recorded is not None and found.recorded != record.files.get(file.name):
            record = record.with_entry(file.name, found.recorded)
            # After each file: those verified stay verified when the command is ended.
            save(folder, record)
        checked.append(found)
    return checked


def new_entry(path: Path, sha256: str, source: str) -> Entry:
    """The entry of a file that is seen whole for the first time."""
    found = path.stat()
    return Entry(found.st_size, sha256, now(), source, found.st_mtime_ns)


def now() -> str:
    """Date and time in UTC, to the second, as ISO 8601 writes it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def differs(record: Record, file: WeightFile, size: int, sha256: str) -> bool:
    """Whether the record knows other bytes for this file."""
    entry = record.files.get(file.name)
    return entry is not None and (entry.size, entry.sha256) != (size, sha256)


def _verify_one(
    folder: Path, file: WeightFile, recorded: Entry | None, again: bool, progress: Progress
) -> Checked:
    path = folder / file.name
    # Damage found earlier may have been repaired by hand: only the bytes can tell.
    status = state_of(path, recorded and replace(recorded, damaged=False))
    if status.state is not State.PRESENT:
        return Checked(file, status, recorded)
    modified = path.stat().st_mtime_ns
    if recorded is None:
        return Checked(file, status, new_entry(path, sha256_of(path, file.name, progress), ""), first=True)
    if not again and not recorded.damaged and recorded.seen_mtime_ns == modified:
        return Checked(file, status, recorded)
    if sha256_of(path, file.name, progress) == recorded.sha256:
        return Checked(file, status, replace(recorded, seen_mtime_ns=modified, damaged=False))
    damaged = replace(recorded, damaged=True)
    return Checked(file, state_of(path, damaged), damaged)
