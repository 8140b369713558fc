# SPDX-License-Identifier: Apache-2.0
"""The memory of a process and its children, sampled from /proc while they work (Linux).

PSS counts a page that n processes share as 1/n, so its sum over the processes is what they take together; VmHWM is the
greatest resident size that the kernel ever saw of one process, so its sum is an upper bound that no sampling can miss
(proc_pid_smaps(5), proc_pid_status(5)).
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from pathlib import Path
from types import TracebackType

INTERVAL_S = 0.2
"""Time between two samples."""

_PROC = Path("/proc")


class MemorySampler:
    """Samples a process and all below it in a thread; a context manager.

    Args:
        pid: the process.

    Attributes:
        phase: what the process is doing, as the caller says; peaks are kept for each.
    """

    def __init__(self, pid: int) -> None:
        self.phase = "at rest"
        self._pid = pid
        self._peaks: dict[str, int] = defaultdict(int)
        self._highest: dict[int, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory-sampler", daemon=True)

    def __enter__(self) -> MemorySampler:
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._sample()

    @property
    def peaks(self) -> dict[str, int]:
        """Greatest sum of PSS in bytes by phase, in the order in which the phases began."""
        return dict(self._peaks)

    @property
    def peak(self) -> int:
        """Greatest sum of PSS in bytes."""
        return max(self._peaks.values())

    @property
    def high_water_marks(self) -> dict[int, int]:
        """VmHWM in bytes by process id, the sampled process first."""
        return dict(sorted(self._highest.items(), key=lambda item: (item[0] != self._pid, item[0])))

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            self._sample()

    def _sample(self) -> None:
        phase, total = self.phase, 0
        for pid in family(self._pid):
            total += _field(pid, "smaps_rollup", "Pss")
            self._highest[pid] = max(self._highest.get(pid, 0), _field(pid, "status", "VmHWM"))
        self._peaks[phase] = max(self._peaks[phase], total)


def family(pid: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children[parent].append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        todo += children[found[-1]]
    return found


def cpu_seconds(*pids: int) -> float:
    """Processor time, user and system, that processes and all below them have taken, ended children included."""
    ticks = 0
    for pid in {one for above in pids for one in family(above)}:
        try:
            # Fields 14 to 17 of proc_pid_stat(5), counted from behind the name: own, then waited-for children's.
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _parent(entry: Path) -> int | None:
    try:
        # The name in parentheses may hold anything; the parent is the second field behind it (proc_pid_stat(5)).
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def _field(pid: int, file: str, name: str) -> int:
    """A field in kB of a file of /proc/PID, in bytes; 0 of a process that has ended."""
    try:
        text = (_PROC / str(pid) / file).read_text()
    except OSError:
        return 0
    for line in text.splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0
