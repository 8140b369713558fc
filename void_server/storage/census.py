# SPDX-License-Identifier: Apache-2.0
"""What lies in the store: counted by kind, by owner and show, and by job; and what the next collection would remove."""

from __future__ import annotations

import heapq
import os
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from void_server.frames.blobs import BlobFolder
from void_server.frames.uploads import is_partial
from void_server.jobs.database import Database
from void_server.jobs.needs import Needs
from void_server.storage import files, reach
from void_server.storage.files import Found
from void_server.storage.policy import KeepPolicy, Times

KINDS = ("results", "inputs", "units", "uploads", "unnamed")
"""Of blobs; each counts as the first that it is."""
BESIDES = ("partial uploads", "checkpoints", "database", "other")
"""What else lies in a store."""
WHY = {
    "results": "results of jobs that ended longer ago than they are kept",
    "inputs": "inputs of jobs that ended longer ago than they are kept",
    "units": "work in between that was not used for longer than it is kept",
    "uploads": "uploads that no job reads",
    "unnamed": "named by nothing: left by ended or deleted jobs",
    "partial uploads": "uploads that broke off",
}
LARGEST_JOBS = 10
MOST_STRANGE = 100
_AT_ONCE = 512


@dataclass
class Tally:
    """Files and their bytes."""

    files: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count one file."""
        self.files += 1
        self.bytes += size


@dataclass(frozen=True)
class JobShare:
    """What a job has in the store; files that several jobs share count for each.

    Attributes:
        pinned: whether somebody pinned it.
    """

    id: str
    owner: str
    show: str
    state: str
    pinned: bool
    files: int
    bytes: int


@dataclass
class Census:
    """What lies in a store.

    Attributes:
        at: when it was counted, in seconds since 1970.
        kinds: by one of `KINDS` and `BESIDES`, each file once.
        owners: by (owner, show), what their jobs read, left and published; files that several share count for each.
        removable: by kind, what the next collection removes.
        spare: what would go before its time if room were short.
        oldest: when the file was last touched that was not for the longest time; None in an empty store.
        jobs: the largest.
        strange: files that no part of the server made; they are never removed. At most `MOST_STRANGE`.
    """

    at: float
    kinds: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    owners: dict[tuple[str, str], Tally] = field(default_factory=lambda: defaultdict(Tally))
    removable: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    spare: Tally = field(default_factory=Tally)
    oldest: float | None = None
    jobs: list[JobShare] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "at": self.at,
            "kinds": {k: asdict(self.kinds[k]) for k in (*KINDS, *BESIDES) if k in self.kinds},
            "owners": [
                {"owner": owner, "show": show, **asdict(tally)}
                for (owner, show), tally in sorted(self.owners.items(), key=lambda item: -item[1].bytes)
            ],
            "removable": [
                {"kind": kind, "why": WHY[kind], **asdict(tally)} for kind, tally in self.removable.items()
            ],
            "spare": asdict(self.spare),
            "oldest": self.oldest,
            "jobs": [asdict(job) for job in self.jobs],
            "strange": self.strange,
        }


def count(
    database: Database,
    blobs: BlobFolder,
    needs: Needs,
    policy: KeepPolicy,
    pause: Callable[[], None] = lambda: None,
) -> Census:
    """Count; whoever works goes on meanwhile, so that the figures may differ by what it does.

    Args:
        pause: called between two steps.
    """
    times = policy.times(blobs.clock(), needs.in_hand_since())
    census = Census(times.now)
    by_job: dict[str, Tally] = defaultdict(Tally)
    with database.reading() as db:
        since = db.execute("SELECT since FROM collection").fetchone()["since"]
    for found, strange in files.shards(blobs.folder):
        census.strange += [str(path) for path in strange[: MOST_STRANGE - len(census.strange)]]
        for start in range(0, len(found), _AT_ONCE):
            some = found[start : start + _AT_ONCE]
            with database.reading() as db:
                rows = reach.references(db, [file.digest for file in some], times)
            named = _by_digest(rows)
            for file in some:
                settled = since < times.old_before and file.digest not in needs
                _enter(census, by_job, file, named[file.digest], times.old_before if settled else None)
            pause()
    _look_beside(census, blobs.root, times)
    with database.reading() as db:
        census.jobs = _largest(db, by_job)
    return census


def _by_digest(rows: Iterable[sqlite3.Row]) -> dict[str, list[sqlite3.Row]]:
    named: dict[str, list[sqlite3.Row]] = defaultdict(list)
    for row in rows:
        named[row["digest"]].append(row)
    return named


def _enter(
    census: Census,
    by_job: dict[str, Tally],
    file: Found,
    rows: list[sqlite3.Row],
    old_before: float | None,
) -> None:
    """Count one blob; `old_before` None = it cannot go now."""
    kinds = {row["kind"] for row in rows}
    kind = next((k for k in KINDS if k in kinds), "unnamed")
    census.kinds[kind].add(file.size)
    for whose in {(row["owner"], row["show"]) for row in rows if row["owner"] is not None}:
        census.owners[whose].add(file.size)
    for job in {row["job"] for row in rows if row["job"] is not None}:
        by_job[job].add(file.size)
    census.oldest = file.touched if census.oldest is None else min(census.oldest, file.touched)
    if old_before is not None and file.touched < old_before:
        if all(row["goes"] for row in rows):
            census.removable.setdefault(kind, Tally()).add(file.size)
        elif all(row["goes"] or row["spare"] for row in rows):
            census.spare.add(file.size)


def _look_beside(census: Census, store: Path, times: Times) -> None:
    for kind, entry in _beside(store):
        try:
            about = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if kind == "partial uploads" and not is_partial(entry):
            census.strange.append(entry.path)
            kind = "other"
        elif kind == "partial uploads" and about.st_mtime < times.old_before:
            census.removable.setdefault(kind, Tally()).add(about.st_size)
        census.kinds[kind].add(about.st_size)


def _beside(store: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file of a store but the blobs and their second names, with its kind."""
    kinds = {"partial": "partial uploads", "checkpoints": "checkpoints"}
    with os.scandir(store) as top:
        for entry in sorted(top, key=lambda e: e.name):
            if entry.is_file(follow_symlinks=False):
                yield ("database" if entry.name.startswith("void.sqlite3") else "other"), entry
            elif entry.is_dir(follow_symlinks=False) and entry.name not in ("blobs", "colour"):
                with os.scandir(entry.path) as inside:
                    for file in inside:
                        if file.is_file(follow_symlinks=False):
                            yield kinds.get(entry.name, "other"), file


def _largest(db: sqlite3.Connection, by_job: dict[str, Tally]) -> list[JobShare]:
    largest = heapq.nlargest(LARGEST_JOBS, by_job.items(), key=lambda item: (item[1].bytes, item[0]))
    found = []
    for job_id, tally in largest:
        row = db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()
        if row is not None:
            pinned = row["pinned"] is not None
            found.append(
                JobShare(job_id, row["owner"], row["show"], row["state"], pinned, tally.files, tally.bytes)
            )
    return found


def bytes_by_kind(census: Census) -> Counter[str]:
    """The bytes of each kind."""
    return Counter({kind: tally.bytes for kind, tally in census.kinds.items()})
