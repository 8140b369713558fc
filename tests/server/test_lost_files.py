# SPDX-License-Identifier: Apache-2.0
"""Files of the store that are damaged or gone, and clocks that jump, cost work at most and never an accepted job."""

from __future__ import annotations

import itertools

import grpc
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import error_info, recorded_units, spec_of
from tests.small_shot import SmallShot, write_small_shot
from void_server.errors import PreconditionFailed
from void_server.frames.blobs import digest_of_file

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("shot"), frames=3, size=(48, 64))


def upload(server, shot):
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())


def blobs_of_units(server, kind):
    with server.application._database.reading() as db:
        rows = db.execute("SELECT key FROM unit_result WHERE kind = ?", (kind,)).fetchall()
    units = [server.application._jobs.unit_result(row["key"]) for row in rows]
    return [server.application._blobs.path(d) for unit in units for d in unit.blobs.values()]


def outputs(job):
    return {(o.kind, o.frame): o.blob.digest for o in job.outputs}


@pytest.mark.parametrize("damage", ["missing", "garbage", "cut"])
def test_a_lost_or_damaged_database_loses_no_job_and_the_results_come_out_the_same(
    start_server, shot, tmp_path, damage
):
    """About 8 s: two servers, and the same job computed twice."""
    server = start_server()
    upload(server, shot)
    before = server.caller.run(spec_of(shot))
    server.application.stop()
    database = tmp_path / "store" / "void.sqlite3"
    content = database.read_bytes()
    if damage == "missing":
        database.unlink()
    else:
        database.write_bytes(b"garbage" * 1000 if damage == "garbage" else content[: len(content) // 3])
    again = start_server()
    after = again.caller.finish(before.id)
    assert after.state == DONE
    images = {k: d for k, d in outputs(before).items() if k[1]}
    assert images and {k: d for k, d in outputs(after).items() if k[1]} == images
    assert database.with_name("void.sqlite3.damaged-1").exists() is (damage != "missing")


def test_watching_on_from_where_a_lost_record_once_was_is_refused_and_says_from_where(
    start_server, shot, tmp_path
):
    server = start_server()
    upload(server, shot)
    job = server.caller.run(spec_of(shot))
    with pytest.raises(grpc.RpcError) as caught:
        list(server.caller.watch(job.id, job.last_event + 2))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "event 1" in error_info(caught.value).metadata["fix"]
    assert list(server.caller.watch(job.id, job.last_event + 1)) == []


def test_a_job_whose_input_files_are_gone_fails_naming_each_frame_and_the_next_attempt_finishes(
    start_server, shot
):
    server = start_server()
    upload(server, shot)
    spec = spec_of(shot)
    job_id = server.caller.submit(spec).job.id
    for response in server.caller.watch(job_id):
        if response.event.stage.stage == "prepare":
            break
    server.application.stop()
    gone = [("plate", 1002, "plate.1002.exr"), ("remove", 1003, "roto.1003.exr")]
    for path in (shot.files("plate")[1002], shot.files("roto")[1003]):
        server.application._blobs.path(digest_of_file(path)).unlink()
    again = start_server()
    failed = again.caller.finish(job_id)
    assert failed.state == FAILED
    assert [(p.input, p.frames[0], p.file) for p in failed.problems] == gone
    assert all(p.code == "blob_missing" and "upload" in p.fix for p in failed.problems)
    upload(again, shot)
    assert again.caller.run(spec).state == DONE


def test_a_recorded_unit_whose_result_is_gone_is_computed_again_and_no_other(start_server, shot, tmp_path):
    server = start_server()
    upload(server, shot)
    server.caller.run(spec_of(shot))
    for path in blobs_of_units(server, "fill"):
        path.unlink()
    before = recorded_units(tmp_path / "store")
    edged = spec_of(shot, "/edged")
    edged.settings.options["feather"] = "3"
    assert server.caller.run(edged).state == DONE
    after = recorded_units(tmp_path / "store")
    repeated = {before[key][0] for key in before if after[key] != before[key]}
    assert repeated == {"fill"}


def test_a_result_that_vanishes_while_the_job_runs_is_computed_again(start_server, shot, monkeypatch):
    server = start_server()
    upload(server, shot)
    jobs = server.application._jobs
    add_stage, gone = jobs.add_stage, []

    def vanish(job_id, progress):
        if progress.stage == "publish" and not gone:
            gone.extend(blobs_of_units(server, "fill"))
            for path in gone:
                path.unlink()
        add_stage(job_id, progress)

    monkeypatch.setattr(jobs, "add_stage", vanish)
    assert server.caller.run(spec_of(shot)).state == DONE
    assert gone


def test_a_finished_job_whose_published_file_is_gone_is_finished_anew_by_the_same_order(start_server, shot):
    server = start_server()
    upload(server, shot)
    first = server.caller.run(spec_of(shot))
    lost = first.outputs[0].blob.digest
    server.application._blobs.path(lost).unlink()
    answer = server.caller.submit(spec_of(shot))
    assert answer.created and answer.job.attempt == 2
    second = server.caller.finish(answer.job.id)
    assert second.state == DONE and outputs(second).keys() == outputs(first).keys()
    assert all(server.caller.download(o.blob.digest) for o in second.outputs)


def test_while_the_clock_jumps_a_fresh_job_repeats_no_unit_of_its_own_and_takes_none_from_before(
    start_server, shot, tmp_path
):
    store = tmp_path / "store"
    first = start_server()
    upload(first, shot)
    first.caller.run(spec_of(shot))
    old = recorded_units(store)
    jumps = itertools.cycle([3e9, 1.0, 2e9, 5e8])
    first.application._jobs._clock = lambda: next(jumps)
    job_id = first.caller.submit(spec_of(shot), again=True).job.id
    for response in first.caller.watch(job_id):
        if response.event.stage.stage == "fill":
            break
    first.application.stop()
    before = {k: v for k, v in recorded_units(store).items() if v != old.get(k)}
    assert {"prepare", "motion"} <= {kind for kind, _ in before.values()}

    again = start_server()
    again.application._jobs._clock = lambda: 1000.0
    assert again.caller.finish(job_id).state == DONE
    after = recorded_units(store)
    assert after.items() >= before.items()
    # The report's key holds how long the units took, so that the old one is another unit.
    assert {kind for k, (kind, _) in old.items() if after[k] == old[k]} == {"report"}


def test_a_second_server_on_one_store_is_refused_and_the_first_goes_on(start_server, shot):
    server = start_server()
    with pytest.raises(PreconditionFailed, match="Another server"):
        start_server()
    upload(server, shot)
    assert server.caller.run(spec_of(shot)).state == DONE
