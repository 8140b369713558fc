# SPDX-License-Identifier: Apache-2.0
"""Where frames may go without a person's word, and where only with it."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from tests.reasoners.vlm.providers import OPENAI, QUICK
from tests.reasoners.vlm.stand_in import serving
from void_server.access.certificates import make_certificates
from void_server.errors import InvalidInput
from void_server.reasoners.vlm.consent import Permission, allowed
from void_server.reasoners.vlm.errors import ConsentMissing, Unreachable


def to(*addresses: str):
    """A resolver that always says the same."""
    return lambda host, port: list(addresses)


def never(host, port):
    raise AssertionError("looked up")


@pytest.mark.parametrize(
    ("endpoint", "listed", "addresses"),
    [
        ("http://localhost:8000/v1", "localhost", ["127.0.0.1", "::1"]),
        ("http://127.0.0.1:8000", "127.0.0.1", ["127.0.0.1"]),
        ("http://[::1]:8000", "::1", ["::1"]),
        ("http://[0:0:0:0:0:0:0:1]:8000", "[::1]:8000", ["::1"]),
        ("http://vlm01:8000", "vlm01", ["10.1.2.3", "fd00::1"]),
        ("http://vlm01:8000", "vlm01", ["::ffff:10.1.2.3"]),
        ("http://VLM01.studio.lan.:8000", "vlm01.Studio.lan", ["192.168.3.4"]),
        ("http://vlm01:8000", "vlm01:8000", ["172.31.0.1"]),
        ("https://vlm01", "vlm01:443", ["172.31.0.1"]),
        ("http://vlm01:8000", "vlm01=203.0.113.7", ["203.0.113.7"]),
        ("http://vlm01:8000", "vlm01:8000 = 10.1.0.0/16, 203.0.113.0/24", ["203.0.113.7", "10.1.9.9"]),
    ],
)
def test_a_listed_host_at_addresses_that_the_site_means_is_local(endpoint, listed, addresses):
    assert allowed(endpoint, [listed], False, to(*addresses)).local


@pytest.mark.parametrize(
    ("endpoint", "listed", "addresses"),
    [
        ("http://vlm01:8000", "vlm01", ["203.0.113.7"]),
        ("http://vlm01:8000", "vlm01", ["10.1.2.3", "203.0.113.7"]),
        ("http://vlm01:8000", "vlm01", ["169.254.169.254"]),
        ("http://vlm01:8000", "vlm01", ["::ffff:203.0.113.7"]),
        ("http://vlm01:8000", "vlm01=10.1.0.0/16", ["10.2.0.1"]),
        ("http://vlm01:8000", "vlm01=10.1.0.0/16", ["127.0.0.1"]),
        ("http://localhost:8000", "localhost", ["10.1.2.3"]),
        ("http://10.0.0.5:8000", "10.0.0.5", ["10.0.0.6"]),
    ],
)
def test_a_listed_host_at_an_address_that_the_site_does_not_mean_needs_consent(endpoint, listed, addresses):
    with pytest.raises(ConsentMissing, match="not an address that the site means"):
        allowed(endpoint, [listed], False, to(*addresses))


@pytest.mark.parametrize(
    ("endpoint", "listed"),
    [
        ("http://vlm01:8000", "vlm02"),
        ("http://vlm01:8000", "vlm01:8001"),
        ("http://vlm01.evil.example:8000", "vlm01"),
        ("http://evil-vlm01:8000", "vlm01"),
        ("http://127.0.0.1:8000", "localhost"),
        ("https://generativelanguage.googleapis.com", "vlm01"),
    ],
)
def test_an_unlisted_host_needs_consent_and_is_not_even_looked_up(endpoint, listed):
    with pytest.raises(ConsentMissing, match="not among the server's local endpoints"):
        allowed(endpoint, [listed], False, never)


def test_with_consent_a_host_elsewhere_is_allowed_and_not_local():
    found = allowed("https://vlm.example/v1/", [], True, to("203.0.113.7"))
    assert (found.local, found.addresses, found.path) == (False, ("203.0.113.7",), "/v1")
    assert found.origin == "https://vlm.example:443"


def test_even_with_consent_nothing_goes_elsewhere_in_the_clear():
    with pytest.raises(InvalidInput, match="in the clear"):
        allowed("http://vlm.example", [], True, to("203.0.113.7"))


@pytest.mark.parametrize("consent", [False, True])
def test_a_host_without_an_address_is_unreachable(consent):
    def nothing(host, port):
        raise OSError("Name or service not known")

    with pytest.raises(Unreachable, match="vlm01"):
        allowed("https://vlm01", ["vlm01"], consent, nothing)
    with pytest.raises(Unreachable):
        allowed("https://vlm01", ["vlm01"], consent, to())


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "vlm01:8000",
        "ftp://vlm01",
        "file:///etc/passwd",
        "http://",
        "http://user:secret@vlm01",
        "http://vlm01?key=secret",
        "http://vlm01#secret",
        "http://vlm01:99999",
        "http://vlm01/a b",
        "http://vlm01\\@evil.example",
        "http://münchen",
        "http://vlm01\r\nX: y",
        "http://[::1",
    ],
)
def test_what_is_no_plain_address_is_refused_without_repeating_it(endpoint):
    with pytest.raises(InvalidInput) as caught:
        allowed(endpoint, ["vlm01"], True, never)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "entry", ["", "http://vlm01", "vlm01/v1", "vlm01:port", "vlm01=10.0.0.0/33", "a b", "x@vlm01"]
)
def test_a_listed_endpoint_that_is_none_is_an_error_and_not_a_host_that_never_fits(entry):
    with pytest.raises(InvalidInput, match="local_endpoints"):
        allowed("http://vlm01", [entry], False, never)


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """Files of an authority and of a server named localhost."""
    out = tmp_path_factory.mktemp("tls")
    make_certificates(out, ["localhost"])
    return out


def secured(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server-key.pem")

    def wrap(server):
        server.socket = context.wrap_socket(server.socket, server_side=True)

    return wrap


def ask_tls(server, host, ca_file):
    url = server.url.replace("http://127.0.0.1", f"https://{host}")
    return OPENAI.ask(
        url, wire=replace(QUICK, ca_file=ca_file), permission=Permission((host,)), resolve=to("127.0.0.1")
    )


def test_an_encrypted_endpoint_of_the_sites_own_authority_is_asked(tls):
    with serving(OPENAI.good, wrap=secured(tls)) as server:
        assert ask_tls(server, "localhost", tls / "ca.pem").record.endpoint.startswith("https://localhost:")


def test_a_certificate_of_another_host_is_refused_before_anything_is_sent(tls):
    with serving(OPENAI.good, wrap=secured(tls)) as server, pytest.raises(Unreachable, match="certificate"):
        ask_tls(server, "vlm01", tls / "ca.pem")
    assert server.requests == []


def test_a_certificate_of_an_unknown_authority_is_refused(tls):
    with serving(OPENAI.good, wrap=secured(tls)) as server, pytest.raises(Unreachable, match="certificate"):
        ask_tls(server, "localhost", None)
    assert server.requests == []
