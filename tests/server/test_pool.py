# SPDX-License-Identifier: Apache-2.0
"""The local pool: real processes that really die."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_server.errors import InvalidInput, OutOfMemory, WorkerCrashed
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.manifest import ColourRef, FrameRef, ShotManifest
from void_server.pool.local import LocalPool
from void_server.pool.messages import MAX_MESSAGE_BYTES, TaskStopped, read_message, write_message
from void_server.pool.schedule import Band, Turn
from void_server.retries import MAX_CRASHES

WORKER = [sys.executable, str(Path(__file__).with_name("crashing_worker.py"))]


@pytest.fixture
def start_pool() -> Iterator[Callable[..., LocalPool]]:
    with ExitStack() as stack:

        def start(workers: int = 1, timeout: float = 60.0, command: list[str] = WORKER) -> LocalPool:
            pool = LocalPool(command, workers, timeout)
            stack.callback(pool.close)
            return pool

        yield start


def test_a_task_s_answer_comes_back(start_pool):
    assert start_pool().submit({"do": "echo", "value": [1, "a"]}).result(10) == [1, "a"]


def test_a_worker_s_error_keeps_its_type_frame_and_fix(start_pool):
    with pytest.raises(InvalidInput) as error:
        start_pool().submit({"do": "error"}).result(10)
    assert (error.value.message, error.value.fix, error.value.frame) == ("no", "yes", 7)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"do": "signal", "signal": int(signal.SIGSEGV)}, "segmentation fault"),
        ({"do": "signal", "signal": int(signal.SIGKILL)}, "memory runs out"),
        ({"do": "signal", "signal": int(signal.SIGABRT)}, "aborted"),
        ({"do": "exit"}, "exit code 3"),
        ({"do": "half an answer"}, "exit code 0"),
    ],
)
def test_a_worker_that_dies_twice_fails_its_task_says_how_and_leaves_the_pool_alive(start_pool, task, said):
    pool = start_pool()
    with pytest.raises(WorkerCrashed, match=said) as error:
        pool.submit(task | {"label": "fill of frame 1012"}).result(20)
    assert f"{MAX_CRASHES} times" in error.value.message and "fill of frame 1012" in error.value.message
    assert error.value.fix
    assert pool.submit({"do": "echo", "value": 1}).result(10) == 1


def test_a_worker_that_dies_once_is_replaced_and_the_task_tried_again(start_pool, tmp_path):
    task = {"do": "signal once", "marker": str(tmp_path / "died")}
    assert start_pool().submit(task).result(20) == "second try"


def test_a_task_over_the_time_limit_ends_with_its_worker(start_pool):
    pool = start_pool(timeout=0.5)
    with pytest.raises(WorkerCrashed, match="time limit"):
        pool.submit({"do": "sleep", "seconds": 60}).result(20)


def test_tasks_run_side_by_side_in_different_processes(start_pool):
    pool = start_pool(workers=2)
    started = time.monotonic()
    futures = [pool.submit({"do": "sleep", "seconds": 1.0}) for _ in range(2)]
    for future in futures:
        future.result(20)
    assert time.monotonic() - started < 1.9
    assert len(set(pool.pids())) == 2


def test_better_bands_run_first_and_an_owner_s_earlier_job_before_the_later(start_pool):
    pool = start_pool()
    order: list[int] = []
    pool.submit({"do": "sleep", "seconds": 0.3})
    second, first = Turn(Band.NORMAL, "anna", 2), Turn(Band.NORMAL, "anna", 1)
    for number, turn in ((1, second), (2, first), (3, Turn()), (4, first)):
        pool.submit({"do": "echo", "value": number}, turn).add_done_callback(
            lambda f: order.append(f.result())
        )
    pool.submit({"do": "echo", "value": 0}, Turn(Band.LOW)).result(20)
    assert order == [3, 2, 4, 1]


def test_a_cancelled_waiting_task_never_runs(start_pool):
    pool = start_pool()
    pool.submit({"do": "sleep", "seconds": 0.3})
    waiting = pool.submit({"do": "echo", "value": 1})
    assert waiting.cancel()
    with pytest.raises(CancelledError):
        waiting.result(10)
    assert pool.submit({"do": "echo", "value": 2}).result(10) == 2


LONG, PREVIEW = Turn(Band.NORMAL, "anna", 1), Turn(Band.PREVIEW, "ben", 2)


def steps(tmp_path: Path, **more: object) -> dict[str, object]:
    return {"do": "steps", "steps": 20, "seconds": 0.05, "marker": str(tmp_path / "steps"), **more}


def test_a_preview_overtakes_a_long_unit_between_two_steps_and_no_step_is_done_twice(start_pool, tmp_path):
    pool = start_pool()
    began = threading.Event()
    long = pool.submit(steps(tmp_path), LONG, lambda done, total: began.set() or True)
    assert began.wait(20)
    seen = pool.submit({"do": "echo", "value": "seen"}, PREVIEW).result(20)
    assert seen == "seen" and not long.done()
    assert long.result(20) == [str(n) for n in range(1, 21)]


def test_a_unit_that_keeps_nothing_is_not_interrupted(start_pool, tmp_path):
    pool = start_pool()
    began = threading.Event()
    long = pool.submit(steps(tmp_path, keeps=False), LONG, lambda done, total: began.set() or True)
    assert began.wait(20)
    pool.submit({"do": "echo", "value": 1}, PREVIEW).result(20)
    assert long.done() and long.result() == [str(n) for n in range(1, 21)]


def test_a_unit_that_is_asked_to_stop_stops_for_good(start_pool, tmp_path):
    pool = start_pool()
    with pytest.raises(TaskStopped):
        pool.submit(steps(tmp_path), LONG, lambda done, total: done < 3).result(20)
    assert (tmp_path / "steps").read_text().split() == ["1", "2", "3"]


def test_a_unit_that_is_asked_to_stop_in_a_drain_goes_on_to_where_it_keeps_what_it_did(start_pool, tmp_path):
    pool = start_pool()
    pool.drain()
    with pytest.raises(TaskStopped):
        pool.submit(steps(tmp_path, keeps=5), LONG, lambda done, total: done < 3).result(20)
    assert len((tmp_path / "steps").read_text().split()) == 5


def test_workers_that_are_ended_at_once_are_nobody_s_crash(start_pool):
    pool, told = start_pool(), []
    task = pool.submit({"do": "sleep", "seconds": 600}, on_crash=lambda crash: told.append(crash) or True)
    while not pool.busy():
        time.sleep(0.01)
    pool.kill()
    with pytest.raises(TaskStopped):
        task.result(10)
    assert told == [] and pool.busy() == 0


def test_closing_while_a_unit_has_yielded_leaves_nobody_waiting(start_pool, tmp_path):
    pool = start_pool()
    began = threading.Event()
    long = pool.submit(steps(tmp_path, steps=1000), LONG, lambda done, total: began.set() or True)
    assert began.wait(20)
    overtaking = pool.submit({"do": "sleep", "seconds": 1.0}, PREVIEW)
    while not overtaking.running():
        time.sleep(0.01)
    pool.close()
    with pytest.raises(TaskStopped):
        long.result(10)


def test_who_ordered_a_task_is_told_of_each_death_and_may_end_the_tries(start_pool):
    pool, told = start_pool(), []
    killer = {"do": "signal", "signal": int(signal.SIGSEGV)}
    with pytest.raises(WorkerCrashed):
        pool.submit(killer, on_crash=lambda crash: told.append(crash.signal) or True).result(20)
    assert told == [signal.SIGSEGV] * MAX_CRASHES
    with pytest.raises(WorkerCrashed, match="1 times"):
        pool.submit(killer, on_crash=lambda crash: False).result(20)


def test_after_a_kill_for_want_of_memory_the_task_waits_and_the_worker_serves_others(start_pool, tmp_path):
    pool = start_pool()
    task = {"do": "signal once", "marker": str(tmp_path / "died"), "signal": int(signal.SIGKILL)}
    killed = pool.submit(task)
    time.sleep(0.3)
    assert pool.submit({"do": "echo", "value": 1}).result(10) == 1 and not killed.done()
    assert killed.result(20) == "second try"


def test_closing_ends_the_workers(start_pool):
    pool = start_pool()
    pid = pool.submit({"do": "pid"}).result(10)
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_real_worker_over_its_memory_limit_answers_out_of_memory_and_lives_on(start_pool, tmp_path):
    """The limit is the kernel's own (RLIMIT_AS): the mattes of a 30,000 x 30,000 frame do not fit under it."""
    blobs = BlobFolder(tmp_path)
    manifest = _manifest_of_huge_frame(blobs)
    command = [sys.executable, "-m", "void_server.pool.worker", "--store", str(tmp_path)]
    pool = start_pool(command=[*command, "--memory-bytes", str(3 << 30)])
    task = {"do": "unit", "kind": "prepare", "args": {"shot": manifest, "position": 0}}
    with pytest.raises(OutOfMemory) as error:
        pool.submit(task).result(60)
    assert "--workers" in error.value.fix
    pids = pool.pids()
    assert pool.submit({"do": "capabilities"}).result(60)["engines"]
    assert pool.pids() == pids


