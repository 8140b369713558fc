# SPDX-License-Identifier: Apache-2.0
"""Calls on a real server over loopback, as a bare client makes them."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import grpc
from void.google_rpc import error_details_pb2, status_pb2
from void.v1 import (
    frames_pb2,
    frames_pb2_grpc,
    jobs_pb2,
    jobs_pb2_grpc,
    masks_pb2_grpc,
    server_pb2_grpc,
    types_pb2,
)

from tests.small_shot import SmallShot
from void_client.roots import stamp_of
from void_server.jobs.canonical import SEQUENCES

CHUNK = 1 << 20


class Caller:
    """Stubs with the token in each call's metadata."""

    def __init__(self, address: str, token: str) -> None:
        self.channel = grpc.insecure_channel(address)
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.frames = frames_pb2_grpc.FrameStoreStub(self.channel)
        self.jobs = jobs_pb2_grpc.JobsStub(self.channel)
        self.masks = masks_pb2_grpc.MasksStub(self.channel)
        self.server = server_pb2_grpc.ServerStub(self.channel)

    def close(self) -> None:
        self.channel.close()

    def missing(self, *digests: str) -> dict[str, int]:
        request = frames_pb2.FindMissingRequest(blobs=[types_pb2.Blob(digest=d) for d in digests])
        answer = self.frames.FindMissing(request, metadata=self.metadata)
        return {m.digest: m.offset for m in answer.missing}

    def upload(self, data: bytes, *, digest: str = "", offset: int = 0) -> types_pb2.Blob:
        blob = types_pb2.Blob(digest=digest or sha256(data), bytes=len(data))
        chunks = (data[i : i + CHUNK] for i in range(offset, len(data), CHUNK))
        return self.frames.Upload(upload_messages(blob, offset, chunks), metadata=self.metadata).blob

    def download(self, digest: str, offset: int = 0) -> bytes:
        request = frames_pb2.DownloadRequest(digest=digest, offset=offset)
        return b"".join(r.chunk for r in self.frames.Download(request, metadata=self.metadata))

    def upload_files(self, files: Iterable[Path]) -> None:
        for path in files:
            data = path.read_bytes()
            if self.missing(sha256(data)):
                self.upload(data)

    def submit(self, spec: jobs_pb2.JobSpec, *, again: bool = False) -> jobs_pb2.SubmitResponse:
        return self.jobs.Submit(jobs_pb2.SubmitRequest(spec=spec, again=again), metadata=self.metadata)

    def get(self, job_id: str) -> jobs_pb2.Job:
        return self.jobs.Get(jobs_pb2.GetRequest(id=job_id), metadata=self.metadata).job

    def watch(self, job_id: str, from_event: int = 0) -> Iterator[jobs_pb2.WatchResponse]:
        request = jobs_pb2.WatchRequest(id=job_id, from_event=from_event)
        yield from self.jobs.Watch(request, metadata=self.metadata)

    def finish(self, job_id: str) -> jobs_pb2.Job:
        """Follow a job to its end."""
        for _ in self.watch(job_id):
            pass
        return self.get(job_id)

    def preflight(self, spec: jobs_pb2.JobSpec) -> jobs_pb2.PreflightReport:
        request = jobs_pb2.PreflightRequest(spec=spec)
        return list(self.jobs.Preflight(request, metadata=self.metadata))[-1].report

    def run(self, spec: jobs_pb2.JobSpec) -> jobs_pb2.Job:
        return self.finish(self.submit(spec).job.id)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def upload_messages(
    blob: types_pb2.Blob, offset: int, chunks: Iterable[bytes]
) -> Iterator[frames_pb2.UploadRequest]:
    yield frames_pb2.UploadRequest(start=frames_pb2.UploadStart(blob=blob, offset=offset))
    for chunk in chunks:
        yield frames_pb2.UploadRequest(chunk=chunk)


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    """The ErrorInfo of a rich error."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info
    raise AssertionError(f"no ErrorInfo in {error}")


def spec_of(shot: SmallShot, place: str = "/out", **sequences: dict[int, Path]) -> jobs_pb2.JobSpec:
    """An order for a small shot: plate, roto and affected unless other sequences are given by role."""
    spec = jobs_pb2.JobSpec(kind=jobs_pb2.JOB_KIND_REMOVE)
    spec.shot.range.first, spec.shot.range.last = shot.first, shot.last
    given = sequences or {"remove": shot.files("roto"), "affected": shot.files("affected")}
    for role, files in {"plate": shot.files("plate"), **given}.items():
        set_sequence(spec, role, files)
    spec.settings.engine = "auto"
    spec.output.directory, spec.output.name, spec.output.padding = place, "shot_void", 4
    return spec


def by_path(spec: jobs_pb2.JobSpec, shot: SmallShot, root: str = "proj") -> jobs_pb2.JobSpec:
    """The order with each file named by path; the root is the folder that holds the shot's."""
    for role in SEQUENCES:
        for file in getattr(spec.shot, role).files:
            path = shot.folder / ("roto" if role == "remove" else role) / file.name
            file.path.root, file.path.relative = root, path.relative_to(shot.folder.parent).as_posix()
            file.path.stamp.CopyFrom(stamp_of(path, file.name))
    return spec


def set_sequence(spec: jobs_pb2.JobSpec, role: str, files: dict[int, Path], channel: str = "") -> None:
    sequence = getattr(spec.shot, role)
    sequence.Clear()
    sequence.pattern, sequence.channel = f"{role}.####.exr", channel
    for frame, path in files.items():
        data = path.read_bytes()
        blob = types_pb2.Blob(digest=sha256(data), bytes=len(data))
        sequence.files.add(frame=frame, name=path.name, blob=blob)


def recorded_units(store: Path) -> dict[str, tuple[str, float]]:
    """Kind and time of record of each finished unit, by key; not what is kept of the last of alike units."""
    with contextlib.closing(sqlite3.connect(store / "void.sqlite3")) as db:
        rows = db.execute(
            "SELECT key, kind, recorded FROM unit_result WHERE kind NOT LIKE 'last %'"
        ).fetchall()
    return {key: (kind, recorded) for key, kind, recorded in rows}
