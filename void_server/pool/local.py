# SPDX-License-Identifier: Apache-2.0
"""The local pool: a fixed number of worker processes behind one priority queue."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from void_server.errors import WorkerCrashed
from void_server.pool.messages import OnStep
from void_server.pool.process import WorkerProcess

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 2
"""A task whose worker dies is tried once more, then it fails."""


@dataclass(order=True)
class _Task:
    priority: tuple[int, ...]
    number: int
    message: dict[str, Any] = field(compare=False)
    future: Future[Any] = field(compare=False)
    on_step: OnStep | None = field(compare=False, default=None)


class LocalPool:
    """Worker processes on this machine.

    Args:
        command: what starts one worker.
        workers: how many.
        timeout_seconds: limit `unit_timeout_seconds`.
    """

    def __init__(self, command: Sequence[str], workers: int, timeout_seconds: float = 3600.0) -> None:
        self.workers = workers
        self._tasks: queue.PriorityQueue[_Task] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._closing = threading.Event()
        self._processes = [WorkerProcess(command, timeout_seconds) for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._feed, args=(p,), name=f"pool-{i}", daemon=True)
            for i, p in enumerate(self._processes)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self, message: dict[str, Any], priority: tuple[int, ...] = (0,), on_step: OnStep | None = None
    ) -> Future[Any]:
        """Queue a task; lower priorities run first, equal ones in order of submission.

        `on_step` is called from a thread of the pool. The future fails with the worker's `VoidError`, with
        `TaskStopped` when `on_step` asked for it, or with `WorkerCrashed` when it died `MAX_ATTEMPTS` times over this
        task. Cancelling the future takes a waiting task out of the queue.
        """
        future: Future[Any] = Future()
        self._tasks.put(_Task(priority, next(self._numbers), message, future, on_step))
        return future

    def pids(self) -> list[int]:
        """Process ids of the running workers."""
        return [p.pid for p in self._processes if p.pid is not None]

    def close(self) -> None:
        """Finish the tasks in hand, drop the waiting ones, end the workers."""
        self._closing.set()
        for _ in self._threads:
            self._tasks.put(_Task((-(2**31),), next(self._numbers), {}, Future()))
        for thread in self._threads:
            thread.join()
        while not self._tasks.empty():
            self._tasks.get_nowait().future.cancel()
        for process in self._processes:
            process.close()

    def kill(self) -> None:
        """End the workers at once; the tasks in hand fail."""
        self._closing.set()
        for process in self._processes:
            process.kill()

    def _feed(self, process: WorkerProcess) -> None:
        while not self._closing.is_set():
            task = self._tasks.get()
            if self._closing.is_set() or not task.future.set_running_or_notify_cancel():
                task.future.cancel()
                continue
            self._run(process, task)

    def _run(self, process: WorkerProcess, task: _Task) -> None:
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                result = process.run(task.message, task.on_step)
            except WorkerCrashed as crash:
                log.warning("%s Task: %s, attempt %d.", crash.message, _name(task.message), attempt)
                if attempt == MAX_ATTEMPTS or self._closing.is_set():
                    task.future.set_exception(
                        WorkerCrashed(
                            f"{crash.message} This happened {attempt} times in a row in {_name(task.message)}.",
                            fix="Look at the server's log; if memory ran out, use fewer workers or --preview.",
                            signal=crash.signal,
                            how=crash.how,
                        )
                    )
                    return
            except Exception as error:  # noqa: BLE001 - handed to whoever waits for the future
                task.future.set_exception(error)
                return
            else:
                task.future.set_result(result)
                return


def _name(message: dict[str, Any]) -> str:
    return str(message.get("label") or message.get("kind") or message.get("do"))
