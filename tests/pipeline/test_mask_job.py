# SPDX-License-Identifier: Apache-2.0
"""Jobs that make only the quadmask, through a real server and worker."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from google.protobuf.json_format import MessageToDict
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.pipeline.servers import server_with
from tests.server.calls import recorded_units, spec_of
from void_server.errors import InvalidInput
from void_server.pipeline.order import parse_order
from void_server.quadmask.coded_video import read_video

DONE = jobs_pb2.JOB_STATE_DONE
KINDS = jobs_pb2.OutputKind.Name


@pytest.fixture(scope="module")
def server(tmp_path_factory, shot) -> Iterator[RunningServer]:
    with server_with(tmp_path_factory, shot) as running:
        yield running


def masks_of(shot, name: str) -> jobs_pb2.JobSpec:
    spec = spec_of(shot, f"/{name}")
    spec.kind = jobs_pb2.JOB_KIND_QUADMASK
    return spec


@pytest.fixture(scope="module")
def job_and_kinds(server, shot) -> tuple[jobs_pb2.Job, set[str]]:
    """A job, and the kinds of the units that were recorded before anything else was ordered."""
    found = server.caller.run(masks_of(shot, "masks"))
    assert found.state == DONE, found
    return found, {kind for kind, _ in recorded_units(server.store).values()}


@pytest.fixture(scope="module")
def job(job_and_kinds):
    return job_and_kinds[0]


def output(server, job, kind: int, frame: int = 0) -> bytes:
    return server.caller.download(
        next(o for o in job.outputs if (o.kind, o.frame) == (kind, frame)).blob.digest
    )


def regions(server, job, frame: int, tmp_path) -> np.ndarray:
    """(h, w, 4) float32 of a published matte."""
    path = tmp_path / f"{job.id}.{frame}.exr"
    path.write_bytes(output(server, job, jobs_pb2.OUTPUT_KIND_MATTE, frame))
    image = oiio.ImageBuf(str(path))
    return np.stack(
        [image.get_pixels(oiio.FLOAT)[..., image.spec().channelnames.index(c)] for c in "RGBA"], -1
    )


def test_it_gives_mattes_a_sheet_and_papers_and_no_picture(server, shot, job):
    kinds = {KINDS(o.kind).removeprefix("OUTPUT_KIND_").lower() for o in job.outputs}
    stills = {"still_before", "still_regions", "still_thumb"}
    assert kinds - {"coded_video"} == {"matte", "sidecar", "contact_sheet"} | stills
    assert sum(o.kind == jobs_pb2.OUTPUT_KIND_MATTE for o in job.outputs) == len(shot.files("plate"))
    assert output(server, job, jobs_pb2.OUTPUT_KIND_CONTACT_SHEET).startswith(b"\x89PNG")


def test_nothing_is_filled(job_and_kinds):
    _, kinds = job_and_kinds
    assert "mattes" in kinds and kinds & {"fill", "motion", "generate", "publish"} == set()


def test_handles_are_refused_because_every_matte_comes_back(shot):
    spec = masks_of(shot, "handles")
    spec.settings.options["handles_after"] = "1"
    with pytest.raises(InvalidInput, match="made without handles"):
        parse_order(MessageToDict(spec, preserving_proto_field_name=True))


def test_the_mattes_are_those_that_a_removal_returns(server, shot, job, tmp_path):
    spec = spec_of(shot, "/removal")
    # What of the region an engine changes, nobody knows before it ran.
    spec.settings.options["replace"] = "region"
    removal = server.caller.run(spec)
    for frame in (shot.first, shot.last):
        ours, theirs = (regions(server, j, frame, tmp_path) for j in (job, removal))
        assert (ours == theirs).all() and ours[..., 0].any() and ours[..., 1].any()


def test_the_papers_say_how_much_each_region_covers(server, job, tmp_path):
    said = json.loads(output(server, job, jobs_pb2.OUTPUT_KIND_SIDECAR))
    assert said["engine"]["name"] == "none" and said["segmenter"] == "roto"
    first = said["frames"][0]
    codes = regions(server, job, first["frame"], tmp_path)
    alone = (codes[..., 0] >= 0.5) & (codes[..., 1] < 0.5)
    assert first["quality"]["remove_percent"] == pytest.approx(100 * alone.mean(), abs=1e-3)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg: the coded video was not checked")
def test_the_coded_video_says_the_same_but_for_the_first_frame_s_affected_region(server, shot, job, tmp_path):
    path = tmp_path / "quadmask_0.mp4"
    path.write_bytes(output(server, job, jobs_pb2.OUTPUT_KIND_CODED_VIDEO))
    pictures = list(read_video(path))
    assert len(pictures) == len(shot.files("plate"))
    for number, (frame, coded) in enumerate(zip(shot.files("plate"), pictures, strict=True)):
        matte = regions(server, job, frame, tmp_path)
        removed, affected = matte[..., 0] >= 0.5, matte[..., 1] >= 0.5
        assert ((coded <= 63) == removed).all()
        assert ((coded == 127) == (affected & ~removed & (number > 0))).all()


def test_the_returned_mattes_go_back_as_a_quadmask_and_come_out_the_same(server, shot, job, tmp_path):
    spec = spec_of(shot, "/back")
    for role in ("remove", "affected"):
        spec.shot.ClearField(role)
    for o in job.outputs:
        if o.kind == jobs_pb2.OUTPUT_KIND_MATTE:
            path = tmp_path / f"painted.{o.frame}.exr"
            path.write_bytes(server.caller.download(o.blob.digest))
            server.caller.upload_files([path])
            spec.shot.quadmask.files.add(frame=o.frame, name=path.name, blob=o.blob)
    done = server.caller.run(spec)
    assert done.state == DONE, done
    ours, theirs = (regions(server, j, shot.first, tmp_path)[..., :2] for j in (job, done))
    assert (ours == theirs).all()


def without_its_encoder(folder: Path) -> Path:
    """A folder with an ffmpeg that can do everything but write H.264, as that of some distributions."""
    program, real = folder / "ffmpeg", shutil.which("ffmpeg") or "false"
    refuse = "echo \"Unknown encoder 'libx264'\" >&2; exit 8"
    program.write_text(f'#!/bin/sh\ncase "$*" in *libx264*) {refuse};; esac\nexec {real} "$@"\n')
    program.chmod(0o755)
    return folder


def test_an_ffmpeg_without_its_encoder_costs_the_video_alone_and_the_job_says_so(
    tmp_path, shot, start_server, monkeypatch
):
    monkeypatch.setenv("PATH", f"{without_its_encoder(tmp_path)}{os.pathsep}{os.environ['PATH']}")
    running = start_server()
    for name in ("plate", "roto", "affected"):
        running.caller.upload_files(shot.files(name).values())
    job = running.caller.submit(masks_of(shot, "no encoder")).job
    heard = [e.event.message for e in running.caller.watch(job.id) if e.HasField("event")]
    done = running.caller.finish(job.id)
    assert done.state == DONE, done
    kinds = [KINDS(o.kind).removeprefix("OUTPUT_KIND_").lower() for o in done.outputs]
    assert kinds.count("matte") == len(shot.files("plate")) and "coded_video" not in kinds
    assert any("quadmask_0.mp4" in m and "no libx264" in m for m in heard), heard
