# SPDX-License-Identifier: Apache-2.0
"""A server on loopback that speaks what a test gives it to say, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SLOW_SECONDS = 20.0
"""A slow answer takes this long, unless the test is over before."""


@dataclass(frozen=True)
class Says:
    """An answer.

    Attributes:
        status: 0 drops the connection without a word.
        short: bytes by which the body falls short of its announced length, before the connection drops.
        slow: it comes after `SLOW_SECONDS`.
        drips: it comes a byte at a time, and never ends within a test.
    """

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    short: int = 0
    slow: bool = False
    drips: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    size: int


class StandIn(ThreadingHTTPServer):
    """Gives one answer after another, the last again and again."""

    daemon_threads = True

    def __init__(self, answers: list[Says]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.requests: list[Request] = []
        self.connections = 0
        self.over = threading.Event()
        self.heard = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, Any]:
        self.connections += 1
        return super().get_request()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {k.lower(): v for k, v in self.headers.items()}
        self.server.requests.append(Request(self.path, headers, json.loads(raw), len(raw)))
        self.server.heard.set()
        place = min(len(self.server.requests), len(self.server.answers)) - 1
        self.say(self.server.answers[place])

    def do_CONNECT(self) -> None:
        self.say(Says(status=502))

    def say(self, says: Says) -> None:
        self.close_connection = True
        if says.slow:
            self.server.over.wait(SLOW_SECONDS)
        if not says.status:
            return
        self.send_response(says.status)
        for name, value in {"Content-Type": "application/json", **says.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(says.body)))
        self.end_headers()
        if says.drips:
            for k in range(len(says.body)):
                self.wfile.write(says.body[k : k + 1])
                if self.server.over.wait(0.1):
                    return
        self.wfile.write(says.body[: len(says.body) - says.short])

    def log_message(self, *_: Any) -> None:
        """Tests read what they need from the server."""


@contextmanager
def serving(*answers: Says, wrap: Callable[[StandIn], None] | None = None) -> Iterator[StandIn]:
    """A server with these answers, until the block ends; `wrap` may put TLS around its socket."""
    server = StandIn(list(answers))
    if wrap is not None:
        wrap(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
