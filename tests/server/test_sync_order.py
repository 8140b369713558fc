# SPDX-License-Identifier: Apache-2.0
"""What is on the disk before an answer leaves, seen in the server's real system calls."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest
from void.v1 import jobs_pb2

from tests.server.calls import Caller, spec_of
from tests.server.recorded_calls import Call, RecordedServer, position, sync_of
from tests.small_shot import SmallShot

RENAMES = ("rename", "renameat", "renameat2")
UNLINKS = ("unlink", "unlinkat")


def acceptance(calls: list[Call], job_id: str) -> list[int]:
    """Where each step of an acceptance stands, each looked for behind the one before."""
    manifest = sync_of(calls, rf"/jobs/\.{job_id}\.json\.\d+\.part")
    renamed = position(calls, RENAMES, rf"/jobs/{job_id}\.json", manifest + 1)
    folder = sync_of(calls, "/store/jobs", renamed + 1)
    commit = sync_of(calls, r"/void\.sqlite3-wal", folder + 1)
    answer = position(calls, ("sendmsg",), job_id)
    assert commit < answer, "the answer left before the commit was synced"
    return [manifest, renamed, folder, commit]


def deletion(calls: list[Call], job_id: str) -> list[int]:
    """As `acceptance`, of a job's deletion."""
    removed = position(calls, UNLINKS, rf"/jobs/{job_id}\.json")
    folder = sync_of(calls, "/store/jobs", removed + 1)
    return [removed, folder, sync_of(calls, r"/void\.sqlite3-wal", folder + 1)]


def record(folder: Path, shot: SmallShot, way: str = "") -> tuple[list[Call], str]:
    """A server is given a job, which is cancelled and deleted; returns its calls and the job's id."""
    folder.mkdir(exist_ok=True)
    server = RecordedServer(folder, way)
    caller = Caller(server.address, server.token)
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())
    job_id = caller.submit(spec_of(shot)).job.id
    caller.jobs.Cancel(jobs_pb2.CancelRequest(id=job_id), metadata=caller.metadata)
    caller.finish(job_id)
    caller.jobs.Delete(jobs_pb2.DeleteRequest(id=job_id), metadata=caller.metadata)
    caller.close()
    return server.calls(), job_id


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, shot: SmallShot) -> tuple[list[Call], str]:
    """A tracer slows the server: this takes about 10 s."""
    if not shutil.which("strace"):
        warnings.warn("strace is not installed: calls are recorded by a preloaded library", stacklevel=1)
    return record(tmp_path_factory.mktemp("traced"), shot)


def test_before_submit_answers_manifest_folder_and_commit_are_synced_in_this_order(recorded):
    acceptance(*recorded)


def test_a_deleted_job_s_manifest_is_gone_for_good_before_its_row_is(recorded):
    deletion(*recorded)


@pytest.mark.parametrize("step", ["manifest", "rename", "folder", "commit"])
def test_the_proof_goes_red_when_one_step_of_an_acceptance_is_not_made(recorded, step):
    calls, job_id = recorded
    steps = acceptance(calls, job_id)
    answer = position(calls, ("sendmsg",), job_id)
    left_out = calls[dict(zip(["manifest", "rename", "folder", "commit"], steps, strict=True))[step]]
    kept = [c for i, c in enumerate(calls) if not (steps[0] <= i <= answer and c.text == left_out.text)]
    with pytest.raises(AssertionError):
        acceptance(kept, job_id)


def test_a_preloaded_library_sees_the_same_where_no_tracer_is_installed(tmp_path, shot):
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        assert shutil.which("strace"), (
            "neither strace nor a C compiler is installed: nothing proves the order"
        )
        warnings.warn("no C compiler is installed: only strace has recorded the calls", stacklevel=1)
        return
    calls, job_id = record(tmp_path / "preloaded", shot, "preload")
    acceptance(calls, job_id)
    deletion(calls, job_id)
