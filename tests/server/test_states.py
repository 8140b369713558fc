# SPDX-License-Identifier: Apache-2.0
"""The life of a job: only the changes of the table, each with an event."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from void_server.errors import NotFound, PreconditionFailed
from void_server.jobs.database import Database
from void_server.jobs.model import Output, Problem, UnitResult
from void_server.jobs.states import ENDED, TRANSITIONS, JobState
from void_server.jobs.store import JobStore

PATH_TO = {
    JobState.QUEUED: (),
    JobState.RUNNING: (JobState.RUNNING,),
    JobState.CANCELLING: (JobState.RUNNING, JobState.CANCELLING),
    JobState.DONE: (JobState.RUNNING, JobState.DONE),
    JobState.FAILED: (JobState.RUNNING, JobState.FAILED),
    JobState.CANCELLED: (JobState.CANCELLED,),
}


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(Database(tmp_path / "void.sqlite3"))


def job_in(store: JobStore, state: JobState, request: str = "r") -> str:
    job, _ = store.submit(request, b"", "artist")
    for step in PATH_TO[state]:
        store.transition(job.id, step)
    return job.id


@pytest.mark.parametrize(("old", "new"), list(itertools.product(JobState, JobState)))
def test_a_change_of_state_is_allowed_exactly_when_the_table_lists_it(store, old, new):
    job_id = job_in(store, old)
    if (old, new) in TRANSITIONS:
        assert store.transition(job_id, new).state is new
    else:
        with pytest.raises(PreconditionFailed, match=old.value):
            store.transition(job_id, new)
        assert store.state(job_id) is old


def test_the_documented_table_is_the_enforced_one():
    page = Path(__file__).parents[2] / "docs" / "states.md"
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (.+?) \|$", page.read_text(), re.M)
    listed = {(JobState(a), JobState(b)): why for a, b, why in rows if a in JobState._value2member_map_}
    assert listed == TRANSITIONS


def test_events_count_from_one_without_gaps(store):
    job_id = job_in(store, JobState.RUNNING)
    store.add_message(job_id, "a note")
    store.add_output(job_id, Output("result", 1001, "d" * 64, 7))
    store.transition(job_id, JobState.DONE)
    assert [e.sequence for e in store.events(job_id, 1)] == [1, 2, 3, 4, 5]
    assert [e.sequence for e in store.events(job_id, 4)] == [4, 5]


def test_publishing_the_same_output_again_adds_no_event(store):
    job_id = job_in(store, JobState.RUNNING)
    for _ in range(2):
        store.add_output(job_id, Output("result", 1001, "d" * 64, 7))
    assert [e.kind for e in store.events(job_id, 1)].count("output") == 1


def test_a_job_that_goes_on_after_a_restart_does_not_repeat_its_notes_and_warnings(store):
    job_id = job_in(store, JobState.RUNNING)
    for _ in range(2):
        store.add_message(job_id, "a note")
        store.add_problem(job_id, Problem("warning", "matte_empty", "empty"))
    assert [e.kind for e in store.events(job_id, 1)] == ["state", "state", "message", "problem"]


@pytest.mark.parametrize("state", sorted(JobState))
def test_the_same_order_again_finds_the_live_or_finished_job_and_retries_a_failed_or_cancelled_one(
    store, state
):
    first = job_in(store, state)
    again, created = store.submit("r", b"", "artist")
    retried = state in (JobState.FAILED, JobState.CANCELLED)
    assert created is retried
    assert (again.id == first) is not retried
    assert again.attempt == (2 if retried else 1)


def test_again_makes_a_new_attempt_of_a_finished_job_but_not_of_a_live_one(store):
    live = job_in(store, JobState.RUNNING, "live")
    done = job_in(store, JobState.DONE, "done")
    assert store.submit("live", b"", "artist", again=True)[0].id == live
    new, created = store.submit("done", b"", "artist", again=True)
    assert created and new.id != done and new.fresh


def test_another_owner_s_order_is_a_job_of_its_own(store):
    mine = job_in(store, JobState.DONE)
    theirs, created = store.submit("r", b"", "somebody else")
    assert created and theirs.id != mine


@pytest.mark.parametrize("state", sorted(JobState))
def test_cancel_stops_a_live_job_and_leaves_an_ended_one_alone(store, state):
    job_id = job_in(store, state)
    expected = {JobState.QUEUED: JobState.CANCELLED, JobState.RUNNING: JobState.CANCELLING}.get(state, state)
    assert store.request_cancel(job_id).state is expected


@pytest.mark.parametrize("state", sorted(JobState))
def test_only_an_ended_job_can_be_deleted(store, state):
    job_id = job_in(store, state)
    if state in ENDED:
        store.delete(job_id)
        with pytest.raises(NotFound):
            store.get(job_id)
    else:
        with pytest.raises(PreconditionFailed):
            store.delete(job_id)


def test_a_restart_requeues_running_jobs_and_cancels_cancelling_ones(store):
    running = job_in(store, JobState.RUNNING, "a")
    cancelling = job_in(store, JobState.CANCELLING, "b")
    done = job_in(store, JobState.DONE, "c")
    assert sorted(store.recover()) == sorted([running, cancelling])
    assert store.state(running) is JobState.QUEUED
    assert store.state(cancelling) is JobState.CANCELLED
    assert store.state(done) is JobState.DONE


def test_a_job_is_found_by_the_beginning_of_its_id_if_that_is_long_enough_and_fits_one(store):
    job_id = job_in(store, JobState.QUEUED)
    assert store.get(job_id[:4]).id == job_id
    with pytest.raises(Exception, match="too short"):
        store.get(job_id[:3])
    with pytest.raises(NotFound):
        store.get("zzzz")


def test_jobs_are_listed_newest_first_and_by_state(store):
    first, second = job_in(store, JobState.DONE, "a"), job_in(store, JobState.QUEUED, "b")
    assert [j.id for j in store.newest()] == [second, first]
    assert [j.id for j in store.newest([JobState.DONE])] == [first]


def test_the_job_that_waited_longest_is_next(store):
    first = job_in(store, JobState.QUEUED, "a")
    job_in(store, JobState.QUEUED, "b")
    assert store.live()[0][0].id == first


def test_a_recorded_unit_is_found_again_unless_only_newer_ones_serve(store):
    before = store.submit("before", b"", "artist")[0].number
    unit = UnitResult("k", "fill", {"fill": "d" * 64}, {"fill": 3}, {"coverage": 1.0}, 0.5)
    store.record_unit(unit)
    assert store.unit_result("k") == unit
    assert store.unit_result("k", after=before) == unit
    after = store.submit("after", b"", "artist")[0].number
    assert store.unit_result("k", after=after) is None


def test_jobs_events_and_units_survive_a_restart(tmp_path):
    store = JobStore(Database(tmp_path / "void.sqlite3"))
    job_id = job_in(store, JobState.RUNNING)
    store.record_unit(UnitResult("k", "fill"))
    again = JobStore(Database(tmp_path / "void.sqlite3"))
    assert again.state(job_id) is JobState.RUNNING
    assert [e.kind for e in again.events(job_id, 1)] == ["state", "state"]
    assert again.unit_result("k") is not None


def test_a_database_of_a_newer_release_is_refused(tmp_path):
    database = Database(tmp_path / "void.sqlite3")
    with database.transaction() as db:
        db.execute("PRAGMA user_version = 999")
    database.close()
    with pytest.raises(PreconditionFailed, match="schema 999"):
        Database(tmp_path / "void.sqlite3")


def test_commits_are_synced_to_disk(tmp_path):
    with Database(tmp_path / "void.sqlite3").reading() as db:
        assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
