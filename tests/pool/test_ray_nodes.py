# SPDX-License-Identifier: Apache-2.0
"""Which clusters and nodes are used, and what happens when they go: real nodes, really killed."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pool.cluster import OTHER_RESOURCE, LocalCluster, descendants, new_pool, wait_for
from void_server.errors import InvalidInput, PreconditionFailed
from void_server.pool.ray_access import driver_environment

SLEEP = {"do": "sleep", "seconds": 2.0}
WORKER = ["python", "-m", "void_server.pool.worker"]


@pytest.fixture(scope="module")
def open_cluster(cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A head node that asks nobody for a token: some seconds more."""
    folder = tmp_path_factory.mktemp("o")
    running = LocalCluster(folder, token=False)
    yield running
    running.stop()


def test_a_cluster_that_asks_nobody_for_a_token_is_refused(open_cluster):
    with pytest.raises(PreconditionFailed, match="asks nobody for a token") as error:
        driver_environment(open_cluster.address, os.environ, without_token=False)
    assert "RAY_AUTH_MODE=token" in error.value.fix and "--ray-without-token" in error.value.fix


def test_it_is_used_where_the_site_says_so(open_cluster):
    given = driver_environment(open_cluster.address, os.environ, without_token=True)
    assert given["RAY_AUTH_MODE"] == "disabled"


def test_a_cluster_that_asks_for_its_token_is_used_with_it_and_ray_reports_nothing(cluster):
    given = driver_environment(cluster.address, os.environ, without_token=False)
    assert (given["RAY_AUTH_MODE"], given["RAY_USAGE_STATS_ENABLED"]) == ("token", "0")


def test_another_token_is_refused_and_told_nowhere(cluster, caplog):
    given = {**os.environ, "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}
    with pytest.raises(PreconditionFailed, match="refuses this account's token") as error:
        driver_environment(cluster.address, given, without_token=False)
    assert "0123456789abcdef" not in str(error.value) + caplog.text


def test_a_token_file_that_is_not_there_is_named(cluster, tmp_path):
    given = {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}
    with pytest.raises(PreconditionFailed, match="none cannot be read"):
        driver_environment(cluster.address, given, without_token=False)


def test_a_token_file_that_others_may_read_is_told(cluster, tmp_path, caplog):
    copy = tmp_path / "token"
    copy.write_bytes(cluster.token_file.read_bytes())
    copy.chmod(0o644)
    driver_environment(cluster.address, {"RAY_AUTH_TOKEN_PATH": str(copy)}, without_token=False)
    assert f"chmod 600 {copy}" in caplog.text


def test_an_address_where_nobody_answers_is_told():
    with pytest.raises(PreconditionFailed, match=r"No Ray cluster answers at 127\.0\.0\.1:1 "):
        driver_environment("127.0.0.1:1", os.environ, without_token=False)


@pytest.mark.parametrize("address", ["render01", "render01:", ":6379", "auto"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(InvalidInput, match="is not HOST:PORT"):
        driver_environment(address, os.environ, without_token=False)


def test_a_resource_that_no_node_offers_is_named(cluster, tmp_path):
    with pytest.raises(PreconditionFailed, match="offers the resource nowhere"):
        new_pool(cluster, tmp_path, "nowhere", first_node_seconds=0.5)


def test_a_node_that_does_not_see_the_store_is_named_with_what_to_do(cluster, tmp_path, monkeypatch):
    """The path means another folder in each process, as one on a disk of its own would on each machine."""
    cluster.ensure(cluster.at(3))
    (tmp_path / "store" / "tmp").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        PreconditionFailed, match=rf"node {cluster.at(3)} .* does not see the store .*Mount it there"
    ):
        new_pool(cluster, Path("/proc/self/cwd/store"), OTHER_RESOURCE)
    assert list((tmp_path / "store" / "tmp").iterdir()) == []


def test_a_node_that_would_compute_other_bits_is_refused_with_what_differs(cluster, tmp_path, caplog):
    """A node joins a pool that runs, with another version of numpy as far as its package says. A real worker each: some
    seconds.
    """
    cluster.ensure(cluster.at(3))
    other = tmp_path / "site" / "numpy-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: numpy\nVersion: 0.0.1\n")
    store = tmp_path / "store"
    pool = new_pool(cluster, store, OTHER_RESOURCE, command=[*WORKER, "--store", str(store)])
    try:
        cluster.add(cluster.at(6), path=str(tmp_path / "site"))
        wait_for(lambda: cluster.at(6) in caplog.text)
        assert "numerics.packages.numpy is" in caplog.text and "there 0.0.1" in caplog.text
        assert cluster.at(6) not in pool.places()
    finally:
        pool.close()
        cluster.kill(cluster.at(6))


def test_what_a_lost_node_had_in_hand_is_computed_elsewhere_and_without_any_node_tasks_wait(
    cluster, tmp_path, caplog
):
    """Kills both nodes, one after the other, and starts one again: that takes Ray some seconds."""
    caplog.set_level(logging.INFO)
    cluster.ensure(cluster.at(3), cluster.at(4))
    crashes: list[object] = []
    pool = new_pool(cluster, tmp_path, OTHER_RESOURCE)
    try:
        wait_for(lambda: pool.workers == 2)
        both = [pool.submit(SLEEP, on_crash=lambda crash: crashes.append(crash) or True) for _ in range(2)]
        wait_for(lambda: all(task.running() for task in both))
        cluster.kill(cluster.at(4))
        assert [task.result(30) for task in both] == [None, None] and crashes == []
        assert pool.workers == 1
        cluster.kill(cluster.at(3))
        wait_for(lambda: pool.workers == 0)
        waiting = pool.submit({"do": "echo", "value": "here"})
        assert "there is no worker" in caplog.text and not waiting.done()
        cluster.ensure(cluster.at(3))
        assert waiting.result(60) == "here" and pool.workers == 1
    finally:
        pool.close()


def test_a_lost_connection_to_the_cluster_is_made_again_and_its_tasks_with_it(cluster, tmp_path):
    """As when the head node goes: Ray then ends the process that is connected to it."""
    cluster.ensure(cluster.at(3))
    pool = new_pool(cluster, tmp_path, OTHER_RESOURCE)
    try:
        task = pool.submit(SLEEP)
        wait_for(task.running)
        kill_driver()
        assert task.result(60) is None
    finally:
        pool.close()


def test_workers_without_work_are_not_counted_once_the_connection_is_lost(cluster, tmp_path, caplog):
    cluster.ensure(cluster.at(3))
    pool = new_pool(cluster, tmp_path, OTHER_RESOURCE)
    try:
        kill_driver()
        wait_for(lambda: "a worker less on" in caplog.text)
        wait_for(lambda: pool.workers == 1)
        assert pool.submit({"do": "echo", "value": 1}).result(10) == 1
    finally:
        pool.close()


def test_closing_ends_the_workers_and_gives_their_places_back(cluster, tmp_path):
    cluster.ensure(cluster.at(3))
    pool = new_pool(cluster, tmp_path, OTHER_RESOURCE)
    pid = pool.submit({"do": "pid"}).result(20)
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def kill_driver() -> None:
    """End the process that speaks to Ray for the pool in hand."""
    below = descendants(os.getpid())
    drivers = [pid for pid in below if b"pool.ray_driver" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(drivers) == 1
    os.kill(drivers[0], signal.SIGKILL)
