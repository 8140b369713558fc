# SPDX-License-Identifier: Apache-2.0
"""Which waiting task gets the next worker: pure bookkeeping, without processes, threads or a clock of its own.

Tasks wait in lines, one for each job. The lowest `Band` goes first; within a band the owner who had the least worker
time lately; within an owner the earlier job. Each `AGED_TURN`-th turn goes to the line that has waited longest, so that
no stream of better tasks starves anybody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

AGED_TURN = 8
"""One turn of so many goes by waiting alone: a line waits at most for this many turns times the lines before it."""
HALF_LIFE_SECONDS = 600.0
"""What an owner used counts half after this time: about as long as somebody remembers who held the workers."""
SLICE_SECONDS = 60.0
"""So long a unit of steps keeps its worker before it yields to an equal one of an owner who had less."""
LINGER_SECONDS = 0.5
"""A unit that yielded comes back once nothing better was at work for so long: the next unit of a preview is planned in
between, and taking up the long one each time would cost it a step."""

T = TypeVar("T")


class Band(IntEnum):
    """How soon a task is wanted."""

    INTERACTIVE = 0
    """Somebody waits for the answer at a screen."""
    PREVIEW = 1
    HIGH = 2
    NORMAL = 3
    LOW = 4


@dataclass(frozen=True)
class Turn:
    """What a task brings to the queue.

    Attributes:
        owner: who is charged for the worker's time.
        job: number of the job; an owner's earlier ones go first.
    """

    band: Band = Band.INTERACTIVE
    owner: str = ""
    job: int = 0


class Shares:
    """Worker time of each owner, of which the older counts less; times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[float, float]] = {}

    def add(self, owner: str, seconds: float, now: float) -> None:
        """Charge an owner."""
        self._used[owner] = (self.of(owner, now) + seconds, now)

    def of(self, owner: str, now: float) -> float:
        """Seconds, each halved for every `HALF_LIFE_SECONDS` since it was used."""
        used, at = self._used.get(owner, (0.0, now))
        return float(used * 0.5 ** ((now - at) / HALF_LIFE_SECONDS))

    def all(self, now: float) -> dict[str, float]:
        """Of every owner who was ever charged."""
        return {owner: self.of(owner, now) for owner in self._used}


@dataclass
class _Waiting(Generic[T]):
    item: T
    yielded: bool = False


@dataclass
class _Line(Generic[T]):
    turn: Turn
    waits_since: int
    tasks: deque[_Waiting[T]]


class Schedule(Generic[T]):
    """The waiting tasks and who had how much; used under the caller's lock.

    Every `take` is followed by one `finished` with the same turn.
    """

    def __init__(self) -> None:
        self.shares = Shares()
        self._lines: dict[Turn, _Line[T]] = {}
        self._serial = 0
        self._taken = 0
        self._at_work: dict[Turn, int] = {}
        self._usual_seconds = 1.0
        self._last_seen: dict[Band, float] = {}

    def __len__(self) -> int:
        return sum(len(line.tasks) for line in self._lines.values())

    def at_work(self) -> int:
        """Tasks that were taken and have not left their worker."""
        return sum(self._at_work.values())

    def put(self, turn: Turn, item: T) -> None:
        """A task begins to wait, behind the others of its job."""
        self._line(turn).tasks.append(_Waiting(item))

    def put_back(self, turn: Turn, item: T) -> None:
        """A task that yielded its worker waits again, before the others of its job."""
        self._line(turn).tasks.appendleft(_Waiting(item, yielded=True))

    def take(self, now: float) -> tuple[Turn, T] | None:
        """The next task; None while none waits, or those that wait have yielded to work that may go on at once."""
        aged = (self._taken + 1) % AGED_TURN == 0
        lines = list(self._lines.values())
        if not aged:
            lines = [line for line in lines if not self._lingers(line, now)]
        if not lines:
            return None
        if aged:
            line = min(lines, key=lambda line: line.waits_since)
        else:
            line = min(lines, key=lambda line: self._rank(line, now))
        self._taken += 1
        task = line.tasks.popleft()
        self._serial += 1
        line.waits_since = self._serial
        if not line.tasks:
            del self._lines[line.turn]
        self._at_work[line.turn] = self._at_work.get(line.turn, 0) + 1
        self._last_seen[line.turn.band] = now
        return line.turn, task.item

    def finished(self, turn: Turn, seconds: float, now: float) -> None:
        """A task that was taken left its worker after so many seconds."""
        self.shares.add(turn.owner, seconds, now)
        # The mean of about the last ten tasks.
        self._usual_seconds += (seconds - self._usual_seconds) / 10
        self._last_seen[turn.band] = now
        left = self._at_work[turn] - 1
        if left:
            self._at_work[turn] = left
        else:
            del self._at_work[turn]

    def should_yield(self, turn: Turn, seconds: float, now: float) -> bool:
        """Whether a task in hand, which has had its worker for so long, is to leave it at its next step."""
        for line in self._lines.values():
            if line.turn.band < turn.band:
                return True
            if line.turn.band > turn.band or line.turn.owner == turn.owner or seconds < SLICE_SECONDS:
                continue
            if self.shares.of(line.turn.owner, now) < self.shares.of(turn.owner, now) + seconds:
                return True
        return False

    def drain(self) -> list[T]:
        """All waiting tasks, which wait no longer."""
        left = [task.item for line in self._lines.values() for task in line.tasks]
        self._lines.clear()
        return left

    def _line(self, turn: Turn) -> _Line[T]:
        if turn not in self._lines:
            self._serial += 1
            self._lines[turn] = _Line(turn, self._serial, deque())
        return self._lines[turn]

    def _rank(self, line: _Line[T], now: float) -> tuple[int, float, int, int]:
        turn = line.turn
        working = sum(count for at, count in self._at_work.items() if at.owner == turn.owner)
        load = self.shares.of(turn.owner, now) + working * self._usual_seconds
        return turn.band, load, turn.job, line.waits_since

    def _lingers(self, line: _Line[T], now: float) -> bool:
        if not line.tasks[0].yielded:
            return False
        better = [seen for band, seen in self._last_seen.items() if band < line.turn.band]
        return bool(better) and now - max(better) < LINGER_SECONDS
