# SPDX-License-Identifier: Apache-2.0
"""Plain HTTP calls, as a script or a hostile program makes them."""

from __future__ import annotations

import http.client
import json
import socket
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Reply:
    """What came back; `headers` by name in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Calls on the monitor at `url`, each over a connection of its own.

    Args:
        token: sent as bearer.
        cookie, key: of a session.
    """

    def __init__(self, url: str, *, token: str = "", cookie: str = "", key: str = "") -> None:
        place = urlsplit(url)
        self.host, self.port = str(place.hostname), int(place.port or 0)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._headers |= {"Cookie": cookie} if cookie else {}
        self._headers |= {"X-Void-Key": key} if key else {}
        self.url = url

    def call(self, method: str, path: str, value: Any = None, **headers: str) -> Reply:
        """One call; `headers` with underscores for dashes; None as value of one leaves it out."""
        sent = dict(self._headers)
        body = None
        if method == "POST":
            body = json.dumps(value if value is not None else {})
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-"): text for name, text in headers.items()}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            found = {k.lower(): v for k, v in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.call("GET", path, **headers)

    def post(self, path: str, value: Any = None, **headers: str) -> Reply:
        return self.call("POST", path, value, **headers)

    def login(self, token: str) -> Client:
        """A session of this token."""
        reply = self.post("/api/login", {"token": token})
        assert reply.status == 200, reply.body
        return Client(self.url, cookie=reply.headers["set-cookie"].partition(";")[0], key=reply.json()["key"])

    def raw(self, *pieces: bytes, pause: float = 0.0, seconds: float = 20.0) -> tuple[bytes, float]:
        """Send bytes as they are; returns all that comes back, and after how many seconds the other side closed."""
        began = time.monotonic()
        received = b""
        with socket.create_connection((self.host, self.port), timeout=seconds) as sock:
            try:
                for piece in pieces:
                    sock.sendall(piece)
                    time.sleep(pause)
                while data := sock.recv(65536):
                    received += data
            except (ConnectionError, BrokenPipeError):
                pass
            return received, time.monotonic() - began
