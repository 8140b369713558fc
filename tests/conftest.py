# SPDX-License-Identifier: Apache-2.0
"""A real server in this process, with real worker processes, for each test that asks for one."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.server.calls import Caller
from tests.small_shot import SmallShot, write_small_shot
from void_server.access.principals import Role
from void_server.access.tokens import add_token
from void_server.application import Application
from void_server.configuration import Limits, RaySettings, ServerConfiguration, named_tokens_file

# What a shell starts in the background ignores ^C, and so would everything that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


class OneFileOneProcess(LoadFileScheduling):
    """The tests of a file run in one process, in their order: the server they share starts once, and what a test
    finds in its store is no matter of chance. The files that start a Ray cluster count as one, as two clusters beside
    each other are more than a small machine has.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "ray" if "test_ray_" in nodeid else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> OneFileOneProcess:
    config.option.loadscopereorder = False  # The files of the fewest tests are among the longest.
    return OneFileOneProcess(config, log)


class RunningServer:
    """An application that serves, and a caller with its owner's token."""

    def __init__(
        self,
        store: Path,
        *,
        workers: int = 1,
        limits: Limits | None = None,
        roots: Mapping[str, Path] | None = None,
        vlm: Path | None = None,
        root_shows: Mapping[str, frozenset[str]] | None = None,
        signing_key: Path | None = None,
        monitor: str = "",
        ray: RaySettings | None = None,
    ) -> None:
        self.store = store
        self.application = Application(
            ServerConfiguration(
                store=store,
                token_file=store / "token",
                listen="127.0.0.1:0",
                workers=workers,
                limits=limits or Limits(),
                roots=roots or {},
                vlm=vlm,
                root_shows=root_shows or {},
                signing_key=signing_key,
                monitor=monitor,
                ray=ray,
            )
        )
        self.application.start()
        self.token = (store / "token").read_text().strip()
        self.caller = Caller(self.application.address, self.token)
        self._others: list[Caller] = []

    def caller_of(self, name: str, role: Role = Role.ARTIST) -> Caller:
        """A caller with a new token of this name."""
        token = add_token(named_tokens_file(self.store), name, role)
        self._others.append(Caller(self.application.address, token))
        return self._others[-1]

    def stop(self) -> None:
        for caller in (self.caller, *self._others):
            caller.close()
        self.application.stop()


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("shot"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for the tests of a module that do not harm it."""
    running = RunningServer(tmp_path_factory.mktemp("store"))
    yield running
    running.stop()


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Starts servers of the test's own; they are stopped at its end."""
    with ExitStack() as stack:

        def start(store: Path | None = None, **options: object) -> RunningServer:
            running = RunningServer(store or tmp_path / "store", **options)  # type: ignore[arg-type]
            stack.callback(running.stop)
            return running

        yield start
