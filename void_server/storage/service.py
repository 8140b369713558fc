# SPDX-License-Identifier: Apache-2.0
"""The store's keeping as a server does it: collections by itself and on demand, counts, and pins."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable

from void_server.errors import Busy, PreconditionFailed, StoreFailed, StoreFull, VoidError
from void_server.frames.blobs import BlobFolder
from void_server.frames.uploads import Uploads
from void_server.jobs import pins
from void_server.jobs.database import Database
from void_server.jobs.store import JobStore
from void_server.storage.census import Census, bytes_by_kind, count
from void_server.storage.collector import Collector, Removed
from void_server.storage.policy import DAY, KeepPolicy

log = logging.getLogger(__name__)

BREATH_SECONDS = 0.001
CHECK_SECONDS = 60.0
"""Between two looks at the disk and the clock."""
RELIEF_SECONDS = 600.0
"""Between two tries to make room; jobs record new units meanwhile."""


class Storage:
    """Of one store, whose database this process holds.

    Args:
        policy: None = the one that a server wrote into the database last, or the default one.
    """

    def __init__(
        self,
        database: Database,
        blobs: BlobFolder,
        uploads: Uploads,
        jobs: JobStore,
        policy: KeepPolicy | None = None,
    ) -> None:
        self._db, self._blobs, self._jobs = database, blobs, jobs
        self.policy = policy or _written(database)
        self._collector = Collector(database, blobs, uploads, jobs.needs)
        self._collecting, self._counting = threading.Lock(), threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._census: Census | None = None

    def start(self) -> None:
        """Write the policy down, and collect by itself from now on."""
        with self._db.transaction() as db:
            db.execute("UPDATE collection SET policy = ?", (self.policy.to_json(),))
        self._thread = threading.Thread(target=self._loop, name="storage", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the steps in hand; nobody uses the database afterwards."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._collecting, self._counting:
            pass

    def report(self) -> Census:
        """Count what lies in the store, and what the next collection removes.

        Raises:
            PreconditionFailed: the server stops.
        """
        with self._counting:
            self._go_on()
            self._census = count(self._db, self._blobs, self._jobs.needs, self.policy, self._go_on)
            return self._census

    def bytes_by_kind(self) -> Counter[str]:
        """Bytes in the store by kind as last counted: a minute after the start, then after each daily collection, and
        with each report. Empty before; cheap, for metrics.
        """
        return bytes_by_kind(self._census) if self._census is not None else Counter()

    def collect(self, policy: KeepPolicy | None = None) -> Removed:
        """Remove now what may go; returns when it is done, or the server stops.

        Raises:
            Busy: a collection is under way.
        """
        if self._stopping.is_set() or not self._collecting.acquire(blocking=False):
            raise Busy("A collection is under way.", fix="Ask again when it is over; see the server's log.")
        try:
            policy = policy or self.policy
            removed = self._paced(self._collector.collect(policy), policy)
            removed += self._paced(self._collector.relieve(policy), policy)
            if not self._stopping.is_set():
                self._collector.note_end(removed)
            return removed
        finally:
            self._collecting.release()

    def pin(self, job_id: str) -> str:
        """See `void_server.jobs.pins.pin`."""
        return pins.pin(self._db, self._jobs.manifests, job_id, self._blobs.clock())

    def unpin(self, job_id: str) -> str:
        """See `void_server.jobs.pins.unpin`."""
        return pins.unpin(self._db, self._jobs.manifests, job_id, self._blobs.clock())

    def _loop(self) -> None:
        relieved = -RELIEF_SECONDS
        while not self._stopping.wait(CHECK_SECONDS):
            try:
                if self._is_due():
                    log.info("collection: %s", _told(self.collect()))
                    self.report()
                elif self._census is None:
                    self.report()
                elif self._collector.is_short(self.policy) and time.monotonic() - relieved > RELIEF_SECONDS:
                    relieved = time.monotonic()
                    log.warning("the disk is short of room; collection: %s", _told(self.collect()))
            except (Busy, PreconditionFailed):
                continue
            except (StoreFull, StoreFailed, OSError) as error:
                log.error("the store was not collected: %s", error)
            except VoidError:
                log.exception("the store was not collected")

    def _is_due(self) -> bool:
        with self._db.reading() as db:
            row = db.execute("SELECT since, finished FROM collection").fetchone()
        last = row["since"] if row["finished"] is None else row["finished"]
        # Also where the clock was set back.
        return not 0 <= self._blobs.clock() - last < DAY

    def _paced(self, steps: Iterable[Removed], policy: KeepPolicy) -> Removed:
        total = Removed()
        for step in steps:
            total += step
            if self._stopping.is_set():
                break
            # Between two steps others have the database.
            least = step.files / policy.files_per_second if self._jobs.live_jobs() else 0.0
            self._stopping.wait(max(BREATH_SECONDS, least))
        return total

    def _go_on(self) -> None:
        """Between two steps of a count."""
        if self._stopping.wait(BREATH_SECONDS):
            raise PreconditionFailed("The server is stopping.", fix="Ask again when it is back.")


def _written(database: Database) -> KeepPolicy:
    with database.reading() as db:
        row = db.execute("SELECT policy FROM collection").fetchone()
    return KeepPolicy.from_json(row["policy"]) if row["policy"] else KeepPolicy()


def _told(removed: Removed) -> str:
    return f"{removed.files} files, {removed.size} bytes removed"
