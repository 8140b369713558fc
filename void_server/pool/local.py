# SPDX-License-Identifier: Apache-2.0
"""The local pool: a fixed number of worker processes behind one schedule."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from void_server.pool.process import WorkerProcess
from void_server.pool.scheduled import POLL_SECONDS, ScheduledPool


class LocalPool(ScheduledPool):
    """Worker processes on this machine.

    Args:
        command: what starts one worker.
        workers: how many.
        timeout_seconds: limit `unit_timeout_seconds`.
    """

    def __init__(self, command: Sequence[str], workers: int, timeout_seconds: float = 3600.0) -> None:
        super().__init__()
        self._processes = [WorkerProcess(command, timeout_seconds) for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._serve, args=(p,), name=f"pool-{i}", daemon=True)
            for i, p in enumerate(self._processes)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def workers(self) -> int:
        """How many there are."""
        return len(self._processes)

    def pids(self) -> list[int]:
        """Process ids of the running workers."""
        return [p.pid for p in self._processes if p.pid is not None]

    def close(self) -> None:
        """Finish the tasks in hand, drop the waiting ones, end the workers."""
        self._begin_to_close()
        for thread in self._threads:
            thread.join()
        self._drop_waiting()
        for process in self._processes:
            process.close()

    def kill(self) -> None:
        """End the workers at once; the tasks in hand end as stopped, and count as nobody's crash."""
        self._begin_to_close()
        for thread, process in zip(self._threads, self._processes, strict=True):
            while thread.is_alive():
                # Again and again: one may just have been started.
                process.kill()
                thread.join(POLL_SECONDS)
