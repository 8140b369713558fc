# SPDX-License-Identifier: Apache-2.0
"""A server with a monitor page, and one finished job on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.monitor.client import Client
from tests.server.calls import Caller, spec_of
from tests.small_shot import SmallShot


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server with a monitor for the tests of a module."""
    running = RunningServer(tmp_path_factory.mktemp("store"), monitor="127.0.0.1:0")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def anna(server: RunningServer) -> Caller:
    """An artist."""
    return server.caller_of("anna")


@pytest.fixture(scope="module")
def done(server: RunningServer, anna: Caller, shot: SmallShot) -> jobs_pb2.Job:
    """A finished job of anna's."""
    upload(anna, shot)
    job = anna.run(spec_of(shot))
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    return job


def upload(caller: Caller, shot: SmallShot) -> None:
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())


@pytest.fixture
def client(server: RunningServer) -> Client:
    """HTTP without any credentials."""
    return Client(server.application.monitor_url)


@pytest.fixture
def as_anna(server: RunningServer, anna: Caller) -> Client:
    """HTTP with anna's token."""
    return Client(server.application.monitor_url, token=token_of(anna))


def token_of(caller: Caller) -> str:
    return caller.metadata[0][1].removeprefix("Bearer ")
