# SPDX-License-Identifier: Apache-2.0
"""When waiting jobs will begin and end: plain arithmetic where it is known, nothing where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from void.v1 import jobs_pb2

from void_server.jobs.database import Database
from void_server.jobs.estimates import Estimates
from void_server.jobs.fairness import MOST_AT_ALL, MOST_RUNNING, QueuedJob
from void_server.jobs.forecast import Estimate, Work, forecast
from void_server.jobs.history import History, Likeness, StageTime
from void_server.jobs.model import Progress
from void_server.jobs.states import JobState
from void_server.jobs.store import JobStore
from void_server.pool.schedule import Band


def work(number, seconds, *, owner="anna", band=Band.NORMAL, running=False, width=1.0) -> Work:
    return Work(QueuedJob(f"j{number}", owner, band, number), running, seconds, width)


def test_an_idle_server_begins_at_once_and_takes_what_earlier_jobs_took():
    assert forecast([work(1, 60.0)], 1, {}) == {"j1": Estimate(0.0, 60.0)}


def test_two_owners_share_one_worker():
    found = forecast([work(1, 60.0), work(2, 60.0, owner="ben")], 1, {})
    assert found == {"j1": Estimate(0.0, 120.0), "j2": Estimate(0.0, 120.0)}


def test_a_preview_has_the_worker_first():
    found = forecast([work(1, 60.0, running=True), work(2, 6.0, band=Band.PREVIEW)], 1, {})
    assert (found["j2"].finish, found["j1"].finish) == (6.0, 66.0)


def test_a_job_that_cannot_use_more_workers_leaves_them_to_the_next():
    found = forecast([work(1, 60.0, width=1.0), work(2, 60.0, width=4.0)], 4, {})
    assert (found["j1"].finish, found["j2"].finish) == (60.0, 20.0)


def test_a_job_that_waits_for_a_place_begins_when_one_ends():
    works = [work(n, 10.0 * n, running=True) for n in range(1, MOST_RUNNING + 1)]
    found = forecast([*works, work(9, 10.0)], MOST_RUNNING, {})
    assert found["j9"] == Estimate(10.0, 20.0)


def test_what_depends_on_a_job_that_nothing_is_known_about_is_unknown():
    works = [work(n, None, running=True) for n in range(1, MOST_RUNNING + 1)]
    found = forecast([*works, work(9, 10.0)], MOST_RUNNING, {})
    assert found["j9"] == Estimate(None, None)
    assert found["j1"] == Estimate(0.0, None)


def test_another_owner_s_unknown_job_takes_no_more_than_its_share():
    found = forecast([work(1, None, running=True, width=2), work(2, 10.0, owner="ben")], 1, {})
    assert found == {"j1": Estimate(0.0, None), "j2": Estimate(0.0, 20.0)}


WORKS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(list(Band)),
        st.one_of(st.none(), st.floats(0, 1e4)),
        st.floats(1, 8),
    ),
    max_size=MOST_AT_ALL + 10,
)


@given(WORKS, st.integers(1, 8))
def test_nothing_ends_before_it_begins_or_faster_than_the_workers_allow(rows, workers):
    works = [work(n, s, owner=o, band=b, width=w) for n, (o, b, s, w) in enumerate(rows)]
    found = forecast(works, workers, {})
    assert found.keys() == {w.job.id for w in works}
    for one in works:
        estimate = found[one.job.id]
        if estimate.finish is None:
            continue
        assert one.seconds is not None and estimate.start is not None
        least = one.seconds / min(workers, one.width)
        assert estimate.finish - estimate.start >= least * (1 - 1e-9) - 1e-6
    if all(one.seconds is not None for one in works):
        last = max((e.finish for e in found.values()), default=0.0)
        total = sum(one.seconds for one in works)
        assert total / workers <= last * (1 + 1e-9) + 1e-6 and last <= total * (1 + 1e-9) + 1e-6


LIKE = Likeness(1, "auto", False, 1000)


def spec(frame_bytes: int, frames: int = 10, engine: str = "auto") -> bytes:
    made = jobs_pb2.JobSpec(kind=jobs_pb2.JOB_KIND_REMOVE)
    made.settings.engine = engine
    made.shot.range.first, made.shot.range.last = 1, frames
    made.shot.plate.files.add(frame=1).blob.bytes = frame_bytes
    return made.SerializeToString()


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "void.sqlite3")


def test_a_job_is_expected_to_take_the_median_a_frame_of_those_like_it(database):
    history = History(database)
    for n, seconds in enumerate((10.0, 20.0, 900.0)):
        history.add(f"job{n}", LIKE, 10, {"fill": StageTime("fill", 10, seconds)})
    assert history.expected(LIKE, 20) == {"fill": StageTime("fill", 20, 40.0)}


@pytest.mark.parametrize(
    "other",
    [
        Likeness(2, "auto", False, 1000),
        Likeness(1, "void", False, 1000),
        Likeness(1, "auto", True, 1000),
        Likeness(1, "auto", False, 2001),
        Likeness(1, "auto", False, 499),
    ],
)
def test_a_job_of_another_kind_engine_quality_or_size_says_nothing(database, other):
    history = History(database)
    history.add("job", other, 10, {"fill": StageTime("fill", 10, 10.0)})
    assert history.expected(LIKE, 10) == {}


def test_queued_and_running_jobs_are_estimated_and_unknown_ones_are_not(database):
    history, store, now = History(database), JobStore(database), [100.0]
    history.add(
        "old", LIKE, 10, {"fill": StageTime("fill", 10, 30.0), "publish": StageTime("publish", 10, 10.0)}
    )
    estimates = Estimates(store, history, ["fill", "publish"], lambda: 1, dict, lambda: now[0])
    running = store.submit("r1", spec(1000), "anna")[0].id
    store.transition(running, JobState.RUNNING)
    store.set_progress(running, Progress("fill", 1, 2, 5, 10))
    waiting = store.submit("r2", spec(1000), "anna")[0].id
    unknown = store.submit("r3", spec(1000, engine="void"), "anna")[0].id
    assert estimates.of(running) == Estimate(0.0, 25.0)
    assert estimates.of(waiting) == Estimate(0.0, 65.0)
    assert estimates.of(unknown).finish is None
    store.set_progress(running, Progress("publish", 2, 2, 0, 10))
    assert estimates.of(running).finish == 25.0
    now[0] += 2
    assert estimates.of(running).finish == 10.0
