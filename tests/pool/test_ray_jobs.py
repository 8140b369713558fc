# SPDX-License-Identifier: Apache-2.0
"""Whole jobs of a real server whose units run on a real Ray cluster of two nodes."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from void.v1 import jobs_pb2, server_pb2

from tests.conftest import RunningServer
from tests.kills.works import write_weights
from tests.monitor.client import Client
from tests.pool.cluster import OTHER_RESOURCE, LocalCluster, wait_for
from tests.server.calls import recorded_units, spec_of
from tests.small_shot import SmallShot
from void_server.configuration import RaySettings
from void_server.main import main
from void_server.pipeline.checkpoints import EVERY


@pytest.fixture(scope="module")
def local_job(shot: SmallShot, tmp_path_factory: pytest.TempPathFactory) -> jobs_pb2.Job:
    """The job as the local pool does it."""
    server = RunningServer(tmp_path_factory.mktemp("local"))
    try:
        return run(server, shot)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint."""
    return write_weights(tmp_path_factory.mktemp("models") / "weights")


@pytest.fixture
def on_ray(cluster: LocalCluster, start_server: Callable[..., RunningServer]) -> RunningServer:
    cluster.ensure(cluster.at(3), cluster.at(4))
    server = start_server(ray=RaySettings(cluster.address, OTHER_RESOURCE))
    wait_for(lambda: workers(server) == 2)
    return server


def run(server: RunningServer, shot: SmallShot) -> jobs_pb2.Job:
    return end(server, begin(server, shot))


def begin(
    server: RunningServer, shot: SmallShot, engine: str = "auto", options: dict[str, str] | None = None
) -> str:
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    spec = spec_of(shot)
    spec.settings.engine, spec.shot.prompt = engine, "A wall."
    spec.settings.options.update(options or {})
    return str(server.caller.submit(spec).job.id)


def end(server: RunningServer, job_id: str) -> jobs_pb2.Job:
    job = server.caller.finish(job_id)
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    return job


def workers(server: RunningServer) -> int:
    request = server_pb2.GetCapabilitiesRequest()
    return int(server.caller.server.GetCapabilities(request, metadata=server.caller.metadata).workers)


def sidecar(server: RunningServer, job: jobs_pb2.Job) -> dict[str, Any]:
    (digest,) = (o.blob.digest for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_SIDECAR)
    answer: dict[str, Any] = json.loads(server.caller.download(digest))
    return answer


def pictures(job: jobs_pb2.Job) -> dict[tuple[int, int], str]:
    """Digests of the frames' files; sidecar and sheets tell of times and of the job."""
    return {(o.kind, o.frame): o.blob.digest for o in job.outputs if o.frame}


def test_a_job_on_a_cluster_has_the_same_bits_as_by_the_local_pool(on_ray, shot, local_job):
    job = run(on_ray, shot)
    assert len(pictures(job)) >= 2 * (shot.last - shot.first + 1)
    assert pictures(job) == pictures(local_job)


def test_a_node_that_is_lost_in_the_middle_costs_only_what_it_had_in_hand(cluster, on_ray, shot, local_job):
    """Starts the node, kills it under a job of real workers, and waits for Ray to notice."""
    job_id = begin(on_ray, shot)
    wait_for(lambda: len(recorded_units(on_ray.store)) > 20)
    cluster.kill(cluster.at(4))
    before = recorded_units(on_ray.store)
    job = end(on_ray, job_id)
    after = recorded_units(on_ray.store)
    assert len(before) < len(after) and before.items() <= after.items()
    assert pictures(job) == pictures(local_job)
    with closing(sqlite3.connect(on_ray.store / "void.sqlite3")) as database:
        assert database.execute("SELECT count(*) FROM crash").fetchone() == (0,)
    # A job as short as this may end before the node is taken off.
    wait_for(lambda: workers(on_ray) == 1)


@pytest.mark.timeout(600)
def test_a_model_s_job_goes_on_at_another_node_from_the_last_saved_step_to_the_same_bits(
    cluster, start_server, shot, weights, monkeypatch, tmp_path
):
    """Both nodes load the tiny model, and one is killed while it denoises: a minute, several where others work too."""
    options = {"window": "13", "model_percent": "15", "steps": "60"}
    first, second = cluster.at(5), cluster.at(6)
    model = {"resources": {"model": 1}, "environment": {"VOID_WEIGHTS": str(weights)}}
    cluster.add(first, **model)
    monkeypatch.setenv("VOID_WEIGHTS", str(weights))
    on_ray = start_server(ray=RaySettings(cluster.address, "model"), monitor="127.0.0.1:0")
    monitor = Client(on_ray.application.monitor_url, token=on_ray.token)
    wait_for(lambda: workers(on_ray) == 1, 240)
    job_id = begin(on_ray, shot, "void", options)
    wait_for(lambda: any((on_ray.store / "checkpoints").glob("*.safetensors")), 240)
    cluster.kill(first)
    cluster.add(second, **model)
    wait_for(lambda: "no worker" in monitor.get("/api/jobs").json()["notice"])
    job = end(on_ray, job_id)
    assert monitor.get("/api/jobs").json()["notice"] == ""
    assert sidecar(on_ray, job)["engine"]["model"]["resumed_from"] >= EVERY
    local = start_server(tmp_path / "local")
    assert pictures(job) == pictures(end(local, begin(local, shot, "void", options)))


def test_a_job_on_a_cluster_is_cancelled(on_ray, shot):
    job_id = begin(on_ray, shot)
    wait_for(lambda: len(recorded_units(on_ray.store)) > 5)
    on_ray.caller.jobs.Cancel(jobs_pb2.CancelRequest(id=job_id), metadata=on_ray.caller.metadata)
    assert on_ray.caller.finish(job_id).state == jobs_pb2.JOB_STATE_CANCELLED


def test_the_command_serves_from_a_cluster_with_ray_in_another_process_and_off_its_output(cluster, tmp_path):
    cluster.ensure(cluster.at(3))
    command = [sys.executable, "-m", "void_server", "serve", "--store", "store"]
    options = ["--listen", "127.0.0.1:0", "--pool", "ray", "--ray-address", cluster.address]
    server = subprocess.Popen(
        [*command, *options, "--ray-resource", OTHER_RESOURCE],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
    )
    assert server.stdout is not None
    said = [server.stdout.readline(), server.stdout.readline()]
    assert said[0].startswith("void-server ") and said[1].startswith("token file:")
    assert "ray" not in {Path(line.split()[-1]).parent.name for line in mapped(server.pid)}
    server.send_signal(signal.SIGTERM)
    out, log = server.communicate(timeout=60)
    assert (server.returncode, out) == (0, "")
    assert f"a worker on node {cluster.at(3)} " in log and cluster.token_file.read_text() not in log


def mapped(pid: int) -> list[str]:
    """Lines of a process's memory map that name a file."""
    return [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "/" in line]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--pool", "ray"], "--pool ray needs --ray-address"),
        (["--ray-resource", "CPU"], "are for --pool ray"),
        (["--pool", "ray", "--ray-address", "127.0.0.1:1"], "No Ray cluster answers at 127.0.0.1:1"),
    ],
)
def test_a_server_that_cannot_use_a_cluster_says_why_and_ends(tmp_path, capsys, options, told):
    assert main(["serve", "--store", str(tmp_path / "store"), "--listen", "127.0.0.1:0", *options]) == 2
    assert told in capsys.readouterr().err
