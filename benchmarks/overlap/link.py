# SPDX-License-Identifier: Apache-2.0
"""A link of bounded speed to a server on this machine: what loopback is not."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

_BLOCK_BYTES = 2**16


class Link:
    """Forwards TCP connections at most at a given speed. A context manager.

    Args:
        address: `host:port` of the server.
        bytes_per_s: speed to the server, of all connections together; 0 = as fast as it goes.
        answers_bytes_per_s: speed from the server, likewise.
    """

    def __init__(self, address: str, bytes_per_s: float, answers_bytes_per_s: float = 0) -> None:
        host, _, port = address.rpartition(":")
        self._to = (host, int(port))
        self._up, self._down = _Pace(bytes_per_s), _Pace(answers_bytes_per_s)
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
            for source, target, pace in ((near, far, self._up), (far, near, self._down)):
                threading.Thread(target=_forward, args=(source, target, pace), daemon=True).start()


class _Pace:
    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._lock = threading.Lock()
        self._free_at = 0.0

    @property
    def block_bytes(self) -> int:
        """What is taken at once: of a slow link no more than a tenth of a second holds."""
        return (
            int(min(_BLOCK_BYTES, max(1024, self._bytes_per_s / 10))) if self._bytes_per_s else _BLOCK_BYTES
        )

    def wait_for_turn(self, count: int) -> None:
        if not self._bytes_per_s:
            return
        with self._lock:
            self._free_at = max(self._free_at, time.monotonic()) + count / self._bytes_per_s
            wait = self._free_at - time.monotonic()
        if wait > 0:
            time.sleep(wait)


def _forward(source: socket.socket, target: socket.socket, pace: _Pace) -> None:
    try:
        while block := source.recv(pace.block_bytes):
            pace.wait_for_turn(len(block))
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        target.close()
