# SPDX-License-Identifier: Apache-2.0
"""Blobs arrive whole at a real server and back, over a network that is cut in the middle of them."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from void.v1 import types_pb2

from tests.client.conftest import ServerProcess
from tests.client.cutting_proxy import CuttingProxy
from void_client import content as content_module
from void_client.connection import Connection, RetryPolicy
from void_client.content import Content, content_of_bytes, content_of_file
from void_client.errors import BadInput, ClientError, CorruptTransfer, RequestRefused, ServerUnreachable
from void_client.events import Event, Moving
from void_client.stop import Stop, Stopped
from void_client.target import Target
from void_client.transfer import download, find_missing, upload

MIB = 2**20


def random_content(size: int) -> Content:
    return content_of_bytes("random", os.urandom(size))


def data_of(content: Content) -> bytes:
    with content.open() as file:
        return file.read()


def downloaded(connection: Connection, blob: types_pb2.Blob) -> bytes:
    file = io.BytesIO()
    download(connection, blob, file, lambda count: None, Stop())
    return file.getvalue()


def quiet(event: Event) -> None:
    """Nothing is looked at."""


def test_what_is_uploaded_comes_back(connection: Connection) -> None:
    contents = [random_content(size) for size in (1, MIB, 3 * MIB + 17)]
    assert upload(connection, contents, quiet) == 3
    assert [downloaded(connection, c.blob) for c in contents] == [data_of(c) for c in contents]


def test_what_the_server_has_is_not_sent_again(connection: Connection) -> None:
    content = random_content(1000)
    upload(connection, [content], quiet)
    assert upload(connection, [content, content], quiet) == 0


def test_many_blobs_are_asked_for_in_several_questions(connection: Connection) -> None:
    blobs = [types_pb2.Blob(digest=f"{n:064x}", bytes=1) for n in range(5000)]
    assert len(find_missing(connection, blobs)) == 5000


def test_an_upload_that_is_cut_twice_goes_on_where_it_was(
    cut_connection: Connection, proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_module, "METER_INTERVAL_S", 0)
    content = random_content(32 * MIB)
    proxy.cut_after("up", 20 * MIB, 4 * MIB)
    told: list[Event] = []
    upload(cut_connection, [content], told.append)
    assert proxy.cuts == 2
    # 20 + 4 + 32 without going on; what lies unread in the sockets' buffers is lost with each cut.
    assert proxy.bytes_up < 48 * MIB
    assert told[-1] == Moving("uploading", 1, 1, content.size, content.size)
    assert max(e.bytes_done for e in told if isinstance(e, Moving)) == content.size
    assert downloaded(cut_connection, content.blob) == data_of(content)


def test_a_download_that_is_cut_twice_goes_on_where_it_was(
    connection: Connection, cut_connection: Connection, proxy: CuttingProxy
) -> None:
    content = random_content(12 * MIB)
    upload(connection, [content], quiet)
    proxy.cut_after("down", 3 * MIB, 4 * MIB)
    counted: list[int] = []
    file = io.BytesIO()
    download(cut_connection, content.blob, file, counted.append, Stop())
    assert file.getvalue() == data_of(content)
    assert proxy.cuts == 2
    assert sum(counted) == content.size


def test_breaks_with_progress_between_them_may_be_more_than_the_tries(
    server: ServerProcess, proxy: CuttingProxy
) -> None:
    policy = RetryPolicy(attempts=4, first_wait_s=0.05, longest_wait_s=0.1)
    content = random_content(16 * MIB)
    with Connection(lambda: Target(proxy.address, server.token), policy) as cut:
        proxy.cut_after("up", *[3 * MIB] * 5)
        upload(cut, [content], quiet)
        assert proxy.cuts == 5
    # At an address of its own: gRPC may keep the connection of the channel before open for a moment and use it.
    down = CuttingProxy(server.address)
    with closing(down), Connection(lambda: Target(down.address, server.token), policy) as cut:
        down.cut_after("down", *[3 * MIB] * 5)
        assert downloaded(cut, content.blob) == data_of(content)
        assert down.cuts == 5


def test_a_slow_network_moves_everything(
    connection: Connection, cut_connection: Connection, proxy: CuttingProxy
) -> None:
    content = random_content(MIB)
    upload(connection, [content], quiet)
    proxy.bytes_per_s = 4 * MIB
    assert downloaded(cut_connection, content.blob) == data_of(content)


def test_a_network_that_is_cut_again_and_again_without_progress_is_an_error_in_bounded_time(
    server: ServerProcess, proxy: CuttingProxy
) -> None:
    policy = RetryPolicy(attempts=3, first_wait_s=0.01, longest_wait_s=0.05)
    with Connection(lambda: Target(proxy.address, server.token), policy) as cut:
        proxy.refusing = True
        begun = time.monotonic()
        with pytest.raises(ServerUnreachable, match=proxy.address):
            upload(cut, [random_content(1000)], quiet)
        assert time.monotonic() - begun < 20


def test_a_file_that_changed_since_it_was_hashed_is_named(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "plate.0001.exr"
    path.write_bytes(os.urandom(2 * MIB))
    content = content_of_file(path, "plate.0001.exr")
    path.write_bytes(os.urandom(2 * MIB))
    with pytest.raises(BadInput, match=r"plate\.0001\.exr changed"):
        upload(connection, [content], quiet)


def test_a_file_that_vanished_since_it_was_hashed_is_named(connection: Connection, tmp_path: Path) -> None:
    path = tmp_path / "plate.0001.exr"
    path.write_bytes(os.urandom(100))
    content = content_of_file(path, "plate.0001.exr")
    path.unlink()
    with pytest.raises(BadInput, match=r"plate\.0001\.exr cannot be read"):
        upload(connection, [content], quiet)


def test_one_blob_that_cannot_be_sent_stops_the_others(connection: Connection, tmp_path: Path) -> None:
    gone = Content("gone", "0" * 64, 10, lambda: (tmp_path / "gone").open("rb"))
    others = [random_content(1000) for _ in range(20)]
    with pytest.raises(ClientError):
        upload(connection, [gone, *others], quiet)
    assert find_missing(connection, [c.blob for c in others])


def test_two_clients_that_send_the_same_blob_at_once_both_succeed(server: ServerProcess) -> None:
    content = random_content(16 * MIB)
    failures: list[BaseException] = []

    def send() -> None:
        try:
            with Connection(lambda: server.target) as own:
                upload(own, [content], quiet)
        except ClientError as error:
            failures.append(error)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_blob_that_the_server_does_not_have_is_refused(connection: Connection) -> None:
    with pytest.raises(RequestRefused):
        downloaded(connection, types_pb2.Blob(digest="1" * 64, bytes=10))


def test_a_blob_of_another_length_than_announced_is_corrupt(connection: Connection) -> None:
    content = random_content(1000)
    upload(connection, [content], quiet)
    with pytest.raises(CorruptTransfer, match="1000 bytes"):
        downloaded(connection, types_pb2.Blob(digest=content.digest, bytes=2000))


def test_a_requested_stop_ends_a_download_under_way_and_one_that_begins(
    connection: Connection, cut_connection: Connection, proxy: CuttingProxy
) -> None:
    content = random_content(8 * MIB)
    upload(connection, [content], quiet)
    proxy.bytes_per_s = MIB
    stop = Stop()
    threading.Timer(0.3, stop.request).start()
    begun = time.monotonic()
    for _ in ("under way", "before it begins"):
        with pytest.raises(Stopped):
            download(cut_connection, content.blob, io.BytesIO(), lambda count: None, stop)
    assert time.monotonic() - begun < 5


def test_the_digest_of_what_arrived_is_checked(server: ServerProcess, connection: Connection) -> None:
    content = random_content(1000)
    upload(connection, [content], quiet)
    stored = next(
        p for p in server.store.rglob("*") if p.is_file() and content.digest in str(p).replace("/", "")
    )
    stored.chmod(0o600)
    stored.write_bytes(os.urandom(1000))
    file = io.BytesIO()
    with pytest.raises(ClientError) as caught:
        download(connection, content.blob, file, lambda count: None, Stop())
    assert caught.value.code in ("data_loss", "not_found")
    assert hashlib.sha256(file.getvalue()).hexdigest() != content.digest
