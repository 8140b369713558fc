# SPDX-License-Identifier: Apache-2.0
"""Whatever the network does, a job ends done with the same bits, or in an error that says so; `make network-faults`
runs hundreds of seeds.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from void.v1 import frames_pb2, jobs_pb2

from tests.client.conftest import FAST, ServerProcess
from tests.network.campaign import QUICK, SOON, run_seeds
from tests.network.figures import Figures
from tests.network.journey import Journey, leftovers, travel, wrong_files
from tests.network.proxy import Fault, Kind, Proxy
from tests.seed_records import read_records
from tests.small_shot import SmallShot, write_small_shot
from void_client.connection import Connection, RetryPolicy
from void_client.content import content_of_bytes
from void_client.errors import ClientError, ServerUnreachable
from void_client.keepalive import Keepalive
from void_client.target import Target
from void_client.transfer import upload
from void_server.access.certificates import make_certificates

SEEDS = range(5)
HASTY = RetryPolicy(attempts=3, first_wait_s=0.05, longest_wait_s=0.1)
MIB = 2**20


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("shot"), frames=2, size=(48, 64))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    running = ServerProcess(tmp_path_factory.mktemp("server") / "store", *SOON)
    yield running
    running.stop()


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[Proxy]:
    made = Proxy(server.address)
    yield made
    made.close()


Go = Callable[..., Journey]


@pytest.fixture
def go(proxy: Proxy, server: ServerProcess, shot: SmallShot, tmp_path: Path) -> Go:
    """The whole way through the proxy into a folder of the test's own."""
    return lambda **options: travel(proxy, server.token, shot, tmp_path / "out", **options)


def came_whole(journey: Journey) -> None:
    assert journey.job.state == jobs_pb2.JOB_STATE_DONE, journey.job
    assert wrong_files(journey) == [] and journey.job.outputs


@pytest.mark.parametrize(
    "fault",
    [
        # In that time the server reads what the reset would throw away.
        Fault(Kind.CUT, "up", 3 * MIB, 0.5),
        Fault(Kind.CUT, "down", 4000),
        Fault(Kind.HOLE, "up", 2 * MIB, 1.0),
        Fault(Kind.LATE, "down", 0, 0.02),
        Fault(Kind.SLOW, "up", 2 * MIB, 1e6),
        Fault(Kind.HALF_OPEN, "up", MIB),
    ],
    ids=lambda fault: f"{fault.kind.value} {fault.direction}",
)
def test_a_job_ends_done_with_every_file_whole_and_sends_no_more_than_it_must(
    go: Go, proxy: Proxy, fault: Fault
) -> None:
    proxy.suffer(fault)
    journey = go(keepalive=QUICK)
    came_whole(journey)
    assert proxy.made == {fault.kind: 1}
    # What a reset threw away unread is sent again, a chunk and what was behind it; never what the server had.
    assert proxy.bytes_moved["up"] < journey.sent + 2 * MIB


@pytest.mark.parametrize("kind", [Kind.CUT, Kind.HALF_OPEN])
def test_a_watch_that_breaks_tells_each_event_once(
    go: Go, proxy: Proxy, server: ServerProcess, shot: SmallShot, tmp_path: Path, kind: Kind
) -> None:
    watched = Proxy(server.address)
    watched.suffer(Fault(kind, "down", 1500), Fault(Kind.CUT, "down", 3000))
    try:
        journey = travel(watched, server.token, shot, tmp_path / "out", again=True, keepalive=QUICK)
    finally:
        watched.close()
    came_whole(journey)
    assert watched.made[kind] >= 1
    assert journey.told == whole_story(server, journey)


def whole_story(server: ServerProcess, journey: Journey) -> list[object]:
    from tests.network.journey import expected_events
    from tests.server.calls import Caller

    caller = Caller(server.address, server.token)
    try:
        return list(expected_events(caller.watch(journey.job.id), journey.job.id))
    finally:
        caller.close()


def test_a_reader_of_ten_kilobytes_a_second_gets_its_bytes(proxy: Proxy, server: ServerProcess) -> None:
    """Takes 4 s, as 40 kB do at that speed."""
    content = content_of_bytes("slow", os.urandom(40_000))
    with Connection(lambda: server.target, FAST) as direct:
        upload(direct, [content], lambda event: None)
    proxy.suffer(Fault(Kind.SLOW, "down", 0, 10_000))
    with Connection(lambda: Target(proxy.address, server.token), FAST) as slow:
        request = frames_pb2.DownloadRequest(digest=content.digest)
        chunks = [m.chunk for m in slow.stubs.download(request, metadata=slow.metadata)]
    with content.open() as file:
        assert b"".join(bytes(c) for c in chunks) == file.read()
    assert proxy.made == {Kind.SLOW: 1} and proxy.connections == 1


