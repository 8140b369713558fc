# SPDX-License-Identifier: Apache-2.0
"""What a pool does when the place of a task is lost; the places here are threads that lose themselves."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from void_server.errors import SetAside, WorkerCrashed
from void_server.pool.messages import TaskStopped
from void_server.pool.schedule import Band, Turn
from void_server.pool.scheduled import PlaceLost, ScheduledPool, Seat
from void_server.retries import MAX_LOSSES


class Losing:
    """A place that answers with its own name, unless it is lost."""

    def __init__(self, name: str, lost: bool = False, wait: threading.Event | None = None) -> None:
        self._name, self._lost, self._wait = name, lost, wait

    def run(self, task: dict[str, Any], on_step: object = None) -> str:
        if self._wait is not None:
            self._wait.wait(10)
        if self._lost:
            raise PlaceLost("The node is lost.")
        return self._name


class Pool(ScheduledPool):
    """A pool whose places are served by hand."""

    def serve(self, *places: Losing) -> list[str]:
        """Serve places one after the other, each until it is lost; returns how."""
        told = []
        for place in places:
            try:
                self._serve(place)
            except PlaceLost as lost:
                told.append(str(lost))
        return told

    def close(self) -> None:
        self._begin_to_close()
        self._drop_waiting()


def test_a_task_whose_place_is_lost_is_computed_at_the_next_and_no_crash_is_counted():
    pool, crashes = Pool(), []
    task = pool.submit({"do": "it"}, on_crash=lambda crash: crashes.append(crash) or True)
    task.add_done_callback(lambda _: pool.close())
    assert pool.serve(Losing("first", lost=True), Losing("second")) == ["The node is lost."]
    assert task.result(0) == "second" and crashes == []


def test_a_lost_task_goes_before_the_others_of_its_job():
    pool, order = Pool(), []
    job = Turn(Band.NORMAL, "anna", 1)
    for number in range(3):
        pool.submit({"do": "it"}, job).add_done_callback(lambda _, n=number: order.append(n))
    pool.serve(Losing("first", lost=True))
    threading.Timer(0.5, pool.close).start()
    pool.serve(Losing("second"))
    assert order == [0, 1, 2]


def test_a_task_that_loses_place_after_place_is_set_aside_and_not_as_a_crash():
    pool = Pool()
    task = pool.submit({"do": "it", "label": "fill of frame 1012"})
    pool.serve(*(Losing(str(n), lost=True) for n in range(MAX_LOSSES)))
    with pytest.raises(SetAside, match=f"{MAX_LOSSES} workers were lost.*fill of frame 1012") as error:
        task.result(0)
    assert not isinstance(error.value, WorkerCrashed) and error.value.fix


def test_a_task_whose_place_is_lost_while_the_pool_closes_ends():
    pool, closing = Pool(), threading.Event()
    task = pool.submit({"do": "it"})
    with ThreadPoolExecutor(1) as thread:
        served = thread.submit(pool.serve, Losing("first", lost=True, wait=closing))
        while not task.running():
            pass
        pool.close()
        closing.set()
        served.result(10)
    with pytest.raises(TaskStopped):
        task.result(0)


def test_who_is_dismissed_takes_no_more_tasks_and_leaves_them_to_others():
    pool, seat = Pool(), Seat()
    with ThreadPoolExecutor(1) as thread:
        gone = thread.submit(pool._serve, Losing("first"), seat)
        assert pool.submit({"do": "it"}).result(10) == "first"
        pool._dismiss(seat)
        gone.result(10)
        task = pool.submit({"do": "it"})
        task.add_done_callback(lambda _: pool.close())
        pool.serve(Losing("second"))
    assert task.result(0) == "second"
