# SPDX-License-Identifier: Apache-2.0
"""An upload that the server aborts is taken up where FindMissing says, at any point of it, and not for ever."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from void.google_rpc import error_details_pb2, status_pb2
from void.v1 import frames_pb2, frames_pb2_grpc

from void_client.connection import Connection, RetryPolicy
from void_client.content import content_of_bytes
from void_client.errors import RequestRefused
from void_client.target import Target
from void_client.transfer import upload

MIB = 2**20
ATTEMPTS = 5


class AbortingStore(frames_pb2_grpc.FrameStoreServicer):
    """Keeps one blob; aborts the next uploads, each when it holds as many bytes as `abort_at` says.

    `forgets` drops the bytes whenever an upload is aborted that goes on behind them. After 50 uploads it gives in.
    """

    def __init__(self) -> None:
        self.have = b""
        self.abort_at: list[int] = []
        self.always_at: int | None = None
        self.forgets = False
        self.retry_info = True
        self.offsets: list[int] = []

    def FindMissing(self, request, context):  # noqa: N802
        blob = request.blobs[0]
        missing = [frames_pb2.MissingBlob(digest=blob.digest, offset=len(self.have))]
        return frames_pb2.FindMissingResponse(missing=missing if len(self.have) < blob.bytes else [])

    def Upload(self, request_iterator, context):  # noqa: N802
        start = next(request_iterator).start
        self.offsets.append(start.offset)
        at = self.abort_at.pop(0) if self.abort_at else self.always_at
        at = at if len(self.offsets) < 50 else None
        if self.forgets and at == start.offset:
            self.have = b""
        if start.offset != len(self.have) or at == start.offset:
            self._abort(context)
        for message in request_iterator:
            self.have += message.chunk
            if at is not None and len(self.have) >= at:
                self._abort(context)
        return frames_pb2.UploadResponse(blob=start.blob)

    def _abort(self, context: grpc.ServicerContext) -> None:
        details = []
        if self.retry_info:
            packed = Any()
            packed.Pack(error_details_pb2.RetryInfo(retry_delay=Duration(nanos=1000)))
            details = [packed]
        status = status_pb2.Status(code=10, message="other bytes are here", details=details)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.ABORTED, "other bytes are here")


@pytest.fixture
def store() -> AbortingStore:
    return AbortingStore()


@pytest.fixture
def connection(store: AbortingStore) -> Iterator[Connection]:
    server = grpc.server(ThreadPoolExecutor(4))
    frames_pb2_grpc.add_FrameStoreServicer_to_server(store, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    policy = RetryPolicy(attempts=ATTEMPTS, first_wait_s=0.01, longest_wait_s=0.02)
    with Connection(lambda: Target(address, "t"), policy) as made:
        yield made
    server.stop(None)


@pytest.mark.parametrize("retry_info", [True, False])
@pytest.mark.parametrize("abort_at", [[0], [MIB], [4 * MIB], [0, MIB, 2 * MIB, 3 * MIB]])
def test_it_goes_on_where_the_server_stands(
    connection: Connection, store: AbortingStore, abort_at: list[int], retry_info: bool
) -> None:
    store.abort_at, store.retry_info = list(abort_at), retry_info
    content = content_of_bytes("blob", os.urandom(4 * MIB))
    upload(connection, [content], lambda event: None)
    assert sha256(store.have).hexdigest() == content.digest
    assert store.offsets[: len(abort_at)] == [0, *abort_at][: len(abort_at)]


def test_bytes_that_came_from_elsewhere_meanwhile_are_not_sent_again(
    connection: Connection, store: AbortingStore
) -> None:
    data = os.urandom(3 * MIB)

    def others_were_faster(event: object) -> None:
        store.have = store.have or data[: 2 * MIB]

    upload(connection, [content_of_bytes("blob", data)], others_were_faster)
    assert store.have == data
    assert store.offsets == [0, 2 * MIB]


@pytest.mark.parametrize("forgets", [False, True])
def test_an_upload_that_is_aborted_without_progress_ends_after_the_allowed_tries(
    connection: Connection, store: AbortingStore, forgets: bool
) -> None:
    store.always_at, store.forgets = MIB, forgets
    with pytest.raises(RequestRefused, match="other bytes are here"):
        upload(connection, [content_of_bytes("blob", os.urandom(4 * MIB))], lambda event: None)
    assert len(store.offsets) <= ATTEMPTS + 2
