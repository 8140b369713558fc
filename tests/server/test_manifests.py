# SPDX-License-Identifier: Apache-2.0
"""Each accepted job has a manifest, from which the database can be made again."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from void_server.errors import NotFound, StoreFull
from void_server.jobs.acceptance import manifest_of
from void_server.jobs.database import Database, open_or_set_aside
from void_server.jobs.manifests import Manifest, ManifestFolder
from void_server.jobs.model import UnitResult
from void_server.jobs.pins import pin, unpin
from void_server.jobs.states import JobState
from void_server.jobs.store import JobStore

NAME = "void.sqlite3"


def open_store(folder: Path) -> JobStore:
    store = JobStore(open_or_set_aside(folder / NAME)[0])
    store.restore()
    return store


def lose_database(folder: Path) -> None:
    for path in folder.glob(f"{NAME}*"):
        path.unlink()


def manifests(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "jobs").glob("*.json")}


@given(
    st.builds(
        Manifest,
        id=st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
        request_id=st.text(max_size=70),
        attempt=st.integers(1, 10**6),
        owner=st.text(max_size=20),
        spec=st.binary(max_size=200),
        fresh=st.booleans(),
        created=st.floats(allow_nan=False, allow_infinity=False),
        number=st.integers(1, 2**60),
        pinned=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_a_manifest_reads_back_as_it_was_written(manifest):
    assert Manifest.from_json(manifest.to_json()) == manifest


@given(st.binary(max_size=300))
def test_whatever_lies_in_a_manifest_file_is_a_manifest_or_a_value_error(data):
    with contextlib.suppress(ValueError):
        Manifest.from_json(data)


def test_a_submitted_job_has_a_manifest_and_a_deleted_one_has_none(tmp_path):
    store = open_store(tmp_path)
    job, _ = store.submit("r", b"spec", "artist")
    assert manifests(tmp_path) == {job.id}
    store.request_cancel(job.id)
    store.delete(job.id)
    assert manifests(tmp_path) == set()


def test_a_manifest_is_for_the_server_s_user_only(tmp_path):
    job, _ = open_store(tmp_path).submit("r", b"spec", "artist")
    assert (tmp_path / "jobs" / f"{job.id}.json").stat().st_mode & 0o077 == 0


def test_a_lost_database_is_made_again_with_every_job_in_its_order(tmp_path):
    store = open_store(tmp_path)
    jobs = [store.submit(f"r{n}", bytes([n]), "artist", again=n == 2)[0] for n in range(4)]
    lose_database(tmp_path)
    again = open_store(tmp_path)
    found = list(reversed(again.newest()))
    same = ("id", "request_id", "attempt", "owner", "spec", "fresh", "created", "number")
    assert [[getattr(j, n) for n in same] for j in found] == [[getattr(j, n) for n in same] for j in jobs]
    assert {j.state for j in found} == {JobState.QUEUED}
    assert [e.sequence for e in again.events(jobs[0].id, 1)] == [1, 2]
    assert "manifest" in again.events(jobs[0].id, 1)[0].payload["message"]
    assert again.submit("new", b"", "artist")[0].number > jobs[-1].number


def test_of_several_attempts_only_the_newest_is_taken_up_again(tmp_path):
    store = open_store(tmp_path)
    first, _ = store.submit("r", b"", "artist")
    store.request_cancel(first.id)
    second, _ = store.submit("r", b"", "artist")
    lose_database(tmp_path)
    again = open_store(tmp_path)
    assert again.state(first.id) is JobState.CANCELLED
    assert again.state(second.id) is JobState.QUEUED
    assert again.submit("r", b"", "artist") == (again.get(second.id), False)


def test_a_second_manifest_of_an_attempt_is_no_second_job_and_goes(tmp_path):
    """What a Submit left that was refused, and whose manifest could not be removed."""
    store = open_store(tmp_path)
    job, _ = store.submit("r", b"", "artist")
    left = replace(manifest_of(row_of(store, job.id)), id="0" * 12)
    store.manifests.write(left)
    assert [j.id for j in open_store(tmp_path).newest()] == [job.id]
    assert manifests(tmp_path) == {job.id}


def row_of(store: JobStore, job_id: str) -> sqlite3.Row:
    with store._db.reading() as db:
        return db.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()


def test_a_job_whose_row_was_lost_comes_back_and_the_others_stay_as_they_are(tmp_path):
    store = open_store(tmp_path)
    done, lost = (store.submit(r, b"", "artist")[0].id for r in ("a", "b"))
    for state in (JobState.RUNNING, JobState.DONE):
        store.transition(done, state)
    with contextlib.closing(sqlite3.connect(tmp_path / NAME)) as db, db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("DELETE FROM job WHERE id = ?", (lost,))
    again = open_store(tmp_path)
    assert again.state(done) is JobState.DONE
    assert again.state(lost) is JobState.QUEUED


def test_a_job_without_manifest_as_an_older_release_leaves_it_gets_one(tmp_path):
    job, _ = open_store(tmp_path).submit("r", b"spec", "artist")
    (tmp_path / "jobs" / f"{job.id}.json").unlink()
    open_store(tmp_path)
    lose_database(tmp_path)
    assert open_store(tmp_path).get(job.id).spec == b"spec"


def pinned(store: JobStore) -> set[str]:
    with store._db.reading() as db:
        return {row["id"] for row in db.execute("SELECT id FROM job WHERE pinned IS NOT NULL")}


def test_a_pin_outlives_a_lost_database_and_one_that_was_taken_away_does_not_come_back(tmp_path):
    store = open_store(tmp_path)
    kept, freed, other = (store.submit(r, b"spec", "artist")[0].id for r in "abc")
    for job_id in (kept, freed):
        pin(store._db, store.manifests, job_id, 7.0)
    unpin(store._db, store.manifests, freed, 8.0)
    lose_database(tmp_path)
    again = open_store(tmp_path)
    assert pinned(again) == {kept} and manifests(tmp_path) == {kept, freed, other}


def test_a_pin_that_its_manifest_does_not_say_is_written_there_at_the_next_start(tmp_path):
    """As of a release whose manifests knew no pins."""
    store = open_store(tmp_path)
    job, _ = store.submit("r", b"spec", "artist")
    pin(store._db, store.manifests, job.id, 7.0)
    path = tmp_path / "jobs" / f"{job.id}.json"
    said = json.loads(path.read_text())
    assert said.pop("pinned") == 7.0
    path.write_text(json.dumps(said))
    open_store(tmp_path)
    lose_database(tmp_path)
    assert pinned(open_store(tmp_path)) == {job.id}


def test_what_a_killed_server_left_half_written_is_no_job_and_is_removed(tmp_path):
    open_store(tmp_path)
    leftover = tmp_path / "jobs" / ".0123456789ab.json.77.part"
    leftover.write_bytes(b'{"format": 1, "id": "01234')
    assert open_store(tmp_path).newest() == []
    assert not leftover.exists()


def test_a_restart_with_all_in_order_changes_nothing(tmp_path):
    store = open_store(tmp_path)
    job, _ = store.submit("r", b"", "artist")
    assert open_store(tmp_path).get(job.id) == job


def test_a_damaged_manifest_is_kept_aside_and_the_others_are_taken(tmp_path):
    store = open_store(tmp_path)
    bad, good = (store.submit(r, b"spec", "artist")[0].id for r in ("a", "b"))
    path = tmp_path / "jobs" / f"{bad}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "spec": "AAAA"}))
    lose_database(tmp_path)
    again = open_store(tmp_path)
    assert [j.id for j in again.newest()] == [good]
    assert path.with_suffix(".damaged").exists()


def test_what_could_not_be_committed_is_not_accepted_and_leaves_no_manifest(tmp_path):
    store = open_store(tmp_path)
    database = store._db
    with database.reading() as db:
        db.execute("PRAGMA max_page_count = 1")  # SQLite's own quota: the next page is one too many.
    with pytest.raises(StoreFull):
        store.submit("r", bytes(100_000), "artist")
    assert manifests(tmp_path) == set() and store.newest() == []
    with database.reading() as db:
        db.execute("PRAGMA max_page_count = 1000000")
    assert store.submit("r", bytes(100_000), "artist")[1]


def test_a_cut_off_delete_leaves_the_job(tmp_path, monkeypatch):
    store = open_store(tmp_path)
    job, _ = store.submit("r", b"", "artist")
    store.request_cancel(job.id)
    ManifestFolder(tmp_path / "jobs").remove(job.id)  # Killed here, before the row was removed.
    assert open_store(tmp_path).state(job.id) is JobState.CANCELLED
    assert manifests(tmp_path) == {job.id}


@pytest.mark.parametrize("content", [b"no database at all", b"", "half"])
def test_a_damaged_database_is_kept_aside_and_its_jobs_are_taken_from_manifests(tmp_path, content):
    store = open_store(tmp_path)
    job, _ = store.submit("r", b"spec", "artist")
    for n in range(200):
        store.record_unit(UnitResult(f"k{n}", "fill", info={"text": "x" * 100}))
    store._db.close()
    path = tmp_path / NAME
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    again = open_store(tmp_path)
    assert again.get(job.id).spec == b"spec"
    assert again.state(job.id) is JobState.QUEUED
    if content:
        aside = tmp_path / f"{NAME}.damaged-1"
        assert aside.read_bytes() == (whole[: len(whole) // 2] if content == "half" else content)


def test_a_second_damage_does_not_overwrite_what_the_first_left(tmp_path):
    for content in (b"first damage....", b"second damage..."):
        open_store(tmp_path)._db.close()
        (tmp_path / NAME).write_bytes(content)
    open_store(tmp_path)
    kept = [(tmp_path / f"{NAME}.damaged-{n}").read_bytes() for n in (1, 2)]
    assert kept == [b"first damage....", b"second damage..."]


def test_a_database_of_the_first_release_goes_on_with_its_units(tmp_path):
    database = Database(tmp_path / NAME)
    with database.reading() as db:
        db.executescript(
            "DROP TABLE serial; DROP TABLE holding; DROP TABLE job_input; DROP INDEX output_by_digest;"
            "DROP TABLE crash; DROP TABLE stage_time; ALTER TABLE job DROP COLUMN show;"
            "ALTER TABLE job DROP COLUMN band; ALTER TABLE job DROP COLUMN frames;"
            "ALTER TABLE unit_result DROP COLUMN number; PRAGMA user_version = 1;"
            "DROP TABLE unit_blob; DROP TABLE unit_use; DROP TABLE collection; DROP INDEX unit_result_by_use;"
            "ALTER TABLE unit_result DROP COLUMN used; ALTER TABLE output DROP COLUMN removed;"
            "ALTER TABLE job DROP COLUMN pinned; ALTER TABLE job DROP COLUMN served;"
            "ALTER TABLE job DROP COLUMN collected;"
            "INSERT INTO unit_result VALUES ('k', 'fill', '{}', '{}', '{}', 0.5, 100.0);"
            "INSERT INTO job (id, request_id, attempt, owner, state, spec, fresh, created, number)"
            " VALUES ('abcdefabcdef', 'r', 1, 'artist', 'queued', x'', 0, 1.0, 7);"
        )
    database.close()
    store = open_store(tmp_path)
    assert store.unit_result("k") is not None
    assert store.submit("new", b"", "artist")[0].number == 8
    assert manifests(tmp_path) > {"abcdefabcdef"}


def test_the_order_of_jobs_does_not_depend_on_the_clock(tmp_path):
    now = [1000.0]
    store = JobStore(Database(tmp_path / NAME), clock=lambda: now[0])
    first, _ = store.submit("a", b"", "artist")
    now[0] = 10.0
    second, _ = store.submit("b", b"", "artist")
    assert store.live()[0][0].id == first.id
    assert [j.id for j in store.newest()] == [second.id, first.id]


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_a_fresh_job_takes_units_recorded_after_it_and_no_others_whatever_the_clock_does(tmp_path, jump):
    now = [2e9]
    store = JobStore(Database(tmp_path / NAME), clock=lambda: now[0])
    store.record_unit(UnitResult("old", "fill"))
    now[0] += jump
    job, _ = store.submit("r", b"", "artist", again=True)
    now[0] += jump / 2
    store.record_unit(UnitResult("new", "fill"))
    assert store.unit_result("old", after=job.number) is None
    assert store.unit_result("new", after=job.number) is not None


def test_the_number_of_a_deleted_job_is_not_given_again(tmp_path):
    store = open_store(tmp_path)
    job, _ = store.submit("r", b"", "artist", again=True)
    store.record_unit(UnitResult("k", "fill"))
    store.request_cancel(job.id)
    store.delete(job.id)
    with pytest.raises(NotFound):
        store.get(job.id)
    new, _ = store.submit("r", b"", "artist", again=True)
    assert new.number > job.number
    assert store.unit_result("k", after=new.number) is None
