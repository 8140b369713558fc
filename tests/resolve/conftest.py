# SPDX-License-Identifier: Apache-2.0
"""A model of Resolve for each test that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.resolve.seat import Seat
from tests.resolve.standin.session import Session
from tests.resolve.standin.stage import write_sources


@pytest.fixture(scope="session")
def resolve_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The EXR files of the ready-made project's clips."""
    folder = tmp_path_factory.mktemp("sources")
    write_sources(folder)
    return folder


@pytest.fixture
def resolve_session(resolve_sources: Path) -> Iterator[Callable[..., Session]]:
    """Starts sessions. In the end nobody may be harmed: no foreign job started, no call of a thread."""
    sessions: list[Session] = []

    def start(**options: object) -> Session:
        sessions.append(Session(resolve_sources, **options))  # type: ignore[arg-type]
        return sessions[-1]

    yield start
    for session in sessions:
        assert not session.violations, session.violations


@pytest.fixture
def seat(resolve_session: Callable[..., Session], tmp_path: Path) -> Callable[..., Seat]:
    """Seats an artist at a session with these options."""

    def sit(helper: object = None, **options: object) -> Seat:
        return Seat(resolve_session(**options), tmp_path / "results", helper)

    return sit
