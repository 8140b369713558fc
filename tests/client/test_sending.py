# SPDX-License-Identifier: Apache-2.0
"""Files are read and hashed while others are on their way; nothing is lost, sent twice or left running."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.client.cutting_proxy import CuttingProxy
from void_client import content as content_module
from void_client import sending as sending_module
from void_client.connection import Connection
from void_client.content import Content, content_of_file
from void_client.errors import ClientError, ServerUnreachable
from void_client.events import Event, Moving
from void_client.sending import Sending
from void_client.transfer import find_missing, send_blob, upload

MIB = 2**20
Files = list[tuple[Path, str]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Files]:
    def made(count: int, size: int = 1000) -> Files:
        paths = [tmp_path / f"plate.{n:04d}.exr" for n in range(count)]
        for path in paths:
            path.write_bytes(os.urandom(size))
        return [(path, path.name) for path in paths]

    return made


def moving(told: list[Event], activity: str) -> list[Moving]:
    return [e for e in told if isinstance(e, Moving) and e.activity == activity]


def test_all_files_arrive(connection: Connection, write: Callable[..., Files]) -> None:
    files, told = write(20), list[Event]()
    with Sending(connection, files, told.append) as sending:
        sent = sending.run()
    assert sent.unreadable == []
    assert sent.contents.keys() == {path for path, _ in files}
    assert find_missing(connection, [c.blob for c in sent.contents.values()]) == {}
    last = moving(told, "uploading")[-1]
    assert (last.files_done, last.files_total, last.bytes_done, last.bytes_total) == (20, 20, 20000, 20000)


def test_no_files_are_no_trouble(connection: Connection) -> None:
    with Sending(connection, [], lambda event: None) as sending:
        assert sending.run().contents == {}


def test_the_next_file_is_read_while_one_is_being_sent(
    connection: Connection, write: Callable[..., Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    last_was_read = threading.Event()
    files = write(12)

    def read(path: Path, name: str, on_bytes: Callable[[int], None]) -> Content:
        if path == files[-1][0]:
            last_was_read.set()
        return content_of_file(path, name, on_bytes)

    def send(*arguments: object) -> None:
        assert last_was_read.wait(20)
        send_blob(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sending_module, "content_of_file", read)
    monkeypatch.setattr(sending_module, "send_blob", send)
    with Sending(connection, files, lambda event: None) as sending:
        assert len(sending.run().contents) == 12


def test_the_reading_stays_a_bounded_way_ahead(
    connection: Connection, write: Callable[..., Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_module, "LEAD_BYTES", 3500)
    read, may_send = list[str](), threading.Event()

    def reading(path: Path, name: str, on_bytes: Callable[[int], None]) -> Content:
        read.append(name)
        return content_of_file(path, name, on_bytes)

    def send(*arguments: object) -> None:
        may_send.wait(20)
        send_blob(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(sending_module, "content_of_file", reading)
    monkeypatch.setattr(sending_module, "send_blob", send)
    with Sending(connection, write(10), lambda event: None) as sending:
        time.sleep(0.5)
        ahead = len(read)
        may_send.set()
        assert len(sending.run().contents) == 10
    assert ahead == 3


def test_a_file_larger_than_the_lead_is_sent_too(
    connection: Connection, write: Callable[..., Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_module, "LEAD_BYTES", 10)
    with Sending(connection, write(3), lambda event: None) as sending:
        assert len(sending.run().contents) == 3


def test_what_the_server_has_is_hashed_but_neither_sent_nor_told_as_sent(
    connection: Connection, write: Callable[..., Files]
) -> None:
    files, told = write(5), list[Event]()
    upload(connection, [content_of_file(*file) for file in files], lambda event: None)
    with Sending(connection, files, told.append) as sending:
        assert len(sending.run().contents) == 5
    assert moving(told, "uploading") == []
    assert moving(told, "hashing")[-1].files_done == 5


def test_only_what_is_sent_counts_as_to_be_sent(
    connection: Connection, write: Callable[..., Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content_module, "METER_INTERVAL_S", 0)
    files, told = write(6), list[Event]()
    upload(connection, [content_of_file(*file) for file in files[:4]], lambda event: None)
    with Sending(connection, files, told.append) as sending:
        sending.run()
    last = moving(told, "uploading")[-1]
    assert (last.files_done, last.files_total, last.bytes_done, last.bytes_total) == (2, 2, 2000, 2000)


def test_equal_files_are_sent_once_and_all_arrive(connection: Connection, tmp_path: Path) -> None:
    data = os.urandom(1000)
    files = [(tmp_path / name, name) for name in "abcd"]
    for path, _ in files:
        path.write_bytes(data)
    told: list[Event] = []
    with Sending(connection, files, told.append) as sending:
        assert len(sending.run().contents) == 4
    assert moving(told, "uploading")[-1].files_total == 1


def test_every_file_that_cannot_be_read_is_named(connection: Connection, write: Callable[..., Files]) -> None:
    files = write(30)
    files[3][0].write_bytes(b"")
    files[29][0].unlink()
    with Sending(connection, files, lambda event: None) as sending:
        sent = sending.run()
    assert sorted(e.file for e in sent.unreadable) == ["plate.0003.exr", "plate.0029.exr"]


def test_a_broken_connection_is_an_error_and_leaves_no_thread(
    cut_connection: Connection,
    proxy: CuttingProxy,
    write: Callable[..., Files],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy.refusing = True
    with pytest.raises(ServerUnreachable), Sending(cut_connection, write(9), lambda event: None) as sending:
        sending.run()
    assert [t.name for t in threading.enumerate() if t.name.startswith("void-send")] == []


def test_one_file_that_the_server_refuses_stops_the_others(
    connection: Connection, write: Callable[..., Files], monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(path: Path, name: str, on_bytes: Callable[[int], None]) -> Content:
        content = content_of_file(path, name, on_bytes)
        if name == "plate.0000.exr":
            path.write_bytes(os.urandom(1000))
        return content

    monkeypatch.setattr(sending_module, "content_of_file", changed)
    with (
        pytest.raises(ClientError, match=r"plate\.0000\.exr changed"),
        Sending(connection, write(9), lambda event: None) as sending,
    ):
        sending.run()


@pytest.mark.parametrize("when", ["reading ahead", "sending"])
def test_an_interrupt_ends_everything_at_once(
    cut_connection: Connection, proxy: CuttingProxy, write: Callable[..., Files], when: str
) -> None:
    proxy.bytes_per_s = MIB
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Sending(cut_connection, write(9, 4 * MIB), print) as sending:
        if when == "sending":
            threading.Timer(0.5, lambda: os.kill(os.getpid(), 2)).start()
            sending.run()
        raise KeyboardInterrupt
    assert time.monotonic() - begun < 10
    assert [t.name for t in threading.enumerate() if t.name.startswith("void-send")] == []


def test_every_arrival_is_told_when_it_can_be_seen(
    connection: Connection, write: Callable[..., Files]
) -> None:
    seen: list[int] = []
    with Sending(connection, write(8), lambda event: None) as sending:
        sending.run(lambda: seen.append(len(sending.arrived())))
    assert seen[-1] == 8 and min(seen) > 0
