# SPDX-License-Identifier: Apache-2.0
"""Service FrameStore."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
from void.v1 import frames_pb2, frames_pb2_grpc, types_pb2

from void_server.access.audit import AuditLog
from void_server.errors import InvalidInput, LimitExceeded, VoidError, from_dict
from void_server.frames.blobs import BlobFolder, check_digest, collected, not_stored
from void_server.frames.roots import Roots
from void_server.frames.uploads import Uploads
from void_server.jobs.stage import Pool
from void_server.jobs.visibility import Visibility
from void_server.metrics.figures import Figures
from void_server.pool.schedule import Band, Turn
from void_server.rpc.auth import caller
from void_server.rpc.chunks import download_response
from void_server.rpc.idle import moving
from void_server.rpc.status import answers_errors, streams_errors

MAX_FIND = 4096
MAX_PROBE = 256
MAX_CHUNK_BYTES = 2 << 20


class FrameStore(frames_pb2_grpc.FrameStoreServicer):
    """See protos/void/v1/frames.proto.

    Args:
        visible: decides which blobs a caller may open; the others are not there for it.
        idle_seconds: limit `idle_stream_seconds`.
    """

    def __init__(
        self,
        blobs: BlobFolder,
        roots: Roots,
        uploads: Uploads,
        pool: Pool,
        visible: Visibility,
        audit: AuditLog,
        idle_seconds: int,
        figures: Figures,
    ) -> None:
        self._blobs = blobs
        self._roots = roots
        self._uploads = uploads
        self._pool = pool
        self._visible = visible
        self._audit = audit
        self._idle_seconds = idle_seconds
        self._figures = figures

    @answers_errors
    def FindMissing(
        self, request: frames_pb2.FindMissingRequest, context: grpc.ServicerContext
    ) -> frames_pb2.FindMissingResponse:
        """Says what must still be uploaded."""
        if len(request.blobs) > MAX_FIND:
            raise LimitExceeded(
                f"{len(request.blobs)} blobs in one question; at most {MAX_FIND}.", fix="Ask in portions."
            )
        who = caller(context)
        asked = list(dict.fromkeys(check_digest(b.digest) for b in request.blobs))
        opens = self._visible.among(asked, who)
        there = self._blobs.touch(d for d in asked if d in opens)
        missing = [d for d in asked if d not in there]
        return frames_pb2.FindMissingResponse(
            missing=[
                frames_pb2.MissingBlob(digest=d, offset=self._uploads.received(d, who.name)) for d in missing
            ]
        )

    @answers_errors
    def Upload(
        self, request: Iterator[frames_pb2.UploadRequest | memoryview], context: grpc.ServicerContext
    ) -> frames_pb2.UploadResponse:
        """Receives one blob."""
        request = moving(request, self._idle_seconds)
        first = next(request, None)
        if not isinstance(first, frames_pb2.UploadRequest) or first.WhichOneof("part") != "start":
            raise InvalidInput("An upload opens with a start message.")
        start = first.start
        who = caller(context)
        known = self._visible.opens(start.blob.digest, who)
        if not known:
            self._visible.check_room(start.blob.bytes, who)
        stored = self._uploads.receive(
            check_digest(start.blob.digest),
            start.blob.bytes,
            start.offset,
            who.name,
            self._counted(_chunks(request)),
            known=known,
        )
        self._visible.uploaded(stored.digest, stored.size, who)
        return frames_pb2.UploadResponse(blob=types_pb2.Blob(digest=stored.digest, bytes=stored.size))

    @streams_errors
    def Download(self, request: frames_pb2.DownloadRequest, context: grpc.ServicerContext) -> Iterator[Any]:
        """Sends one blob from an offset on; chunks go out as `download_response` makes them."""
        who = caller(context)
        with self._audit.attempt(who.name, "Download", request.digest):
            opens = self._visible.opens(check_digest(request.digest), who)
            if not opens or not self._blobs.has(request.digest):
                when = self._visible.removed(request.digest, who)
                raise not_stored(request.digest) if when is None else collected(request.digest, when)
            total = self._blobs.size(request.digest)
            sent = False
            for chunk in self._blobs.read(request.digest, request.offset):
                sent = True
                yield download_response(total, chunk)
                self._figures.downloaded.inc(len(chunk))
            if not sent:
                yield frames_pb2.DownloadResponse(total_bytes=total)

    def _counted(self, chunks: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
        for chunk in chunks:
            self._figures.uploaded.inc(len(chunk))
            yield chunk

    @answers_errors
    def Probe(
        self, request: frames_pb2.ProbeRequest, context: grpc.ServicerContext
    ) -> frames_pb2.ProbeResponse:
        """Looks into uploaded EXR files, in the workers."""
        if len(request.digests) > MAX_PROBE:
            raise LimitExceeded(f"{len(request.digests)} files in one question; at most {MAX_PROBE}.")
        who = caller(context)
        asked = [check_digest(digest) for digest in request.digests]
        there = self._blobs.touch(self._visible.among(asked, who))
        for digest in asked:
            if digest not in there:
                raise not_stored(digest)
        futures = [
            self._pool.submit(
                {"do": "probe", "label": f"probe of {d}", "digest": d}, Turn(Band.INTERACTIVE, who.name)
            )
            for d in request.digests
        ]
        found = []
        for digest, future in zip(request.digests, futures, strict=True):
            try:
                found.append(_probe_to_proto(digest, future.result()))
            except VoidError as error:
                found.append(_unreadable(digest, error))
        return frames_pb2.ProbeResponse(files=found)

    @answers_errors
    def ProveRoot(
        self, request: frames_pb2.ProveRootRequest, context: grpc.ServicerContext
    ) -> frames_pb2.ProveRootResponse:
        """Reads the file that a client wrote below a root."""
        roots = self._roots.of_shows(caller(context).shows)
        return frames_pb2.ProveRootResponse(digest=roots.proof(request.root, request.relative))


def _chunks(requests: Iterator[frames_pb2.UploadRequest | memoryview]) -> Iterator[bytes | memoryview]:
    for message in requests:
        if isinstance(message, memoryview):
            chunk: bytes | memoryview = message
        elif message.WhichOneof("part") == "chunk":
            # Each reading of a bytes field copies it.
            chunk = message.chunk
        else:
            raise InvalidInput("After the start message an upload carries chunks only.")
        if len(chunk) > MAX_CHUNK_BYTES:
            raise LimitExceeded(f"A chunk of {len(chunk)} bytes; at most {MAX_CHUNK_BYTES}.")
        yield chunk


def _unreadable(digest: str, error: VoidError) -> frames_pb2.FileProbe:
    problem = types_pb2.Problem(
        severity=types_pb2.SEVERITY_ERROR, code=error.code, message=error.message, fix=error.fix
    )
    return frames_pb2.FileProbe(digest=digest, problem=problem)


def _probe_to_proto(digest: str, info: dict[str, Any]) -> frames_pb2.FileProbe:
    if "problem" in info:
        return _unreadable(digest, from_dict(info["problem"]))
    parts = [
        frames_pb2.PartProbe(
            name=part["name"],
            view=part["view"],
            data_window=frames_pb2.Window(**part["data_window"]),
            display_window=frames_pb2.Window(**part["display_window"]),
            pixel_aspect=part["pixel_aspect"],
            compression=part["compression"],
            channels=[frames_pb2.ChannelProbe(**channel) for channel in part["channels"]],
        )
        for part in info["parts"]
    ]
    return frames_pb2.FileProbe(digest=digest, content_digest=info["content_digest"], parts=parts)
