# SPDX-License-Identifier: Apache-2.0
"""Helpers against the real servers of the client's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.conftest import ServerProcess, clean_environment, server, shot, start_server
from tests.helper.host import Host
from tests.small_shot import SmallShot, write_small_shot

__all__ = ["server", "shot", "start_server"]


@pytest.fixture
def environment(server: ServerProcess, tmp_path: Path) -> dict[str, str]:
    """Of a user whose shell names the session's server."""
    return clean_environment(
        VOID_SERVER=server.address,
        VOID_TOKEN_FILE=str(server.token_file),
        VOID_DATA_DIR=str(tmp_path / "data"),
    )


@pytest.fixture
def start_host(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Starts helpers that end with the test."""
    started: list[Host] = []

    def start(environment: dict[str, str], **options) -> Host:
        started.append(Host(environment, tmp_path, **options))
        return started[-1]

    yield start
    for host in started:
        host.process.kill()
        host.process.wait()


@pytest.fixture
def host(environment: dict[str, str], start_host: Callable[..., Host]) -> Host:
    return start_host(environment)


@pytest.fixture(scope="session")
def long_shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    """Long enough that something can happen while its job runs."""
    return write_small_shot(tmp_path_factory.mktemp("long"), frames=14, size=(144, 192), seed=5)
