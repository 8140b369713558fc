# SPDX-License-Identifier: Apache-2.0
"""A real server as a process of its own, with a store that syncs, for one benchmark."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from void_client.connection import Connection
from void_client.target import Target, read_token

STOP_LIMIT_S = 60.0


class ServerProcess:
    """`void-server serve` on a free loopback port; a context manager.

    Args:
        folder: the store, made if it is not there; of the user's own server the data folder.
        options: more options of `void-server serve`.
        module: what is run as the server.
        own: it is the user's own server, which sees the whole machine, and `void remove --local` finds it.

    Raises:
        RuntimeError: it ended before it served; its log is `FOLDER.log`.
    """

    def __init__(self, folder: Path, *options: str, module: str = "void_server", own: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = ("--local", "--data", folder) if own else ("--listen", "127.0.0.1:0", "--store", folder)
        self.store = folder / "local" / "store" if own else folder
        self.token_file = self.store.with_name("token") if own else folder / "token"
        log = folder.with_name(f"{folder.name}.log")
        with log.open("ab") as said:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", module, "serve"),
                    *(*map(str, place), *options),
                ],
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
                # Ctrl-C reaches the benchmark, which then ends its server.
                start_new_session=True,
            )
        first = self._process.stdout.readline() if self._process.stdout else ""
        if not first:
            raise RuntimeError(f"the server ended with {self._process.wait()}: {log.read_text()[-2000:]}")
        self.target = Target(first.split()[-1], read_token(self.token_file))

    @property
    def pid(self) -> int:
        """Process id of the server; its workers are its children."""
        return self._process.pid

    def connect(self) -> Connection:
        """A new connection with the owner's token."""
        return Connection(lambda: self.target)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
