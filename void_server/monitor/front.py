# SPDX-License-Identifier: Apache-2.0
"""The monitor's HTTP server: a thread a connection, every wait bounded.

Written on `socketserver`: `http.server` reads a head line by line without a limit in time, so that one byte now and
then holds a thread for ever.
"""

from __future__ import annotations

import logging
import select
import socket
import socketserver
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from void_server.errors import PreconditionFailed
from void_server.monitor.http_messages import (
    MAX_HEAD_BYTES,
    Answer,
    BadRequest,
    Request,
    error_answer,
    head_bytes,
    parse_head,
)

log = logging.getLogger(__name__)

IDLE_SECONDS = 15.0
"""Longest silence between two requests of a connection, and before its first."""
REQUEST_SECONDS = 8.0
"""From the first byte of a request to its last; also for a TLS handshake."""
SEND_SECONDS = 20.0
"""For each `PIECE_BYTES` of an answer: whoever reads more slowly than 13 kB/s is left."""
PIECE_BYTES = 256 << 10
STOP_SECONDS = 5.0
SHARE_OF_A_PEER = 4
"""One address may hold a quarter of all connections; a browser opens six."""
_END = b"\r\n\r\n"


class _Left(Exception):
    """The other side is gone, silent or too slow."""


class Front(socketserver.ThreadingTCPServer):
    """Serves `answer` on one address.

    Args:
        listen: HOST:PORT; port 0 picks a free one.
        tls: context with the certificate, or None.
        max_connections: limit `max_monitor_connections`.

    Raises:
        PreconditionFailed: the address cannot be bound.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 32

    def __init__(
        self,
        listen: str,
        answer: Callable[[Request], Answer],
        tls: ssl.SSLContext | None,
        max_connections: int,
    ) -> None:
        host, _, port = listen.rpartition(":")
        self.answer, self.tls = answer, tls
        self.stopping = threading.Event()
        self._most = max_connections
        self._open: dict[socket.socket, str] = {}
        self._lock = threading.Condition()
        try:
            found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
            self.address_family = found[0][0]
            super().__init__(found[0][4], _Connection)  # type: ignore[arg-type]
        except (OSError, ValueError, OverflowError) as error:
            raise PreconditionFailed(
                f"The address {listen} of the monitor cannot be bound: {error}",
                fix="Another program uses it, or the host is not this machine's; choose another with --monitor.",
            ) from error
        self.address = f"{host}:{self.server_address[1]}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.2,), name="monitor", daemon=True)

    def connections(self) -> int:
        """Those that are open."""
        with self._lock:
            return len(self._open)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End all connections; returns when no request is being answered any more."""
        self.stopping.set()
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()
        with self._lock:
            for open_socket in self._open:
                _shut(open_socket)
            self._lock.wait_for(lambda: not self._open, STOP_SECONDS)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more connection; see `socketserver`."""
        peer = str(client_address[0])
        with self._lock:
            full = len(self._open) >= self._most
            share = max(1, self._most // SHARE_OF_A_PEER)
            if not full and Counter(self._open.values())[peer] < share:
                self._open[request] = peer
                return True
        if self.tls is None:
            answer = error_answer(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Too many connections.")
            request.settimeout(0)
            with suppress(OSError):
                request.send(head_bytes(answer, keep=False) + bytes(answer.body))  # type: ignore[arg-type]
        return False

    def shutdown_request(self, request: Any) -> None:
        """See `socketserver`; called at the end of each connection."""
        super().shutdown_request(request)
        with self._lock:
            self._open.pop(request, None)
            self._lock.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """See `socketserver`."""
        log.exception("defect in the monitor, connection of %s", client_address[0])


class _Connection(socketserver.BaseRequestHandler):
    server: Front

    def handle(self) -> None:
        self._buffer = b""
        self._socket: socket.socket = self.request
        try:
            if self.server.tls is not None:
                # Not in `accept`: a silent stranger would keep all others out.
                self.request.settimeout(REQUEST_SECONDS)
                self._socket = self.server.tls.wrap_socket(self.request.dup(), server_side=True)
            while not self.server.stopping.is_set() and self._one():
                pass
        except (_Left, OSError):
            pass
        finally:
            if self._socket is not self.request:
                self._socket.close()

    def _one(self) -> bool:
        """Read a request and answer it; returns whether another may follow."""
        try:
            request = self._request()
        except BadRequest as error:
            phrase = error.status.phrase
            self._send(error_answer(error.status, "invalid_input", f"{phrase}."), keep=False, bare=False)
            return False
        answer = self.server.answer(request)
        keep = request.keep and not self.server.stopping.is_set()
        self._send(answer, keep=keep, bare=request.head_only)
        return keep

    def _request(self) -> Request:
        if not self._buffer:
            self._receive(time.monotonic() + IDLE_SECONDS)
        deadline = time.monotonic() + REQUEST_SECONDS
        while _END not in self._buffer:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            self._receive(deadline)
        head, _, self._buffer = self._buffer.partition(_END)
        if len(head) > MAX_HEAD_BYTES:
            raise BadRequest(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        request, length = parse_head(head)
        while len(self._buffer) < length:
            self._receive(deadline)
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return replace(request, body=body, peer=self._peer(), gone=self._gone)

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise _Left
        self._socket.settimeout(left)
        data = self._socket.recv(8192)
        if not data:
            raise _Left
        self._buffer += data

    def _send(self, answer: Answer, *, keep: bool, bare: bool) -> None:
        self._socket.settimeout(SEND_SECONDS)
        self._socket.sendall(head_bytes(answer, keep=keep))
        if bare:
            return
        pieces = [answer.body] if isinstance(answer.body, bytes) else answer.body
        for piece in pieces:
            for start in range(0, len(piece), PIECE_BYTES):
                self._socket.settimeout(SEND_SECONDS)
                self._socket.sendall(piece[start : start + PIECE_BYTES])

    def _peer(self) -> str:
        return str(self.client_address[0])

    def _gone(self) -> bool:
        """Whether the other side closed, or says something before it was answered, which no browser does."""
        if self.server.stopping.is_set():
            return True
        try:
            return bool(select.select([self._socket], [], [], 0)[0])
        except (OSError, ValueError):
            return True


def _shut(open_socket: socket.socket) -> None:
    with suppress(OSError):
        open_socket.shutdown(socket.SHUT_RDWR)
