# SPDX-License-Identifier: Apache-2.0
"""Addresses, tokens, encryption, and how a failed call is told or tried again."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from void.v1 import jobs_pb2

from tests.client.conftest import FAST, ServerProcess
from void_client import connection as connection_module
from void_client.connection import Connection, RetryPolicy, is_serving
from void_client.errors import AccessRefused, BadInput, ExitCode, RequestRefused, ServerUnreachable
from void_client.target import Target, is_loopback, read_token, remote_target


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "localhost:1"])
def test_this_machine_is_known_by_its_spelling(address: str) -> None:
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["gpu1:1", "10.0.0.1:1", "0.0.0.0:1", "localhost.studio.com:1", "[::]:1"])
def test_other_machines_are_not_this_one(address: str) -> None:
    assert not is_loopback(address)


def test_another_machine_is_never_spoken_to_without_encryption() -> None:
    assert Target("gpu1:7788", "t").encrypted
    assert not Target("127.0.0.1:7788", "t").encrypted
    assert Target("127.0.0.1:7788", "t", ca=b"pem").encrypted


@pytest.mark.parametrize("address", ["", "gpu1", ":7788", "gpu1:", "gpu1:x", "gpu1:0", "gpu1:70000"])
def test_an_address_without_host_or_port_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="HOST:PORT"):
        remote_target(address, "token")


def test_a_server_without_a_token_file_says_which_option_is_missing() -> None:
    with pytest.raises(BadInput, match="--token-file"):
        remote_target("gpu1:7788", "")


@pytest.mark.parametrize("text", ["", " \n", "two\nlines", "a b", "tök"])
def test_a_file_without_a_token_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(BadInput) as caught:
        read_token(tmp_path / "token")
    assert not text.strip() or text.strip() not in str(caught.value)


def test_a_token_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    assert read_token(tmp_path / "token") == "secret"


def test_a_target_does_not_show_its_token() -> None:
    assert "secret" not in repr(Target("gpu1:1", "secret"))


def test_a_ca_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    (tmp_path / "ca").write_text("secret")
    with pytest.raises(BadInput, match="certificate"):
        remote_target("gpu1:1", str(tmp_path / "token"), str(tmp_path / "ca"))


def test_a_serving_server_is_greeted(connection: Connection) -> None:
    connection.greet()


def test_a_wrong_token_is_refused_with_what_to_do(server: ServerProcess) -> None:
    with Connection(lambda: Target(server.address, "wrong")) as made, pytest.raises(AccessRefused) as caught:
        made.greet()
    assert caught.value.exit_code == ExitCode.SERVER_UNREACHABLE
    assert "--token-file" in str(caught.value)
    assert not is_serving(Target(server.address, "wrong"))


def test_a_port_where_nothing_listens_is_unreachable_and_named() -> None:
    with Connection(lambda: Target("127.0.0.1:1", "t")) as made, pytest.raises(ServerUnreachable) as caught:
        made.greet()
    assert "127.0.0.1:1" in str(caught.value) and "Connection refused." in str(caught.value)


TOKEN = "t" * 43


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def test_a_server_that_starts_after_its_client_is_waited_for_and_the_user_is_told_once(
    start_server: Callable[..., ServerProcess], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "STARTING_S", 60.0)
    address, told = free_address(), list[str]()
    (tmp_path / "store").mkdir(mode=0o700)
    (tmp_path / "store" / "token").write_text(TOKEN)
    (tmp_path / "store" / "token").chmod(0o600)
    later = threading.Timer(0.5, start_server, ("--listen", address))
    with Connection(lambda: Target(address, TOKEN)) as made:
        later.start()
        try:
            made.greet(on_wait=told.append)
        finally:
            later.join()
    assert len(told) == 1 and address in told[0]


def test_a_server_that_never_starts_is_unreachable_after_a_bounded_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_module, "STARTING_S", 1.0)
    address, told = free_address(), list[str]()
    with Connection(lambda: Target(address, "t")) as made, pytest.raises(ServerUnreachable, match=address):
        made.greet(on_wait=told.append)
    assert len(told) == 1


def test_a_wrong_token_is_not_waited_for(server: ServerProcess) -> None:
    told = list[str]()
    with Connection(lambda: Target(server.address, "wrong")) as made, pytest.raises(AccessRefused):
        made.greet(on_wait=told.append)
    assert told == []


def test_a_refused_call_tells_the_servers_words_and_fix(connection: Connection) -> None:
    with pytest.raises(RequestRefused) as caught:
        connection.call(lambda s: s.jobs.Get, jobs_pb2.GetRequest(id="nonesuch"))
    assert caught.value.code == "not_found"
    assert "nonesuch" in str(caught.value) and str(caught.value).count("void jobs list") == 1


def test_a_call_finds_the_server_at_its_new_address(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    first = start_server(store=tmp_path / "store")
    targets = [first.target]
    with Connection(lambda: targets[-1], FAST) as made:
        made.greet()
        first.stop()
        second = start_server(store=tmp_path / "other")
        targets.append(second.target)
        made.call(lambda s: s.jobs.List, jobs_pb2.ListRequest())
        assert made.target == second.target


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", key, "-out", cert, "-days", "2", "-subj", f"/CN={name}"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    return key, cert


def test_a_server_with_a_certificate_of_the_named_authority_is_trusted_and_no_other(
    start_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    key, cert = certificate(tmp_path, "gpu1")
    _, other = certificate(tmp_path, "stranger")
    server = start_server("--tls-cert", str(cert), "--tls-key", str(key))
    assert is_serving(remote_target(server.address, str(server.token_file), str(cert)))
    assert not is_serving(remote_target(server.address, str(server.token_file), str(other)))
    assert not is_serving(server.target)


@given(st.integers(1, 60), st.floats(0.01, 5), st.floats(0.01, 60))
def test_waits_grow_and_stay_bounded(failures: int, first: float, longest: float) -> None:
    policy = RetryPolicy(first_wait_s=first, longest_wait_s=longest)
    assert 0 < policy.wait_s(failures) <= longest


def test_closing_does_not_wait_for_a_channel_that_never_ends(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "CLOSING_S", 0.1)
    left = threading.Event()
    monkeypatch.setattr(connection._channel, "close", left.wait)
    began = time.monotonic()
    connection.close()
    assert time.monotonic() - began < 5
    left.set()
