# SPDX-License-Identifier: Apache-2.0
"""Blobs that running work needs and that no row of the database names: the shot's manifest that a plan left, and what
a unit in hand has stored already.

Kept in memory: after a restart every plan is made again, and leaves them again.
"""

from __future__ import annotations

import math
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Needs:
    """What each piece of running work needs.

    Args:
        clock: that of the blobs' times of change.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._begun: list[float] = []
        self._of: dict[str, set[str]] = {}
        self._count: Counter[str] = Counter()

    def add(self, work: str, digests: Iterable[str]) -> None:
        """Keep these blobs until `work` is over."""
        with self._lock:
            mine = self._of.setdefault(work, set())
            new = set(digests) - mine
            mine |= new
            self._count.update(new)

    def end(self, work: str) -> None:
        """The work is over."""
        with self._lock:
            self._count.subtract(self._of.pop(work, set()))
            self._count = +self._count

    @contextmanager
    def in_hand(self) -> Iterator[None]:
        """What is stored or touched while the body runs may be needed: nobody knows of it before a task's answer."""
        begun = self._clock()
        with self._lock:
            self._begun.append(begun)
        try:
            yield
        finally:
            with self._lock:
                self._begun.remove(begun)

    def in_hand_since(self) -> float:
        """When the oldest work in hand began; infinity where there is none."""
        with self._lock:
            return min(self._begun, default=math.inf)

    def __contains__(self, digest: object) -> bool:
        return digest in self._count


def digests_in(value: Any) -> Iterator[str]:
    """Every text of a JSON value that may be a digest; keys look like digests and do no harm."""
    if isinstance(value, str):
        if _DIGEST.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from digests_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from digests_in(part)
