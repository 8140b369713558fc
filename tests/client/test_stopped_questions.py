# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C, and a file that cannot be sent, end the questions of others at once: under way, or between two tries."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from void.v1 import frames_pb2, frames_pb2_grpc, types_pb2

from void_client import sending as sending_module
from void_client.connection import Connection
from void_client.content import Content, content_of_file
from void_client.errors import RequestRefused
from void_client.sending import Sending
from void_client.stop import Stop, Stopped
from void_client.target import Target
from void_client.transfer import find_missing

AT_ONCE_S = 3.0
HANGS_S = 15.0


class Store(frames_pb2_grpc.FrameStoreServicer):
    """Answers the first `answered` questions; the others hang, or are refused as by a server that is going away."""

    def __init__(self) -> None:
        self.answered = 0
        self.unavailable = False
        self.asked = 0
        self.hanging = threading.Event()
        self.leave = threading.Event()

    def FindMissing(self, request, context):  # noqa: N802
        self.asked += 1
        if self.asked > self.answered:
            self.hanging.set()
            if self.unavailable:
                context.abort(grpc.StatusCode.UNAVAILABLE, "going away")
            self.leave.wait(HANGS_S)
        missing = [frames_pb2.MissingBlob(digest=b.digest) for b in request.blobs]
        return frames_pb2.FindMissingResponse(missing=missing)

    def Upload(self, request_iterator, context):  # noqa: N802
        self.hanging.wait(HANGS_S)
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "not this one")


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def connection(store: Store) -> Iterator[Connection]:
    server = grpc.server(ThreadPoolExecutor(8))
    frames_pb2_grpc.add_FrameStoreServicer_to_server(store, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    with Connection(lambda: Target(address, "t")) as made:
        yield made
    store.leave.set()
    server.stop(None).wait()


@pytest.fixture
def files(tmp_path: Path) -> list[tuple[Path, str]]:
    paths = [tmp_path / name for name in ("a", "b")]
    for path in paths:
        path.write_bytes(os.urandom(1000))
    return [(path, path.name) for path in paths]


def sending_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("void-send")]


@pytest.mark.parametrize("unavailable", [False, True])
def test_an_interrupt_waits_for_no_question_and_no_other_try(
    connection: Connection, store: Store, files: list[tuple[Path, str]], unavailable: bool
) -> None:
    store.unavailable = unavailable
    threading.Timer(0.7, lambda: os.kill(os.getpid(), 2)).start()
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Sending(connection, files, lambda event: None) as sending:
        sending.run()
    assert time.monotonic() - begun < 0.7 + AT_ONCE_S
    assert store.hanging.is_set() and sending_threads() == []
    asked = store.asked
    time.sleep(1)
    assert store.asked == asked


def test_a_file_that_is_refused_waits_for_no_question_of_the_others(
    connection: Connection,
    store: Store,
    files: list[tuple[Path, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.answered = 1

    def second_after_the_first_question(path: Path, name: str, on_bytes: Callable[[int], None]) -> Content:
        while name == "b" and not store.asked:
            time.sleep(0.01)
        return content_of_file(path, name, on_bytes)

    monkeypatch.setattr(sending_module, "content_of_file", second_after_the_first_question)
    begun = time.monotonic()
    with (
        pytest.raises(RequestRefused, match="not this one"),
        Sending(connection, files, lambda event: None) as sending,
    ):
        sending.run()
    assert time.monotonic() - begun < AT_ONCE_S
    assert store.asked == 2 and sending_threads() == []


def test_after_a_request_to_stop_nothing_is_asked(connection: Connection, store: Store) -> None:
    stop = Stop()
    stop.request()
    with pytest.raises(Stopped):
        find_missing(connection, [types_pb2.Blob(digest="0" * 64, bytes=1)], stop)
    assert store.asked == 0
