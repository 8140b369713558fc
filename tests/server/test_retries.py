# SPDX-License-Identifier: Apache-2.0
"""How long what failed waits before it is tried again, and when it is given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from void.v1 import jobs_pb2

from tests.server.calls import spec_of
from void_server.errors import StoreFull
from void_server.jobs import runner
from void_server.retries import STORAGE_AWAY, STORE_FULL, WORKER_KILLED, Backoff


@given(st.floats(0.01, 100), st.floats(100, 1000), st.none() | st.integers(0, 20), st.integers(1, 10_000))
def test_waits_grow_to_the_longest_and_end_after_the_last_try(first, most, tries, failures):
    backoff = Backoff(first, most, tries)
    wait = backoff.wait_seconds(failures)
    if tries is not None and failures > tries:
        assert wait is None
    else:
        assert first <= wait <= most
        assert failures == 1 or wait >= (backoff.wait_seconds(failures - 1) or 0)


def test_a_wait_is_twice_the_one_before_until_it_is_the_longest():
    assert [Backoff(5, 60).wait_seconds(n) for n in range(1, 7)] == [5, 10, 20, 40, 60, 60]


def test_storage_is_waited_for_without_end_and_room_for_a_few_minutes():
    assert STORAGE_AWAY.wait_seconds(10_000) == 120
    waits = [STORE_FULL.wait_seconds(n) for n in range(1, 10)]
    assert waits[-1] is None and 180 < sum(waits[:-1]) < 300
    assert WORKER_KILLED.wait_seconds(1) == 1


def test_a_job_that_finds_no_room_for_too_long_fails_and_says_why(start_server, shot, monkeypatch):
    monkeypatch.setitem(runner.PATIENCE, StoreFull, Backoff(0.1, 0.1, tries=2))
    server = start_server()
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    tried = []

    def full(*_: object) -> None:
        tried.append(1)
        raise StoreFull("The disk is full.", fix="Make room.")

    monkeypatch.setattr(server.application._runner, "_check_inputs", full)
    job = server.caller.run(spec_of(shot))
    assert job.state == jobs_pb2.JOB_STATE_FAILED and len(tried) == 3
    assert [(p.code, p.fix) for p in job.problems] == [("store_full", "Make room.")]
    said = [r.event.message for r in server.caller.watch(job.id) if r.event.message]
    assert said == ["The disk is full. The job waits for it."]
