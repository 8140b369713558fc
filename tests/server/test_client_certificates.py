# SPDX-License-Identifier: Apache-2.0
"""`--tls-client-ca`: only clients with a certificate of that authority are let in, by real handshakes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from void.v1 import server_pb2

from void_client.cli.main import main as void
from void_client.connection import Connection, RetryPolicy
from void_client.errors import AccessRefused, BadInput, ClientError, ServerUnreachable
from void_client.target import remote_target
from void_server.access.certificates import _read_authority, make_certificates, make_client_certificate
from void_server.application import Application
from void_server.command import main
from void_server.configuration import ServerConfiguration
from void_server.errors import InvalidInput, PreconditionFailed
from void_server.listening import server_credentials

ONCE = RetryPolicy(attempts=1)


@pytest.fixture(scope="module")
def tls(tmp_path_factory) -> Path:
    """The server's authority with anna's certificate, and a stranger's of the same name."""
    folder = tmp_path_factory.mktemp("tls")
    make_certificates(folder / "ours", ["127.0.0.1"])
    make_certificates(folder / "strange", ["127.0.0.1"])
    for one in ("ours", "strange"):
        make_client_certificate(folder / one, "anna", folder / one)
    return folder


@pytest.fixture(scope="module")
def server(tls, tmp_path_factory) -> Iterator[Application]:
    store = tmp_path_factory.mktemp("store")
    ours = tls / "ours"
    application = Application(
        ServerConfiguration(
            store=store,
            token_file=store / "token",
            listen="127.0.0.1:0",
            workers=1,
            tls_certificate=ours / "server.pem",
            tls_key=ours / "server-key.pem",
            tls_client_ca=ours / "ca.pem",
        )
    )
    application.start()
    yield application
    application.stop()


def ask(
    server: Application, tls: Path, cert: Path | None, key: Path | None, token: Path | None = None
) -> str:
    token_file = token or server._configuration.token_file
    ca = str(tls / "ours" / "ca.pem")
    target = remote_target(server.address, str(token_file), ca, str(cert or ""), str(key or ""))
    with Connection(lambda: target, ONCE) as connection:
        return connection.call(
            lambda s: s.server.GetCapabilities, server_pb2.GetCapabilitiesRequest()
        ).version


def test_the_right_certificate_and_token_are_let_in(server, tls):
    assert ask(server, tls, tls / "ours/anna.pem", tls / "ours/anna-key.pem")


def test_without_a_certificate_nobody_is_let_in(server, tls):
    with pytest.raises(ServerUnreachable):
        ask(server, tls, None, None)


def test_a_certificate_of_another_authority_is_refused(server, tls):
    with pytest.raises(ServerUnreachable):
        ask(server, tls, tls / "strange/anna.pem", tls / "strange/anna-key.pem")


def test_an_expired_certificate_is_refused(server, tls, tmp_path):
    ca, ca_key = _read_authority(tls / "ours")
    now = datetime.now(timezone.utc)
    old = x509.load_pem_x509_certificate((tls / "ours/anna.pem").read_bytes())
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(ca.subject)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
    )
    for name, end, let_in in (
        ("current", now + timedelta(days=1), True),
        ("expired", now - timedelta(days=1), False),
    ):
        path = tmp_path / f"{name}.pem"
        made = builder.not_valid_after(end)
        for extension in old.extensions:
            made = made.add_extension(extension.value, extension.critical)
        path.write_bytes(made.sign(ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        if let_in:
            assert ask(server, tls, path, tls / "ours/anna-key.pem")
        else:
            with pytest.raises(ServerUnreachable):
                ask(server, tls, path, tls / "ours/anna-key.pem")


def test_the_server_s_own_certificate_does_not_serve_a_client(server, tls):
    with pytest.raises(ServerUnreachable):
        ask(server, tls, tls / "ours/server.pem", tls / "ours/server-key.pem")


def test_the_right_certificate_with_a_wrong_token_is_refused(server, tls, tmp_path):
    token = tmp_path / "token"
    token.write_text("wrong\n")
    with pytest.raises(AccessRefused):
        ask(server, tls, tls / "ours/anna.pem", tls / "ours/anna-key.pem", token)


def test_the_command_of_the_client_takes_certificate_and_key(server, tls, capsys, monkeypatch):
    monkeypatch.delenv("VOID_SERVER", raising=False)
    command = [
        "capabilities",
        "--server",
        server.address,
        "--token-file",
        str(server._configuration.token_file),
    ]
    command += ["--ca", str(tls / "ours/ca.pem"), "--cert", str(tls / "ours/anna.pem")]
    assert void([*command, "--key", str(tls / "ours/anna-key.pem"), "--json"]) == 0
    assert void(command) == 2
    assert "both --cert and --key" in capsys.readouterr().err


def test_what_is_no_certificate_is_told_before_any_connection(tls, tmp_path):
    token, text = tmp_path / "token", tmp_path / "text"
    token.write_text("t\n")
    text.write_text("no PEM")
    with pytest.raises(BadInput, match="no PEM file"):
        remote_target("127.0.0.1:1", str(token), "", str(text), str(text))
    with pytest.raises(ClientError, match="cannot be read"):
        remote_target("127.0.0.1:1", str(token), "", str(text), str(tmp_path / "none"))


def test_a_client_s_certificate_is_for_clients_only_and_nothing_is_overwritten(tls):
    found = x509.load_pem_x509_certificate((tls / "ours/anna.pem").read_bytes())
    usage = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert (tls / "ours/anna-key.pem").stat().st_mode & 0o077 == 0
    with pytest.raises(PreconditionFailed, match="not overwritten"):
        make_client_certificate(tls / "ours", "anna", tls / "ours")
    with pytest.raises(InvalidInput):
        make_client_certificate(tls / "ours", "../anna", tls / "ours")


def test_the_command_makes_a_client_s_certificate(tls, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["certs", "--client", "ben", "--ca", str(tls / "ours"), "--out", str(out)]) == 0
    assert sorted(p.name for p in out.iterdir()) == ["ben-key.pem", "ben.pem"]
    assert main(["certs", "--client", "ben", "--out", str(out)]) == 2
    assert "--ca" in capsys.readouterr().err


def test_a_client_authority_without_tls_is_refused(tls, tmp_path):
    store = tmp_path / "store"
    with pytest.raises(InvalidInput, match="TLS only"):
        Application(
            ServerConfiguration(store=store, token_file=store / "t", tls_client_ca=tls / "ours/ca.pem")
        )


@pytest.mark.parametrize("away", ["server.pem", "server-key.pem"])
def test_a_file_that_cannot_be_read_is_named_with_what_to_do(tls, tmp_path, away):
    files = {"server.pem": tls / "ours/server.pem", "server-key.pem": tls / "ours/server-key.pem"}
    files[away] = tmp_path / away
    with pytest.raises(InvalidInput, match=rf"{away} cannot be read: No such file.*own account"):
        server_credentials(
            ServerConfiguration(
                store=tmp_path,
                token_file=tmp_path / "t",
                tls_certificate=files["server.pem"],
                tls_key=files["server-key.pem"],
            )
        )
