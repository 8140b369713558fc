# SPDX-License-Identifier: Apache-2.0
"""The other side of the plain streams and of the raw socket, as a process of its own.

gRPC calls, raw bytes without a schema: `/plain/Take` swallows a stream of chunks, `/plain/Keep` writes it to the file
named in the first message and syncs that, `/plain/Give` sends the file named in its request in chunks. The socket
swallows one connection after the other and answers each with one byte at its end.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

CHUNK_BYTES = 2**20
"""Bytes of one message: the same as the client's."""

THREADS = 16


def kept(path: Path, chunks: Iterable[bytes]) -> None:
    """Write chunks to a new file and sync it, then its folder: the least that a file needs to outlive a power cut."""
    with path.open("xb", buffering=0) as file:
        for chunk in chunks:
            file.write(chunk)
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _keep(chunks: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
    kept(Path(next(chunks).decode()), chunks)
    return b"."


def _take(chunks: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
    return str(sum(len(chunk) for chunk in chunks)).encode()


def _give(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    with Path(request.decode()).open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _swallow(connection: socket.socket) -> None:
    room = memoryview(bytearray(CHUNK_BYTES))
    with connection:
        while connection.recv_into(room):
            pass
        connection.sendall(b".")


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_swallow, args=(connection,), daemon=True).start()


def main() -> None:
    """Serve until standard input closes; the first line of output has both ports."""
    server = grpc.server(ThreadPoolExecutor(THREADS))
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Keep": grpc.stream_unary_rpc_method_handler(_keep),
        "Take": grpc.stream_unary_rpc_method_handler(_take),
        "Give": grpc.unary_stream_rpc_method_handler(_give),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("plain", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    print(port, listener.getsockname()[1], flush=True)
    sys.stdin.read()
    server.stop(None)


if __name__ == "__main__":
    main()
