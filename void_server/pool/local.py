# SPDX-License-Identifier: Apache-2.0
"""The local pool: a fixed number of worker processes behind one schedule."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from void_server.errors import WorkerCrashed
from void_server.logs import saying
from void_server.pool.messages import OnCrash, OnStep, StepAnswer, TaskStopped
from void_server.pool.process import WorkerProcess
from void_server.pool.schedule import Schedule, Turn
from void_server.retries import MAX_CRASHES, WORKER_KILLED

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
"""While all that waits has yielded, it is looked at again at this pace."""


@dataclass
class _Task:
    turn: Turn
    message: dict[str, Any]
    future: Future[Any]
    on_step: OnStep | None = None
    on_crash: OnCrash | None = None
    crashes: int = 0
    begun: bool = False
    spent: float = 0.0


class LocalPool:
    """Worker processes on this machine.

    Args:
        command: what starts one worker.
        workers: how many.
        timeout_seconds: limit `unit_timeout_seconds`.
    """

    def __init__(self, command: Sequence[str], workers: int, timeout_seconds: float = 3600.0) -> None:
        self.workers = workers
        self._schedule: Schedule[_Task] = Schedule()
        self._changed = threading.Condition()
        self._delayed: dict[int, tuple[threading.Timer, _Task]] = {}
        self._closing = threading.Event()
        self._draining = threading.Event()
        self._processes = [WorkerProcess(command, timeout_seconds) for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._feed, args=(p,), name=f"pool-{i}", daemon=True)
            for i, p in enumerate(self._processes)
        ]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        message: dict[str, Any],
        turn: Turn | None = None,
        on_step: OnStep | None = None,
        on_crash: OnCrash | None = None,
    ) -> Future[Any]:
        """Queue a task; see `void_server.jobs.stage.Pool`."""
        task = _Task(turn or Turn(), message, Future(), on_step, on_crash)
        with self._changed:
            self._schedule.put(task.turn, task)
            self._changed.notify()
        return task.future

    def load(self) -> dict[str, float]:
        """Recent worker seconds by owner; see `void_server.jobs.stage.Pool`."""
        with self._changed:
            return self._schedule.shares.all(time.monotonic())

    def busy(self) -> int:
        """Workers that have a task."""
        with self._changed:
            return self._schedule.at_work()

    def waiting(self) -> int:
        """Tasks that wait for a worker."""
        with self._changed:
            return len(self._schedule) + len(self._delayed)

    def pids(self) -> list[int]:
        """Process ids of the running workers."""
        return [p.pid for p in self._processes if p.pid is not None]

    def close(self) -> None:
        """Finish the tasks in hand, drop the waiting ones, end the workers."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        with self._changed:
            left = self._schedule.drain()
            for timer, task in self._delayed.values():
                timer.cancel()
                left.append(task)
            self._delayed.clear()
        for task in left:
            _drop(task)
        for process in self._processes:
            process.close()

    def drain(self) -> None:
        """Let tasks that are asked to end go on to where they keep what they did; others finish."""
        self._draining.set()

    def kill(self) -> None:
        """End the workers at once; the tasks in hand end as stopped, and count as nobody's crash."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()
        for thread, process in zip(self._threads, self._processes, strict=True):
            while thread.is_alive():
                # Again and again: one may just have been started.
                process.kill()
                thread.join(POLL_SECONDS)

    def _feed(self, process: WorkerProcess) -> None:
        while (task := self._next()) is not None:
            if not task.begun and not task.future.set_running_or_notify_cancel():
                self._left(task, 0.0)
                continue
            task.begun = True
            started = time.monotonic()
            again = self._run(process, task, started)
            self._left(task, time.monotonic() - started)
            if again is not None:
                self._put_back(task, again)

    def _next(self) -> _Task | None:
        """Wait for a task; None when the pool closes."""
        with self._changed:
            while not self._closing.is_set():
                if (found := self._schedule.take(time.monotonic())) is not None:
                    return found[1]
                self._changed.wait(POLL_SECONDS if len(self._schedule) else None)
        return None

    def _left(self, task: _Task, seconds: float) -> None:
        with self._changed:
            self._schedule.finished(task.turn, seconds, time.monotonic())

    def _put_back(self, task: _Task, delay: float) -> None:
        """Let a task wait again, after so many seconds."""
        if not delay:
            with self._changed:
                self._schedule.put_back(task.turn, task)
                self._changed.notify()
            return
        timer = threading.Timer(delay, self._back_after_delay, (task,))
        timer.daemon = True
        with self._changed:
            self._delayed[id(task)] = timer, task
        timer.start()

    def _back_after_delay(self, task: _Task) -> None:
        with self._changed:
            waited = self._delayed.pop(id(task), None)
        if waited is not None:
            self._put_back(task, 0.0)

    def _run(self, process: WorkerProcess, task: _Task, started: float) -> float | None:
        """Run a task on a worker; returns after how many seconds it is to be taken up again, None = it has ended."""
        yielded = False

        def stepped(done: int, total: int, kept: bool) -> StepAnswer:
            nonlocal yielded
            if task.on_step is not None and not task.on_step(done, total):
                return StepAnswer.STOP if kept or not self._draining.is_set() else StepAnswer.WANTED
            now = time.monotonic()
            with self._changed:
                wanted = self._schedule.should_yield(task.turn, now - started, now)
            if not wanted or self._closing.is_set():
                return StepAnswer.GO
            yielded = kept
            return StepAnswer.STOP if kept else StepAnswer.WANTED

        try:
            result = process.run(task.message | {"spent": task.spent}, stepped)
        except TaskStopped as stopped:
            if yielded and not self._closing.is_set():
                task.spent += time.monotonic() - started
                return 0.0
            task.future.set_exception(stopped)
        except WorkerCrashed as crash:
            with saying(**task.message.get("log", {})):
                return self._crashed(task, crash)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the future
            task.future.set_exception(error)
        else:
            task.future.set_result(result)
        return None

    def _crashed(self, task: _Task, crash: WorkerCrashed) -> float | None:
        if self._closing.is_set():
            task.future.set_exception(TaskStopped())
            return None
        task.crashes += 1
        log.warning("%s Task: %s, attempt %d.", crash.message, _name(task.message), task.crashes)
        failure: Exception = WorkerCrashed(
            f"{crash.message} This happened {task.crashes} times in {_name(task.message)}.",
            fix="Look at the server's log; if memory ran out, use fewer workers or --preview.",
            signal=crash.signal,
            how=crash.how,
        )
        again = task.crashes < MAX_CRASHES
        try:
            # The one who ordered is told of each death, also of the last one.
            again = (task.on_crash is None or task.on_crash(crash)) and again
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for the future
            again, failure = False, error
        if again and not self._closing.is_set():
            waits = WORKER_KILLED.wait_seconds(task.crashes) if crash.signal == signal.SIGKILL else 0.0
            return waits or 0.0
        task.future.set_exception(failure)
        return None


def _drop(task: _Task) -> None:
    if task.begun:
        task.future.set_exception(TaskStopped())
    elif task.future.cancel():
        # Whoever waits for several is told of it only now.
        task.future.set_running_or_notify_cancel()


def _name(message: dict[str, Any]) -> str:
    return str(message.get("label") or message.get("kind") or message.get("do"))
