# SPDX-License-Identifier: Apache-2.0
"""Where a server is and how to be let in: address, token, certificates."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from void_client.errors import BadInput


@dataclass(frozen=True)
class Target:
    """Where a server is and how to be let in.

    Attributes:
        address: `host:port`.
        token: what the server knows the caller by; never shown.
        ca: PEM certificates that the server's must chain to; None = the system's.
        own: PEM key and certificate of the user, for a server that wants one; None = none.
        blobs: folder of the blobs of the user's own server, `ab/abcd…` by digest; None = another's, not to be read.
    """

    address: str
    token: str = field(repr=False)
    ca: bytes | None = field(default=None, repr=False)
    own: tuple[bytes, bytes] | None = field(default=None, repr=False)
    blobs: Path | None = None

    @property
    def encrypted(self) -> bool:
        """Whether the connection uses TLS: always, except to this machine without a CA."""
        return self.ca is not None or self.own is not None or not is_loopback(self.address)


def is_loopback(address: str) -> bool:
    """Whether `host:port` is this machine by its spelling; names other than `localhost` are not looked up."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def remote_target(
    address: str, token_file: str, ca_file: str = "", cert_file: str = "", key_file: str = ""
) -> Target:
    """The target that the user named.

    Args:
        address: `host:port`, `[::1]:port` for IPv6.
        token_file: path of the file with the token.
        ca_file: PEM file of the certificate authority; empty = the system's.
        cert_file, key_file: PEM files of the user's own certificate; empty = none.

    Raises:
        BadInput: the address has no port, no token file is named, or a file cannot be read.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise BadInput(f"'{address}' is not HOST:PORT.", fix="Write --server HOST:PORT, such as gpu1:7788.")
    if not token_file:
        raise BadInput(
            f"The server {address} wants a token.",
            fix="Name the file that holds it with --token-file or $VOID_TOKEN_FILE.",
        )
    if bool(cert_file) != bool(key_file):
        raise BadInput("A certificate needs its key.", fix="Give both --cert and --key, or none.")
    ca = _read_ca(Path(ca_file)) if ca_file else None
    own = (_read_pem(Path(key_file)), _read_pem(Path(cert_file))) if cert_file else None
    return Target(address, read_token(Path(token_file)), ca, own)


def _read_pem(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"The file {path} cannot be read: {error.strerror or error}.", file=str(path)
        ) from error
    if b"-----BEGIN" not in data:
        raise BadInput(
            f"{path} is no PEM file.",
            fix="Give the files that the server's keeper made for you.",
            file=str(path),
        )
    return data


def read_token(path: Path) -> str:
    """The token in a file: its only line.

    Raises:
        BadInput: the file cannot be read, or does not hold one line of visible ASCII characters.
    """
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"The token file {path} cannot be read: {error}.",
            fix="Ask the server's keeper for it.",
            file=str(path),
        ) from error
    if not text or not text.isprintable() or " " in text:
        raise BadInput(
            f"The token file {path} does not hold a token.",
            fix="It must hold the token on one line.",
            file=str(path),
        )
    return text


def _read_ca(path: Path) -> bytes:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise BadInput(f"The CA file {path} cannot be read: {error}.", file=str(path)) from error
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise BadInput(
            f"The CA file {path} holds no PEM certificate.", fix="Give the server's ca.pem.", file=str(path)
        )
    return pem
