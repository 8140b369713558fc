# SPDX-License-Identifier: Apache-2.0
"""A link of bounded speed to a server on this machine: what loopback is not."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

_BLOCK_BYTES = 2**16


class Link:
    """Forwards TCP connections; what goes to the server passes at most at `bytes_per_s`. A context manager.

    Args:
        address: `host:port` of the server.
        bytes_per_s: speed of all connections together; 0 = as fast as it goes.
    """

    def __init__(self, address: str, bytes_per_s: float) -> None:
        host, _, port = address.rpartition(":")
        self._to = (host, int(port))
        self._bytes_per_s = bytes_per_s
        self._lock = threading.Lock()
        self._free_at = 0.0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Link:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._to)
            for source, target, bounded in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._forward, args=(source, target, bounded), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, bounded: bool) -> None:
        try:
            while block := source.recv(_BLOCK_BYTES):
                if bounded and self._bytes_per_s:
                    self._wait_for_turn(len(block))
                target.sendall(block)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            target.close()

    def _wait_for_turn(self, count: int) -> None:
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + count / self._bytes_per_s
            wait = self._free_at - time.monotonic()
        if wait > 0:
            time.sleep(wait)
