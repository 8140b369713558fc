# SPDX-License-Identifier: Apache-2.0
"""Calls without a valid token are counted by address, and an address with too many is not listened to for a while."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from void.google_rpc import error_details_pb2, status_pb2
from void.v1 import server_pb2

from tests.server.calls import Caller, error_info
from void_server.access import refusals as module
from void_server.access.refusals import Refusals, address_of
from void_server.configuration import Limits

ASK = server_pb2.GetCapabilitiesRequest()


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:10.0.0.5:41234", "10.0.0.5"),
        ("ipv6:%5B2001:db8::1%5D:41234", "2001:db8::/64"),
        ("ipv6:[2001:db8::ffff:1]:9", "2001:db8::/64"),
        ("ipv6:%5B2001:db8:0:1::1%5D:41234", "2001:db8:0:1::/64"),
        ("ipv6:%5B::ffff:10.0.0.5%5D:41234", "10.0.0.5"),
        ("ipv6:%5Bfe80::1%25eth0%5D:41234", "fe80::/64"),
        ("unix:/run/void", "unix:/run/void"),
        ("ipv4:nonsense", "ipv4:nonsense"),
    ],
)
def test_a_peer_counts_as_its_address_or_its_ipv6_network(peer, address):
    assert address_of(peer) == address


def test_an_address_is_refused_after_so_many_failures_until_the_window_ends_and_others_are_not():
    now = [0.0]
    refusals = Refusals(3, 100, 60, lambda: now[0])
    for _ in range(3):
        assert refusals.wait_seconds("ipv4:10.0.0.5:1") == 0
        refusals.refused("ipv4:10.0.0.5:2")
    now[0] = 20.0
    assert refusals.wait_seconds("ipv4:10.0.0.5:3") == 40
    assert refusals.wait_seconds("ipv4:10.0.0.6:3") == 0
    now[0] = 60.0
    assert refusals.wait_seconds("ipv4:10.0.0.5:3") == 0


def test_when_all_together_fail_too_often_one_failure_is_enough_and_clean_addresses_are_still_looked_at():
    refusals = Refusals(100, 5, 60, lambda: 0.0)
    for number in range(5):
        assert refusals.wait_seconds(f"ipv4:10.0.0.{number}:1") == 0
        refusals.refused(f"ipv4:10.0.0.{number}:1")
    assert refusals.wait_seconds("ipv4:10.0.0.0:1") == 60
    assert refusals.wait_seconds("ipv4:10.0.1.0:1") == 0


PEERS = st.integers(0, 5).map(lambda n: f"ipv4:10.0.0.{n}:1")


@given(st.lists(st.tuples(PEERS, st.floats(0, 40)), max_size=100), st.integers(1, 5), st.integers(1, 20))
def test_in_any_order_of_events_a_window_never_lets_more_than_the_limit_through(events, most, overall):
    now, window = 0.0, 60.0
    refusals = Refusals(most, overall, window, lambda: now)
    let_in: dict[str, list[float]] = {}
    for peer, pause in events:
        now += pause
        wait = refusals.wait_seconds(peer)
        assert 0 <= wait <= window
        if not wait:
            let_in.setdefault(peer, []).append(now)
            refusals.refused(peer)
    for times in let_in.values():
        # A window begins with the first failure; any 60 seconds touch two windows at most.
        assert all(sum(at <= t < at + window for t in times) <= 2 * most for at in times)


def test_the_table_of_addresses_has_an_end_and_forgets_the_oldest(monkeypatch):
    monkeypatch.setattr(module, "MOST_ADDRESSES", 10)
    refusals = Refusals(1, 10**6, 60, lambda: 0.0)
    for number in range(1000):
        refusals.refused(f"ipv4:10.0.{number // 256}.{number % 256}:1")
    assert len(refusals) == 10
    assert refusals.wait_seconds("ipv4:10.0.0.0:1") == 0
    assert refusals.wait_seconds("ipv4:10.0.3.231:1") == 60


def ask(caller: Caller) -> server_pb2.GetCapabilitiesResponse:
    return caller.server.GetCapabilities(ASK, metadata=caller.metadata)


def test_a_guesser_is_told_when_to_come_back_and_the_right_token_does_not_help_from_there(start_server):
    server = start_server(limits=Limits(max_refusals=3, refusal_window_seconds=2))
    guesser = Caller(server.application.address, "wrong")
    for _ in range(3):
        with pytest.raises(grpc.RpcError) as error:
            ask(guesser)
        assert error.value.code() is grpc.StatusCode.UNAUTHENTICATED
    for caller in (guesser, server.caller):
        with pytest.raises(grpc.RpcError) as error:
            ask(caller)
        assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert error_info(error.value).reason == "too_many_refusals"
        assert 0 < retry_seconds(error.value) <= 2
    guesser.close()


def test_a_right_token_from_another_address_works_meanwhile(start_server):
    server = start_server(limits=Limits(max_refusals=1, refusal_window_seconds=600))
    guesser = Caller(server.application.address, "wrong")
    with pytest.raises(grpc.RpcError):
        ask(guesser)
    guesser.close()
    with Relay(server.application.address, "127.0.0.2") as relay:
        elsewhere = Caller(relay.address, server.token)
        assert ask(elsewhere).version
        elsewhere.close()
    with pytest.raises(grpc.RpcError) as error:
        ask(server.caller)
    assert error_info(error.value).reason == "too_many_refusals"


def test_after_the_window_the_address_is_listened_to_again(start_server):
    server = start_server(limits=Limits(max_refusals=1, refusal_window_seconds=1))
    guesser = Caller(server.application.address, "wrong")
    with pytest.raises(grpc.RpcError):
        ask(guesser)
    guesser.close()
    time.sleep(1.1)
    assert ask(server.caller).version


def retry_seconds(error: grpc.RpcError) -> int:
    (packed,) = [v for k, v in error.trailing_metadata() if k == "grpc-status-details-bin"]
    info = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(info) for detail in status_pb2.Status.FromString(packed).details)
    return info.retry_delay.seconds


class Relay:
    """Passes bytes to the server from a source address of its own; 127.0.0.0/8 is all this machine."""

    def __init__(self, address: str, source: str) -> None:
        host, _, port = address.rpartition(":")
        self._to, self._source = (host, int(port)), source
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listening, *self._open):
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near = self._listening.accept()[0]
                far = socket.create_connection(self._to, source_address=(self._source, 0))
                self._open += [near, far]
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(a, b), daemon=True).start()

    @staticmethod
    def _pass(a: socket.socket, b: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
