# SPDX-License-Identifier: Apache-2.0
"""A job enters the database: when it is submitted, or at the start of a server whose database lacks it.

A job is accepted once manifest and row are both on the disk, in this order; `Delete` removes them in the same order.
So at a start a manifest without a row is a job whose row was lost, or whose Submit was cut off before its answer: it is
taken. A row without a manifest is one whose Delete was cut off, or an older release's: it gets its manifest again.
"""

from __future__ import annotations

import json
import sqlite3

from google.protobuf.message import DecodeError
from void.v1 import jobs_pb2

from void_server.jobs.canonical import frames_of, input_digests, input_sizes, spec_band
from void_server.jobs.database import Database
from void_server.jobs.manifests import Manifest, ManifestFolder
from void_server.jobs.states import ENDED, JobState

_RESTORED = "The server's record of this job was lost; it was taken from its manifest and begins anew."
_SUPERSEDED = "The server's record of this attempt was lost; a later attempt took its place."


def next_number(db: sqlite3.Connection) -> int:
    """The next number of the store's only order; it grows whatever the clock does, and none is given twice."""
    return int(db.execute("UPDATE serial SET number = number + 1 RETURNING number").fetchone()[0])


def attempts(db: sqlite3.Connection, owner: str, request_id: str) -> list[int]:
    """The attempts at an order that the database knows, in their order."""
    rows = db.execute(
        "SELECT attempt FROM job WHERE owner = ? AND request_id = ? ORDER BY attempt", (owner, request_id)
    )
    return [int(row["attempt"]) for row in rows]


def serving_row(db: sqlite3.Connection, owner: str, request_id: str, again: bool) -> sqlite3.Row | None:
    """The job that an order finds instead of being accepted anew; see `JobStore.submit`."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM job WHERE owner = ? AND request_id = ? ORDER BY attempt DESC LIMIT 1",
        (owner, request_id),
    ).fetchone()
    if row is None:
        return None
    state = JobState(row["state"])
    done = state is JobState.DONE and row["collected"] is None
    return row if state not in ENDED or (done and not again) else None


def insert_job(
    db: sqlite3.Connection, manifest: Manifest, now: float, state: JobState = JobState.QUEUED, note: str = ""
) -> None:
    """Write a job's row, its first events, and which blobs it reads: whoever may see the job may open them."""
    spec = order_of(manifest.spec)
    events = [("message", {"message": note})] if note else []
    events.append(("state", {"state": state.value}))
    ended = now if state is not JobState.QUEUED else None
    db.execute(
        "INSERT INTO job (id, request_id, attempt, owner, state, spec, fresh, created, finished, last_event, number,"
        " pinned, show, band, frames) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            manifest.id,
            manifest.request_id,
            manifest.attempt,
            manifest.owner,
            state.value,
            manifest.spec,
            int(manifest.fresh),
            manifest.created,
            ended,
            len(events),
            manifest.number,
            manifest.pinned,
            spec.show,
            spec_band(spec),
            frames_of(spec),
        ),
    )
    reads = [(digest, manifest.id) for digest in input_digests(spec)]
    db.executemany("INSERT OR IGNORE INTO job_input VALUES (?, ?)", reads)
    db.executemany(
        "INSERT INTO event (job_id, sequence, time, kind, payload) VALUES (?, ?, ?, ?, ?)",
        [
            (manifest.id, number, now, kind, json.dumps(payload))
            for number, (kind, payload) in enumerate(events, 1)
        ],
    )


def order_of(spec: bytes) -> jobs_pb2.JobSpec:
    """The order; an empty one where it cannot be read, which its run will say."""
    try:
        return jobs_pb2.JobSpec.FromString(spec)
    except DecodeError:
        return jobs_pb2.JobSpec()


def reconcile(database: Database, manifests: ManifestFolder, now: float) -> list[str]:
    """Make rows and manifests the same again, pins too; returns the ids of the jobs that were taken from manifests.

    Only the newest attempt of an order is taken up; earlier ones had ended, and are entered as cancelled.
    """
    with database.transaction() as db:
        rows = {row["id"] for row in db.execute("SELECT id FROM job")}
        known = manifests.ids()
        for job_id in rows - known:
            manifests.write(manifest_of(db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()))
        # The manifest of one that an earlier release pinned, or that was being given free, does not say so.
        pinned = db.execute("SELECT * FROM job WHERE pinned IS NOT NULL").fetchall()
        said = {m.id for m in manifests.read({row["id"] for row in pinned} & known) if m.pinned is not None}
        for row in pinned:
            if row["id"] not in said:
                manifests.write(manifest_of(row))
        taken = []
        # Newest first, so that an attempt finds the later one that took its place.
        for manifest in reversed(manifests.read(known - rows)):
            if _take(db, manifest, now):
                taken.append(manifest.id)
            else:
                manifests.remove(manifest.id)
    return taken[::-1]


def _take(db: sqlite3.Connection, manifest: Manifest, now: float) -> bool:
    known = attempts(db, manifest.owner, manifest.request_id)
    if manifest.attempt in known:
        return False
    superseded = any(attempt > manifest.attempt for attempt in known)
    state, note = (JobState.CANCELLED, _SUPERSEDED) if superseded else (JobState.QUEUED, _RESTORED)
    insert_job(db, manifest, now, state, note)
    db.execute("UPDATE serial SET number = MAX(number, ?)", (manifest.number,))
    db.execute(
        "INSERT OR IGNORE INTO holding (digest, owner) SELECT digest, ? FROM job_input WHERE job_id = ?",
        (manifest.owner, manifest.id),
    )
    sizes = [(size, digest, manifest.owner) for digest, size in input_sizes(order_of(manifest.spec)).items()]
    db.executemany("UPDATE holding SET size = ? WHERE digest = ? AND owner = ?", sizes)
    return True


def manifest_of(row: sqlite3.Row) -> Manifest:
    """What a job's row says of its acceptance."""
    return Manifest(
        id=row["id"],
        request_id=row["request_id"],
        attempt=row["attempt"],
        owner=row["owner"],
        spec=row["spec"],
        fresh=bool(row["fresh"]),
        created=row["created"],
        number=row["number"],
        pinned=row["pinned"],
    )
