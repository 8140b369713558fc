# SPDX-License-Identifier: Apache-2.0
"""A file over which the image library dies is a problem of that file: it takes no other job along, and is not tried
for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from void.v1 import frames_pb2, jobs_pb2

import void_server.workers
from tests.conftest import RunningServer
from tests.server.calls import Caller, spec_of
from tests.small_shot import SmallShot, write_small_shot
from void_server.configuration import ServerConfiguration
from void_server.retries import MAX_CRASHES

DONE, FAILED = jobs_pb2.JOB_STATE_DONE, jobs_pb2.JOB_STATE_FAILED
real_command = void_server.workers.worker_command


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose worker's decoder has a defect; it outlives all that the tests do to the worker."""

    def command(configuration: ServerConfiguration) -> list[str]:
        name = "void_server.pool.worker"
        return ["tests.server.fragile_worker" if a == name else a for a in real_command(configuration)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(void_server.workers, "worker_command", command)
        running = RunningServer(tmp_path_factory.mktemp("store"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def faulty(fragile: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    """An uploaded shot of which the second plate frame faults the decoder."""
    shot = write_small_shot(tmp_path_factory.mktemp("faulty"), frames=2, size=(36, 48))
    poison(shot.files("plate")[1002], b"die of SIGSEGV")
    upload(fragile.caller, shot)
    return shot


def poison(path: Path, word: bytes) -> None:
    path.write_bytes(path.read_bytes() + word)


def upload(caller: Caller, shot: SmallShot) -> None:
    for name in ("plate", "roto", "affected"):
        caller.upload_files(shot.files(name).values())


def deaths(caplog: pytest.LogCaptureFixture) -> int:
    return sum("Task:" in record.getMessage() for record in caplog.records)


def test_the_job_fails_with_the_name_of_the_file_and_how_its_reader_died(fragile, faulty):
    job = fragile.caller.run(spec_of(faulty))
    assert job.state == FAILED
    (problem,) = [p for p in job.problems if p.input == "plate"]
    assert (problem.code, problem.file, list(problem.frames)) == ("invalid_input", "plate.1002.exr", [1002])
    assert "plate.1002.exr cannot be read" in problem.message and "segmentation fault" in problem.message
    assert problem.fix


def test_a_file_that_faulted_the_decoder_ends_no_worker_again(fragile, faulty, caplog):
    first = fragile.caller.run(spec_of(faulty, "/first"))
    assert deaths(caplog) <= MAX_CRASHES
    caplog.clear()
    again = fragile.caller.run(spec_of(faulty, "/again"))
    assert (again.state, again.problems, deaths(caplog)) == (FAILED, first.problems, 0)


def test_what_is_remembered_of_a_file_names_no_other_artist_s_file(fragile, faulty):
    fragile.caller.run(spec_of(faulty))
    ben = fragile.caller_of("ben")
    upload(ben, faulty)
    spec = spec_of(faulty)
    spec.shot.plate.files[1].name = "other.1002.exr"
    (problem,) = [p for p in ben.run(spec).problems if p.input == "plate"]
    assert problem.file == "other.1002.exr" and "plate.1002.exr" not in problem.message


@pytest.mark.parametrize("word", ["SIGKILL", "SIGABRT"])
def test_what_ended_for_memory_or_time_is_told_as_that_among_other_findings_and_tried_anew(
    fragile, tmp_path, caplog, word
):
    """Takes about 10 s: four workers die and are started again."""
    shot = write_small_shot(tmp_path, frames=2, size=(36, 48), seed=2)
    poison(shot.files("roto")[1001], f"die of {word}".encode())
    shot.files("plate")[1001].write_bytes(b"not a picture")
    upload(fragile.caller, shot)
    for asked in (1, 2):
        report = fragile.caller.preflight(spec_of(shot))
        assert {("plate", (1001,)), ("remove", (1001,))} <= {
            (p.input, tuple(p.frames)) for p in report.problems
        }
        (ended,) = [p for p in report.problems if p.input == "remove"]
        assert (ended.code, ended.file) == ("worker_crashed", "roto.1001.exr")
        assert (
            f"roto.1001.exr could not be looked at: the worker process that read it was ended by {word}"
            in (ended.message)
        )
        assert "the same command again" in ended.fix and "memory or time" in ended.fix
        assert deaths(caplog) == asked * MAX_CRASHES


def test_meanwhile_another_artist_s_job_ends_well_on_the_same_worker(fragile, tmp_path, caplog):
    bad, good = (write_small_shot(tmp_path / str(s), frames=2, size=(36, 48), seed=s) for s in (3, 4))
    poison(bad.files("plate")[1001], b"die of SIGSEGV")
    carl = fragile.caller_of("carl")
    upload(fragile.caller, bad)
    upload(carl, good)
    bad_job = fragile.caller.submit(spec_of(bad)).job.id
    good_job = carl.submit(spec_of(good)).job.id
    assert (fragile.caller.finish(bad_job).state, carl.finish(good_job).state) == (FAILED, DONE)
    assert deaths(caplog) == MAX_CRASHES


def test_probe_says_which_file_it_was_and_health_stays_serving(fragile, faulty):
    blobs = [fragile.caller.upload(f.read_bytes()) for f in faulty.files("plate").values()]
    request = frames_pb2.ProbeRequest(digests=[b.digest for b in blobs])
    good, bad = fragile.caller.frames.Probe(request, metadata=fragile.caller.metadata).files
    assert not good.HasField("problem") and "segmentation fault" in bad.problem.message
    stub = health_pb2_grpc.HealthStub(fragile.caller.channel)
    answer = stub.Check(health_pb2.HealthCheckRequest(), metadata=fragile.caller.metadata)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
