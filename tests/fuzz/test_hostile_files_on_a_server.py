# SPDX-License-Identifier: Apache-2.0
"""Hostile files on the way that an artist's files take: Upload, Probe, Preflight and Submit, on a real server."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator

import pytest
from void.v1 import frames_pb2, jobs_pb2

from tests.fuzz.exr_bytes import RawAttribute, RawFile, take_apart
from tests.fuzz.files import regressions
from tests.fuzz.mattes import HostileMattes
from tests.fuzz.mutations import mutant
from tests.fuzz.seeds import SEED_FOLDER, mislabelled
from tests.fuzz.target import Target
from tests.server.calls import set_sequence, spec_of

FAILED = jobs_pb2.JOB_STATE_FAILED
OWN_FAULT = frozenset({"internal", "worker_crashed", "out_of_memory"})
MUTANTS = 12
MATTES = 12


@pytest.fixture(scope="module", autouse=True)
def all_holds_at_the_end(target: Target) -> Iterator[None]:
    """The oracle over all that the tests of this module did to one server."""
    yield
    target.check()


def seed(name: str) -> RawFile:
    return take_apart((SEED_FOLDER / f"{name}.exr").read_bytes())


def with_attribute(raw: RawFile, name: bytes, type_name: bytes, value: bytes) -> bytes:
    """The file with this attribute instead of the one of that name, or besides."""
    kept = tuple(a for a in raw.parts[0] if a.name != name)
    added = RawAttribute(name, type_name, value, len(value))
    return raw.moved(((*kept, added), *raw.parts[1:])).bytes()


def with_offsets(raw: RawFile, offset: int) -> bytes:
    """The file with this offset for every chunk."""
    return RawFile(
        raw.magic, raw.version, raw.parts, (offset,) * len(raw.offsets), raw.body, raw.chunks
    ).bytes()


def many_channels(count: int) -> bytes:
    entries = b"".join(b"c%05d\0" % i + struct.pack("<iIii", 1, 0, 1, 1) for i in range(count))
    return with_attribute(seed("rgba_zips"), b"channels", b"chlist", entries + b"\0")


def hostile() -> dict[str, bytes]:
    """Files by what is wrong with them."""
    rgba = seed("rgba_zips")
    whole = rgba.bytes()
    window = struct.pack("<4i", 0, 0, 16383, 8191)
    beyond = struct.pack("<4i", -(2**31), -(2**31), 2**31 - 1, 2**31 - 1)
    return {
        **mislabelled(),
        "cut in its last chunk": whole[:-3],
        "cut after its header": rgba.head(),
        "the greatest window that is allowed, and no samples": with_attribute(
            rgba, b"dataWindow", b"box2i", window
        ),
        "a window over all integers": with_attribute(rgba, b"dataWindow", b"box2i", beyond),
        "thousands of channels": many_channels(5000),
        "as many channels as are allowed, and no samples": many_channels(1024),
        "deep": seed("deep").bytes(),
        "tiles of two thousand million pixels": with_attribute(
            seed("tiled"), b"tiles", b"tiledesc", struct.pack("<IIB", 2**31 - 1, 2**31 - 1, 0)
        ),
        "a codec that there is not": with_attribute(rgba, b"compression", b"compression", b"\x7f"),
    }


def spec_with(target: Target, blob: object) -> jobs_pb2.JobSpec:
    spec = spec_of(target.shot)
    set_sequence(spec, "plate", target.shot.files("plate"))
    file = spec.shot.plate.files[0]
    file.name = "hostile.0001.exr"
    file.blob.CopyFrom(blob)
    return spec


@pytest.mark.parametrize("what", hostile())
def test_a_hostile_plate_fails_its_job_by_name_and_nothing_else(target, what):
    blob = target.artist.upload(hostile()[what])
    request = frames_pb2.ProbeRequest(digests=[blob.digest])
    (probed,) = target.artist.frames.Probe(request, metadata=target.artist.metadata).files
    assert probed.HasField("problem") and probed.problem.code not in OWN_FAULT, probed.problem
    spec = spec_with(target, blob)
    report = target.artist.preflight(spec)
    job = target.artist.run(spec)
    assert job.state == FAILED
    for problems in (report.problems, job.problems):
        (problem,) = [p for p in problems if p.file == "hostile.0001.exr"]
        assert problem.code not in OWN_FAULT and problem.fix, problem
        assert list(problem.frames) == [target.shot.first]


@pytest.mark.parametrize("offset", [0, -1, 8, 2**40, 2**63])
def test_a_file_of_wrong_offsets_is_read_from_its_chunks_to_the_same_content(target, offset):
    """The decoder finds the chunks by going through them, as it does for files whose writer was interrupted."""
    raw = seed("rgba_zips")
    digests = [target.artist.upload(data).digest for data in (raw.bytes(), with_offsets(raw, offset))]
    request = frames_pb2.ProbeRequest(digests=digests)
    good, bad = target.artist.frames.Probe(request, metadata=target.artist.metadata).files
    assert good.content_digest and good.content_digest == bad.content_digest


def archives() -> dict[str, bytes]:
    """OCIO archives by what is wrong with them."""

    def packed(name: str, text: bytes) -> bytes:
        folder = io.BytesIO()
        with zipfile.ZipFile(folder, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, text)
        return folder.getvalue()

    good = packed("config.ocio", b"ocio_profile_version: 2\n")
    return {
        "nothing": b"",
        "no archive": b"not an archive",
        "cut": good[: len(good) // 2],
        "empty": packed("readme.txt", b""),
        "no config in it": packed("config.ocio", b"\xff\xfe\0"),
        "a path that leads out": packed("../../config.ocio", b"ocio_profile_version: 2\n"),
        "a very long config": packed("config.ocio", b"#" * (8 << 20)),
        "nested without end": packed("config.ocio", b"a: " + b"[" * 100_000),
    }


@pytest.mark.parametrize("what", archives())
def test_a_hostile_colour_archive_fails_its_job_and_nothing_else(target, what):
    blob = target.artist.upload(archives()[what])
    spec = spec_of(target.shot)
    spec.shot.colour.name = "anything"
    spec.shot.colour.archive.CopyFrom(blob)
    job = target.artist.run(spec)
    assert job.state == FAILED
    assert job.problems and not {p.code for p in job.problems} & OWN_FAULT, job.problems


def test_any_mutant_is_a_plate_or_the_problem_of_its_job(target):
    seeds = [path.read_bytes() for path in sorted(SEED_FOLDER.iterdir())]
    for data in [*(mutant(n, seeds) for n in range(MUTANTS)), *regressions().values()]:
        job = target.artist.run(spec_with(target, target.artist.upload(data)))
        assert not {p.code for p in job.problems} & OWN_FAULT, job.problems


def test_hostile_mattes_fail_their_order_or_change_nothing_outside_of_them(target):
    mattes = HostileMattes(target)
    mattes.run(range(MATTES))
    assert mattes.ended["done"] and mattes.ended["invalid_input"]


def test_a_good_order_still_runs(target):
    assert target.artist.run(spec_of(target.shot, "/after")).state == jobs_pb2.JOB_STATE_DONE
