# SPDX-License-Identifier: Apache-2.0
"""Frame bytes put on the wire and taken from it by hand are what the protobuf library writes and reads."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st
from void.v1 import frames_pb2, types_pb2

from void_client import chunks as client
from void_server.rpc import chunks as server

SIZES = st.sampled_from([0, 1, 127, 128, 16383, 16384, 2**20, 2**21 - 1, 2**21])
DATA = st.binary(max_size=300) | SIZES.map(bytes)
TOTALS = st.integers(1, 2**64 - 1)


def received(data: bytes) -> tuple[int, bytes]:
    found = client.download_response(data)
    return found.total_bytes, bytes(found.chunk)


def parsed(data: bytes) -> tuple[int, bytes]:
    message = frames_pb2.DownloadResponse.FromString(data)
    return message.total_bytes, message.chunk


@given(DATA)
def test_the_client_writes_a_chunk_as_protobuf_does(data):
    assert client.upload_request(data) == frames_pb2.UploadRequest(chunk=data).SerializeToString()


@given(st.integers(0, 2**64 - 1))
def test_the_client_writes_a_start_as_protobuf_does(offset):
    start = frames_pb2.UploadStart(blob=types_pb2.Blob(digest="0" * 64, bytes=5), offset=offset)
    assert client.upload_request(start) == frames_pb2.UploadRequest(start=start).SerializeToString()


@given(DATA)
def test_the_server_finds_a_chunk_without_a_copy(data):
    wire = frames_pb2.UploadRequest(chunk=data).SerializeToString()
    found = server.upload_chunk(wire)
    assert found is not None and found == data and found.obj is wire


@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"\x12" + tail))
@example(b"\x12\x80\x00")
@example(b"\x12\x01")
@example(b"\x12")
@example(b"\x12\x00\x12\x00")
def test_what_the_server_takes_for_a_chunk_is_one_for_protobuf_too(data):
    found = server.upload_chunk(data)
    if found is not None:
        message = frames_pb2.UploadRequest.FromString(data)
        assert message.WhichOneof("part") == "chunk" and message.chunk == found


def test_a_start_is_left_to_the_parser():
    start = frames_pb2.UploadRequest(start=frames_pb2.UploadStart(offset=1))
    assert server.upload_chunk(start.SerializeToString()) is None


@given(TOTALS, DATA.filter(bool))
def test_the_server_writes_a_response_as_protobuf_does(total, data):
    message = frames_pb2.DownloadResponse(total_bytes=total, chunk=data)
    assert server.download_response(total, data) == message.SerializeToString()


@given(st.just(0) | TOTALS, DATA)
def test_the_client_reads_a_response_as_protobuf_does(total, data):
    wire = frames_pb2.DownloadResponse(total_bytes=total, chunk=data).SerializeToString()
    assert received(wire) == (total, data)


def test_the_client_finds_a_chunk_without_a_copy():
    wire = server.download_response(5, b"12345")
    found = client.download_response(wire).chunk
    assert isinstance(found, memoryview) and found.obj is wire


@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"\x08\x05\x12" + tail))
@example(b"\x08\x80\x00\x12\x01a")
@example(b"\x08" + b"\xff" * 9 + b"\x7f\x12\x01a")
@example(b"\x08\x01\x12\x01a\x08\x02")
@example(b"\x08")
def test_whatever_a_server_sends_the_client_reads_it_as_protobuf_does_or_refuses_it(data):
    try:
        expected = parsed(data)
    except DecodeError:
        with pytest.raises(DecodeError):
            client.download_response(data)
    else:
        assert received(data) == expected


def test_only_bytes_pass_a_serializer_that_lets_ready_ones_pass():
    serialized = server.ready_or(frames_pb2.DownloadResponse.SerializeToString)
    assert serialized(b"ready") == b"ready"
    assert serialized(frames_pb2.DownloadResponse(total_bytes=1)) == b"\x08\x01"
