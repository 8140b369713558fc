# SPDX-License-Identifier: Apache-2.0
"""A real server with real workers, whose store is collected while jobs run and after they ended."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from itertools import count

import grpc
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import error_info, sha256, spec_of
from tests.small_shot import SmallShot, write_small_shot
from void_server.errors import Busy
from void_server.storage.collector import Removed
from void_server.storage.policy import DAY, KeepPolicy

DONE = jobs_pb2.JOB_STATE_DONE
NOTHING = Removed()
NOW = KeepPolicy(results_seconds=1e-9, units_seconds=1e-9, grace_seconds=1e-9, low_water_bytes=0)


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("shot"), frames=3, size=(48, 64))


def upload(server, shot):
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())


def digests(job):
    return {(o.kind, o.frame): o.blob.digest for o in job.outputs}


def files_of(server):
    return list((server.store / "blobs").glob("*/*"))


def test_results_that_were_collected_are_not_found_with_the_day_and_the_same_order_gives_the_same_bits(
    start_server, shot
):
    """About 8 s: the same job computed twice."""
    server = start_server()
    upload(server, shot)
    before = server.caller.run(spec_of(shot))
    removed = server.application.storage.collect(NOW)
    assert removed.files > 0 and files_of(server) == []
    with pytest.raises(grpc.RpcError) as caught:
        server.caller.download(before.outputs[0].blob.digest)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    info = error_info(caught.value)
    assert info.reason == "not_found" and "was removed on 2" in info.metadata["message"]
    assert "Order it again" in info.metadata["fix"]
    gone = server.caller.get(before.id)
    assert not gone.outputs and before.finished.seconds <= gone.collected.seconds <= time.time()
    upload(server, shot)
    again = server.caller.submit(spec_of(shot))
    assert again.created
    after = server.caller.finish(again.job.id)
    assert after.state == DONE
    images = {k: d for k, d in digests(before).items() if k[1]}
    assert images and {k: d for k, d in digests(after).items() if k[1]} == images


def test_a_deleted_job_s_files_go_with_the_next_collection(start_server, shot):
    server = start_server()
    upload(server, shot)
    job = server.caller.run(spec_of(shot))
    server.caller.jobs.Delete(jobs_pb2.DeleteRequest(id=job.id), metadata=server.caller.metadata)
    server.application.storage.collect(replace(KeepPolicy(), grace_seconds=1e-9, low_water_bytes=0))
    assert files_of(server) == []


def test_no_job_fails_while_the_store_is_collected_in_a_loop(start_server, shot):
    """About 15 s: six jobs, whose units are collected as soon as nobody needs them, and the blobs seconds later."""
    server = start_server(workers=2)
    storage = server.application.storage
    policy = replace(NOW, results_seconds=600.0, grace_seconds=4.0, files_per_second=10**6)
    over, removed, broken = threading.Event(), [], []

    def collect() -> None:
        while not over.is_set():
            try:
                removed.append(storage.collect(policy).files)
                storage.report()
            except Busy:
                continue
            except Exception as error:  # noqa: BLE001 - told by the test
                broken.append(error)
                return

    collecting = threading.Thread(target=collect)
    collecting.start()
    latest = time.monotonic() + 60
    try:
        for number in count():
            if number >= 6 and sum(removed):
                break
            assert time.monotonic() < latest, "nothing was collected"
            spec = spec_of(shot, f"/out{number % 3}")
            spec.settings.options["feather"] = str(number % 2 + 2)
            upload(server, shot)
            job = server.caller.run(spec)
            assert job.state == DONE, [p.message for p in job.problems]
            for output in job.outputs:
                assert sha256(server.caller.download(output.blob.digest)) == output.blob.digest
    finally:
        over.set()
        collecting.join()
    assert broken == []


def test_a_collection_asked_for_while_one_is_under_way_is_refused(start_server):
    storage = start_server().application.storage
    with storage._collecting, pytest.raises(Busy):
        storage.collect()


def test_the_server_collects_by_itself_when_a_day_has_passed_and_counts_before(start_server, monkeypatch):
    monkeypatch.setattr("void_server.storage.service.CHECK_SECONDS", 0.05)
    server = start_server()
    application = server.application
    wait_for(lambda: application.storage.bytes_by_kind()["database"] > 0)
    blob = server.caller.upload(b"nobody's")
    clock = application._blobs.clock
    monkeypatch.setattr(application._blobs, "clock", lambda: clock() + 2 * DAY)
    wait_for(lambda: not application._blobs.has(blob.digest))


def test_the_server_collects_by_itself_when_the_disk_is_short_of_room(start_server, monkeypatch):
    monkeypatch.setattr("void_server.storage.service.CHECK_SECONDS", 0.05)
    server = start_server()
    storage = server.application.storage
    collected = []
    monkeypatch.setattr(storage, "collect", lambda: collected.append(1) or NOTHING)
    wait_for(lambda: storage.bytes_by_kind())
    assert collected == []
    monkeypatch.setattr(storage._collector, "_free", lambda _: 0)
    wait_for(lambda: collected)


def test_a_server_that_stops_ends_its_collection_after_the_step_in_hand(start_server, monkeypatch):
    server = start_server()
    for number in range(30):
        server.application._blobs.add_bytes(b"%d" % number)
    monkeypatch.setattr("void_server.storage.collector.FILES_AT_ONCE", 1)
    monkeypatch.setattr(server.application._jobs, "live_jobs", lambda: 1)
    slow = replace(NOW, files_per_second=5)
    thread = threading.Thread(target=server.application.storage.collect, args=(slow,))
    thread.start()
    wait_for(lambda: len(files_of(server)) < 30)
    server.application.stop()
    thread.join(5)
    assert not thread.is_alive() and files_of(server)


def wait_for(fulfilled):
    waited = threading.Event()
    for _ in range(600):
        if fulfilled():
            return
        waited.wait(0.05)
    raise AssertionError("waited 30 s in vain")
