# SPDX-License-Identifier: Apache-2.0
"""What one artist may see of another: nothing; what a supervisor may see: every job."""

from __future__ import annotations

import contextlib
import json
import sqlite3

import grpc
import pytest
from void.v1 import frames_pb2, jobs_pb2, types_pb2

from tests.server.calls import error_info, sha256, spec_of, upload_messages
from void_server.access.principals import Role

DONE, CANCELLED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_CANCELLED
NOT_FOUND = grpc.StatusCode.NOT_FOUND


@pytest.fixture(scope="module")
def anna(server):
    return server.caller_of("anna")


@pytest.fixture(scope="module")
def ben(server):
    return server.caller_of("ben")


@pytest.fixture(scope="module")
def fred(server, shot):
    """An artist who has uploaded the shot himself; ben has nothing."""
    caller = server.caller_of("fred")
    upload(caller, shot)
    return caller


@pytest.fixture(scope="module")
def super_(server):
    return server.caller_of("super", Role.SUPERVISOR)


def upload(caller, shot):
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())


@pytest.fixture(scope="module")
def done(anna, shot):
    """A finished job of anna's."""
    upload(anna, shot)
    job = anna.run(spec_of(shot, "/of_anna"))
    assert job.state == DONE, job.problems
    return job


def digests(job):
    plate = job.spec.shot.plate.files[0].blob.digest
    return {"input": plate, "output": job.outputs[0].blob.digest}


def probe(caller, digest):
    return caller.frames.Probe(frames_pb2.ProbeRequest(digests=[digest]), metadata=caller.metadata).files


def listed(caller):
    return {j.id for j in caller.jobs.List(jobs_pb2.ListRequest(), metadata=caller.metadata).jobs}


JOB_CALLS = {
    "Get": lambda c, i: c.get(i),
    "Watch": lambda c, i: list(c.watch(i)),
    "Cancel": lambda c, i: c.jobs.Cancel(jobs_pb2.CancelRequest(id=i), metadata=c.metadata),
    "Delete": lambda c, i: c.jobs.Delete(jobs_pb2.DeleteRequest(id=i), metadata=c.metadata),
}


@pytest.mark.parametrize("call", JOB_CALLS)
@pytest.mark.parametrize("length", [12, 6])
def test_a_job_of_another_is_told_like_one_that_never_was(done, anna, ben, call, length):
    wanted, never = done.id[:length], "0123456789ab"[:length]
    answers = []
    for job_id in (wanted, never):
        with pytest.raises(grpc.RpcError) as error:
            JOB_CALLS[call](ben, job_id)
        assert error.value.code() is NOT_FOUND
        answers.append(error.value.details().replace(job_id, "ID"))
    assert answers[0] == answers[1]
    assert anna.get(done.id).state == DONE


def test_an_artist_lists_its_own_jobs_and_a_supervisor_everybody_s(done, anna, ben, super_, server):
    assert done.id in listed(anna) and done.id not in listed(ben)
    assert done.id in listed(super_) and done.id in listed(server.caller)


@pytest.mark.parametrize("kind", ["input", "output"])
def test_a_supervisor_opens_what_any_job_reads_or_published(done, super_, kind):
    digest = digests(done)[kind]
    assert super_.missing(digest) == {} and sha256(super_.download(digest)) == digest


@pytest.mark.parametrize("kind", ["input", "output"])
def test_an_artist_opens_what_its_own_job_reads_or_published(done, anna, kind):
    digest = digests(done)[kind]
    assert anna.missing(digest) == {} and sha256(anna.download(digest)) == digest
    assert probe(anna, digest)


@pytest.mark.parametrize("kind", ["input", "output"])
def test_a_blob_of_another_is_missing_and_not_found_like_one_that_never_was(done, ben, kind):
    digest, never = digests(done)[kind], "0" * 64
    assert ben.missing(digest, never) == {digest: 0, never: 0}
    for call in (ben.download, lambda d: probe(ben, d)):
        answers = []
        for wanted in (digest, never):
            with pytest.raises(grpc.RpcError) as error:
                call(wanted)
            assert error.value.code() is NOT_FOUND
            answers.append(error.value.details().replace(wanted, "D"))
        assert answers[0] == answers[1]


