# SPDX-License-Identifier: Apache-2.0
"""Memory, threads and open files of a server and its workers over time, and the size of its database (Linux)."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.memory.processes import family

SERVER, PREVIEWS = "server", "previews"

_PROC = Path("/proc")
_KB = 1024


@dataclass(frozen=True)
class Sample:
    """One process at one moment.

    Attributes:
        at: seconds since 1970.
        who: `server`, `previews` (the worker that has PyTorch loaded), `worker 1`, …; a worker that takes another's
            place is a new one.
        rss, anonymous: resident bytes; those of them that belong to no file (proc_pid_status(5)).
        threads, files: how many; files are open descriptors.
        cpu: seconds of processor time so far.
        database, journal: bytes of the SQLite file and of its write-ahead log; 0 of a worker.
    """

    at: float
    who: str
    rss: int
    anonymous: int
    threads: int
    files: int
    cpu: float
    database: int = 0
    journal: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For a line of JSON."""
        return asdict(self)


class Gauges:
    """Samples a server and all below it in a thread; a context manager.

    Args:
        pid: of the server.
        store: its folder.
        interval_s: between two samples.

    Attributes:
        samples: all so far, oldest first.
    """

    def __init__(self, pid: int, store: Path, interval_s: float) -> None:
        self.samples: list[Sample] = []
        self._pid, self._store, self._interval = pid, store, interval_s
        self._names = {pid: SERVER}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gauges", daemon=True)

    def __enter__(self) -> Gauges:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def look(self) -> dict[str, Sample]:
        """Sample now; by who."""
        now = time.time()
        found: dict[str, Sample] = {}
        for pid in sorted(family(self._pid)):
            name = self._name(pid)
            sample = _sample(pid, now, name, self._store if pid == self._pid else None)
            if sample is not None:
                found[name] = sample
        self.samples += found.values()
        return found

    def _name(self, pid: int) -> str:
        name = self._names.setdefault(pid, f"worker {len(self._names)}")
        if name not in (SERVER, PREVIEWS) and _has_torch(pid):
            name = self._names[pid] = PREVIEWS
        return name

    def _run(self) -> None:
        while not self._ended.is_set():
            self.look()
            self._ended.wait(self._interval)


def _has_torch(pid: int) -> bool:
    try:
        return "libtorch" in (_PROC / str(pid) / "maps").read_text()
    except OSError:
        return False


def _sample(pid: int, now: float, name: str, store: Path | None) -> Sample | None:
    """None of a process that has ended."""
    folder = _PROC / str(pid)
    try:
        fields = dict(
            line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line
        )
        # Behind the name in parentheses; user and system time are fields 14 and 15 (proc_pid_stat(5)).
        times = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
        files = len(list((folder / "fd").iterdir()))
        return Sample(
            at=now,
            who=name,
            rss=int(fields["VmRSS"].split()[0]) * _KB,
            anonymous=int(fields["RssAnon"].split()[0]) * _KB,
            threads=int(fields["Threads"]),
            files=files,
            cpu=sum(map(int, times)) / os.sysconf("SC_CLK_TCK"),
            database=_size(store / "void.sqlite3") if store else 0,
            journal=_size(store / "void.sqlite3-wal") if store else 0,
        )
    except (OSError, KeyError):
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
