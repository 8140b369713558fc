# SPDX-License-Identifier: Apache-2.0
"""What happened since the server's start, counted where it happens.

Each server has a registry of its own, so that two in one process do not mix. No label holds a name, a path, a job or
anything else that a caller chooses: they would tell who works on what, and there would be no end of series.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from void_server.errors import SourceUnavailable, StoreFull

UNIT_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3600.0)
"""Seconds; from a look into a small matte to `unit_timeout_seconds`."""
CALL_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0, 600.0)
"""Seconds; of a stream, its whole length."""
DEFECTS = ("INTERNAL", "UNKNOWN")
"""Codes of gRPC that a call ends with when this program is at fault."""


class StageFigures:
    """What happens to the units of one stage."""

    def __init__(self, figures: Figures, stage: str) -> None:
        self._units = {end: figures.units.labels(stage, end) for end in ("computed", "reused")}
        self._seconds = figures.unit_seconds.labels(stage)
        self._deaths = figures.worker_deaths.labels(stage)
        self._retries = figures.unit_retries.labels(stage)

    def computed(self, seconds: float) -> None:
        """A worker finished a unit, after so many seconds of its own."""
        self._units["computed"].inc()
        self._seconds.observe(seconds)

    def reused(self, count: int) -> None:
        """So many units were found in the record."""
        self._units["reused"].inc(count)

    def died(self, *, again: bool) -> None:
        """A worker died over a task, which is or is not to be tried again."""
        self._deaths.inc()
        if again:
            self._retries.inc()


class Figures:
    """Counters and histograms of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.units = Counter(
            "void_units",
            "Units by stage: computed by a worker, or reused from the record.",
            ("stage", "end"),
            registry=registry,
        )
        self.unit_seconds = Histogram(
            "void_unit_seconds",
            "Time of a worker for a unit.",
            ("stage",),
            buckets=UNIT_BUCKETS,
            registry=registry,
        )
        self.worker_deaths = Counter(
            "void_worker_deaths", "Workers that died over a task.", ("stage",), registry=registry
        )
        self.unit_retries = Counter(
            "void_unit_retries", "Tasks tried again after that.", ("stage",), registry=registry
        )
        self.waits = Counter(
            "void_job_waits",
            "Times that a job began to wait for shared storage or room on the disk.",
            ("reason",),
            registry=registry,
        )
        self.uploaded = Counter(
            "void_uploaded_bytes", "Bytes of frames received over gRPC.", registry=registry
        )
        self.downloaded = Counter(
            "void_downloaded_bytes", "Bytes of frames sent over gRPC.", registry=registry
        )
        self.calls = Counter("void_calls", "gRPC calls that ended.", ("method", "code"), registry=registry)
        self.call_seconds = Histogram(
            "void_call_seconds",
            "Length of a gRPC call.",
            ("method",),
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self.calls_open = Gauge("void_calls_open", "gRPC calls in progress.", registry=registry)

    def begin(self, methods: Iterable[str], stages: Iterable[str]) -> None:
        """Let what alerts ask for begin at 0, so that the first time counts.

        Prometheus knows a counter from the first sample that it sees: `increase` of one that begins at 1 is 0.
        """
        for method in methods:
            for code in DEFECTS:
                self.calls.labels(method, code)
        for stage in stages:
            self.of_stage(stage)
        for error in (SourceUnavailable, StoreFull):
            self.waits.labels(error.code)

    def of_stage(self, stage: str) -> StageFigures:
        """What a stage's units are counted in; `stage` is a name that the workers' capabilities list."""
        return StageFigures(self, stage)

    def text(self, accept: str) -> tuple[bytes, str]:
        """All series in the form that an Accept header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type
