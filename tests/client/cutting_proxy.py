# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy on loopback that cuts or slows connections the way a network does."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time


class CuttingProxy:
    """Forwards every connection to `target` (host:port) until told to cut.

    Attributes:
        connections: how many were accepted so far.
        cuts: how many were cut.
        bytes_up: bytes that came from clients.
        bytes_per_s: forwarding speed of each connection; None = as fast as it goes.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = self.cuts = self.bytes_up = 0
        self.bytes_per_s: int | None = None
        self.refusing = False
        self._cut_after: list[tuple[str, int]] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut_after(self, direction: str, *byte_counts: int) -> None:
        """Cut the next connections, one for each count, after so many bytes went `up` or `down`."""
        self._cut_after += [(direction, n) for n in byte_counts]

    def close(self) -> None:
        self._closing.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            self.connections += 1
            plan = self._cut_after.pop(0) if self._cut_after else None
            threading.Thread(target=self._forward, args=(client, plan), daemon=True).start()

    def _forward(self, client: socket.socket, plan: tuple[str, int] | None) -> None:
        with client, socket.create_connection(self._target) as server, contextlib.suppress(OSError):
            moved = {"up": 0, "down": 0}
            while not self._closing.is_set():
                for source in select.select([client, server], [], [], 0.1)[0]:
                    direction = "up" if source is client else "down"
                    data = source.recv(16384)
                    if not data:
                        return
                    moved[direction] += len(data)
                    self.bytes_up += len(data) if direction == "up" else 0
                    if plan and plan[0] == direction and moved[direction] >= plan[1]:
                        self.cuts += 1
                        _reset(client)
                        _reset(server)
                        return
                    (server if source is client else client).sendall(data)
                    if self.bytes_per_s:
                        time.sleep(len(data) / self.bytes_per_s)


def _reset(connection: socket.socket) -> None:
    """Close with RST, as a pulled cable or a restarted switch looks to the peer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    connection.close()
