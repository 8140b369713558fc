# SPDX-License-Identifier: Apache-2.0
"""Whether a question may be sent to an endpoint at all, decided before anything is.

An endpoint is local if the site lists its host, and every address that the host has just now is one that the site means
by it. It is then reached at one of these very addresses, so that a name that resolves differently a moment later leads
nowhere else. Everything that is not local needs a person's consent.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from void_server.errors import InvalidInput
from void_server.reasoners.vlm.errors import ConsentMissing, Unreachable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK = tuple(ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128"))
PRIVATE = tuple(
    ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""RFC 1918 and RFC 4193. Not 169.254.0.0/16, where clouds keep their metadata services."""
SWITCH = "--cloud-consent (`cloud_consent` of the job)"
_HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:.]+")

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host and port, as texts."""


@dataclass(frozen=True)
class Permission:
    """What a site and a job allow.

    Attributes:
        local_endpoints: `HOST` or `HOST:PORT`, each optionally followed by `=` and addresses or networks with commas
            between; a host with neither is meant at loopback and private addresses, an address as itself.
        consent: a person has said for this job that its frames may go to the endpoint that it names.
    """

    local_endpoints: tuple[str, ...] = ()
    consent: bool = False


@dataclass(frozen=True)
class Allowed:
    """An endpoint that may be connected to, at these addresses and no others.

    Attributes:
        scheme: http or https.
        host: in lower case, without a final dot.
        path: of the endpoint, without a final slash; empty for none.
        addresses: numeric, at least one, in the order to try them.
        local: whether the site counts it as its own.
    """

    scheme: str
    host: str
    port: int
    path: str
    addresses: tuple[str, ...]
    local: bool

    @property
    def origin(self) -> str:
        """The URL without its path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def resolved(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says, without duplicates."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def allowed(
    endpoint: str, local_endpoints: Sequence[str], consent: bool, resolve: Resolve = resolved
) -> Allowed:
    """The endpoint with the addresses to connect to. Opens no connection; an unlisted host is not even looked up
    without consent.

    Raises:
        InvalidInput: the endpoint or a listed one is no usable URL or host, or is not local and unencrypted.
        ConsentMissing: it is not local, and nobody has consented.
        Unreachable: its host has no address.
    """
    url, host, port = _parts(endpoint)
    meant = _meant(host, port, local_endpoints)
    if not meant and not consent:
        raise _missing(host, f"{host} is not among the server's local endpoints")
    addresses = _addresses(host, port, resolve)
    strange = [a for a in addresses if not _within(a, meant)]
    if strange and not consent:
        raise _missing(
            host, f"{host} leads to {strange[0]}, which is not an address that the site means by it"
        )
    if strange and url.scheme != "https":
        raise InvalidInput(
            f"{url.scheme}://{host} is not local, and frames would travel to it in the clear.",
            fix="Give an https:// address, or have the host listed in the server's local_endpoints.",
        )
    texts = tuple(str(address) for address in addresses)
    return Allowed(url.scheme, host, port, url.path.rstrip("/"), texts, local=not strange)


def _missing(host: str, why: str) -> ConsentMissing:
    return ConsentMissing(
        f"Frames of this shot would leave the building, to {host}: {why}. Nothing was sent.",
        fix=f"If they may, say so for this job with {SWITCH}; if the host is the site's own, have it listed in the "
        "server's local_endpoints with its addresses.",
    )


def _parts(endpoint: str) -> tuple[SplitResult, str, int]:
    """The URL, its host in lower case, and its port."""
    try:
        url = urlsplit(endpoint)
        port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
    except ValueError:
        raise _unusable("it is no URL") from None
    if url.scheme not in ("http", "https"):
        raise _unusable("it does not begin with http:// or https://")
    if url.username is not None or url.password is not None or url.query or url.fragment:
        raise _unusable("it has a user name, a password, a query or a fragment")
    if re.search(r"[^!-~]", endpoint):
        raise _unusable("it has spaces or letters beyond ASCII")
    return url, _host(url.hostname or ""), port


def _unusable(why: str) -> InvalidInput:
    """The endpoint itself is not repeated: a password may be in it."""
    return InvalidInput(
        f"The endpoint of the reasoner cannot be used: {why}.", fix="Give it as https://HOST[:PORT][/PATH]."
    )


def _host(text: str) -> str:
    host = text.lower().removesuffix(".")
    if not _HOST.fullmatch(host):
        raise _unusable("it names no host")
    return _plain(host)


def _plain(host: str) -> str:
    """An address in its one usual spelling; a name as it is."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _addresses(host: str, port: int, resolve: Resolve) -> list[Address]:
    try:
        texts = resolve(host, port)
        found = [_address(text) for text in texts]
    except (OSError, UnicodeError, ValueError) as error:
        raise Unreachable(
            f"The host {host} has no address: {error}.", fix="Check the endpoint's name and the server's DNS."
        ) from None
    if not found:
        raise Unreachable(f"The host {host} has no address.", fix="Check the endpoint's name.")
    return found


def _address(text: str) -> Address:
    """An address; an IPv4 one within IPv6 as what it is."""
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _meant(host: str, port: int, listed: Sequence[str]) -> tuple[Network, ...]:
    """The networks that the site means by a host and port; none where it is not listed."""
    found: list[Network] = []
    for entry in listed:
        name, _, networks = entry.partition("=")
        of_host, of_port = _listed(name.strip(), entry)
        if of_host == host and of_port in (None, port):
            found += _networks(of_host, networks, entry)
    return tuple(found)


def _listed(name: str, entry: str) -> tuple[str, int | None]:
    """Host and port of a listed endpoint."""
    if name.count(":") > 1 and not name.startswith("["):
        name = f"[{name}]"
    try:
        split = urlsplit(f"//{name}")
        port = split.port
    except ValueError:
        raise _unlisted(entry) from None
    host = (split.hostname or "").removesuffix(".")
    if not _HOST.fullmatch(host) or split.path or "@" in name:
        raise _unlisted(entry)
    return _plain(host), port


def _networks(host: str, text: str, entry: str) -> Sequence[Network]:
    try:
        if text.strip():
            return [ipaddress.ip_network(part.strip()) for part in text.split(",")]
    except ValueError:
        raise _unlisted(entry) from None
    try:
        return [ipaddress.ip_network(host)]
    except ValueError:
        return LOOPBACK if host == "localhost" else LOOPBACK + PRIVATE


def _unlisted(entry: str) -> InvalidInput:
    return InvalidInput(
        f"{entry[:80]!r} is no entry of local_endpoints.",
        fix="Write HOST, HOST:PORT, or either with =ADDRESS,NETWORK,… after it, such as vlm01:8000=10.1.0.0/16.",
    )
