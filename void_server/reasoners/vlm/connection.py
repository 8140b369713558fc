# SPDX-License-Identifier: Apache-2.0
"""One HTTP request over a connection to an address that was checked.

The standard library's client on a socket that is opened here: it resolves nothing, follows no redirect, knows no proxy
and no `.netrc`, and its socket can be shut down from another thread.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from void_server.reasoners.vlm.consent import Allowed
from void_server.reasoners.vlm.errors import MalformedAnswer, Unreachable

MOST_REPLY = 8 << 20
"""Bytes of a reply."""


@dataclass(frozen=True)
class Reply:
    """What came back.

    Attributes:
        headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """A single POST; `abort` ends it from another thread.

    Args:
        to: where it may go.
        connect_seconds: for each address, with the TLS handshake.
        ca_file: PEM file of the authority that signed a site's own endpoint; None for the system's.

    Attributes:
        address: that the connection went to; empty before.
        begun: whether any of the request has left.
    """

    def __init__(self, to: Allowed, connect_seconds: float, ca_file: Path | None) -> None:
        self._to = to
        self._connect_seconds = connect_seconds
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._aborted = False
        self.address = ""
        self.begun = False

    def post(self, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Sends and reads.

        Raises:
            Unreachable: no address answers, the certificate is not the host's, or the connection broke off.
            MalformedAnswer: the reply is longer than 8 MiB.
        """
        sock = self._connected()
        try:
            return self._exchanged(sock, path, headers, body)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"{self._to.origin} broke the connection off: {type(error).__name__}.",
                fix="Try again; look at the endpoint's log if it stays.",
                again=True,
            ) from None
        finally:
            sock.close()

    def abort(self) -> None:
        """Ends whatever goes on; also what has not begun."""
        with self._lock:
            self._aborted = True
            if self._socket is not None:
                _shut(self._socket)

    def _exchanged(self, sock: socket.socket, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        client = http.client.HTTPConnection(self._to.host, self._to.port)
        client.sock = sock
        # Without this a closed connection would be opened again, by name.
        client.auto_open = 0
        default = {"http": 80, "https": 443}[self._to.scheme]
        host = self._to.origin.partition("//")[2].removesuffix(f":{default}")
        with self._lock:
            self.begun = not self._aborted
        if not self.begun:
            raise ConnectionAbortedError
        client.request("POST", path, body, {**headers, "Host": host, "Accept-Encoding": "identity"})
        response = client.getresponse()
        data = response.read(MOST_REPLY + 1)
        if len(data) > MOST_REPLY:
            raise MalformedAnswer(f"{self._to.origin} answered with more than {MOST_REPLY} bytes.")
        if response.length:
            raise http.client.IncompleteRead(data)
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, data)

    def _connected(self) -> socket.socket:
        """A socket to the first address that answers, with TLS where the endpoint has it."""
        problems = []
        for address in self._to.addresses:
            try:
                return self._opened(address)
            except ssl.SSLCertVerificationError as error:
                raise Unreachable(
                    f"{self._to.origin} has no valid certificate: {error.verify_message}.",
                    fix="Give the file of the authority that signed it, if it is the site's own.",
                ) from None
            except OSError as error:
                problems.append(f"{address}: {error.strerror or type(error).__name__}")
        raise Unreachable(
            f"{self._to.origin} cannot be reached ({'; '.join(problems)}).",
            fix="Check that the endpoint runs, and that this machine may connect to it.",
        )

    def _opened(self, address: str) -> socket.socket:
        sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._hold(sock)
            sock.settimeout(self._connect_seconds)
            sock.connect(_sockaddr(address, self._to.port))
            if self._to.scheme == "https":
                sock = _context(self._ca_file).wrap_socket(sock, server_hostname=self._to.host)
                self._hold(sock)
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
        self.address = address
        return sock

    def _hold(self, sock: socket.socket) -> None:
        with self._lock:
            if self._aborted:
                raise ConnectionAbortedError
            self._socket = sock


def _sockaddr(address: str, port: int) -> tuple[Any, ...]:
    """What `connect` takes; numeric, so that nothing is looked up, and with the scope of a link-local address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.getaddrinfo(address, port, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)[0][4]


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later with the host's name checked."""
    return ssl.create_default_context(cafile=ca_file)


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        # Not SSLSocket's own, which takes the session from under the thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
