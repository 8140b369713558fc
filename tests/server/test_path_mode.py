# SPDX-License-Identifier: Apache-2.0
"""Frames on shared storage are read where they lie: same result, nothing uploaded, and every change noticed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from void.v1 import frames_pb2, jobs_pb2

from tests.server.calls import error_info, recorded_units, spec_of
from tests.small_shot import SmallShot, write_small_shot
from void_client.roots import stamp_of
from void_server.jobs.canonical import SEQUENCES

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED


@pytest.fixture
def shot(tmp_path: Path) -> SmallShot:
    return write_small_shot(tmp_path / "proj" / "shot", frames=3, size=(48, 64))


@pytest.fixture
def rooted_server(start_server, tmp_path: Path):
    return lambda: start_server(roots={"proj": tmp_path / "proj"})


def rooted_spec(shot: SmallShot, root: str = "proj", **options) -> jobs_pb2.JobSpec:
    """The order of `spec_of`, with each file named by path instead of by digest."""
    spec = spec_of(shot, **options)
    for role in SEQUENCES:
        for file in getattr(spec.shot, role).files:
            folder = role if role != "remove" else "roto"
            path = shot.folder / folder / file.name
            file.path.root, file.path.relative = root, f"shot/{folder}/{file.name}"
            file.path.stamp.CopyFrom(stamp_of(path, file.name))
    return spec


def pictures(job: jobs_pb2.Job) -> dict[tuple[int, int], str]:
    return {(o.kind, o.frame): o.blob.digest for o in job.outputs if o.frame}


def uploaded(store: Path) -> int:
    with closing(sqlite3.connect(store / "void.sqlite3")) as db:
        return db.execute("SELECT COUNT(*) FROM holding").fetchone()[0]


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
    by_path = server.caller.run(rooted_spec(shot))
    assert by_path.state == DONE
    assert uploaded(server.store) == 0
    other = start_server(tmp_path / "other")
    for name in ("plate", "roto", "affected"):
        other.caller.upload_files(shot.files(name).values())
    assert pictures(other.caller.run(spec_of(shot))) == pictures(by_path) != {}


def test_the_same_order_finds_its_job_and_a_touched_frame_costs_its_own_ingest_only(rooted_server, shot):
    server = rooted_server()
    first = server.caller.run(rooted_spec(shot))
    assert server.caller.submit(rooted_spec(shot)).job.id == first.id
    before = recorded_units(server.store)
    os.utime(shot.files("plate")[shot.first])
    second = server.caller.run(rooted_spec(shot))
    assert second.id != first.id
    assert pictures(second) == pictures(first)
    new = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in before]
    assert sorted(new) == ["ingest", "report"]


def test_preflight_tells_all_files_that_the_server_does_not_find_at_once(rooted_server, shot):
    server = rooted_server()
    spec = rooted_spec(shot)
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
    spec = rooted_spec(shot)
    plate = shot.files("plate")[shot.first]
    plate.rename(plate.with_suffix(".aside"))
    assert server.caller.preflight(spec).problems
    plate.with_suffix(".aside").rename(plate)
    assert not server.caller.preflight(spec).problems


def test_submit_names_the_frame_that_is_not_as_the_client_says(rooted_server, shot):
    server = rooted_server()
    spec = rooted_spec(shot)
    shot.files("plate")[1002].write_bytes(b"another")
    with pytest.raises(grpc.RpcError) as refused:
        server.caller.submit(spec)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error_info(refused.value).metadata["frame"] == "1002"
    assert len(server.caller.jobs.List(jobs_pb2.ListRequest(), metadata=server.caller.metadata).jobs) == 0


def test_an_unknown_root_is_bad_input(rooted_server, shot):
    with pytest.raises(grpc.RpcError) as refused:
        rooted_server().caller.submit(rooted_spec(shot, root="elsewhere"))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_way_out_of_the_root_is_bad_input(rooted_server, shot):
    spec = rooted_spec(shot)
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
    job = server.caller.submit(rooted_spec(shot)).job
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


def test_other_bytes_under_the_old_stamp_never_reach_a_result(rooted_server, shot):
    server = rooted_server()
    job = server.caller.submit(rooted_spec(shot)).job
    for message in server.caller.watch(job.id):
        if message.event.stage.stage == "motion":
            overwrite(shot.files("plate")[1002])
    ended = server.caller.get(job.id)
    assert ended.state == FAILED
    assert [(p.code, list(p.frames), p.file) for p in ended.problems] == [
        ("source_changed", [1002], "plate.1002.exr")
    ]


def test_the_sidecar_tells_the_digest_of_frames_that_were_not_uploaded(rooted_server, shot):
    server = rooted_server()
    job = server.caller.run(rooted_spec(shot))
    sidecar = next(o.blob.digest for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_SIDECAR)
    plate = spec_of(shot).shot.plate.files[0].blob.digest
    assert plate in server.caller.download(sidecar).decode()


def test_a_root_is_proven_by_a_file_that_the_client_writes(rooted_server, shot):
    caller = rooted_server().caller
    name = ".void-proof-" + "ab" * 16
    (shot.folder / name).write_bytes(b"nonce")
    request = frames_pb2.ProveRootRequest(root="proj", relative=f"shot/{name}")
    answer = caller.frames.ProveRoot(request, metadata=caller.metadata)
    assert answer.digest == "78377b525757b494427f89014f97d79928f3938d14eb51e20fb5dec9834eb304"


def test_another_file_proves_nothing(rooted_server, shot):
    caller = rooted_server().caller
    request = frames_pb2.ProveRootRequest(root="proj", relative="shot/plate/plate.1001.exr")
    with pytest.raises(grpc.RpcError) as refused:
        caller.frames.ProveRoot(request, metadata=caller.metadata)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
