# SPDX-License-Identifier: Apache-2.0
"""The server looks at files while others are on their way: told is only that there are errors, and nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from void.v1 import jobs_pb2, types_pb2

from tests.client.conftest import ServerProcess
from tests.small_shot import SmallShot, write_exr, write_small_shot
from void_client import order as order_module
from void_client import sending as sending_module
from void_client.connection import Connection
from void_client.content import Content, content_of_bytes, content_of_file
from void_client.draft import draft_order, place_order
from void_client.early_looks import FOUND, LOOKS, EarlyLooks
from void_client.errors import BadInput, ClientError, SpecRefused
from void_client.events import Event, Notes, Preflight, Progressed, Sink
from void_client.order import capabilities
from void_client.specification import RemoveOptions
from void_client.stop import Stop, Stopped

ERROR = types_pb2.Problem(severity=types_pb2.SEVERITY_ERROR, code="mixed_plates")
TIMEOUT_S = 20


class Server:
    """Looks when asked; a look takes until `may_end` is set."""

    def __init__(self, *problems: types_pb2.Problem) -> None:
        self.there: dict[Path, Content] = {}
        self.looked: list[int] = []
        self.may_end = threading.Event()
        self.may_end.set()
        self.began = threading.Event()
        self.error: ClientError | None = None
        self._problems = problems

    def arrived(self) -> Mapping[Path, Content]:
        return dict(self.there)

    def receive(self, looks: EarlyLooks) -> None:
        name = str(len(self.there))
        self.there[Path(name)] = content_of_bytes(name, name.encode())
        looks.more_arrived()

    def look(self, contents: Mapping[Path, Content], on_event: Sink, stop: Stop) -> jobs_pb2.PreflightReport:
        self.looked.append(len(contents))
        self.began.set()
        while not self.may_end.wait(0.01):
            if stop.requested:
                raise Stopped
        on_event(Progressed("ingest", 1, 2, 1, 1, None))
        if self.error:
            raise self.error
        return jobs_pb2.PreflightReport(problems=self._problems)


def test_it_looks_while_files_are_still_to_come() -> None:
    server = Server()
    with EarlyLooks(server.look, server.arrived, 2, lambda event: None) as looks:
        server.receive(looks)
        assert server.began.wait(TIMEOUT_S)
        looks.finish()
    assert server.looked == [1]


def test_looks_are_few_however_many_files_there_are() -> None:
    server = Server()
    with EarlyLooks(server.look, server.arrived, 1000, lambda event: None) as looks:
        for _ in range(1000):
            server.receive(looks)
        looks.finish()
    assert len(server.looked) <= LOOKS


def test_that_there_are_errors_is_told_once_and_the_errors_are_not() -> None:
    server, told = Server(ERROR), list[Event]()
    with EarlyLooks(server.look, server.arrived, 2, told.append) as looks:
        for _ in range(2):
            server.began.clear()
            server.receive(looks)
            assert server.began.wait(TIMEOUT_S)
        looks.finish()
    assert [e for e in told if isinstance(e, Notes)] == [Notes((FOUND,))]


def test_progress_is_told_only_once_everything_is_sent() -> None:
    server, told = Server(), list[Event]()
    server.may_end.clear()
    with EarlyLooks(server.look, server.arrived, 1, told.append) as looks:
        server.receive(looks)
        assert server.began.wait(TIMEOUT_S)
        threading.Timer(0.1, server.may_end.set).start()
        looks.finish()
    assert [type(e) for e in told] == [Progressed]


def test_a_look_that_fails_is_left_to_the_last_one() -> None:
    server, told = Server(), list[Event]()
    server.error = ClientError("the connection broke")
    with EarlyLooks(server.look, server.arrived, 2, told.append) as looks:
        server.receive(looks)
        assert server.began.wait(TIMEOUT_S)
        looks.finish()
    assert told == [] and server.looked == [1]


def test_leaving_ends_the_look_under_way() -> None:
    server = Server()
    server.may_end.clear()
    with (
        pytest.raises(KeyboardInterrupt),
        EarlyLooks(server.look, server.arrived, 1, lambda event: None) as looks,
    ):
        server.receive(looks)
        assert server.began.wait(TIMEOUT_S)
        raise KeyboardInterrupt
    assert [t.name for t in threading.enumerate() if t.name == "void-look"] == []


@pytest.fixture
def own_shot(tmp_path: Path) -> SmallShot:
    return write_small_shot(tmp_path / "shot", frames=6, seed=77)


def order(connection: Connection, shot: SmallShot, out: Path, told: list[Event]) -> None:
    patterns = {"plate": f"{shot.folder}/plate/plate.####.exr", "remove": f"{shot.folder}/roto/roto.####.exr"}
    draft = draft_order(RemoveOptions(patterns, out), None, lambda: None)
    place_order(connection, capabilities(connection), draft, (), False, told.append)


def test_a_file_that_becomes_unreadable_is_told_together_with_what_the_server_finds(
    connection: Connection, own_shot: SmallShot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = own_shot.files("plate")[1003]
    pixels = content_of_file(own_shot.files("plate")[1002], "a").open().read()
    small.write_bytes(pixels[:400])

    def read(path: Path, name: str, on_bytes: object) -> Content:
        if "1005" in name:
            raise BadInput(f"{name} cannot be read: I/O error.", file=name)
        return content_of_file(path, name)

    monkeypatch.setattr(sending_module, "content_of_file", read)
    monkeypatch.setattr(sending_module, "HASH_THREADS", 1)
    told: list[Event] = []
    with pytest.raises(SpecRefused) as caught:
        order(connection, own_shot, tmp_path / "out", told)
    found = {(p.code, tuple(p.frames)) for p in caught.value.problems}
    assert ("unreadable", (1005,)) in found
    assert not any(code == "missing_frames" for code, _ in found)


def test_what_arrived_is_looked_at_before_the_last_file_is_sent(
    server: ServerProcess,
    connection: Connection,
    own_shot: SmallShot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []
    asked = threading.Event()
    preflight, send_blob = order_module.preflight, sending_module.send_blob

    def watched(connection: Connection, spec: jobs_pb2.JobSpec, *rest: object) -> jobs_pb2.PreflightReport:
        looks.append(len(spec.shot.plate.files))
        if 1 < looks[-1] < 6:
            asked.set()
        return preflight(connection, spec, *rest)  # type: ignore[arg-type]

    def held(connection: Connection, content: Content, *rest: object) -> None:
        if content.name.endswith("1006.exr"):
            assert asked.wait(TIMEOUT_S)
        send_blob(connection, content, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(order_module, "preflight", watched)
    monkeypatch.setattr(sending_module, "send_blob", held)
    order(connection, own_shot, tmp_path / "out", [])
    assert looks[0] == 1 and looks[-1] == 6
    assert any(1 < count < 6 for count in looks)


def test_an_error_in_a_late_plate_is_told_once_and_nothing_is_submitted(
    connection: Connection, own_shot: SmallShot, tmp_path: Path
) -> None:
    plate = own_shot.files("plate")
    write_exr(plate[1004], np.full((10, 10, 3), 0.5, np.float16), "RGB")
    told: list[Event] = []
    with pytest.raises(SpecRefused) as caught:
        order(connection, own_shot, tmp_path / "out", told)
    assert [(p.code, tuple(p.frames)) for p in caught.value.problems if p.code == "mixed_plates"] == [
        ("mixed_plates", (1004,))
    ]
    assert "job" not in {e.kind for e in told}
    assert [p for e in told if isinstance(e, Preflight) for p in e.problems if p.severity == "error"] == []
