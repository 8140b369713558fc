# SPDX-License-Identifier: Apache-2.0
"""Looks at files on shared storage, which may not answer for minutes: whoever waits gives up, the server goes on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import Any, TypeAlias, TypeVar

from void_server.errors import SourceUnavailable

T = TypeVar("T")
R = TypeVar("R")

_Tasks: TypeAlias = "queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]"

LOOKS_AT_ONCE = 8
"""Files of one root looked at at once: each look costs some round trips of a network file system."""

PORTION = 64
"""Files that are waited for together."""

PATIENCE_SECONDS = 20.0
"""Longest wait for a portion. A client waits longer for the answer, so it is told."""


class Looks:
    """The threads of each root; they are few, so a root that hangs holds no more, and no other root's.

    The threads are daemons: one that is stuck in a system call must not hold the server's end.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._queues: dict[str, _Tasks] = {}

    def at(self, root: str, look: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Call `look` on each item, in the threads of `root`; the results are in the order of `items`.

        Raises:
            SourceUnavailable: the root did not answer in time.
            Exception: what `look` raised.
        """
        tasks = self._threads(root)
        found: list[R] = []
        for start in range(0, len(items), PORTION):
            futures: list[Future[R]] = []
            for item in items[start : start + PORTION]:
                futures.append(Future())
                tasks.put((futures[-1], lambda item=item: look(item)))  # type: ignore[misc]
            _, late = wait(futures, self._patience)
            for future in late:
                future.cancel()
            if late:
                raise SourceUnavailable(
                    f"The storage of the root {root} does not answer.", fix="See to the mount on the server."
                )
            found += [future.result() for future in futures]
        return found

    def close(self) -> None:
        """Let the threads end, each after the look that it has in hand."""
        with self._lock:
            for tasks in self._queues.values():
                for _ in range(LOOKS_AT_ONCE):
                    tasks.put(None)
            self._queues.clear()

    def _threads(self, root: str) -> _Tasks:
        with self._lock:
            if root not in self._queues:
                self._queues[root] = queue.SimpleQueue()
                for number in range(LOOKS_AT_ONCE):
                    name = f"look-{root}-{number}"
                    threading.Thread(target=_work, args=(self._queues[root],), name=name, daemon=True).start()
            return self._queues[root]


def _work(tasks: _Tasks) -> None:
    while True:
        task = tasks.get()
        if task is None:
            return
        future, look = task
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(look())
        except BaseException as error:  # noqa: BLE001 - raised again where the result is asked for
            future.set_exception(error)
