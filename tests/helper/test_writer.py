# SPDX-License-Identifier: Apache-2.0
"""Lines to a host that reads slowly, late or not at all: over a real pipe."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from void_client.helper import writer as module
from void_client.helper.writer import HostDeaf, Voice, Writer

WIDE = "x" * 4000
"""So wide that a pipe holds few of them."""


class Pipe:
    """A writer and the host's end of it."""

    def __init__(self) -> None:
        self._read, write = os.pipe()
        self.broken = threading.Event()
        self.writer = Writer(write, self.broken.set)

    def close(self) -> None:
        os.close(self._read)

    def lines(self, count: int) -> list[dict[str, Any]]:
        data = b""
        while data.count(b"\n") < count:
            data += os.read(self._read, 2**16)
        return [json.loads(line) for line in data.splitlines()]

    def until_last(self) -> list[dict[str, Any]]:
        """All lines up to the next reply."""
        data = b""
        while b'"reply"' not in data or not data.endswith(b"\n"):
            data += os.read(self._read, 2**16)
        return [json.loads(line) for line in data.splitlines()]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def numbers(lines: list[dict[str, Any]], kind: str) -> list[int]:
    return [m["event"]["n"] for m in lines if m.get("event", {}).get("event") == kind]


def test_of_progress_that_waits_only_the_latest_is_told_and_of_all_else_everything(pipe: Pipe) -> None:
    voice = Voice(1)
    for n in range(500):
        pipe.writer.event(voice, {"event": "progress", "n": n, "wide": WIDE}, "progress")
        if n % 10 == 0:
            pipe.writer.event(voice, {"event": "written", "n": n, "wide": WIDE})
    pipe.writer.last(voice, "reply", {}, wait=True)
    lines = pipe.until_last()
    assert numbers(lines, "written") == list(range(0, 500, 10))
    assert len(numbers(lines, "progress")) < 100
    assert numbers(lines, "progress")[-1] == 499


def test_progress_of_one_request_does_not_take_the_place_of_another_s(pipe: Pipe) -> None:
    voices = [Voice(n) for n in range(3)]
    for n in range(100):
        for voice in voices:
            pipe.writer.event(voice, {"event": "progress", "n": n, "wide": WIDE}, "progress")
    pipe.writer.last(voices[0], "reply", {}, wait=True)
    latest = {m["id"]: m["event"]["n"] for m in pipe.until_last() if "event" in m}
    assert latest == {0: 99, 1: 99, 2: 99}


def test_a_request_waits_while_the_queue_is_full_and_loses_nothing(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 8)
    voice = Voice(1)

    def speak() -> None:
        for n in range(200):
            pipe.writer.event(voice, {"event": "written", "n": n, "wide": WIDE})
        pipe.writer.last(voice, "reply", {}, wait=True)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    speaker.join(0.5)
    assert speaker.is_alive()
    assert numbers(pipe.until_last(), "written") == list(range(200))
    speaker.join(5)
    assert not speaker.is_alive()


def test_a_request_that_waits_is_let_go_when_it_is_stopped(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 8)
    voice, told = Voice(1), []

    def speak() -> None:
        told.extend(pipe.writer.event(voice, {"event": "written", "wide": WIDE}) for _ in range(100))

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    speaker.join(0.3)
    assert speaker.is_alive()
    assert pipe.writer.last(voice, "error", {}, wait=False)
    speaker.join(5)
    assert not speaker.is_alive() and told[-1] is False


def test_nothing_follows_the_last_line_of_a_request(pipe: Pipe) -> None:
    voice = Voice(1)
    assert pipe.writer.last(voice, "reply", {}, wait=True)
    assert not pipe.writer.event(voice, {"event": "written"})
    assert not pipe.writer.last(voice, "error", {}, wait=True)
    assert pipe.lines(1) == [{"id": 1, "reply": {}}]


def test_a_host_that_reads_nothing_at_all_is_given_up(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNREAD", 64)
    with pytest.raises(HostDeaf):
        for _ in range(200):
            pipe.writer.last(Voice(None), "error", {"wide": WIDE}, wait=False)


def test_lines_of_many_threads_are_whole(pipe: Pipe) -> None:
    def speak(number: int) -> None:
        voice = Voice(number)
        for n in range(50):
            pipe.writer.event(voice, {"event": "written", "n": n, "wide": WIDE})

    threads = [threading.Thread(target=speak, args=(n,), daemon=True) for n in range(8)]
    for thread in threads:
        thread.start()
    lines = pipe.lines(400)
    for number in range(8):
        assert numbers([m for m in lines if m["id"] == number], "written") == list(range(50))


def test_a_line_that_the_system_takes_in_parts_is_whole(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:7]))
    pipe.writer.event(Voice(1), {"event": "written", "wide": WIDE})
    assert pipe.lines(1)[0]["event"]["wide"] == WIDE


def test_a_file_name_that_is_no_utf_8_makes_a_line_too(pipe: Pipe) -> None:
    pipe.writer.event(Voice(1), {"event": "written", "path": "/a\udcff"})
    assert pipe.lines(1)[0]["event"]["path"] == "/a\udcff"


def test_a_closed_end_is_told(pipe: Pipe) -> None:
    other = Pipe()
    other.close()
    other.writer.event(Voice(1), {"event": "written"})
    assert other.broken.wait(5)
