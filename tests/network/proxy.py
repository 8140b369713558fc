# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy on loopback between a real client and a real server, whose connections fail at the byte that is asked."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

BLOCK_BYTES = 16384
SMALL_BUFFER_BYTES = 8192
"""Of a slow link's sockets, so that what is on its way is little."""


class Kind(Enum):
    """What a connection suffers.

    `CUT`: both ends get a reset. `HALF_OPEN`: nothing moves any more, either way, and nobody is told. `HOLE`: nothing
    moves for a while. `SLOW`: so many bytes a second from then on. `LATE`: each block comes so much later.
    `CORRUPT`: one byte is another.
    """

    CUT = "cut"
    HALF_OPEN = "half-open"
    HOLE = "black hole"
    SLOW = "slow"
    LATE = "late"
    CORRUPT = "corrupted"


@dataclass(frozen=True)
class Fault:
    """One fault of one connection.

    Attributes:
        kind: what happens.
        direction: `up` or `down`: whose bytes are counted, and slowed, late or damaged.
        at: bytes of that direction after which it happens.
        amount: seconds of a hole, of lateness or before a cut; bytes a second of a slow link.
    """

    kind: Kind
    direction: str
    at: int = 0
    amount: float = 0.0


@dataclass
class _Link:
    """One connection: its two sockets, what it suffers, and what has moved."""

    client: socket.socket
    server: socket.socket
    fault: Fault | None
    moves: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Forwards each connection to `target` (host:port); the next ones suffer what `suffer` was told, one each.

    Attributes:
        address: where it listens.
        connections: how many were accepted.
        made: faults that have really happened, by kind.
        bytes_moved: forwarded bytes by direction, `up` from clients.
        refusing: nobody is let in any more.
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self.made: Counter[Kind] = Counter()
        self.bytes_moved = Counter(up=0, down=0)
        self.refusing = False
        self._faults: list[Fault] = []
        self._links: list[_Link] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def suffer(self, *faults: Fault) -> None:
        """One fault for each of the next connections; those after them are whole."""
        with self._lock:
            self._faults += faults

    def cut_all(self) -> None:
        """Reset every connection that there is."""
        with self._lock:
            links = list(self._links)
        for link in links:
            self._reset(link)

    def close(self) -> None:
        """End all."""
        self.refusing = True
        # An accept that waits is not ended by closing its socket.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.refusing:
                _close_with_reset(client)
                continue
            with self._lock:
                self.connections += 1
                fault = self._faults.pop(0) if self._faults else None
            try:
                server = socket.create_connection(self._target)
            except OSError:
                _close_with_reset(client)
                continue
            link = _Link(client, server, fault)
            link.moves.set()
            with self._lock:
                self._links.append(link)
            for direction in ("up", "down"):
                threading.Thread(target=self._pump, args=(link, direction), daemon=True).start()

    def _pump(self, link: _Link, direction: str) -> None:
        source, sink = (link.client, link.server) if direction == "up" else (link.server, link.client)
        moved, happened = 0, False
        with contextlib.suppress(OSError):
            while data := source.recv(BLOCK_BYTES):
                fault = link.fault if link.fault and link.fault.direction == direction else None
                if fault and not happened and moved + len(data) > fault.at:
                    happened = True
                    before = max(0, fault.at - moved)
                    self._forward(link, sink, data[:before], direction)
                    moved, data = moved + before, self._suffer(link, fault, data[before:])
                elif fault and happened:
                    _slow_down(fault, len(data))
                self._forward(link, sink, data, direction)
                moved += len(data)
        if not link.ended.is_set():
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    def _forward(self, link: _Link, sink: socket.socket, data: bytes, direction: str) -> None:
        link.moves.wait()
        if link.ended.is_set():
            raise ConnectionAbortedError
        if data:
            sink.sendall(data)
            with self._lock:
                self.bytes_moved[direction] += len(data)

    def _suffer(self, link: _Link, fault: Fault, data: bytes) -> bytes:
        """Let it happen; returns what is forwarded afterwards."""
        self.made[fault.kind] += 1
        if fault.kind is Kind.CUT:
            time.sleep(fault.amount)
            self._reset(link)
        elif fault.kind is Kind.HALF_OPEN:
            link.moves.clear()
        elif fault.kind is Kind.HOLE:
            link.moves.clear()
            time.sleep(fault.amount)
            link.moves.set()
        elif fault.kind is Kind.SLOW:
            # Not before: a link of small buffers is so slow from its first byte that it is given up before this one.
            for end in (link.client, link.server):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER_BYTES)
        elif fault.kind is Kind.CORRUPT:
            return bytes([data[0] ^ 0x40]) + data[1:]
        return data

    def _reset(self, link: _Link) -> None:
        link.ended.set()
        link.moves.set()
        _close_with_reset(link.client)
        _close_with_reset(link.server)
        with self._lock, contextlib.suppress(ValueError):
            self._links.remove(link)


def _slow_down(fault: Fault, count: int) -> None:
    if fault.kind is Kind.SLOW:
        time.sleep(count / fault.amount)
    elif fault.kind is Kind.LATE:
        time.sleep(fault.amount)


def _close_with_reset(end: socket.socket) -> None:
    """Close with RST (SO_LINGER of no time), as a restarted switch looks to the peer."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Another thread may be inside recv, which close alone would leave waiting; the reset goes out all the same.
        end.shutdown(socket.SHUT_RD)
    end.close()
