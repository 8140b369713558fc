# SPDX-License-Identifier: Apache-2.0
"""Frames on shared storage are read where they lie: same result, nothing uploaded, and every change noticed."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import grpc
import numpy as np
import OpenImageIO as oiio
import pytest
from void.v1 import frames_pb2, jobs_pb2

from tests.server.calls import by_path, error_info, recorded_units, sha256, spec_of
from tests.small_shot import SmallShot, write_exr, write_small_shot
from void_server import application
from void_server.errors import SourceUnavailable
from void_server.frames.looks import LOOKS_AT_ONCE, Looks
from void_server.frames.roots import Roots
from void_server.jobs import runner
from void_server.jobs.fairness import MOST_RUNNING
from void_server.retries import Backoff

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED


@pytest.fixture
def shot(tmp_path: Path) -> SmallShot:
    return write_small_shot(tmp_path / "proj" / "shot", frames=3, size=(48, 64))


@pytest.fixture
def rooted_server(start_server, tmp_path: Path):
    return lambda: start_server(roots={"proj": tmp_path / "proj"})


def pictures(caller, job: jobs_pb2.Job) -> dict[int, dict[str, object]]:
    """By frame, the digests of all samples that came back: headers name the order, which tells paths from uploads."""
    sidecar = next(o.blob.digest for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_SIDECAR)
    return {f["frame"]: f["delivered"] for f in json.loads(caller.download(sidecar))["frames"]}


def uploaded(store: Path) -> int:
    with closing(sqlite3.connect(store / "void.sqlite3")) as db:
        return db.execute("SELECT COUNT(*) FROM holding").fetchone()[0]


def shifted(path: Path) -> bytes:
    """The file with its picture moved by some lines."""
    matte = oiio.ImageInput.open(str(path)).read_image("half")
    moved = write_exr(path.with_suffix(".moved.exr"), np.roll(matte.reshape(48, 64, 1), 9, axis=0), "A")
    data = moved.read_bytes()
    moved.unlink()
    return data


def overwrite(path: Path) -> None:
    """Another picture, of the same length, under the old time of change and inode."""
    before, data = path.stat(), bytearray(path.read_bytes())
    data[-40:-20] = bytes(b ^ 1 for b in data[-40:-20])
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_the_result_is_bit_for_bit_that_of_uploaded_frames_and_nothing_is_uploaded(
    start_server, rooted_server, shot, tmp_path
):
    server = rooted_server()
    in_place = server.caller.run(by_path(spec_of(shot), shot))
    assert in_place.state == DONE
    assert uploaded(server.store) == 0
    other = start_server(tmp_path / "other")
    for name in ("plate", "roto", "affected"):
        other.caller.upload_files(shot.files(name).values())
    there = pictures(other.caller, other.caller.run(spec_of(shot)))
    assert there == pictures(server.caller, in_place) != {}


def test_the_same_order_finds_its_job_and_a_touched_frame_costs_its_own_ingest_only(rooted_server, shot):
    server = rooted_server()
    first = server.caller.run(by_path(spec_of(shot), shot))
    assert server.caller.submit(by_path(spec_of(shot), shot)).job.id == first.id
    before = recorded_units(server.store)
    os.utime(shot.files("plate")[shot.first])
    second = server.caller.run(by_path(spec_of(shot), shot))
    assert second.id != first.id
    assert pictures(server.caller, second) == pictures(server.caller, first)
    new = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in before]
    assert sorted(new) == ["ingest", "report"]


def test_preflight_tells_all_files_that_the_server_does_not_find_at_once(rooted_server, shot):
    server = rooted_server()
    spec = by_path(spec_of(shot), shot)
    shot.files("plate")[shot.first].unlink()
    shot.files("roto")[shot.last].unlink()
    report = server.caller.preflight(spec)
    found = [(p.code, p.input, list(p.frames), p.file) for p in report.problems if p.code == "path_differs"]
    assert found == [
        ("path_differs", "plate", [shot.first], f"plate.{shot.first}.exr"),
        ("path_differs", "remove", [shot.last], f"roto.{shot.last}.exr"),
    ]
    assert report.unseen_files == 0


def test_a_file_that_is_back_is_found_again(rooted_server, shot):
    server = rooted_server()
    spec = by_path(spec_of(shot), shot)
    plate = shot.files("plate")[shot.first]
    plate.rename(plate.with_suffix(".aside"))
    assert server.caller.preflight(spec).problems
    plate.with_suffix(".aside").rename(plate)
    assert not server.caller.preflight(spec).problems


def test_submit_names_the_frame_that_is_not_as_the_client_says(rooted_server, shot):
    server = rooted_server()
    spec = by_path(spec_of(shot), shot)
    shot.files("plate")[1002].write_bytes(b"another")
    with pytest.raises(grpc.RpcError) as refused:
        server.caller.submit(spec)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error_info(refused.value).metadata["frame"] == "1002"
    assert len(server.caller.jobs.List(jobs_pb2.ListRequest(), metadata=server.caller.metadata).jobs) == 0


def test_an_unknown_root_is_bad_input(rooted_server, shot):
    with pytest.raises(grpc.RpcError) as refused:
        rooted_server().caller.submit(by_path(spec_of(shot), shot, "elsewhere"))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_way_out_of_the_root_is_bad_input(rooted_server, shot):
    spec = by_path(spec_of(shot), shot)
    spec.shot.plate.files[0].path.relative = "shot/../../store/token"
    with pytest.raises(grpc.RpcError) as refused:
        rooted_server().caller.submit(spec)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("change", ["touched", "gone"])
def test_a_file_that_changed_between_submit_and_the_work_ends_the_job_and_names_the_frame(
    rooted_server, shot, change
):
    server = rooted_server()
    server.application._runner.stop()
    job = server.caller.submit(by_path(spec_of(shot), shot)).job
    server.stop()
    plate = shot.files("plate")[1002]
    if change == "touched":
        os.utime(plate)
    else:
        plate.unlink()
    ended = rooted_server().caller.finish(job.id)
    assert ended.state == FAILED
    assert [(p.code, list(p.frames), p.file) for p in ended.problems] == [
        ("source_changed", [1002], "plate.1002.exr")
    ]


def spoilt_while_it_runs(server, shot, name: str) -> jobs_pb2.Job:
    job = server.caller.submit(by_path(spec_of(shot), shot)).job
    for message in server.caller.watch(job.id):
        if message.event.stage.stage == "prepare":
            overwrite(shot.files(name)[1002])
    return server.caller.get(job.id)


def test_other_bytes_of_a_plate_under_the_old_stamp_never_reach_a_result(rooted_server, shot):
    ended = spoilt_while_it_runs(rooted_server(), shot, "plate")
    assert ended.state == FAILED
    assert [(p.code, list(p.frames), p.file) for p in ended.problems] == [
        ("source_changed", [1002], "plate.1002.exr")
    ]


@pytest.mark.parametrize("name", ["roto", "affected"])
def test_a_matte_is_what_it_was_when_it_was_looked_at_first(
    start_server, rooted_server, shot, tmp_path, name
):
    """Ingest keeps what it decoded: no later unit opens the file, whatever lies there by then."""
    clean = start_server(tmp_path / "clean")
    for role in ("plate", "roto", "affected"):
        clean.caller.upload_files(shot.files(role).values())
    wanted = clean.caller.run(spec_of(shot))
    server = rooted_server()
    ended = spoilt_while_it_runs(server, shot, name)
    assert ended.state == wanted.state == jobs_pb2.JOB_STATE_DONE
    assert pictures(server.caller, ended) == pictures(clean.caller, wanted) != {}


def test_what_one_artist_spoils_on_the_share_never_reaches_the_pictures_of_another(
    start_server, rooted_server, shot, tmp_path
):
    """About 12 s: two servers and three jobs."""
    server, clean = rooted_server(), start_server(tmp_path / "clean")
    genuine = {
        path: path.read_bytes() for n in ("plate", "roto", "affected") for path in shot.files(n).values()
    }
    job = server.caller.submit(by_path(spec_of(shot), shot)).job
    for message in server.caller.watch(job.id):
        if message.event.stage.stage == "prepare":
            for path in shot.files("roto").values():
                path.write_bytes(shifted(path))
    for path, data in genuine.items():
        path.write_bytes(data)
    anna = server.caller_of("anna")
    for caller in (anna, clean.caller):
        caller.upload_files(genuine)
    hers, wanted = anna.run(spec_of(shot)), clean.caller.run(spec_of(shot))
    assert pictures(anna, hers) == pictures(clean.caller, wanted) != {}


def test_after_other_bytes_came_under_the_old_time_the_same_command_looks_at_them(rooted_server, shot):
    server = rooted_server()
    job = server.caller.submit(by_path(spec_of(shot), shot)).job
    for message in server.caller.watch(job.id):
        if message.event.stage.stage == "motion":
            overwrite(shot.files("plate")[1002])
    assert server.caller.get(job.id).state == FAILED
    again = server.caller.run(by_path(spec_of(shot), shot))
    assert [(p.code, list(p.frames)) for p in again.problems] == [("data_loss", [1002])]


def test_a_job_waits_for_storage_that_is_away_and_then_goes_on(rooted_server, shot, tmp_path, monkeypatch):
    monkeypatch.setitem(runner.PATIENCE, SourceUnavailable, Backoff(0.3, 0.3))
    server = rooted_server()
    server.application._runner.stop()
    job = server.caller.submit(by_path(spec_of(shot), shot)).job
    server.stop()
    (tmp_path / "proj").rename(tmp_path / "unmounted")
    (tmp_path / "proj").mkdir()
    server = rooted_server()
    for message in server.caller.watch(job.id):
        if "The job waits for it" in message.event.message:
            break
    assert server.caller.get(job.id).state == jobs_pb2.JOB_STATE_RUNNING
    (tmp_path / "proj").rmdir()
    (tmp_path / "unmounted").rename(tmp_path / "proj")
    assert server.caller.finish(job.id).state == DONE


def test_a_job_that_waits_for_storage_can_be_cancelled_and_holds_nobody_up(
    rooted_server, shot, tmp_path, monkeypatch
):
    monkeypatch.setitem(runner.PATIENCE, SourceUnavailable, Backoff(60, 60))
    elsewhere = write_small_shot(tmp_path / "elsewhere", frames=2, size=(24, 32), seed=2)
    server = rooted_server()
    server.application._runner.stop()
    waiting = [
        server.caller.submit(by_path(spec_of(shot, f"/out/{i}"), shot)).job.id for i in range(MOST_RUNNING)
    ]
    server.stop()
    (tmp_path / "proj").rename(tmp_path / "unmounted")
    server = rooted_server()
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(elsewhere.files(name).values())
    assert server.caller.run(spec_of(elsewhere)).state == DONE
    for job in waiting:
        server.caller.jobs.Cancel(jobs_pb2.CancelRequest(id=job), metadata=server.caller.metadata)
        assert server.caller.finish(job).state == jobs_pb2.JOB_STATE_CANCELLED


def test_a_root_that_hangs_is_told_and_the_server_goes_on(rooted_server, shot, monkeypatch):
    monkeypatch.setattr(application, "Looks", lambda: Looks(0.3))
    server = rooted_server()
    spec = by_path(spec_of(shot), shot)
    hanging = threading.Event()
    monkeypatch.setattr(Roots, "claimed", lambda *_: hanging.wait(60))
    try:
        for _ in range(3):
            with pytest.raises(grpc.RpcError) as refused:
                server.caller.submit(spec)
            assert error_info(refused.value).reason == "source_unavailable"
        stuck = [t for t in threading.enumerate() if t.name.startswith("look-proj")]
        assert len(stuck) == LOOKS_AT_ONCE
        assert server.caller.missing("0" * 64) == {"0" * 64: 0}
    finally:
        hanging.set()


def test_the_sidecar_tells_the_digest_of_frames_that_were_not_uploaded(rooted_server, shot):
    server = rooted_server()
    job = server.caller.run(by_path(spec_of(shot), shot))
    sidecar = next(o.blob.digest for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_SIDECAR)
    plate = spec_of(shot).shot.plate.files[0].blob.digest
    assert plate in server.caller.download(sidecar).decode()


def test_a_root_is_proven_by_a_file_that_the_client_writes(rooted_server, shot):
    caller = rooted_server().caller
    name = ".void-proof-" + "ab" * 16
    (shot.folder / name).write_bytes(bytes(32))
    request = frames_pb2.ProveRootRequest(root="proj", relative=f"shot/{name}")
    answer = caller.frames.ProveRoot(request, metadata=caller.metadata)
    assert answer.digest == sha256(bytes(32))


def test_another_file_proves_nothing(rooted_server, shot):
    caller = rooted_server().caller
    request = frames_pb2.ProveRootRequest(root="proj", relative="shot/plate/plate.1001.exr")
    with pytest.raises(grpc.RpcError) as refused:
        caller.frames.ProveRoot(request, metadata=caller.metadata)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
