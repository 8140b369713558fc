# SPDX-License-Identifier: Apache-2.0
"""Each line of the table in docs/storage.md: what keeps a file, and when it goes."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pytest

from tests.storage.small_store import ANNA, POLICY
from void_server.errors import PreconditionFailed
from void_server.jobs.quota import stored_bytes
from void_server.jobs.states import JobState
from void_server.storage import collector
from void_server.storage.policy import DAY, HOUR

FOREVER = replace(POLICY, results_seconds=0, units_seconds=0)


def later(store, days):
    store.wait(days * DAY)
    return store.collect()


def test_an_upload_is_kept_for_the_grace_and_goes_when_no_job_reads_it(store):
    digest = store.upload(b"plate")
    assert later(store, 0.9).files == 0 and store.blobs.has(digest)
    assert later(store, 0.2).files == 1 and not store.there()


def test_whoever_is_told_that_a_blob_is_there_finds_it_for_another_grace(store):
    digest = store.upload(b"plate")
    store.wait(5 * DAY)
    assert store.blobs.touch([digest, "0" * 64]) == {digest}
    assert later(store, 0.9).files == 0 and store.blobs.has(digest)


def test_an_upload_that_ends_long_after_its_bytes_came_counts_from_its_end(store):
    digest = store.upload(b"plate")
    path = store.blobs.path(digest)
    partial = store.root / "partial" / f"{digest}.{'0' * 16}"
    path.rename(partial)
    os.utime(partial, (1, 1))
    store.blobs.add_file(partial, expected=digest)
    assert store.collect().files == 0


def test_what_is_stored_a_second_time_counts_from_then_on(store):
    digest = store.upload(b"plate")
    store.wait(5 * DAY)
    assert store.blobs.add_bytes(b"plate").digest == digest
    assert store.collect().files == 0


@pytest.mark.parametrize("running", [False, True])
def test_a_job_that_has_not_ended_keeps_inputs_and_units_for_however_long(store, running):
    job, _ = store.submit("r", [store.upload(b"plate")])
    store.unit("k", b"unit", job.id)
    if running:
        store.run(job.id)
    before = store.there()
    assert later(store, 1000).files == 0 and len(before) == 2
    assert store.jobs.take_units(["k"], job.id)


def test_a_job_that_was_set_aside_keeps_its_units_as_long_as_its_results_and_another_failed_one_does_not(
    store,
):
    for request, code in (("aside", "set_aside"), ("failed", "internal")):
        job, _ = store.submit(request, [store.upload(request.encode())])
        store.run(job.id)
        store.unit(request, f"unit of {request}".encode(), job.id)
        store.end(job.id, JobState.FAILED, code)
    later(store, 4)
    assert [store.jobs.unit_result(key) is not None for key in ("aside", "failed")] == [True, False]
    store.wait(7 * DAY)
    foretold = store.storage.report().removable
    assert sum(tally.files for tally in foretold.values()) == 3 == store.collect().files
    assert store.jobs.unit_result("aside") is None and not store.there()


def test_a_finished_job_keeps_inputs_and_results_as_long_as_the_policy_says_and_its_units_for_shorter(store):
    _, result = store.done_job("r", b"result")
    store.unit("between", b"between", "none")
    assert later(store, 4).files == 1
    assert store.jobs.unit_result("between") is None and store.jobs.unit_result("unit of r") is None
    assert store.blobs.has(result) and len(store.there()) == 2
    assert later(store, 7).files == 2


def test_an_order_that_finds_a_finished_job_keeps_its_results_from_then_on(store):
    job_id, result = store.done_job("r", b"result")
    store.wait(9 * DAY)
    inputs = [row[0] for row in store.rows("SELECT digest FROM job_input")]
    found, created = store.submit("r", inputs)
    assert (found.id, created) == (job_id, False)
    later(store, 9)
    assert store.blobs.has(result)


def test_a_pinned_job_keeps_its_results_and_inputs_until_it_is_given_free_and_then_as_if_it_had_just_ended(
    store,
):
    job_id, _ = store.done_job("r", b"result")
    assert store.storage.pin(job_id[:6]) == job_id
    assert later(store, 400).files == 0
    with pytest.raises(PreconditionFailed, match="pinned"):
        store.jobs.delete(job_id)
    store.storage.unpin(job_id)
    assert later(store, 9).files == 0
    assert later(store, 2).files == 2


def test_what_is_no_longer_kept_cannot_be_pinned(store):
    job_id, _ = store.done_job("r", b"result")
    later(store, 11)
    with pytest.raises(PreconditionFailed, match="no longer kept"):
        store.storage.pin(job_id)


def test_a_use_keeps_a_unit_from_then_on(store):
    store.unit("k", b"unit")
    store.wait(2 * DAY)
    assert store.jobs.take_units(["k"], None)
    later(store, 2)
    assert store.jobs.unit_result("k") is not None
    later(store, 2)
    assert store.jobs.unit_result("k") is None


def test_a_deleted_job_leaves_nothing_but_what_others_use(store):
    first, result = store.done_job("first", b"result")
    other, _ = store.submit("other")
    store.unit("shared", b"shared", first)
    store.jobs.take_units(["shared"], other.id)
    store.jobs.delete(first)
    later(store, 2)
    assert store.jobs.unit_result("unit of first") is None and not store.blobs.has(result)
    assert store.jobs.unit_result("shared") is not None and len(store.there()) == 1


def test_kept_for_ever_still_lets_go_of_what_was_deleted(store):
    _, result = store.done_job("kept", b"kept")
    gone, _ = store.done_job("gone", b"gone")
    store.jobs.delete(gone)
    store.wait(5000 * DAY)
    store.collect(FOREVER)
    assert {row[0] for row in store.rows("SELECT key FROM unit_result")} == {"unit of kept"}
    assert store.blobs.has(result) and len(store.there()) == 2


def test_what_running_work_needs_is_kept_though_no_row_names_it(store):
    job, _ = store.submit("r")
    store.run(job.id)
    manifest = store.blobs.add_bytes(b"manifest").digest
    store.jobs.needs.add(job.id, [manifest])
    assert later(store, 100).files == 0 and store.blobs.has(manifest)
    store.end(job.id)
    assert store.collect().files == 1


def test_short_of_room_units_of_ended_jobs_go_before_their_time_the_longest_unused_first(store, monkeypatch):
    monkeypatch.setattr(collector, "UNITS_AT_ONCE", 1)
    live, _ = store.submit("live")
    store.unit("live", b"live", live.id)
    store.wait(HOUR)
    for n in range(3):
        store.unit(f"k{n}", f"unit {n}".encode())
        store.wait(HOUR)
    _, result = store.done_job("done", b"result")
    store.wait(1.5 * DAY)
    room = iter([99, 99, 100])
    store.collector._free = lambda _: next(room)
    assert store.relieve(replace(POLICY, low_water_bytes=100)).files == 2
    assert [store.jobs.unit_result(k) is not None for k in ("live", "k0", "k1", "k2")] == [
        True,
        False,
        False,
        True,
    ]
    assert store.blobs.has(result)


def test_short_of_room_nothing_goes_that_was_used_within_the_grace_and_no_result(store):
    _, result = store.done_job("done", b"result")
    store.free = 0
    store.wait(0.9 * DAY)
    assert store.relieve(replace(POLICY, low_water_bytes=1)).files == 0
    assert store.jobs.unit_result("unit of done") is not None
    store.wait(5 * DAY)
    store.relieve(replace(POLICY, low_water_bytes=1))
    assert store.jobs.unit_result("unit of done") is None and store.blobs.has(result)


def test_an_owner_s_bytes_fall_with_the_blobs(store):
    store.done_job("r", b"result")
    with store.database.reading() as db:
        assert stored_bytes(db, "anna") == len(b"input of result") + len(b"result")
    later(store, 11)
    with store.database.reading() as db:
        assert stored_bytes(db, "anna") == 0
    assert store.rows("SELECT * FROM holding") == [] == store.rows("SELECT * FROM job_input")


def test_a_removed_result_is_remembered_with_its_day_for_those_who_might_open_it(store):
    job_id, result = store.done_job("r", b"result")
    assert store.visible.removed(result, ANNA) is None
    later(store, 11)
    assert store.visible.removed(result, ANNA) == store.now
    assert store.visible.removed(result, replace(ANNA, name="bert")) is None
    assert not store.visible.opens(result, ANNA)
    assert store.jobs.get(job_id).outputs == ()


def test_the_same_order_after_a_collection_makes_a_new_attempt(store):
    job_id, _ = store.done_job("r", b"result")
    later(store, 11)
    again, created = store.submit("r")
    assert created and again.id != job_id and again.attempt == 2


def test_an_upload_that_broke_off_is_kept_for_the_grace_after_the_last_question_for_it(store):
    digest = "0" * 64
    partial = store.uploads._partial(digest, "anna")
    partial.write_bytes(b"half")
    os.utime(partial, (store.now, store.now))
    store.wait(0.9 * DAY)
    assert store.uploads.received(digest, "anna") == 4
    assert later(store, 0.9).files == 0
    assert later(store, 0.2).files == 1 and not partial.exists()


def test_an_upload_under_way_is_never_taken_away(store):
    data = b"first", b"second"
    whole = b"".join(data)
    digest = hashlib.sha256(whole).hexdigest()

    def chunks():
        yield data[0]
        os.utime(store.uploads._partial(digest, "anna"), (1, 1))
        assert store.collect().files == 0
        yield data[1]

    assert store.uploads.receive(digest, len(whole), 0, "anna", chunks()).digest == digest


def test_in_a_database_that_was_made_anew_everything_counts_from_then_on(store):
    store.done_job("r", b"result")
    store.wait(100 * DAY)
    with store.database.transaction() as db:
        db.execute("DELETE FROM unit_result")
        db.execute("DELETE FROM unit_blob")
        db.execute("DELETE FROM job")
        db.execute("UPDATE collection SET since = ?", (store.now,))
    assert later(store, 0.9).files == 0
    assert later(store, 0.2).files == 2


def test_a_clock_that_was_set_back_removes_nothing(store):
    store.done_job("r", b"result")
    assert later(store, -400).files == 0


def test_an_archive_goes_with_its_second_name_and_a_name_without_blob_goes_too(store):
    folder = store.root / "colour"
    folder.mkdir()
    digest = store.upload(b"archive")
    os.link(store.blobs.path(digest), folder / f"{digest}.ocioz")
    (folder / f"{'0' * 64}.ocioz").write_bytes(b"left over")
    assert later(store, 2).files == 2
    assert list(folder.iterdir()) == []


def test_what_a_task_in_hand_stored_is_kept_however_long_it_takes(store):
    older = store.blobs.add_bytes(b"older").digest
    store.wait(HOUR)
    with store.jobs.needs.in_hand():
        stored = store.blobs.add_bytes(b"stored first").digest
        store.wait(50 * DAY)
        assert store.storage.report().removable["unnamed"].files == 1
        assert store.collect().files == 1 and store.there() == {stored}
    assert older != stored and store.collect().files == 1
