# SPDX-License-Identifier: Apache-2.0
"""Service FrameStore: resumable both ways, verified, shared."""

from __future__ import annotations

import threading
import time

import grpc
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from void.v1 import frames_pb2, types_pb2

from tests.server.calls import error_info, sha256, upload_messages
from tests.small_shot import write_exr
from void_server.configuration import Limits
from void_server.errors import InvalidInput
from void_server.frames.blobs import BlobFolder, check_digest

DATA = np.random.default_rng(0).bytes(3 * (1 << 20) + 17)


def refused(error: pytest.ExceptionInfo[grpc.RpcError], code: grpc.StatusCode) -> str:
    assert error.value.code() is code, error.value
    return error_info(error.value).metadata["message"]


def test_an_uploaded_blob_is_no_longer_missing_and_comes_back_byte_for_byte(server):
    data = DATA[1:]
    digest = sha256(data)
    assert server.caller.missing(digest) == {digest: 0}
    assert server.caller.upload(data).bytes == len(data)
    assert server.caller.missing(digest) == {}
    assert server.caller.download(digest) == data


@pytest.mark.parametrize("offset", [0, 1, (1 << 20) - 1, 1 << 20, len(DATA) - 1, len(DATA)])
def test_a_download_resumes_at_any_offset(server, offset):
    server.caller.upload(DATA)
    assert server.caller.download(sha256(DATA), offset) == DATA[offset:]


def test_a_download_from_behind_the_end_is_refused(server):
    server.caller.upload(DATA)
    with pytest.raises(grpc.RpcError) as error:
        server.caller.download(sha256(DATA), len(DATA) + 1)
    refused(error, grpc.StatusCode.INVALID_ARGUMENT)


def test_an_upload_that_broke_off_goes_on_where_it_stopped(server):
    data = DATA[::-1]
    blob = types_pb2.Blob(digest=sha256(data), bytes=len(data))
    half = upload_messages(blob, 0, [data[: 1 << 20]])
    with pytest.raises(grpc.RpcError) as error:
        server.caller.frames.Upload(half, metadata=server.caller.metadata)
    refused(error, grpc.StatusCode.DATA_LOSS)
    assert server.caller.missing(blob.digest) == {blob.digest: 1 << 20}
    server.caller.upload(data, offset=1 << 20)
    assert server.caller.download(blob.digest) == data


def test_bytes_of_another_digest_are_refused_and_leave_nothing(server):
    wrong = sha256(b"something else")
    with pytest.raises(grpc.RpcError) as error:
        server.caller.upload(b"these bytes", digest=wrong)
    assert "not " + wrong in refused(error, grpc.StatusCode.DATA_LOSS)
    assert server.caller.missing(wrong) == {wrong: 0}


def test_more_bytes_than_announced_are_refused(server):
    blob = types_pb2.Blob(digest=sha256(b"12345"), bytes=3)
    with pytest.raises(grpc.RpcError) as error:
        server.caller.frames.Upload(upload_messages(blob, 0, [b"12345"]), metadata=server.caller.metadata)
    refused(error, grpc.StatusCode.INVALID_ARGUMENT)


def test_an_upload_at_the_wrong_offset_is_told_the_right_one(server):
    with pytest.raises(grpc.RpcError) as error:
        server.caller.upload(b"never sent before", offset=4)
    assert "0 bytes are here" in refused(error, grpc.StatusCode.ABORTED)


@pytest.mark.parametrize("digest", ["", "abc", "../../etc/passwd", "A" * 64, "g" * 64])
def test_what_is_no_digest_is_refused(server, digest):
    with pytest.raises(grpc.RpcError) as error:
        server.caller.download(digest)
    refused(error, grpc.StatusCode.INVALID_ARGUMENT)


def test_an_unknown_blob_is_not_found(server):
    with pytest.raises(grpc.RpcError) as error:
        server.caller.download("0" * 64)
    refused(error, grpc.StatusCode.NOT_FOUND)


