# SPDX-License-Identifier: Apache-2.0
"""Which server is meant, how to connect to it, and what storage it may share with this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from void_client.connection import Connection
from void_client.local_server import attach, data_folder
from void_client.roots import Root, own_roots
from void_client.target import Target, remote_target


@dataclass(frozen=True)
class Reach:
    """A server, as its user names it.

    Attributes:
        address: `host:port`; empty = the user's own server on this machine, started when needed.
        token_file: path of the file with the user's token for it; the own server needs none.
        ca: PEM file that its certificate must chain to; empty = the system's authorities.
        cert, key: PEM files of the user's own certificate, for a server that wants one; empty = none.
    """

    address: str = ""
    token_file: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""

    def finder(self) -> Callable[[], Target]:
        """Says where the server is, each time that it is asked.

        Raises:
            BadInput: address or a file is unusable.
        """
        if not self.address:
            data = data_folder()
            return lambda: attach(data)
        target = remote_target(self.address, self.token_file, self.ca, self.cert, self.key)
        return lambda: target

    def connect(self) -> Connection:
        """A connection; the own server is started when none serves.

        Raises:
            ClientError: address or a file is unusable, or the own server does not start.
        """
        return Connection(self.finder())

    def roots(self, of_user: Sequence[Root]) -> tuple[Root, ...]:
        """The folders that client and server may share: all of them with the own server, else those of the user."""
        return tuple(of_user) if self.address else own_roots()

    def folders_to_prove(self, of_user: Sequence[str]) -> list[Path]:
        """Folders in which sharing is proven: the own server sees the whole machine, so any of the user's shows it."""
        return [Path(f).absolute() for f in of_user] if self.address else [data_folder()]
