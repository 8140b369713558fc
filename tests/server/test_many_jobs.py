# SPDX-License-Identifier: Apache-2.0
"""A store in which very many jobs have ended is as quick as a new one: what is looked at does not grow with them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from void_server.access.principals import View
from void_server.jobs.database import Database
from void_server.jobs.quota import check_open_jobs, check_queued_frames
from void_server.jobs.states import LIVE, TRANSITIONS, JobState
from void_server.jobs.store import JobStore

LIVE_JOBS = 3


def filled(folder, ended: int) -> tuple[Database, JobStore]:
    """A store of one owner with so many jobs that are done, and a few that wait."""
    database = Database(folder / "void.sqlite3")
    states = [JobState.DONE] * ended + [JobState.QUEUED] * LIVE_JOBS
    rows = [(f"{n:012d}", f"{n}", state.value, b"", n) for n, state in enumerate(states, 1)]
    with database.transaction() as db:
        db.executemany(
            "INSERT INTO job (id, request_id, attempt, owner, state, spec, fresh, created, number, frames)"
            " VALUES (?, ?, 1, 'anna', ?, ?, 0, 1.0, ?, 10)",
            rows,
        )
    return database, JobStore(database)


def quotas(database: Database, store: JobStore) -> None:
    with database.reading() as db:
        check_open_jobs(db, "anna", LIVE_JOBS + 1)
        check_queued_frames(db, "anna", 1, 10 * LIVE_JOBS + 1)


ASKED: dict[str, Callable[[Database, JobStore], object]] = {
    "the runner's queue": lambda _, store: store.live(),
    "whether any job is live": lambda _, store: store.live_jobs(),
    "what an owner has open": quotas,
    "the newest": lambda _, store: store.newest(limit=5),
    "the newest of an artist": lambda _, store: store.newest(limit=5, viewer=View("anna")),
    "the newest that wait": lambda _, store: store.newest([JobState.QUEUED], limit=5),
    "the newest that are done": lambda _, store: store.newest([JobState.DONE], limit=5),
}


def steps(database: Database, work: Callable[[], object]) -> int:
    """Instructions of SQLite's machine that some work takes (sqlite.org/c3ref/progress_handler.html)."""
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    with database.reading() as db:
        db.set_progress_handler(count, 1)
        work()
        db.set_progress_handler(None, 1)
    return counted[0]


@pytest.mark.parametrize("what", ASKED)
def test_what_is_asked_all_the_time_costs_the_same_however_many_jobs_have_ended(tmp_path, what):
    costs = []
    for ended in (20, 2000):
        (tmp_path / str(ended)).mkdir()
        database, store = filled(tmp_path / str(ended), ended)
        costs.append(steps(database, lambda d=database, s=store: ASKED[what](d, s)))
        database.close()
    assert 0 < costs[1] <= costs[0]


def test_live_states_are_those_that_another_state_can_follow():
    assert set(LIVE) == {old for old, _ in TRANSITIONS}


def test_a_store_of_an_earlier_release_gets_the_index_when_it_is_opened(tmp_path):
    database, _ = filled(tmp_path, 20)
    with database.transaction() as db:
        db.execute("DROP INDEX job_by_number")
    database.close()
    again = Database(tmp_path / "void.sqlite3")
    with again.reading() as db:
        plan = " ".join(
            r["detail"] for r in db.execute("EXPLAIN QUERY PLAN SELECT * FROM job ORDER BY number")
        )
    again.close()
    assert "job_by_number" in plan
