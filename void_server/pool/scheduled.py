# SPDX-License-Identifier: Apache-2.0
"""What every pool does with its tasks: they wait in one schedule, and whoever is free at a place computes the next."""

from __future__ import annotations

import logging
import signal
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from void_server.errors import SetAside, WorkerCrashed
from void_server.logs import saying
from void_server.pool.messages import OnCrash, OnStep, StepAnswer, Stepped, TaskStopped
from void_server.pool.schedule import Schedule, Turn
from void_server.retries import MAX_CRASHES, MAX_LOSSES, WORKER_KILLED

log = logging.getLogger(__name__)

POLL_SECONDS = 0.1
"""While all that waits has yielded, it is looked at again at this pace."""


class PlaceLost(Exception):
    """The place where a task was computed is gone, through no fault of the task as far as anybody knows.

    Its text is how it was lost, in words.
    """


class Place(Protocol):
    """Where one task at a time is computed."""

    def run(self, task: dict[str, Any], on_step: Stepped | None = None) -> Any:
        """Run one task to its end.

        Raises:
            VoidError: what the worker answered.
            TaskStopped: `on_step` asked for it.
            WorkerCrashed: the worker died; the next call starts a new one.
            PlaceLost: there is no next call.
        """
        ...


@dataclass
class _Task:
    turn: Turn
    message: dict[str, Any]
    future: Future[Any]
    on_step: OnStep | None = None
    on_crash: OnCrash | None = None
    crashes: int = 0
    losses: int = 0
    begun: bool = False
    spent: float = 0.0


class Seat:
    """One who waits for tasks: what it was given, whose task it had last, and whether it is to wait no longer."""

    def __init__(self) -> None:
        self.task: _Task | None = None
        self.last: Turn | None = None
        self.dismissed = False


class ScheduledPool:
    """Tasks behind one schedule; who derives from it provides the places, each served by a thread."""

    def __init__(self) -> None:
        self._schedule: Schedule[_Task] = Schedule()
        self._changed = threading.Condition()
        self._delayed: dict[int, tuple[threading.Timer, _Task]] = {}
        self._idle: list[Seat] = []
        self._closing = threading.Event()
        self._draining = threading.Event()

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

    def drain(self) -> None:
        """Let tasks that are asked to end go on to where they keep what they did; others finish."""
        self._draining.set()

    def _begin_to_close(self) -> None:
        """No task is begun any more."""
        self._closing.set()
        with self._changed:
            self._changed.notify_all()

    def _drop_waiting(self) -> None:
        with self._changed:
            left = self._schedule.drain()
            for timer, task in self._delayed.values():
                timer.cancel()
                left.append(task)
            self._delayed.clear()
        for task in left:
            _drop(task)

    def _dismiss(self, seat: Seat) -> None:
        """Have whoever sits there take no more tasks."""
        with self._changed:
            seat.dismissed = True
            self._changed.notify_all()

    def _serve(self, place: Place, seat: Seat | None = None) -> None:
        """Run tasks at a place until the pool closes, or the seat is dismissed.

        Raises:
            PlaceLost: the place is gone; its task waits again.
        """
        seat = seat or Seat()
        while (task := self._next(seat)) is not None:
            if not task.begun and not task.future.set_running_or_notify_cancel():
                self._left(task, 0.0)
                continue
            task.begun = True
            started = time.monotonic()
            lost: PlaceLost | None = None
            try:
                again = self._run(place, task, started)
            except PlaceLost as error:
                lost, again = error, self._lost(task, error)
            self._left(task, time.monotonic() - started)
            if again is not None:
                self._put_back(task, again)
            if lost is not None:
                raise lost

    def _next(self, seat: Seat) -> _Task | None:
        """Wait for a task; None when the pool closes or the seat is dismissed."""
        with self._changed:
            self._idle.append(seat)
            while True:
                if seat.task is None and (seat.dismissed or self._closing.is_set()):
                    self._idle.remove(seat)
                    return None
                if not self._closing.is_set():
                    self._hand_out()
                if seat.task is not None:
                    task, seat.task = seat.task, None
                    return task
                self._changed.wait(POLL_SECONDS if len(self._schedule) else None)

    def _hand_out(self) -> None:
        """Give the next tasks to whom is free: to the one that had its job last, else to the one longest without work.

        The schedule alone says which task is next; a worker that had the job has its frames decoded, its model loaded.
        """
        while self._idle and (found := self._schedule.take(time.monotonic())) is not None:
            turn, task = found
            seat = next((s for s in self._idle if s.last == turn), self._idle[0])
            self._idle.remove(seat)
            seat.last, seat.task = turn, task
            self._changed.notify_all()

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

    def _run(self, place: Place, task: _Task, started: float) -> float | None:
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
            result = place.run(task.message | {"spent": task.spent}, stepped)
        except TaskStopped as stopped:
            if yielded and not self._closing.is_set():
                task.spent += time.monotonic() - started
                return 0.0
            task.future.set_exception(stopped)
        except WorkerCrashed as crash:
            with saying(**task.message.get("log", {})):
                return self._crashed(task, crash)
        except PlaceLost:
            raise
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

    def _lost(self, task: _Task, lost: PlaceLost) -> float | None:
        """What becomes of a task whose place is gone: it is no crash of its own, but not tried again without an end."""
        task.losses += 1
        log.warning("%s Task: %s, lost %d times.", lost, _name(task.message), task.losses)
        if self._closing.is_set():
            task.future.set_exception(TaskStopped())
        elif task.losses < MAX_LOSSES:
            return 0.0
        else:
            task.future.set_exception(
                SetAside(
                    f"{MAX_LOSSES} workers were lost with their nodes while they computed {_name(task.message)}, the"
                    f" last one so: {lost} The job is set aside and not tried again by itself.",
                    fix="See the server's log and those of the nodes. Then the same command makes a new attempt, which"
                    " goes on behind what is finished.",
                )
            )
        return None


def _drop(task: _Task) -> None:
    if task.begun:
        task.future.set_exception(TaskStopped())
    elif task.future.cancel():
        # Whoever waits for several is told of it only now.
        task.future.set_running_or_notify_cancel()


def _name(message: dict[str, Any]) -> str:
    return str(message.get("label") or message.get("kind") or message.get("do"))
