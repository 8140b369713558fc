# SPDX-License-Identifier: Apache-2.0
"""`void-server certs`: a private authority and certificates that TLS accepts, by a real handshake."""

from __future__ import annotations

import stat
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from void.v1 import server_pb2

from void_server.access.certificates import CA_DAYS, SERVER_DAYS, make_certificates
from void_server.application import Application
from void_server.configuration import ServerConfiguration
from void_server.errors import InvalidInput, PreconditionFailed


@pytest.fixture
def made(tmp_path: Path) -> Path:
    make_certificates(tmp_path / "tls", ["localhost", "render01.studio.lan", "127.0.0.1", "::1"])
    return tmp_path / "tls"


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_keys_are_for_their_owner_only_and_certificates_for_everybody(made):
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in made.iterdir()}
    assert modes == {"ca.pem": 0o644, "ca-key.pem": 0o600, "server.pem": 0o644, "server-key.pem": 0o600}
    assert made.stat().st_mode & 0o077 == 0


def test_the_server_s_certificate_names_every_host_and_address(made):
    names = load(made / "server.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "render01.studio.lan"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_the_server_s_certificate_serves_only_and_the_authority_signs_only_servers(made):
    server, ca = load(made / "server.pem"), load(made / "ca.pem")
    basic = x509.BasicConstraints
    assert server.extensions.get_extension_for_class(basic).value == basic(ca=False, path_length=None)
    assert ca.extensions.get_extension_for_class(basic).value == basic(ca=True, path_length=0)
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not server.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


def test_lifetimes_are_bounded(made):
    now = datetime.now(timezone.utc)
    for name, days in (("server.pem", SERVER_DAYS), ("ca.pem", CA_DAYS)):
        certificate = load(made / name)
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        assert timedelta(minutes=55) < now - begin < timedelta(minutes=65) and end - begin == timedelta(
            days=days
        )


def test_openssl_verifies_the_chain_and_the_name(made):
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(made / "ca.pem")]
    for host, good in (("render01.studio.lan", True), ("other.studio.lan", False)):
        done = subprocess.run(
            [*command, "-verify_hostname", host, str(made / "server.pem")], capture_output=True, check=False
        )
        assert (done.returncode == 0) is good, done.stderr


@pytest.mark.parametrize("present", ["ca.pem", "ca-key.pem", "server.pem", "server-key.pem"])
def test_nothing_is_overwritten_and_nothing_is_written_beside_it(tmp_path, present):
    (tmp_path / present).write_text("precious")
    with pytest.raises(PreconditionFailed, match="not overwritten"):
        make_certificates(tmp_path, ["localhost"])
    assert [p.name for p in tmp_path.iterdir()] == [present]
    assert (tmp_path / present).read_text() == "precious"


def test_the_next_certificate_is_signed_by_the_same_authority(made, tmp_path):
    make_certificates(tmp_path / "next", ["localhost"], made)
    assert sorted(p.name for p in (tmp_path / "next").iterdir()) == ["server-key.pem", "server.pem"]
    load(tmp_path / "next" / "server.pem").verify_directly_issued_by(load(made / "ca.pem"))


def test_an_authority_whose_files_do_not_fit_is_refused(made, tmp_path):
    make_certificates(tmp_path / "other", ["localhost"])
    (made / "ca-key.pem").write_bytes((tmp_path / "other" / "ca-key.pem").read_bytes())
    with pytest.raises(InvalidInput, match="do not belong together"):
        make_certificates(tmp_path / "next", ["localhost"], made)
    with pytest.raises(InvalidInput, match="cannot be read"):
        make_certificates(tmp_path / "next", ["localhost"], tmp_path / "nowhere")


@pytest.mark.parametrize("host", ["", "host:7788", "two words", "-a", "a..b", "ünder.lan", "a" * 254])
def test_what_is_no_host_is_refused(tmp_path, host):
    with pytest.raises(InvalidInput, match="neither a host name nor an address"):
        make_certificates(tmp_path / "tls", [host])
    assert not (tmp_path / "tls").exists()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_server_with_them_serves_whoever_trusts_the_authority_and_nobody_else(made, tmp_path, name):
    application = Application(
        ServerConfiguration(
            store=tmp_path / "store",
            token_file=tmp_path / "token",
            listen="0.0.0.0:0",
            workers=1,
            tls_certificate=made / "server.pem",
            tls_key=made / "server-key.pem",
        )
    )
    application.start()
    try:
        address = f"{name}:{application.address.rpartition(':')[2]}"
        metadata = (("authorization", f"Bearer {(tmp_path / 'token').read_text().strip()}"),)

        def ask(ca: Path) -> None:
            credentials = grpc.ssl_channel_credentials(ca.read_bytes())
            with grpc.secure_channel(address, credentials) as channel:
                call = channel.unary_unary("/void.v1.Server/GetCapabilities")
                message = server_pb2.GetCapabilitiesRequest().SerializeToString()
                assert call(message, metadata=metadata, timeout=10)

        ask(made / "ca.pem")
        make_certificates(tmp_path / "other", [name])
        with pytest.raises(grpc.RpcError) as error:
            ask(tmp_path / "other" / "ca.pem")
        assert error.value.code() is grpc.StatusCode.UNAVAILABLE
    finally:
        application.stop()
