# SPDX-License-Identifier: Apache-2.0
"""A modelled Nuke for each test that asks for one, what the test broke fails it at its end; and an artist's seat."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.nuke.seat import Seat, helper_variables, stop_local_server
from tests.nuke.standin import Session
from tests.small_shot import SmallShot, write_small_shot


@pytest.fixture
def nuke_session() -> Iterator[Callable[..., Session]]:
    """Starts a Nuke: `nuke_session(version="16.0v4", gui=True, env={…})`; once a test."""
    started: list[Session] = []

    def start(version: str = "16.0v4", gui: bool = True, env: dict[str, Any] | None = None) -> Session:
        assert not started, "a test has one Nuke"
        started.append(Session(version, gui, env).install())
        return started[0]

    yield start
    for session in started:
        try:
            session.judge()
        finally:
            session.remove()


@pytest.fixture(scope="session")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    """Four frames of a plate, its roto and what is affected."""
    return write_small_shot(tmp_path_factory.mktemp("shot"), frames=4)


@pytest.fixture(scope="session")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a user with a local server, which the helper starts when it is needed."""
    data = tmp_path_factory.mktemp("data")
    yield helper_variables(data)
    stop_local_server(data)


@pytest.fixture
def new_seat(
    nuke_session: Callable[..., Any],
    own_server: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Seat]]:
    """Seats an artist at a Nuke: `new_seat(version="17.0v1", env={…})`; once a test."""
    for name, value in own_server.items():
        monkeypatch.setenv(name, value)
    for name in ("OCIO", "VOID_SITE_CONFIG", "VOID_SERVER", "VOID_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    seats = []

    def start(version: str = "16.0v4", **more: Any) -> Seat:
        seats.append(Seat(nuke_session(version=version, **more), tmp_path))
        seats[-1].variables = own_server
        return seats[-1]

    yield start
    for seat in seats:
        seat.leave()


@pytest.fixture
def seat(new_seat: Callable[..., Seat]) -> Seat:
    """An artist at Nuke 16."""
    return new_seat()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names Pythons that were not here: `-q` shows a skipped test as one letter only."""
    for one in terminalreporter.stats.get("skipped", ()):
        if "test_interpreters" in one.nodeid:
            terminalreporter.write_line(f"not tested: {one.longrepr[2].split(': ', 1)[-1]}")
