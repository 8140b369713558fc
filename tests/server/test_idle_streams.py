# SPDX-License-Identifier: Apache-2.0
"""Streams on which nothing moves are ended, with an error that says so, and can be begun again."""

from __future__ import annotations

import os
import threading
import time

import grpc
import pytest
from void.v1 import frames_pb2, jobs_pb2, types_pb2

from benchmarks.overlap.link import Link
from tests.server.calls import Caller, error_info, sha256, spec_of, upload_messages
from void_server.configuration import Limits

SHORT = Limits(idle_stream_seconds=1)


def told(error: grpc.RpcError) -> None:
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "idle_stream_seconds = 1" in error.details()


def test_an_upload_that_stands_still_is_ended_and_goes_on_where_it_stopped(start_server):
    server = start_server(limits=SHORT)
    data = os.urandom(3 << 20)
    blob = types_pb2.Blob(digest=sha256(data), bytes=len(data))
    go_on = threading.Event()

    def slow():
        yield data[: 1 << 20]
        go_on.wait(30)

    began = time.monotonic()
    with pytest.raises(grpc.RpcError) as error:
        server.caller.frames.Upload(upload_messages(blob, 0, slow()), metadata=server.caller.metadata)
    go_on.set()
    told(error.value)
    assert error_info(error.value).reason == "stream_idle" and 0.9 < time.monotonic() - began < 10
    assert server.caller.missing(blob.digest) == {blob.digest: 1 << 20}
    assert server.caller.upload(data, offset=1 << 20) == blob


def test_a_watch_on_which_nothing_happens_is_ended_and_another_goes_on_behind_it(start_server, shot):
    server = start_server(limits=SHORT)
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    server.application._runner.stop()
    job = server.caller.submit(spec_of(shot)).job
    events = []
    with pytest.raises(grpc.RpcError) as error:
        for message in server.caller.watch(job.id):
            events.append(message.event.sequence)
    told(error.value)
    assert error_info(error.value).reason == "stream_idle" and events == [1]
    server.caller.jobs.Cancel(jobs_pb2.CancelRequest(id=job.id), metadata=server.caller.metadata)
    assert [m.event.sequence for m in server.caller.watch(job.id, 2)] == [2]


def test_a_client_that_does_not_read_its_download_is_ended_and_its_thread_is_free(start_server):
    """The client takes one message of 40 MB and then none: flow control stops the server in the middle."""
    server = start_server(limits=SHORT)
    data = os.urandom(40 << 20)
    digest = server.caller.upload(data).digest
    reader = Caller(server.application.address, server.token)
    answers = reader.frames.Download(frames_pb2.DownloadRequest(digest=digest), metadata=reader.metadata)
    first = next(answers)
    idle = server.application._idle
    deadline = time.monotonic() + 20
    while not idle._sending and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(2.5)
    assert not idle._sending, "the server still waits for its reader"
    got = len(first.chunk)
    with pytest.raises(grpc.RpcError) as error:
        for answer in answers:
            got += len(answer.chunk)
    told(error.value)
    assert got < len(data)
    assert server.caller.download(digest, offset=got) == data[got:]
    reader.close()


def test_a_slow_reader_that_does_read_is_left_alone(start_server):
    server = start_server(limits=SHORT)
    data = os.urandom(12 << 20)
    digest = server.caller.upload(data).digest
    request = frames_pb2.DownloadRequest(digest=digest)
    got = b""
    for answer in server.caller.frames.Download(request, metadata=server.caller.metadata):
        got += answer.chunk
        time.sleep(0.2)
    assert got == data


def test_a_connection_that_answers_no_ping_is_given_up_after_the_same_limit(start_server):
    """By itself gRPC would wait for a minute: too short where the limit is longer and megabytes are under way."""
    server = start_server(limits=SHORT)
    digest = server.caller.upload(os.urandom(8 << 20)).digest
    codes, deadline = set(), time.monotonic() + 30
    with Link(server.application.address, 0, answers_bytes_per_s=50_000) as link:
        far = Caller(link.address, server.token)
        download = far.frames.Download(frames_pb2.DownloadRequest(digest=digest), metadata=far.metadata)
        while grpc.StatusCode.UNAVAILABLE not in codes and time.monotonic() < deadline:
            try:
                far.jobs.List(jobs_pb2.ListRequest(limit=1), metadata=far.metadata, timeout=0.5)
            except grpc.RpcError as error:
                codes.add(error.code())
        download.cancel()
        far.close()
    assert grpc.StatusCode.UNAVAILABLE in codes
