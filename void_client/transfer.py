# SPDX-License-Identifier: Apache-2.0
"""Moves blobs to and from the frame store: resumed after a break, verified, several at once.

The first transfer that fails for good stops the others; so does an interruption of the caller.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import grpc
from void.v1 import frames_pb2, types_pb2

from void_client.connection import Connection, Retries, retry_wait
from void_client.content import Content, Meter, sha256_of
from void_client.errors import BadInput, CorruptTransfer, status_of
from void_client.events import Sink
from void_client.stop import Stop, Stopped

CHUNK_BYTES = 2**20
"""Bytes of one message; the contract prefers 1 MiB."""

MAX_BLOBS_PER_QUESTION = 4096
"""Blobs of one FindMissing call, as the contract bounds it."""

PARALLEL = 3
"""Blobs moved at once."""

WRONG_DIGEST_ATTEMPTS = 3
"""Downloads of one blob that may arrive damaged before that is an error."""

# The disk begins to write so much while more is received.
_WRITEBACK_BYTES = 8 * 2**20

_GRACE_S = 120.0
_SLOWEST_BYTES_PER_S = 64 * 1024


def time_limit_s(byte_count: int) -> float:
    """Longest time that one try at moving so many bytes may take, in seconds: two minutes and 64 KiB/s."""
    return _GRACE_S + byte_count / _SLOWEST_BYTES_PER_S


def upload(connection: Connection, contents: Iterable[Content], on_event: Sink) -> int:
    """Bring all contents to the server that it lacks.

    Returns:
        How many were sent.

    Raises:
        ClientError: the first that could not be sent.
    """
    by_digest = {c.digest: c for c in contents}
    missing = find_missing(connection, [c.blob for c in by_digest.values()])
    meter = Meter("uploading", len(missing), sum(by_digest[d].size for d in missing), on_event)
    stop = Stop()

    def send(digest: str) -> None:
        send_blob(connection, by_digest[digest], missing[digest], meter, stop)

    in_parallel(send, list(missing), stop)
    return len(missing)


def send_blob(connection: Connection, content: Content, offset: int, meter: Meter, stop: Stop) -> None:
    """Send what the server lacks of one blob, over as many calls as it takes.

    Args:
        offset: the byte from which on the server wants it, as `find_missing` tells.
        meter: counts its bytes, those before `offset` too, and the file once it is there.
        stop: ends it early.

    Raises:
        ClientError: it could not be sent.
        Stopped: a stop was requested.
    """
    _Upload(connection, content, meter, stop).run(offset)
    meter.add(files=1)


def find_missing(
    connection: Connection, blobs: Sequence[types_pb2.Blob], stop: Stop | None = None
) -> dict[str, int]:
    """Which blobs the server lacks: digest and the byte from which on they are wanted, in the order given.

    Args:
        stop: ends it early.

    Raises:
        ClientError: the server did not say.
        Stopped: a stop was requested.
    """
    missing: dict[str, int] = {}
    for start in range(0, len(blobs), MAX_BLOBS_PER_QUESTION):
        request = frames_pb2.FindMissingRequest(blobs=blobs[start : start + MAX_BLOBS_PER_QUESTION])
        answer = connection.call(lambda s: s.frames.FindMissing, request, stop=stop)
        missing.update((m.digest, m.offset) for m in answer.missing)
    return missing


def in_parallel(work: Callable[[str], None], items: Sequence[str], stop: Stop) -> None:
    """Do `work` for each item, `PARALLEL` at once; the first error stops the others and is raised."""
    with ThreadPoolExecutor(PARALLEL, "void-transfer") as pool:
        futures = [pool.submit(_unless_stopped, work, item, stop) for item in items]
        try:
            for future in futures:
                future.result()
        finally:
            if not all(f.done() and not f.exception() for f in futures):
                stop.request()
                wait(futures)


def _unless_stopped(work: Callable[[str], None], item: str, stop: Stop) -> None:
    if stop.requested:
        return
    try:
        work(item)
    except Stopped:
        return
    except BaseException:
        stop.request()
        raise


class _Upload:
    """The upload of one blob, over as many calls as it takes."""

    def __init__(self, connection: Connection, content: Content, meter: Meter, stop: Stop) -> None:
        self._connection = connection
        self._content = content
        self._meter = meter
        self._stop = stop
        self._retries = Retries(connection.policy, stop.sleep)
        self._counted = 0
        self._furthest = 0
        self._read_error: OSError | None = None

    def run(self, offset: int) -> None:
        self._furthest = offset
        while not self._try_once(offset):
            self._connection.renew()
            missing = find_missing(self._connection, [self._content.blob], self._stop)
            if self._content.digest not in missing:
                break
            offset = missing[self._content.digest]
            # A server that drops and takes the same bytes again and again makes no progress.
            if offset > self._furthest:
                self._furthest = offset
                self._retries.progressed()
        self._count_to(self._content.size)

    def _try_once(self, offset: int) -> bool:
        self._count_to(offset)
        limit = time_limit_s(self._content.size - offset)
        send = self._connection.stubs.upload
        call = send.future(self._messages(offset), timeout=limit, metadata=self._connection.metadata)
        try:
            with self._stop.tracking(call):
                call.result()
        except grpc.FutureCancelledError as error:
            raise Stopped from error
        except grpc.RpcError as error:
            self._explain(error)
            return False
        return True

    def _explain(self, error: grpc.RpcError) -> None:
        """Return when another try is due, else raise what went wrong."""
        name = self._content.name
        if self._stop.requested:
            raise Stopped from error
        if self._read_error:
            raise BadInput(f"{name} cannot be read: {self._read_error}.", file=name) from self._read_error
        if self._may_go_on(error):
            if self._stop.requested:
                raise Stopped from error
            return
        if status_of(error) == grpc.StatusCode.DATA_LOSS and not self._is_unchanged():
            raise BadInput(
                f"{name} changed after it was looked at.",
                fix="Wait until it has been written and run the command again.",
                file=name,
            ) from error
        told = self._connection.error(error)
        told.file = name
        raise told from error

    def _may_go_on(self, error: grpc.RpcError) -> bool:
        # ABORTED: the offset is not where the server stands, or somebody else sends the same blob; either way
        # FindMissing tells how to go on.
        if status_of(error) == grpc.StatusCode.ABORTED:
            return self._retries.failed(retry_wait(error) or 0.0)
        return self._retries.absorb(error)

    def _is_unchanged(self) -> bool:
        with self._content.open() as file:
            return sha256_of(file)[0] == self._content.digest

    def _messages(self, offset: int) -> Iterator[frames_pb2.UploadStart | bytes]:
        yield frames_pb2.UploadStart(blob=self._content.blob, offset=offset)
        try:
            with self._content.open() as file:
                file.seek(offset)
                left = self._content.size - offset
                while left and not self._stop.requested and (chunk := file.read(min(left, CHUNK_BYTES))):
                    yield chunk
                    left -= len(chunk)
                    self._counted += len(chunk)
                    self._meter.add(len(chunk))
        except OSError as error:
            # Raised here it would only end a thread of gRPC's; the early end of the stream brings it to light.
            self._read_error = error

    def _count_to(self, offset: int) -> None:
        self._meter.add(offset - self._counted)
        self._counted = offset


def download(
    connection: Connection, blob: types_pb2.Blob, file: BinaryIO, on_bytes: Callable[[int], None], stop: Stop
) -> None:
    """Fetch one blob into an empty file opened for writing, and verify it; from the user's own server by copying.

    Args:
        connection: where from.
        blob: what; its length is verified too.
        file: where to.
        on_bytes: told the bytes of each message; negative when damaged bytes are thrown away.
        stop: ends it early.

    Raises:
        ClientError: the server refused, the connection stayed broken, or the bytes stayed damaged.
        OSError: the file could not be written.
        Stopped: a stop was requested.
    """
    if _copied(connection.target.blobs, blob, file, on_bytes, stop):
        return
    for _ in range(WRONG_DIGEST_ATTEMPTS):
        if _fetch(connection, blob, file, on_bytes, stop) == blob.digest:
            return
        on_bytes(-file.tell())
        file.seek(0)
        file.truncate()
    raise CorruptTransfer(
        f"The blob {blob.digest} arrived damaged {WRONG_DIGEST_ATTEMPTS} times.",
        fix="Check the network and the server's disk; `void jobs fetch` tries again.",
    )


def _copied(
    blobs: Path | None, blob: types_pb2.Blob, file: BinaryIO, on_bytes: Callable[[int], None], stop: Stop
) -> bool:
    """Copy one blob out of the store of the user's own server; False, with nothing written, when it is not whole."""
    if blobs is None:
        return False
    sha, copied = hashlib.sha256(), 0
    try:
        source = (blobs / blob.digest[:2] / blob.digest).open("rb", buffering=0)
    except OSError:
        return False
    with source:
        while chunk := _read(source):
            if stop.requested:
                raise Stopped
            file.write(chunk)
            sha.update(chunk)
            copied += len(chunk)
            on_bytes(len(chunk))
    if sha.hexdigest() == blob.digest:
        return True
    on_bytes(-copied)
    file.seek(0)
    file.truncate()
    return False