def _manifest_of_huge_frame(blobs: BlobFolder) -> str:
    frame = FrameRef(1, "0" * 64, "0" * 64, "plate.0001.exr", {}, active=True)
    encoding = {"epsilon": 1e-3, "low": [0.0] * 3, "high": [1.0] * 3}
    colour = ColourRef("lin_rec709_scene", "", "", linear=True)
    return ShotManifest("", (0, 0, 30_000, 30_000), colour, encoding, {}, (frame,)).store(blobs).digest


@given(
    message=st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)
    )
)
def test_any_json_object_survives_the_pipe(message):
    stream = io.BytesIO()
    write_message(stream, message)
    write_message(stream, {})
    stream.seek(0)
    assert read_message(stream) == message
    assert read_message(stream) == {}
    assert read_message(stream) is None


@given(cut=st.integers(0, 20))
def test_a_cut_message_reads_as_the_end(cut):
    stream = io.BytesIO()
    write_message(stream, {"a": "0123456789"})
    whole = stream.getvalue()
    assert read_message(io.BytesIO(whole[: min(cut, len(whole) - 1)])) is None


def test_a_message_beyond_the_limit_is_refused():
    head = (MAX_MESSAGE_BYTES + 1).to_bytes(4, "big")
    with pytest.raises(ValueError, match="MAX_MESSAGE_BYTES"):
        read_message(io.BytesIO(head))
