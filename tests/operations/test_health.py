# SPDX-License-Identifier: Apache-2.0
"""`void-server health` says whether a server serves, over TLS too, with the least of tokens."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from void_server.access.certificates import make_certificates
from void_server.access.principals import Role
from void_server.access.tokens import add_token
from void_server.application import Application
from void_server.configuration import ServerConfiguration, named_tokens_file
from void_server.operations.health import health


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder, ["localhost"])
    return folder


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory, tls: Path):
    store = tmp_path_factory.mktemp("store")
    pair = {"tls_certificate": tls / "server.pem", "tls_key": tls / "server-key.pem"}
    made = Application(ServerConfiguration(store, store / "token", "localhost:0", workers=1, **pair))
    made.start()
    yield made, store
    made.stop()


def test_a_server_that_serves_says_so_to_a_token_for_metrics(application, tls, tmp_path):
    made, store = application
    token = tmp_path / "token"
    token.write_text(add_token(named_tokens_file(store), "prometheus", Role.METRICS) + "\n")
    command = ("health", "--server", made.address, "--token-file", token, "--ca", tls / "ca.pem")
    ran = subprocess.run(
        [sys.executable, "-m", "void_server", *map(str, command)], capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout) == (0, "SERVING\n"), ran.stderr


def test_a_wrong_token_another_authority_and_no_server_are_told_apart(application, tls):
    made, store = application
    ca, token = (tls / "ca.pem").read_bytes(), (store / "token").read_text().strip()
    assert health(made.address, token, ca) == (True, "SERVING")
    assert health(made.address, "wrong", ca)[1].startswith("UNAUTHENTICATED")
    assert health(made.address, token, None)[0] is False
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        serves, said = health(f"127.0.0.1:{free.getsockname()[1]}", token, ca)
    assert not serves and said.startswith("UNAVAILABLE")
