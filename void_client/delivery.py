# SPDX-License-Identifier: Apache-2.0
"""Brings a job's outputs into the result folder, while the job runs or afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from void.v1 import jobs_pb2

from void_client import events
from void_client.connection import Connection
from void_client.content import Meter
from void_client.events import Sink
from void_client.results import WRITTEN_KINDS, ResultFolder, holds, whole_file
from void_client.stop import Stop, Stopped
from void_client.transfer import PARALLEL, download


@dataclass(frozen=True)
class _Taken:
    """An output that is on its way: the digest of its bytes, and the task that ends when it is written."""

    digest: str
    delivered: Future[None]


class Delivery:
    """Fetches and writes outputs in the background; a context manager that stops what is under way on an error.

    Args:
        connection: where from.
        folder: where to.
        on_event: told each file written, and how far the fetching is once all outputs are known.
    """

    def __init__(self, connection: Connection, folder: ResultFolder, on_event: Sink) -> None:
        self._connection = connection
        self._folder = folder
        self._on_event = on_event
        self._stop = Stop()
        self._pool = ThreadPoolExecutor(PARALLEL, "void-fetch")
        self._taken: dict[tuple[int, int], _Taken] = {}
        self._lock = threading.Lock()
        self._written: set[Path] = set()
        self._meter: Meter | None = None

    def __enter__(self) -> Delivery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error:
            self._stop.request()
        self._pool.shutdown(wait=True, cancel_futures=error is not None)

    @property
    def written(self) -> int:
        """How many files are whole in the result folder."""
        return len(self._written)

    def take(self, output: jobs_pb2.Output) -> None:
        """Fetch an output in the background; one that was taken before is not fetched again.

        An output that was published again with other bytes takes the place of the one before.

        Raises:
            ClientError: an earlier output could not be fetched or written.
        """
        self._raise_first_error()
        key = (output.kind, output.frame)
        before = self._taken.get(key)
        if before is None or before.digest != output.blob.digest:
            delivered = self._pool.submit(self._deliver, output, before)
            self._taken[key] = _Taken(output.blob.digest, delivered)

    def finish(self, outputs: Iterable[jobs_pb2.Output] = ()) -> int:
        """Wait until everything is written; returns the number of files.

        Args:
            outputs: the ended job's outputs, in case some were not taken.

        Raises:
            ClientError: the first that could not be fetched or written.
        """
        for output in outputs:
            self.take(output)
        for taken in list(self._taken.values()):
            taken.delivered.result()
        return self.written

    def fetch_all(self, outputs: Iterable[jobs_pb2.Output]) -> int:
        """Fetch all outputs of an ended job, telling how far it is; returns the number of files."""
        wanted = [o for o in outputs if o.kind in WRITTEN_KINDS]
        self._meter = Meter("fetching", len(wanted), sum(o.blob.bytes for o in wanted), self._on_event)
        return self.finish(wanted)

    def _raise_first_error(self) -> None:
        for future in (taken.delivered for taken in self._taken.values()):
            if future.done() and not future.cancelled() and (error := future.exception()):
                raise error

    def _deliver(self, output: jobs_pb2.Output, before: _Taken | None) -> None:
        if before:
            # Both go to one path, and the last published must stay. The pool began the other first, so it ends.
            wait([before.delivered])
        path = self._folder.path(output.kind, output.frame)
        if path is None or self._stop.requested:
            return
        fetch = not holds(path, output.blob.digest, output.blob.bytes)
        try:
            if fetch:
                with whole_file(path) as file:
                    download(self._connection, output.blob, file, self._count, self._stop)
            else:
                self._count(output.blob.bytes)
        except Stopped:
            return
        with self._lock:
            self._written.add(path)
        if self._meter:
            self._meter.add(files=1)
        self._on_event(events.Written(events.output_name(output.kind), output.frame, str(path), fetch))

    def _count(self, byte_count: int) -> None:
        if self._meter:
            self._meter.add(byte_count)
