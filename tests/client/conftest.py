# SPDX-License-Identifier: Apache-2.0
"""A real server as a process of its own, the `void` command as a user runs it, and a network that can be cut."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.client.cutting_proxy import CuttingProxy
from tests.small_shot import SmallShot, write_small_shot
from void_client.connection import Connection, RetryPolicy
from void_client.target import Target

ROOT = Path(__file__).parents[2]
FAST = RetryPolicy(attempts=9, first_wait_s=0.05, longest_wait_s=0.5)
"""As many tries as users get, with shorter waits."""


class ServerProcess:
    """`void-server serve` on a loopback port."""

    def __init__(self, store: Path, *options: str) -> None:
        self.store = store
        self.token_file = store / "token"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "void_server", "serve", "--listen", "127.0.0.1:0"),
                *("--store", str(store), "--token-file", str(self.token_file), "--workers", "1", *options),
            ],
            stdout=subprocess.PIPE,
            stderr=(store.parent / f"{store.name}.log").open("ab"),
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._process.stdout
        self.address = self._process.stdout.readline().split()[-1]
        self.token = self.token_file.read_text().strip()

    @property
    def target(self) -> Target:
        return Target(self.address, self.token)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)
        self._process.wait(30)


@dataclass
class Ran:
    """What a run of the command gave."""

    code: int
    out: str
    err: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def named(self, kind: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["event"] == kind]


@dataclass
class Command:
    """The `void` command with one environment."""

    environment: dict[str, str]
    folder: Path

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "void_client", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=self.folder,
            **options,
        )

    def __call__(self, *arguments: str, **options: Any) -> Ran:
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=120)
        events = [json.loads(line) for line in out.splitlines()] if "--json" in arguments else []
        return Ran(process.returncode, out, err, events)


def clean_environment(**extra: str) -> dict[str, str]:
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith("VOID_") and k not in ("OCIO", "NO_COLOR")
    }
    return {**kept, "PYTHONPATH": str(ROOT), **extra}


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("shot"), frames=3)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that do not harm it."""
    running = ServerProcess(tmp_path_factory.mktemp("server") / "store")
    yield running
    running.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers of the test's own."""
    with ExitStack() as stack:

        def start(*options: str, store: Path | None = None) -> ServerProcess:
            running = ServerProcess(store or tmp_path / "store", *options)
            stack.callback(running.stop)
            return running

        yield start


@pytest.fixture
def connection(server: ServerProcess) -> Iterator[Connection]:
    with Connection(lambda: server.target, FAST) as made:
        yield made


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[CuttingProxy]:
    made = CuttingProxy(server.address)
    yield made
    made.close()


@pytest.fixture
def cut_connection(server: ServerProcess, proxy: CuttingProxy) -> Iterator[Connection]:
    """A connection through the proxy."""
    with Connection(lambda: Target(proxy.address, server.token), FAST) as made:
        yield made


@pytest.fixture
def void(server: ServerProcess, tmp_path: Path) -> Command:
    """The command, with the session's server as $VOID_SERVER, run in the test's own folder."""
    return Command(
        clean_environment(
            VOID_SERVER=server.address,
            VOID_TOKEN_FILE=str(server.token_file),
            VOID_DATA_DIR=str(tmp_path / "data"),
        ),
        tmp_path,
    )
