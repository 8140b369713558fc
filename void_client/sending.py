# SPDX-License-Identifier: Apache-2.0
"""Reads, hashes and sends files at the same time: while one is on its way, the next are being read.

A file is named by its SHA-256, so it must be read once before it can be sent, and a second time while it is. The
reading stays at most `LEAD_BYTES` ahead: the second time then comes out of the system's file cache, and a network disk
is read once. Only names and digests are held, never bytes of files beyond a block for each thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from void_client.connection import Connection
from void_client.content import HASH_THREADS, Content, Meter, content_of_file
from void_client.errors import BadInput
from void_client.events import Event, Sink
from void_client.stop import Stop, Stopped
from void_client.transfer import PARALLEL, find_missing, send_blob

LEAD_BYTES = 2**30
"""Bytes of files that are being read, or are read and not yet sent, at most; one file may always be."""


@dataclass(frozen=True)
class Sent:
    """What became of the files.

    Attributes:
        contents: those that the server has now, by path.
        unreadable: what is wrong with the others; where there is one, later files were read but not sent.
    """

    contents: dict[Path, Content]
    unreadable: list[BadInput]


class Sending:
    """A pipeline over some files, in their order; a context manager, which reads ahead from its beginning.

    Args:
        connection: where to.
        files: path and the name that the user knows it by; a path named twice is sent once.
        on_event: told how far the hashing is as long as nothing had to be sent, then how far the sending is.
    """

    def __init__(self, connection: Connection, files: Iterable[tuple[Path, str]], on_event: Sink) -> None:
        self._connection = connection
        self._on_event = on_event
        self._waiting = deque((path, name, _size(path)) for path, name in dict(files).items())
        count, size = len(self._waiting), sum(size for _, _, size in self._waiting)
        self._hashing = Meter("hashing", count, size, self._tell_hashing)
        self._uploading = Meter("uploading", count, size, on_event)
        self._stop = Stop()
        self._changed = threading.Condition()
        self._lead = 0
        self._in_hand = 0
        self._hashed: list[Content] = []
        self._missing: deque[tuple[Content, int]] = deque()
        self._asked: set[str] = set()
        self._paths: dict[Path, Content] = {}
        self._arrived: set[str] = set()
        self._unreadable: list[BadInput] = []
        self._running = self._sends = False
        self._on_arrived: Callable[[], None] = lambda: None
        self._pool = ThreadPoolExecutor(HASH_THREADS + PARALLEL, "void-send")
        self._tasks: list[Future[None]] = []

    def __enter__(self) -> Sending:
        self._begin(self._hash, HASH_THREADS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(self, on_arrived: Callable[[], None] = lambda: None) -> Sent:
        """Send what the server lacks; returns when all is there, or when all unreadable files are known.

        Args:
            on_arrived: called from any thread whenever the server has more files than before; see `arrived`.

        Raises:
            ClientError: the first file that could not be sent; the others are stopped.
        """
        self._running, self._on_arrived = True, on_arrived
        self._hashing.tell()
        self._begin(self._send, PARALLEL)
        try:
            for task in self._tasks:
                task.result()
        finally:
            if not all(t.done() and not t.exception() for t in self._tasks):
                self._end()
                wait(self._tasks)
        return Sent(self.arrived(), self._unreadable)

    def arrived(self) -> dict[Path, Content]:
        """The files that the server has by now."""
        with self._changed:
            return {path: c for path, c in self._paths.items() if c.digest in self._arrived}

    def _begin(self, work: Callable[[], None], threads: int) -> None:
        self._tasks += [self._pool.submit(self._guarded, work) for _ in range(threads)]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Stopped:
            return
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        self._stop.request()
        with self._changed:
            self._changed.notify_all()

    def _tell_hashing(self, event: Event) -> None:
        if self._running and not self._sends:
            self._on_event(event)

    def _hash(self) -> None:
        while (file := self._next_file()) is not None:
            path, name, size = file
            try:
                content = content_of_file(path, name, self._read)
            except BadInput as error:
                with self._changed:
                    self._unreadable.append(error)
                    self._settle(size)
                continue
            self._hashing.add(files=1)
            with self._changed:
                self._paths[path] = content
                self._lead += content.size - size
                if content.digest in self._asked:
                    self._uploading.leave_out(content.size, files=1)
                    self._settle(content.size)
                else:
                    self._asked.add(content.digest)
                    self._hashed.append(content)
                    self._changed.notify_all()

    def _next_file(self) -> tuple[Path, str, int] | None:
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._stop.requested
                    or not self._waiting
                    or self._unreadable
                    or not self._in_hand
                    or self._lead + self._waiting[0][2] <= LEAD_BYTES
                )
            )
            if self._stop.requested or not self._waiting:
                return None
            file = self._waiting.popleft()
            self._in_hand += 1
            self._lead += file[2]
            return file

    def _read(self, count: int) -> None:
        if self._stop.requested:
            raise Stopped
        self._hashing.add(count)

    def _send(self) -> None:
        while not (self._stop.requested or self._unreadable):
            with self._changed:
                self._changed.wait_for(self._has_work)
                if self._stop.requested or self._unreadable:
                    return
                following = self._missing.popleft() if self._missing else None
                questions, self._hashed = (self._hashed, []) if not following else ([], self._hashed)
            if following:
                self._send_one(*following)
            elif questions:
                self._ask(questions)
            else:
                return

    def _has_work(self) -> bool:
        done = not self._waiting and not self._in_hand
        return bool(self._stop.requested or self._unreadable or self._missing or self._hashed or done)

    def _ask(self, contents: list[Content]) -> None:
        offsets = find_missing(self._connection, [c.blob for c in contents], self._stop)
        there = [c for c in contents if c.digest not in offsets]
        for content in there:
            self._uploading.leave_out(content.size, files=1)
        with self._changed:
            self._missing += [(c, offsets[c.digest]) for c in contents if c.digest in offsets]
            self._sends = self._sends or bool(offsets)
            for content in there:
                self._arrived.add(content.digest)
                self._settle(content.size)
            self._changed.notify_all()
        if there:
            self._on_arrived()

    def _send_one(self, content: Content, offset: int) -> None:
        send_blob(self._connection, content, offset, self._uploading, self._stop)
        with self._changed:
            self._arrived.add(content.digest)
            self._settle(content.size)
        self._on_arrived()

    def _settle(self, size: int) -> None:
        """Count a file as no longer in hand; the lock is held."""
        self._in_hand -= 1
        self._lead -= size
        self._changed.notify_all()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Reading it tells what is wrong.
        return 0