def test_a_network_that_is_gone_for_good_is_a_clear_error_and_leaves_no_temporary_file(
    go: Go, proxy: Proxy, tmp_path: Path
) -> None:
    def cut_the_cable(stage: str) -> None:
        if stage == "watch":
            proxy.refusing = True
            threading.Timer(0.3, proxy.cut_all).start()

    with pytest.raises(ServerUnreachable, match=proxy.address) as error:
        go(again=True, policy=HASTY, on_stage=cut_the_cable)
    assert error.value.exit_code == 3
    assert leftovers(tmp_path) == []


def test_a_half_open_connection_is_noticed_within_the_named_time(proxy: Proxy, server: ServerProcess) -> None:
    """Takes 4 s: after `after_s` the server is asked, after `answer_s` it is given up."""
    proxy.suffer(Fault(Kind.HALF_OPEN, "up", 2000))
    keepalive = Keepalive(2.0, 1.0, 1.0)
    with Connection(lambda: Target(proxy.address, server.token), HASTY, keepalive) as connection:
        begun = time.monotonic()
        upload(connection, [content_of_bytes("blob", os.urandom(MIB))], lambda event: None)
        took = time.monotonic() - begun
    assert proxy.made == {Kind.HALF_OPEN: 1}
    assert took < 10.0


def test_a_client_asks_after_thirty_seconds_and_waits_twenty() -> None:
    assert dict(Keepalive().options)["grpc.keepalive_time_ms"] == 30_000
    assert dict(Keepalive().options)["grpc.keepalive_timeout_ms"] == 20_000
    assert dict(Keepalive().options)["grpc.http2.ping_timeout_ms"] == 240_000


def test_with_tls_a_damaged_byte_is_a_break_like_any_other_and_the_job_comes_whole(
    shot: SmallShot, tmp_path: Path
) -> None:
    make_certificates(tmp_path / "tls", ["127.0.0.1"])
    tls = (
        "--tls-cert",
        str(tmp_path / "tls" / "server.pem"),
        "--tls-key",
        str(tmp_path / "tls" / "server-key.pem"),
    )
    server = ServerProcess(tmp_path / "store", *tls)
    proxy = Proxy(server.address)
    try:
        proxy.suffer(Fault(Kind.CORRUPT, "up", MIB), Fault(Kind.CORRUPT, "down", 6000))
        ca = (tmp_path / "tls" / "ca.pem").read_bytes()
        came_whole(travel(proxy, server.token, shot, tmp_path / "out", ca=ca))
        assert proxy.made[Kind.CORRUPT] == 2
    finally:
        proxy.close()
        server.stop()


def test_with_tls_a_network_that_damages_every_connection_is_a_clear_error(
    shot: SmallShot, tmp_path: Path
) -> None:
    make_certificates(tmp_path / "tls", ["127.0.0.1"])
    tls = (
        "--tls-cert",
        str(tmp_path / "tls" / "server.pem"),
        "--tls-key",
        str(tmp_path / "tls" / "server-key.pem"),
    )
    server = ServerProcess(tmp_path / "store", *tls)
    proxy = Proxy(server.address)
    try:
        proxy.suffer(*[Fault(Kind.CORRUPT, "down", 3000)] * 20)
        ca = (tmp_path / "tls" / "ca.pem").read_bytes()
        with pytest.raises(ClientError) as error:
            travel(proxy, server.token, shot, tmp_path / "out", ca=ca, policy=HASTY)
        assert error.value.exit_code == 3 and leftovers(tmp_path) == []
    finally:
        proxy.close()
        server.stop()


def test_seeds_of_random_faults_break_no_promise(tmp_path: Path) -> None:
    """Takes about 12 s: half-open connections are waited for."""
    record = tmp_path / "record.jsonl"
    figures = run_seeds(SEEDS, tmp_path, record=record)
    print(figures.table())
    assert figures.broken == 0, figures.table()
    assert figures.seeds == len(SEEDS) and figures.events > 0
    assert set(figures.faults) == {kind.value for kind in Kind if kind is not Kind.CORRUPT}
    assert read_records([record], Figures).table() == figures.table()
