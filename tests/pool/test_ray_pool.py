# SPDX-License-Identifier: Apache-2.0
"""The pool on a real Ray cluster of two nodes on this machine."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pool.cluster import LocalCluster, new_pool, wait_for
from void_server.errors import InvalidInput, WorkerCrashed
from void_server.pool.messages import TaskStopped
from void_server.pool.ray_cluster import RayPool
from void_server.pool.schedule import Band, Turn
from void_server.retries import MAX_CRASHES


@pytest.fixture(scope="module")
def pool(cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayPool]:
    """A pool of two workers for the tests that leave its nodes alone."""
    cluster.ensure(cluster.at(3), cluster.at(4))
    running = new_pool(cluster, tmp_path_factory.mktemp("store"))
    wait_for(lambda: running.workers == 2)
    yield running
    running.close()


def test_a_task_s_answer_comes_back(pool):
    assert pool.submit({"do": "echo", "value": [1, "a"]}).result(60) == [1, "a"]


def test_a_worker_s_error_keeps_its_type_frame_and_fix(pool):
    with pytest.raises(InvalidInput) as error:
        pool.submit({"do": "error"}).result(60)
    assert (error.value.message, error.value.fix, error.value.frame) == ("no", "yes", 7)


def test_tasks_run_side_by_side_on_both_nodes(cluster, pool):
    assert pool.places() == [cluster.at(3), cluster.at(4)]
    started = time.monotonic()
    for future in [pool.submit({"do": "sleep", "seconds": 4.0}) for _ in range(2)]:
        future.result(60)
    assert time.monotonic() - started < 7.5


def test_a_job_comes_back_to_the_worker_that_had_it_while_that_is_free(pool):
    jobs = [Turn(Band.NORMAL, "anna", number) for number in (1, 2)]

    def pids() -> list[int]:
        futures = [pool.submit({"do": "pid"}, job) for job in jobs]
        return [future.result(60) for future in futures]

    first = pids()
    assert len(set(first)) == 2
    assert [pids() for _ in range(4)] == [first] * 4


def test_a_worker_that_dies_is_told_as_by_the_local_pool_and_its_node_goes_on(pool):
    told: list[int] = []
    task = {"do": "signal", "signal": int(signal.SIGSEGV), "label": "fill of frame 1012"}
    with pytest.raises(WorkerCrashed, match="segmentation fault") as error:
        pool.submit(task, on_crash=lambda crash: told.append(crash.signal) or True).result(60)
    assert f"{MAX_CRASHES} times" in error.value.message and "fill of frame 1012" in error.value.message
    assert told == [signal.SIGSEGV] * MAX_CRASHES
    assert pool.workers == 2


def steps(tmp_path: Path, **more: object) -> dict[str, object]:
    return {"do": "steps", "steps": 20, "seconds": 0.05, "marker": str(tmp_path / "steps"), **more}


def test_a_unit_that_is_asked_to_stop_stops_at_its_next_step(pool, tmp_path):
    with pytest.raises(TaskStopped):
        pool.submit(steps(tmp_path), Turn(), lambda done, total: done < 3).result(60)
    assert (tmp_path / "steps").read_text().split() == ["1", "2", "3"]


def test_a_preview_overtakes_long_units_between_two_steps(pool, tmp_path):
    began = [threading.Event() for _ in range(2)]
    long = [
        pool.submit(
            steps(tmp_path, marker=str(tmp_path / str(n))),
            Turn(Band.NORMAL, "anna", n),
            lambda done, total, n=n: began[n].set() or True,
        )
        for n in range(2)
    ]
    assert all(event.wait(20) for event in began)
    seen = pool.submit({"do": "echo", "value": "seen"}, Turn(Band.PREVIEW, "ben", 3)).result(60)
    assert seen == "seen" and not any(future.done() for future in long)
    assert [future.result(60) for future in long] == [[str(n) for n in range(1, 21)]] * 2


def test_a_cancelled_waiting_task_never_runs(pool, tmp_path):
    busy = [pool.submit({"do": "sleep", "seconds": 0.5}) for _ in range(2)]
    marker = tmp_path / "ran"
    waiting = pool.submit(steps(tmp_path, marker=str(marker)))
    assert waiting.cancel()
    for future in busy:
        future.result(60)
    pool.submit({"do": "echo", "value": 1}).result(60)
    assert not marker.exists()
