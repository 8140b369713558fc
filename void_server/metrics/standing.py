# SPDX-License-Identifier: Apache-2.0
"""How a server stands just now, asked when Prometheus scrapes."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from void_server.configuration import Limits
from void_server.jobs.states import JobState
from void_server.metrics.store_size import StoreSize
from void_server.pool.schedule import Band

log = logging.getLogger(__name__)

KEPT_SECONDS = 1.0
"""What was asked is good for so long, however many scrape."""


@dataclass(frozen=True)
class Sources:
    """Where the figures come from; each function answers at once, from memory.

    Attributes:
        store: folder of the store, whose disk is looked at.
        database: file of the job store.
        workers: worker processes, by "all" and "busy".
        waiting: tasks that wait for a worker.
        size: of the store, as it was counted last.
        open: connections and long calls in progress, by kind.
        refusals: logins refused since the start, by reason.
        ended: jobs that ended since the start, by state.
        draining: whether the server takes no more jobs.
    """

    version: str
    limits: Limits
    store: Path
    database: Path
    workers: Callable[[], Mapping[str, int]]
    waiting: Callable[[], int]
    size: Callable[[], StoreSize]
    open: Callable[[], Mapping[str, int]]
    refusals: Callable[[], Mapping[str, int]]
    ended: Callable[[], Mapping[str, int]]
    draining: Callable[[], bool]


class Standing:
    """A collector for a registry of prometheus_client; see `Sources`."""

    def __init__(self, sources: Sources, clock: Callable[[], float] = time.time) -> None:
        self._sources = sources
        self._clock = clock
        self._started = clock()
        self._lock = threading.Lock()
        self._kept: tuple[float, list[Metric]] = (float("-inf"), [])

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry need not ask the store while the server is put together."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """See `prometheus_client.registry.Collector`."""
        with self._lock:
            made, kept = self._kept
            if time.monotonic() - made > KEPT_SECONDS:
                kept = [*self._server(), *self._jobs(), *self._work(), *self._disk()]
                self._kept = time.monotonic(), kept
            return kept

    def _server(self) -> Iterator[Metric]:
        yield InfoMetricFamily("void_server", "The server.", {"version": self._sources.version})
        yield GaugeMetricFamily(
            "void_start_time_seconds", "When it started, since 1970.", value=self._started
        )
        draining = GaugeMetricFamily("void_draining", "1 while no more jobs are taken.")
        draining.add_metric((), float(self._sources.draining()))
        yield draining
        limits = {limit.name: getattr(self._sources.limits, limit.name) for limit in fields(Limits)}
        yield _gauges("void_limit", "Limits of the server; 0 = no limit for some.", "name", limits)

    def _jobs(self) -> Iterator[Metric]:
        states = dict.fromkeys((s.value for s in JobState), 0)
        bands = dict.fromkeys((b.name.lower() for b in Band if b is not Band.INTERACTIVE), 0)
        oldest = 0.0
        try:
            with closing(_read_only(self._sources.database)) as db:
                states |= {r[0]: r[1] for r in db.execute("SELECT state, COUNT(*) FROM job GROUP BY state")}
                queued = db.execute(
                    "SELECT band, COUNT(*), MIN(created) FROM job WHERE state = ? GROUP BY band",
                    (JobState.QUEUED.value,),
                ).fetchall()
        except sqlite3.Error as error:
            # A scrape tells the rest: the disk, above all.
            log.error("jobs cannot be counted: %s", error)
            return
        bands |= {Band(band).name.lower(): count for band, count, _ in queued}
        if queued:
            oldest = max(0.0, self._clock() - min(created for *_, created in queued))
        yield _gauges("void_jobs", "Jobs in the record by state.", "state", states)
        yield _gauges("void_queue_jobs", "Jobs that wait, by priority.", "priority", bands)
        yield GaugeMetricFamily("void_queue_oldest_seconds", "Age of the oldest one; 0 = none.", value=oldest)

    def _work(self) -> Iterator[Metric]:
        source = self._sources
        yield _gauges("void_workers", "Worker processes: all, and those at work.", "state", source.workers())
        yield GaugeMetricFamily(
            "void_tasks_waiting", "Tasks that wait for a worker.", value=float(source.waiting())
        )
        yield _gauges("void_open", "Connections and long calls in progress, by kind.", "kind", source.open())
        for name, text, label, counts in (
            ("void_jobs_ended", "Jobs that ended since the start, by state.", "state", source.ended()),
            ("void_refusals", "Logins refused since the start, by reason.", "reason", source.refusals()),
        ):
            counted = CounterMetricFamily(name, text, labels=(label,))
            for key, count in counts.items():
                counted.add_metric((key,), count)
            yield counted

    def _disk(self) -> Iterator[Metric]:
        try:
            usage = shutil.disk_usage(self._sources.store)
        except OSError as error:
            log.error("the disk of the store does not answer: %s", error)
        else:
            found = {"free": usage.free, "all": usage.total}
            yield _gauges("void_disk_bytes", "Disk of the store: free, and all.", "part", found)
        size = self._sources.size()
        if size.counted:
            yield _gauges("void_store_bytes", "Bytes of the store at the last counting.", "kind", size.bytes)
            yield GaugeMetricFamily("void_store_blobs", "Blobs at the last counting.", value=size.files)
            yield GaugeMetricFamily(
                "void_store_counted_seconds", "When the store was counted, since 1970.", value=size.counted
            )


def _read_only(database: Path) -> sqlite3.Connection:
    """A connection beside the server's own, which may wait long for another process; a reader of a WAL does not."""
    return sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True, timeout=KEPT_SECONDS)


def _gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), value)
    return family
