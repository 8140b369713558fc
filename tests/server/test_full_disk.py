# SPDX-License-Identifier: Apache-2.0
"""A disk that is full or read-only costs no accepted job and does not end the server.

The disk is really filled: in a small file system mounted by the test, and by a quota (RLIMIT_FSIZE) on the running
server and its workers. Where mounting is not allowed only the quota is used, and the run says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from void.v1 import jobs_pb2

from tests.client.conftest import ROOT, ServerProcess, clean_environment
from tests.server.calls import Caller, error_info, recorded_units, sha256, spec_of
from tests.server.small_disk import WAYS, SmallDisk, mount_tmpfs, unmount
from tests.small_shot import SmallShot, write_small_shot

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED
ENDED = (DONE, FAILED, jobs_pb2.JOB_STATE_CANCELLED)
STORE_CODES = ("store_full", "store_failed")


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("shot"), frames=3, size=(48, 64))


class Scene:
    """A server on a disk that can be filled, with the shot uploaded."""

    def __init__(self, disk: SmallDisk, shot, stack: ExitStack) -> None:
        self.disk = disk
        self.store = disk.folder / "store"
        self.server = ServerProcess(self.store, "--min-free-bytes", "0")
        stack.callback(self.server.stop)
        self.caller = Caller(self.server.address, self.server.token)
        stack.callback(self.caller.close)
        for name in ("plate", "roto", "affected"):
            self.caller.upload_files(shot.files(name).values())

    def fill(self, leave: int = 0) -> None:
        self.disk.fill(self.server, leave)

    def free(self) -> None:
        self.disk.free(self.server)

    def serves(self) -> bool:
        stub = health_pb2_grpc.HealthStub(self.caller.channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(), metadata=self.caller.metadata, timeout=10)
        return answer.status == health_pb2.HealthCheckResponse.SERVING

    def wait_for_end(self, job_id: str, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        while (state := self.caller.get(job_id).state) not in ENDED and time.monotonic() < deadline:
            time.sleep(0.1)
        return state


@pytest.fixture(params=WAYS)
def scene(request: pytest.FixtureRequest, tmp_path: Path, shot) -> Iterator[Scene]:
    with ExitStack() as stack:
        disk = SmallDisk(tmp_path / "disk", request.param)
        stack.callback(disk.close)
        if request.param == "tmpfs" and not disk.mounted:
            warnings.warn("mounting is not allowed here: the disk is filled by a quota only", stacklevel=1)
        yield Scene(disk, shot, stack)


def test_an_upload_that_no_longer_fits_says_so_and_goes_on_once_there_is_room(scene):
    data = os.urandom(3 << 20)
    scene.fill(leave=1 << 20)
    with pytest.raises(grpc.RpcError) as caught:
        scene.caller.upload(data)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    info = error_info(caught.value)
    assert info.reason == "store_full" and "full" in info.metadata["message"] and info.metadata["fix"]
    assert scene.serves()
    scene.free()
    (offset,) = scene.caller.missing(sha256(data)).values()
    assert 0 < offset < len(data)
    blob = scene.caller.upload(data, offset=offset)
    assert scene.caller.download(blob.digest) == data


def test_a_submit_that_cannot_be_made_durable_is_refused_and_leaves_nothing(scene, shot):
    scene.fill()
    with pytest.raises(grpc.RpcError) as caught:
        scene.caller.submit(spec_of(shot))
    assert error_info(caught.value).reason in STORE_CODES
    assert caught.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.FAILED_PRECONDITION)
    assert scene.serves()
    assert list((scene.store / "jobs").iterdir()) == []
    scene.free()
    assert scene.caller.run(spec_of(shot)).state == DONE


@pytest.mark.parametrize("leave", [60_000, 250_000])
def test_a_job_that_fills_the_disk_waits_for_room_and_goes_on_by_itself(scene, shot, leave):
    """Up to 20 s: the job looks for room after 2, 4 and 8 seconds."""
    # A quota is on each file: what it stops is the database, which grows more slowly than the disk fills.
    scene.fill(leave if scene.disk.mounted else leave // 3)
    try:
        job_id = scene.caller.submit(spec_of(shot)).job.id
    except grpc.RpcError as error:
        assert error_info(error).reason in STORE_CODES
        job_id = ""
    if job_id:
        scene.wait_for_end(job_id, 5)
    assert scene.serves()
    before = recorded_units(scene.store)
    scene.free()
    if job_id:
        assert scene.wait_for_end(job_id, 60) == DONE
        assert scene.caller.submit(spec_of(shot)).job.id == job_id
    assert scene.caller.run(spec_of(shot)).state == DONE
    assert recorded_units(scene.store).items() >= before.items()


def test_a_folder_that_becomes_read_only_is_named_and_the_server_goes_on(scene):
    folder = scene.store / "partial"
    mounted = mount_tmpfs(folder, "ro")
    if not mounted:
        folder.chmod(0o500)
    with pytest.raises(grpc.RpcError) as caught:
        scene.caller.upload(b"some bytes")
    info = error_info(caught.value)
    assert info.reason == "store_failed" and str(folder) in info.metadata["message"]
    assert scene.serves()
    if mounted:
        unmount(folder)
    else:
        folder.chmod(0o700)
    assert scene.caller.upload(b"some bytes").bytes == 10


def test_a_server_on_a_read_only_store_says_so_and_does_not_start(tmp_path):
    folder = tmp_path / "store"
    mounted = mount_tmpfs(folder, "ro")
    if not mounted:
        folder.chmod(0o500)
    ran = subprocess.run(
        [sys.executable, "-m", "void_server", "serve", "--store", folder, "--listen", "127.0.0.1:0"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment(),
        cwd=ROOT,
    )
    if mounted:
        unmount(folder)
    assert ran.returncode == 2
    assert f"The store {folder} cannot be written to" in ran.stderr and "--store" in ran.stderr
