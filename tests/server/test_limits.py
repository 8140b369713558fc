# SPDX-License-Identifier: Apache-2.0
"""Each limit: its default is listed, a lower one holds, and the error names limit and value and says what to do."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import grpc
import numpy as np
import pytest
from void.v1 import frames_pb2, jobs_pb2, server_pb2

from tests.server.calls import error_info, sha256, spec_of
from tests.small_shot import write_exr
from void_server.access.principals import Role
from void_server.configuration import Limits
from void_server.errors import InvalidInput, LimitExceeded
from void_server.frames.blobs import BlobFolder
from void_server.jobs.quota import stored_bytes
from void_server.plates.header import EXRLimits
from void_server.rpc.request_limits import MAX_MESSAGE_BYTES, MAX_ORDER_BYTES

FAILED = jobs_pb2.JOB_STATE_FAILED
HUGE = 1 << 60


def upload(caller, shot):
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())


def exhausted(error: pytest.ExceptionInfo[grpc.RpcError], said: str) -> None:
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, error.value
    info = error_info(error.value)
    assert info.reason == "limit_exceeded" and said in info.metadata["message"] and info.metadata["fix"]


def test_every_limit_is_listed_with_value_unit_and_help(start_server):
    server = start_server(limits=Limits(max_open_jobs=7))
    request = server_pb2.GetCapabilitiesRequest()
    answer = server.caller.server.GetCapabilities(request, metadata=server.caller.metadata)
    listed = {limit.name: limit for limit in answer.limits}
    assert {n: limit.value for n, limit in listed.items()} == {
        f.name: 7 if f.name == "max_open_jobs" else f.default for f in fields(Limits)
    }
    assert all(limit.unit and limit.help for limit in listed.values())


def test_every_limit_is_a_flag_of_serve():
    done = subprocess.run(
        [sys.executable, "-m", "void_server", "serve", "--help"], capture_output=True, text=True, check=True
    )
    for limit in fields(Limits):
        assert f"--{limit.name.replace('_', '-')} {limit.metadata['unit'].upper()}" in done.stdout


def test_every_limit_is_in_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text()
    assert [f.name for f in fields(Limits) if f"| `--{f.name.replace('_', '-')}` |" not in page] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_frames", 0), ("max_pixels", 16384 * 8192 + 1), ("max_channels", 0), ("min_free_bytes", -1)],
)
def test_a_limit_outside_its_range_is_refused(name, value):
    with pytest.raises(InvalidInput, match=f"{name} = {value} is outside"):
        Limits(**{name: value})


def test_the_defaults_for_files_are_those_of_the_reader():
    assert (Limits.max_pixels, Limits.max_channels) == (EXRLimits().max_pixels, EXRLimits().max_channels)


@pytest.mark.parametrize("limit", ["max_pixels", "max_channels"])
def test_a_file_over_a_limit_is_refused_before_decoding_by_probe_and_by_the_job(
    start_server, tmp_path, shot, limit
):
    server = start_server(limits=Limits(**{limit: {"max_pixels": 72 * 96, "max_channels": 4}[limit]}))
    upload(server.caller, shot)
    size, channels = ((73, 96), "RGB") if limit == "max_pixels" else ((72, 96), "RGBAZ")
    path = write_exr(tmp_path / "big.exr", np.zeros((*size, len(channels)), np.float16), tuple(channels))
    # The header is whole and the samples are gone: whoever decodes first says something else.
    data = path.read_bytes()[:500]
    blob = server.caller.upload(data)
    said = f"the limit {limit} is {getattr(server.application._configuration.limits, limit)}"
    request = frames_pb2.ProbeRequest(digests=[blob.digest])
    (probed,) = server.caller.frames.Probe(request, metadata=server.caller.metadata).files
    assert (probed.problem.code, said in probed.problem.message) == ("limit_exceeded", True)
    spec = spec_of(shot)
    spec.shot.plate.files[0].blob.CopyFrom(blob)
    job = server.caller.run(spec)
    assert job.state == FAILED
    problem = next(p for p in job.problems if p.code == "limit_exceeded")
    assert (
        said in problem.message and f"raise {limit}" in problem.fix and list(problem.frames) == [shot.first]
    )


def test_a_raised_limit_lets_the_same_file_pass_on_the_same_store(start_server, tmp_path, shot):
    """What was found under the old limit is recorded, and must not answer for the new one."""
    server = start_server(tmp_path / "kept", limits=Limits(max_pixels=100))
    upload(server.caller, shot)
    assert server.caller.run(spec_of(shot)).state == FAILED
    server.application.stop()
    again = start_server(tmp_path / "kept")
    assert again.caller.run(spec_of(shot)).state == jobs_pb2.JOB_STATE_DONE


def test_open_jobs_are_counted_for_each_owner_and_ended_ones_are_not(start_server, shot):
    server = start_server(limits=Limits(max_open_jobs=1))
    anna, ben = server.caller_of("anna"), server.caller_of("ben", Role.SUPERVISOR)
    for caller in (anna, ben):
        upload(caller, shot)
    first = anna.submit(spec_of(shot, "/one")).job.id
    with pytest.raises(grpc.RpcError) as error:
        anna.submit(spec_of(shot, "/two"))
    exhausted(error, "anna has 1 open jobs; the limit is max_open_jobs = 1")
    assert anna.submit(spec_of(shot, "/one")).job.id == first
    assert ben.submit(spec_of(shot, "/two")).created
    anna.finish(first)
    assert anna.submit(spec_of(shot, "/two")).created


def test_the_frames_of_an_owner_s_open_jobs_are_counted(start_server, shot):
    server = start_server(limits=Limits(max_queued_frames=2 * shot.last - 2 * shot.first + 2))
    upload(server.caller, shot)
    server.application._runner.stop()
    for place in ("/one", "/two"):
        server.caller.submit(spec_of(shot, place))
    with pytest.raises(grpc.RpcError) as error:
        server.caller.submit(spec_of(shot, "/three"))
    exhausted(error, "the limit is max_queued_frames")
    other = server.caller_of("ben")
    upload(other, shot)
    assert other.submit(spec_of(shot)).created


def test_an_owner_s_uploads_and_results_are_counted_once_each_and_others_are_not(start_server):
    server = start_server(limits=Limits(max_owner_bytes=1000))
    anna, ben = server.caller_of("anna"), server.caller_of("ben")
    anna.upload(b"a" * 600)
    anna.upload(b"a" * 600)
    with pytest.raises(grpc.RpcError) as error:
        anna.upload(b"b" * 401)
    exhausted(error, "anna have 600 bytes, and 401 more are to be sent; the limit is max_owner_bytes = 1000")
    assert anna.upload(b"b" * 400).bytes == 400
    assert ben.upload(b"b" * 401).bytes == 401


def test_results_count_for_their_owner_until_the_job_is_deleted(start_server, shot, tmp_path):
    server = start_server()
    upload(server.caller, shot)
    job = server.caller.run(spec_of(shot))
    with server.application._database.reading() as db:
        with_results = stored_bytes(db, "owner")
    sent = sum(p.stat().st_size for n in ("plate", "roto", "affected") for p in shot.files(n).values())
    results = {o.blob.digest: o.blob.bytes for o in job.outputs}
    assert with_results == sent + sum(results.values())
    server.caller.jobs.Delete(jobs_pb2.DeleteRequest(id=job.id), metadata=server.caller.metadata)
    with server.application._database.reading() as db:
        assert stored_bytes(db, "owner") == sent
    server.application.stop()
    full = start_server(server.store, limits=Limits(max_owner_bytes=sent))
    with pytest.raises(grpc.RpcError) as error:
        full.caller.submit(spec_of(shot, "/more"))
    exhausted(error, f"the limit is max_owner_bytes = {sent}")


def test_a_message_over_max_request_bytes_is_refused_and_a_raised_limit_lets_it_pass(start_server, tmp_path):
    blobs = [{"digest": f"{n:064x}", "bytes": 1} for n in range(4096)]
    request = frames_pb2.FindMissingRequest(blobs=[*blobs, *({"digest": "0" * 64} for _ in range(5000))])
    for most, said in ((512 << 10, "max_request_bytes = 524288"), (2 << 20, "at most 4096")):
        server = start_server(tmp_path / str(most), limits=Limits(max_request_bytes=most))
        with pytest.raises(grpc.RpcError) as error:
            server.caller.frames.FindMissing(request, metadata=server.caller.metadata)
        exhausted(error, said)


def test_an_order_that_would_not_fit_into_its_own_answer_is_refused(start_server, shot):
    server = start_server()
    spec = spec_of(shot)
    file = spec.shot.plate.files[0]
    filled = len(file.SerializeToString())
    copies = (MAX_ORDER_BYTES - spec.ByteSize()) // filled + 1
    spec.shot.plate.files.extend([file] * copies)
    assert MAX_ORDER_BYTES < spec.ByteSize() < MAX_MESSAGE_BYTES
    with pytest.raises(grpc.RpcError) as error:
        server.caller.submit(spec)
    exhausted(error, f"this call takes max_request_bytes = {MAX_ORDER_BYTES}")


def test_the_longest_order_fits_into_an_answer_with_all_that_a_job_publishes():
    kinds = (jobs_pb2.OUTPUT_KIND_RESULT, jobs_pb2.OUTPUT_KIND_MATTE)
    output = jobs_pb2.Output(kind=kinds[0], frame=1 << 30, blob={"digest": "0" * 64, "bytes": 1 << 62})
    outputs = jobs_pb2.Job(outputs=[output] * (len(kinds) * Limits.max_frames)).ByteSize()
    finding = jobs_pb2.Job(problems=[{"message": "x" * 400, "file": "y" * 80}] * Limits.max_frames).ByteSize()
    assert MAX_ORDER_BYTES + outputs + finding < MAX_MESSAGE_BYTES


def test_an_upload_that_would_fill_the_disk_is_refused_before_its_bytes(start_server):
    server = start_server(limits=Limits(min_free_bytes=HUGE))
    with pytest.raises(grpc.RpcError) as error:
        server.caller.upload(b"one frame")
    exhausted(error, f"min_free_bytes = {HUGE}")
    assert server.caller.missing(sha256(b"one frame")) == {sha256(b"one frame"): 0}


def test_a_unit_that_would_fill_the_disk_fails_its_job_with_the_limit(start_server, tmp_path, shot):
    server = start_server(tmp_path / "kept")
    upload(server.caller, shot)
    server.application.stop()
    full = start_server(tmp_path / "kept", limits=Limits(min_free_bytes=HUGE))
    job = full.caller.run(spec_of(shot))
    assert job.state == FAILED
    (problem,) = job.problems
    assert problem.code == "limit_exceeded" and f"min_free_bytes = {HUGE}" in problem.message and problem.fix


def test_the_room_that_is_asked_for_counts(tmp_path):
    blobs = BlobFolder(tmp_path, min_free_bytes=1)
    blobs.check_space()
    with pytest.raises(LimitExceeded, match=f"{HUGE} more bytes"):
        blobs.check_space(HUGE)
