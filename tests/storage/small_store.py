# SPDX-License-Identifier: Apache-2.0
"""A store on the disk with a real database and a clock that a test turns, without a server around it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from void.v1 import jobs_pb2

from void_server.access.principals import Principal, Role
from void_server.frames.blobs import BlobFolder
from void_server.frames.uploads import Uploads
from void_server.jobs.database import Database
from void_server.jobs.model import JobRecord, Output, Problem, UnitResult
from void_server.jobs.states import JobState
from void_server.jobs.store import JobStore
from void_server.jobs.visibility import Visibility
from void_server.storage.collector import Collector, Removed
from void_server.storage.policy import DAY, KeepPolicy
from void_server.storage.service import Storage

ANNA = Principal("anna", Role.ARTIST)
POLICY = KeepPolicy(
    results_seconds=10 * DAY,
    units_seconds=3 * DAY,
    grace_seconds=DAY,
    low_water_bytes=0,
    files_per_second=10**6,
)


class SmallStore:
    """The parts of a server that keep things; its clock begins long after the store was made."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.now = 4e9
        self.free = 1 << 40
        self.reopen()

    def reopen(self) -> None:
        """As after a restart of the server: what was only in memory is lost."""
        self.database = Database(self.root / "void.sqlite3")
        self.blobs = BlobFolder(self.root, clock=lambda: self.now)
        self.uploads = Uploads(self.blobs, 1 << 20)
        self.jobs = JobStore(self.database, clock=lambda: self.now)
        self.visible = Visibility(self.database)
        self.collector = Collector(
            self.database, self.blobs, self.uploads, self.jobs.needs, free=lambda _: self.free
        )
        self.storage = Storage(self.database, self.blobs, self.uploads, self.jobs, POLICY)

    def close(self) -> None:
        self.database.close()

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def upload(self, data: bytes, who: Principal = ANNA) -> str:
        digest = hashlib.sha256(data).hexdigest()
        known = self.visible.opens(digest, who)
        stored = self.uploads.receive(
            digest, len(data), self.uploads.received(digest, who.name), who.name, [data], known=known
        )
        self.visible.uploaded(stored.digest, stored.size, who)
        return digest

    def submit(self, request: str, inputs: Iterable[str] = (), owner: str = "anna") -> tuple[JobRecord, bool]:
        spec = jobs_pb2.JobSpec()
        for number, digest in enumerate(sorted(inputs), 1):
            spec.shot.plate.files.add(frame=number).blob.digest = digest
        return self.jobs.submit(request, spec.SerializeToString(), owner)

    def run(self, job_id: str) -> None:
        self.jobs.transition(job_id, JobState.RUNNING)

    def unit(self, key: str, data: bytes, job_id: str | None = None) -> str:
        stored = self.blobs.add_bytes(data)
        named = UnitResult(key, "fill", {"out": stored.digest}, {"out": stored.size})
        self.jobs.record_unit(named, job_id)
        return stored.digest

    def publish(self, job_id: str, digest: str, frame: int = 1) -> None:
        self.jobs.add_output(job_id, Output("result", frame, digest, self.blobs.size(digest)))

    def end(self, job_id: str, state: JobState = JobState.DONE, code: str = "") -> None:
        self.jobs.transition(job_id, state, [Problem("error", code, "text")] if code else [])
        self.jobs.needs.end(job_id)

    def done_job(self, request: str, data: bytes) -> tuple[str, str]:
        """A job with one input, one unit, and that unit's blob as its result; returns its id and the result."""
        job, _ = self.submit(request, [self.upload(b"input of " + data)])
        self.run(job.id)
        digest = self.unit(f"unit of {request}", data, job.id)
        self.publish(job.id, digest)
        self.end(job.id)
        return job.id, digest

    def collect(self, policy: KeepPolicy = POLICY) -> Removed:
        return sum(self.collector.collect(policy), Removed())

    def relieve(self, policy: KeepPolicy = POLICY) -> Removed:
        return sum(self.collector.relieve(policy), Removed())

    def there(self) -> set[str]:
        return {path.name for path in self.blobs.folder.glob("*/*")}

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.database.reading() as db:
            return [tuple(row) for row in db.execute(query)]

    def dangling(self) -> list[tuple[object, ...]]:
        """Rows that name a blob which is not there."""
        named = self.rows(
            "SELECT 'unit', digest FROM unit_blob UNION SELECT 'holding', digest FROM holding"
            " UNION SELECT 'output', digest FROM output WHERE removed IS NULL"
            " UNION SELECT 'input', digest FROM job_input"
        )
        return [row for row in named if not self.blobs.has(str(row[1]))]
