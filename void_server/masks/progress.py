# SPDX-License-Identifier: Apache-2.0
"""How far a command is, and an end by Ctrl-C that leaves nothing half-written."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

QUIET_SECONDS = 2.0
"""What takes less is not worth a line; also the time between two lines."""
_ENDING = (signal.SIGINT, signal.SIGTERM)


def told(
    items: Iterable[T], what: str, total: int, clock: Callable[[], float] = time.monotonic
) -> Iterator[T]:
    """The items as they come; tells on stderr how many came and how long the rest takes."""
    begun = said = clock()
    for done, item in enumerate(items):
        now = clock()
        if done and now - said >= QUIET_SECONDS:
            said = now
            left = (now - begun) * max(0, total - done) / done
            print(f"{what}: {done} of {total} frames, {left:.0f} s left", file=sys.stderr, flush=True)
        yield item


@contextmanager
def ended_once() -> Iterator[None]:
    """In the block, Ctrl-C and SIGTERM raise KeyboardInterrupt; a second one no longer disturbs what is tidied up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def end_held_back() -> Iterator[None]:
    """In the block, Ctrl-C and SIGTERM wait; what they do comes at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda n, _frame: came.append(n)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
