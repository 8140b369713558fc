# SPDX-License-Identifier: Apache-2.0
"""How `void-server store` reaches the running server: a Unix socket in the store, for the server's account alone.

Only the server opens its database, so the command asks it. A request and its answer are a line of JSON each. The store
is closed to other accounts, and so is the socket; no token is needed, as for files of the store.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from void_server.errors import Internal, PreconditionFailed, VoidError, from_dict

log = logging.getLogger(__name__)

NAME = "admin.sock"
MAX_REQUEST_BYTES = 64 << 10
POLL_SECONDS = 0.1
"""Between two looks whether the server ends."""
_MOST_PATH_BYTES = 100
"""A Unix socket's path may have 107 bytes on Linux, 103 on macOS (unix(7))."""

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class Door:
    """Answers requests in threads of its own.

    Args:
        store: folder of the store.
        answer: gives the answer to a request, or raises a `VoidError`.
    """

    def __init__(self, store: Path, answer: Answer) -> None:
        self._path = store / NAME
        self._server: socketserver.ThreadingMixIn | None = None
        if not hasattr(socket, "AF_UNIX"):
            log.info("no Unix sockets here: `void-server store` works while the server does not run")
            return

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(_answered(self.rfile.readline(MAX_REQUEST_BYTES), answer))

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads, block_on_close = True, False

        try:
            self._path.unlink(missing_ok=True)
            with _short(self._path) as path:
                server = Server(path, Handler)
            self._path.chmod(0o600)
        except OSError as error:
            # Some file systems hold no sockets; jobs go on without.
            log.warning("`void-server store` does not reach this server: %s", error)
            return
        self._server = server
        threading.Thread(
            target=server.serve_forever, args=(POLL_SECONDS,), name="store-door", daemon=True
        ).start()

    def close(self) -> None:
        """Answer no more."""
        if isinstance(self._server, socketserver.BaseServer):
            self._server.shutdown()
            self._server.server_close()
            self._path.unlink(missing_ok=True)


def ask(store: Path, request: dict[str, Any]) -> dict[str, Any]:
    """The running server's answer.

    Raises:
        PreconditionFailed: it cannot be reached this way.
        VoidError: what it answered.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            with _short(store / NAME) as path:
                connection.connect(path)
            connection.sendall(json.dumps(request).encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            with connection.makefile("rb") as lines:
                line = lines.readline()
    except (OSError, AttributeError) as error:
        raise PreconditionFailed(
            f"A server runs on the store {store}, but does not answer there ({error}).",
            fix="Run this as the account that runs the server; or stop it, and give the command again.",
        ) from error
    if not line:
        raise PreconditionFailed("The server ended before it answered.", fix="Give the command again.")
    said: dict[str, Any] = json.loads(line)
    if "error" in said:
        raise from_dict(said["error"])
    return said


def _answered(line: bytes, answer: Answer) -> bytes:
    try:
        said = answer(json.loads(line))
    except VoidError as error:
        said = {"error": error.to_dict()}
    except Exception as error:
        log.exception("defect while answering the command store")
        said = {"error": Internal(f"{type(error).__name__}: {error}").to_dict()}
    return json.dumps(said).encode() + b"\n"


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of the socket that is short enough, by way of its opened folder where the system has such names."""
    if len(os.fsencode(path)) <= _MOST_PATH_BYTES or not Path("/proc/self/fd").is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