def test_a_blob_over_the_limit_is_refused_before_its_bytes_with_the_limit_named(start_server):
    server = start_server(limits=Limits(max_blob_bytes=1000))
    with pytest.raises(grpc.RpcError) as error:
        server.caller.upload(b"x" * 1001)
    assert "max_blob_bytes = 1000" in refused(error, grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_a_chunk_over_two_mebibytes_is_refused(server):
    data = b"y" * (3 << 20)
    blob = types_pb2.Blob(digest=sha256(data), bytes=len(data))
    with pytest.raises(grpc.RpcError) as error:
        server.caller.frames.Upload(upload_messages(blob, 0, [data]), metadata=server.caller.metadata)
    refused(error, grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_an_upload_without_a_start_is_refused(server):
    messages = iter([frames_pb2.UploadRequest(chunk=b"abc")])
    with pytest.raises(grpc.RpcError) as error:
        server.caller.frames.Upload(messages, metadata=server.caller.metadata)
    refused(error, grpc.StatusCode.INVALID_ARGUMENT)


def test_the_same_blob_sent_twice_at_once_is_told_to_wait_then_is_there(server):
    data = np.random.default_rng(5).bytes(1 << 20)
    blob = types_pb2.Blob(digest=sha256(data), bytes=len(data))
    started, go_on = threading.Event(), threading.Event()

    def slow():
        yield data[:1000]
        started.set()
        go_on.wait(10)
        yield data[1000:]

    first = server.caller.frames.Upload.future(
        upload_messages(blob, 0, slow()), metadata=server.caller.metadata
    )
    assert started.wait(10)
    deadline = time.monotonic() + 10
    while not list((server.store / "partial").glob(f"{blob.digest}.*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    with pytest.raises(grpc.RpcError) as error:
        server.caller.upload(data)
    refused(error, grpc.StatusCode.ABORTED)
    go_on.set()
    assert first.result().blob.digest == blob.digest
    assert server.caller.download(blob.digest) == data


def test_probe_tells_windows_channels_and_value_ranges(server, tmp_path):
    pixels = np.zeros((4, 6, 2), np.float16)
    pixels[1, 2] = (0.5, 3)
    path = write_exr(tmp_path / "a.exr", pixels, ("A", "depth.Z"))
    server.caller.upload(path.read_bytes())
    request = frames_pb2.ProbeRequest(digests=[sha256(path.read_bytes())])
    (file,) = server.caller.frames.Probe(request, metadata=server.caller.metadata).files
    part = file.parts[0]
    assert (part.data_window.width, part.data_window.height) == (6, 4)
    found = {c.name: (c.type, c.minimum, c.maximum, c.constant) for c in part.channels}
    assert found == {"A": ("half", 0, 0.5, False), "depth.Z": ("half", 0, 3, False)}
    assert len(file.content_digest) == 64


def test_probe_of_something_that_is_no_exr_says_so_and_harms_nothing(server):
    data = b"this is no picture"
    server.caller.upload(data)
    request = frames_pb2.ProbeRequest(digests=[sha256(data)])
    (file,) = server.caller.frames.Probe(request, metadata=server.caller.metadata).files
    assert file.problem.message and file.problem.fix and not file.parts


@settings(max_examples=30, deadline=None)
@given(data=st.binary(max_size=5000), cut=st.integers(0, 5000))
def test_any_blob_is_stored_whole_and_read_from_any_offset(tmp_path_factory, data, cut):
    blobs = BlobFolder(tmp_path_factory.mktemp("blobs"))
    stored = blobs.add_bytes(data)
    cut = min(cut, len(data))
    assert stored.digest == sha256(data) and stored.size == len(data)
    assert b"".join(blobs.read(stored.digest, cut)) == data[cut:]
    assert not list((blobs.root / "tmp").iterdir())


@given(text=st.text(max_size=70))
def test_only_64_lower_case_hexadecimal_digits_pass_for_a_digest(text):
    valid = len(text) == 64 and set(text) <= set("0123456789abcdef")
    if valid:
        assert check_digest(text) == text
    else:
        with pytest.raises(InvalidInput):
            check_digest(text)
