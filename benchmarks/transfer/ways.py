# SPDX-License-Identifier: Apache-2.0
"""The ways in which the same files are moved, each as a function that returns when the last byte has arrived."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import grpc

from benchmarks.transfer.plain_peer import CHUNK_BYTES, kept
from void_client.connection import Connection
from void_client.content import Content, hash_files
from void_client.results import whole_file
from void_client.sending import Sending
from void_client.stop import Stop
from void_client.transfer import PARALLEL, download, upload

T = TypeVar("T")


@dataclass(frozen=True)
class PlainPeer:
    """Where the plain other side listens."""

    channel: grpc.Channel
    socket_port: int
    pid: int


@contextmanager
def plain_peer() -> Iterator[PlainPeer]:
    """A `plain_peer` process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.transfer.plain_peer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        grpc_port, socket_port = (int(word) for word in line.split())
        with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
            yield PlainPeer(channel, socket_port, process.pid)
    finally:
        process.communicate("")


def hashed(paths: Sequence[Path]) -> list[Content]:
    """The files as the client's contents."""
    contents, _ = hash_files(((path, path.name) for path in paths), lambda event: None)
    return [contents[path] for path in paths]


def our_upload(connection: Connection, contents: Sequence[Content]) -> None:
    """The client's upload of files that are hashed already; the server verifies, syncs and records each."""
    upload(connection, contents, lambda event: None)


def our_sending(connection: Connection, paths: Sequence[Path]) -> None:
    """The client's whole way: files read, hashed and sent side by side."""
    with Sending(connection, ((path, path.name) for path in paths), lambda event: None) as sending:
        sending.run()


def our_download(connection: Connection, contents: Sequence[Content], folder: Path) -> None:
    """The client's download: verified, written and synced, as many at once as for results."""

    def fetch(content: Content) -> None:
        with whole_file(folder / content.name) as file:
            download(connection, content.blob, file, lambda count: None, Stop())

    _at_once(fetch, contents)


def plain_upload(peer: PlainPeer, paths: Sequence[Path]) -> None:
    """One plain gRPC stream a file, as many at once as the client's; the other side discards the bytes."""
    take: grpc.StreamUnaryMultiCallable[bytes, bytes] = peer.channel.stream_unary("/plain/Take")
    _at_once(lambda path: take(_chunks(path)), paths)


def plain_upload_kept(peer: PlainPeer, paths: Sequence[Path], folder: Path) -> None:
    """The same, and the other side writes each to a file and syncs it."""
    keep: grpc.StreamUnaryMultiCallable[bytes, bytes] = peer.channel.stream_unary("/plain/Keep")
    _at_once(lambda path: keep(chain([str(folder / path.name).encode()], _chunks(path))), paths)


def plain_download(peer: PlainPeer, paths: Sequence[Path]) -> None:
    """One plain gRPC stream a file, as many at once as the client's; this side discards the bytes."""

    def fetch(path: Path) -> None:
        for _ in _given(peer, path):
            pass

    _at_once(fetch, paths)


def plain_download_kept(peer: PlainPeer, paths: Sequence[Path], folder: Path) -> None:
    """The same, and this side writes each to a file and syncs it."""
    _at_once(lambda path: kept(folder / path.name, _given(peer, path)), paths)


def raw_socket(peer: PlainPeer, paths: Sequence[Path]) -> None:
    """One loopback connection a file, as many at once."""

    def send(path: Path) -> None:
        with socket.create_connection(("127.0.0.1", peer.socket_port)) as connection:
            for chunk in _chunks(path):
                connection.sendall(chunk)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)

    _at_once(send, paths)


def hashing_alone(paths: Sequence[Path]) -> None:
    """SHA-256 of each file on one thread."""
    for path in paths:
        with path.open("rb") as file:
            hashlib.file_digest(file, "sha256")


def disk_alone(paths: Sequence[Path], folder: Path) -> None:
    """Each file copied in chunks and synced, then its folder, as a store has to; as many at once as the client's."""
    _at_once(lambda path: kept(folder / path.name, _chunks(path)), paths)


def _at_once(work: Callable[[T], object], items: Sequence[T]) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:
        for _ in pool.map(work, items):
            pass


def _given(peer: PlainPeer, path: Path) -> Iterator[bytes]:
    give: grpc.UnaryStreamMultiCallable[bytes, bytes] = peer.channel.unary_stream("/plain/Give")
    return give(str(path).encode())


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