def _read(source: BinaryIO) -> bytes:
    """The next bytes; none where the disk refuses, so that what is missing is fetched from the server instead."""
    try:
        return source.read(CHUNK_BYTES)
    except OSError:
        return b""


def _fetch(
    connection: Connection, blob: types_pb2.Blob, file: BinaryIO, on_bytes: Callable[[int], None], stop: Stop
) -> str:
    """Fetch all bytes, over as many calls as it takes; returns their SHA-256."""
    retries = Retries(connection.policy, stop.sleep)
    sha, received, begun = hashlib.sha256(), 0, 0
    while received < blob.bytes:
        request = frames_pb2.DownloadRequest(digest=blob.digest, offset=received)
        try:
            call = connection.stubs.download(
                request, timeout=time_limit_s(blob.bytes - received), metadata=connection.metadata
            )
            with stop.tracking(call):
                for message in call:
                    chunk = message.chunk
                    _check_length(blob, message.total_bytes, received + len(chunk))
                    file.write(chunk)
                    sha.update(chunk)
                    received += len(chunk)
                    if received - begun >= _WRITEBACK_BYTES:
                        _begin_writeback(file, begun, received - begun)
                        begun = received
                    on_bytes(len(chunk))
                    retries.progressed()
        except grpc.RpcError as error:
            if stop.requested:
                raise Stopped from error
            if not retries.absorb(error):
                raise connection.error(error) from error
            connection.renew()
        else:
            _check_complete(blob, received)
    return sha.hexdigest()


def _begin_writeback(file: BinaryIO, offset: int, length: int) -> None:
    """Let the disk begin to write a part of a file, without waiting: the sync at its end then has less to do.

    A hint, and a no-op where the system has none, or for a file that is not on disk. Linux starts the writeback of
    dirty pages on this advice and drops only clean ones, of which a part just written has none (mm/fadvise.c).
    """
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(file.fileno(), offset, length, os.POSIX_FADV_DONTNEED)


def _check_length(blob: types_pb2.Blob, announced: int, received: int) -> None:
    if announced != blob.bytes or received > blob.bytes:
        raise CorruptTransfer(
            f"The server sends {announced} bytes for the blob {blob.digest}, which has {blob.bytes}.",
            fix="The server's store is damaged; its keeper should look at it.",
        )


def _check_complete(blob: types_pb2.Blob, received: int) -> None:
    if received < blob.bytes:
        raise CorruptTransfer(
            f"The server ended the blob {blob.digest} after {received} of {blob.bytes} bytes.",
            fix="The server's store is damaged; its keeper should look at it.",
        )
