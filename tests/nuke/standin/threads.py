# SPDX-License-Identifier: Apache-2.0
"""Work for the main thread: a queue that only the interface's event loop drains (2.3, N20 to N22)."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from typing import Any, Callable

from tests.nuke.standin.application import Application


class Call:
    """A call on its way to the main thread."""

    def __init__(self, call: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.call = call
        self.args = args if isinstance(args, tuple) else (args,)
        self.kwargs = {} if kwargs is None else kwargs
        self.done = threading.Event()
        self.result: Any = None
        self.waited = False


class MainThread:
    """The event loop of the modelled interface; a test runs it with `process_events`."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.waiting: queue.Queue[Call] = queue.Queue()
        self.closed = False

    def _refuse(self, what: str) -> None:
        """N21: called on the main thread these hang Nuke (2.3)."""
        if threading.current_thread() is self.app.main_thread:
            self.app.breach("hang", "N21", f"{what} on the main thread")
            raise RuntimeError(f"{what} on the main thread would hang")

    def execute(self, call: Callable[..., Any], args: Any = (), kwargs: Any = None) -> None:
        """nuke.executeInMainThread: returns at once; without an event loop the call never runs (N22)."""
        self._refuse("executeInMainThread")
        self.waiting.put(Call(call, args, kwargs))

    def execute_with_result(self, call: Callable[..., Any], args: Any = (), kwargs: Any = None) -> Any:
        """nuke.executeInMainThreadWithResult: waits; an exception is printed, and None is returned."""
        self._refuse("executeInMainThreadWithResult")
        if not self.app.gui or self.closed:
            self.app.breach("hang", "N22", "executeInMainThreadWithResult without an event loop")
            raise RuntimeError("there is no event loop that would answer")
        one = Call(call, args, kwargs)
        one.waited = True
        self.waiting.put(one)
        one.done.wait()
        return one.result

    def process_events(self, until: Callable[[], bool] | None = None, timeout: float = 10.0) -> None:
        """Runs what waits, until a condition holds; without one, until nothing waits."""
        if not self.app.gui:
            raise RuntimeError("without the interface there is no event loop")
        end = time.monotonic() + timeout
        while True:
            self._run_all()
            if until is None or until():
                return
            if time.monotonic() > end:
                raise TimeoutError(f"not so after {timeout:g} s")
            self._run_one(0.01)

    def _run_all(self) -> None:
        while not self.waiting.empty():
            self._run_one(0)

    def _run_one(self, wait: float) -> None:
        try:
            one = self.waiting.get(timeout=wait) if wait else self.waiting.get_nowait()
        except queue.Empty:
            return
        try:
            one.result = one.call(*one.args, **one.kwargs)
        except Exception:  # noqa: BLE001 - whatever plugin code raises
            one.result = None
            self.app.printed.append(traceback.format_exc())
            self.app.breach("swallowed", "N22", traceback.format_exc(limit=-2))
        finally:
            one.done.set()

    def close(self) -> None:
        """Lets go of who still waits; that somebody does is a hang."""
        self.closed = True
        while not self.waiting.empty():
            one = self.waiting.get_nowait()
            if one.waited:
                self.app.breach("hang", "N22", "a thread waits for a main thread that is gone")
            one.done.set()