def test_an_order_with_another_s_blobs_is_told_that_they_are_not_uploaded(done, ben, shot):
    with pytest.raises(grpc.RpcError) as error:
        ben.submit(spec_of(shot, "/of_ben"))
    assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "not uploaded" in error_info(error.value).metadata["message"]
    assert ben.preflight(spec_of(shot, "/of_ben")).unseen_files == 3 * len(shot.files("plate"))


@pytest.mark.parametrize("ask", ["submit", "preflight"])
def test_an_ocio_archive_of_another_is_told_as_not_uploaded(anna, fred, shot, ask):
    archive = anna.upload(b"an archive of anna's")
    spec = spec_of(shot, "/with_archive")
    spec.shot.colour.archive.CopyFrom(archive)
    with pytest.raises(grpc.RpcError) as error:
        getattr(fred, ask)(spec)
    assert error.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "OCIO archive is not uploaded" in error.value.details()


def test_work_in_progress_opens_for_nobody(server, done, super_, anna):
    """The analysis picture of a frame is neither read by the order nor published."""
    with contextlib.closing(sqlite3.connect(server.store / "void.sqlite3")) as db:
        (blobs,) = db.execute("SELECT blobs FROM unit_result WHERE kind = 'prepare'").fetchone()
    inner = json.loads(blobs)["proxy"]
    for caller in (anna, super_, server.caller):
        assert caller.missing(inner) == {inner: 0}
        with pytest.raises(grpc.RpcError) as error:
            caller.download(inner)
        assert error.value.code() is NOT_FOUND


def test_bytes_that_another_stored_are_sent_and_hashed_like_any_others(server):
    anna, ben = server.caller_of("anna2"), server.caller_of("ben2")
    data = b"known to both" * 1000
    blob = anna.upload(data)
    with pytest.raises(grpc.RpcError) as error:
        ben.upload(b"a guess" + data[7:], digest=blob.digest)
    assert error.value.code() is grpc.StatusCode.DATA_LOSS
    empty = upload_messages(blob, 0, [])
    with pytest.raises(grpc.RpcError) as error:
        ben.frames.Upload(empty, metadata=ben.metadata)
    assert error.value.code() is grpc.StatusCode.DATA_LOSS
    assert ben.missing(blob.digest) == {blob.digest: 0}
    ben.upload(data)
    assert ben.missing(blob.digest) == {} and ben.download(blob.digest) == data


def test_a_partial_upload_of_another_is_not_seen(server):
    anna, ben = server.caller_of("anna3"), server.caller_of("ben3")
    data = b"half" * 5000
    blob = types_pb2.Blob(digest=sha256(data), bytes=len(data))
    with pytest.raises(grpc.RpcError):
        anna.frames.Upload(upload_messages(blob, 0, [data[:9]]), metadata=anna.metadata)
    assert anna.missing(blob.digest) == {blob.digest: 9} and ben.missing(blob.digest) == {blob.digest: 0}


def test_the_same_order_of_two_artists_is_two_jobs_and_computes_no_frame_again(server, done, shot):
    carl = server.caller_of("carl")
    upload(carl, shot)
    answer = carl.submit(spec_of(shot, "/of_anna"))
    assert answer.created and answer.job.id != done.id and answer.job.request_id == done.request_id
    assert {o.blob.digest for o in carl.finish(answer.job.id).outputs if o.frame} == {
        o.blob.digest for o in done.outputs if o.frame
    }


def test_after_its_job_is_deleted_an_output_opens_no_more_and_an_upload_still_does(start_server, shot):
    server = start_server()
    dora = server.caller_of("dora")
    upload(dora, shot)
    job = dora.run(spec_of(shot))
    JOB_CALLS["Delete"](dora, job.id)
    found = digests(job)
    assert dora.missing(*found.values()) == {found["output"]: 0}


def test_a_supervisor_cancels_the_job_of_another(start_server, shot):
    server = start_server()
    dora, super_ = server.caller_of("dora"), server.caller_of("super", Role.SUPERVISOR)
    upload(dora, shot)
    job_id = dora.submit(spec_of(shot)).job.id
    JOB_CALLS["Cancel"](super_, job_id)
    assert dora.finish(job_id).state == CANCELLED
