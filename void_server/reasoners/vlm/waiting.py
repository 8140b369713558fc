# SPDX-License-Identifier: Apache-2.0
"""Waiting for what may take long, with an ear for whoever cancels."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

from void_server.reasoners.vlm.errors import Stopped, TimedOut

POLL_SECONDS = 0.1
"""How often `stop` is asked; a call ends well within a second of it."""

T = TypeVar("T")
Stop = Callable[[], bool]
"""Whether the job has been cancelled."""


def waited(work: Callable[[], T], seconds: float, stop: Stop, what: str, abort: Callable[[], None]) -> T:
    """What `work` returns, run in a thread of its own.

    Args:
        seconds: that it may take.
        what: is waited for, for a message.
        abort: called at the end in any case; makes the work end soon if it has not.

    Raises:
        Stopped: `stop` said so.
        TimedOut: the time is over.
    """
    check(stop)
    pool = ThreadPoolExecutor(1, thread_name_prefix="vlm")
    future = pool.submit(work)
    try:
        return _polled(future, time.monotonic() + seconds, seconds, stop, what)
    finally:
        abort()
        pool.shutdown(wait=False)


def paused(seconds: float, stop: Stop) -> None:
    """Waits; raises `Stopped` when `stop` says so."""
    end = time.monotonic() + seconds
    check(stop)
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(POLL_SECONDS, left))
        check(stop)


def check(stop: Stop) -> None:
    """Raises `Stopped` when `stop` says so."""
    if stop():
        raise Stopped("The job was cancelled while the reasoner was being asked.")


def _polled(future: Future[T], end: float, seconds: float, stop: Stop, what: str) -> T:
    while True:
        try:
            return future.result(timeout=POLL_SECONDS)
        except NotYet:
            # The work's own time-out is of the same class.
            if future.done():
                return future.result()
        check(stop)
        if time.monotonic() > end:
            raise TimedOut(
                f"{what} took longer than {seconds:g} seconds.",
                fix="Try again, allow more time, or ask a faster model.",
            )
