# SPDX-License-Identifier: Apache-2.0
"""Whole jobs of a real server whose units run on a real Ray cluster of two nodes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from void.v1 import jobs_pb2, server_pb2

from tests.conftest import RunningServer
from tests.pool.cluster import OTHER_RESOURCE, LocalCluster, wait_for
from tests.server.calls import recorded_units, spec_of
from tests.small_shot import SmallShot
from void_server.configuration import RaySettings

NODES = ("127.0.0.3", "127.0.0.4")


@pytest.fixture(scope="module")
def local_job(shot: SmallShot, tmp_path_factory: pytest.TempPathFactory) -> jobs_pb2.Job:
    """The job as the local pool does it."""
    server = RunningServer(tmp_path_factory.mktemp("local"))
    try:
        return run(server, shot)
    finally:
        server.stop()


@pytest.fixture
def on_ray(cluster: LocalCluster, start_server: Callable[..., RunningServer]) -> RunningServer:
    cluster.ensure(*NODES)
    server = start_server(ray=RaySettings(cluster.address, OTHER_RESOURCE))
    wait_for(lambda: workers(server) == 2)
    return server


def run(server: RunningServer, shot: SmallShot) -> jobs_pb2.Job:
    begin(server, shot)
    return end(server, shot)


def begin(server: RunningServer, shot: SmallShot) -> str:
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    return str(server.caller.submit(spec_of(shot)).job.id)


def end(server: RunningServer, shot: SmallShot) -> jobs_pb2.Job:
    job = server.caller.run(spec_of(shot))
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    return job


def workers(server: RunningServer) -> int:
    request = server_pb2.GetCapabilitiesRequest()
    return int(server.caller.server.GetCapabilities(request, metadata=server.caller.metadata).workers)


def pictures(job: jobs_pb2.Job) -> dict[tuple[int, int], str]:
    """Digests of all results but those that tell of time: sidecar and figures."""
    return {(o.kind, o.frame): o.blob.digest for o in job.outputs if o.frame}
