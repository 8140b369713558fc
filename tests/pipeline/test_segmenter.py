# SPDX-License-Identifier: Apache-2.0
"""The segmenter `flow` through a real server and worker: a roto that is drawn on some frames only."""

from __future__ import annotations

import json
from collections.abc import Iterator

import grpc
import numpy as np
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.pipeline.servers import server_with
from tests.server.calls import recorded_units, spec_of
from void_server.pipeline.manifest import ColourRef, FrameRef, MatteRef, ShotManifest
from void_server.pipeline.plan_segment import _of_span

DONE = jobs_pb2.JOB_STATE_DONE


@pytest.fixture(scope="module")
def server(tmp_path_factory, shot) -> Iterator[RunningServer]:
    with server_with(tmp_path_factory, shot) as running:
        yield running


def keyed(shot, *frames: int, name: str = "keyed", segmenter: str = "flow") -> jobs_pb2.JobSpec:
    """An order whose roto is there for some frames only."""
    spec = spec_of(shot, f"/{name}")
    spec.settings.segmenter, spec.settings.engine = segmenter, "cleanplate"
    kept = [file for file in spec.shot.remove.files if file.frame in frames]
    del spec.shot.remove.files[:]
    spec.shot.remove.files.extend(kept)
    return spec


def removed(server, job, frame: int, tmp_path) -> np.ndarray:
    """(h, w) bool: `void_mask.red` of a published frame, from one half."""
    wanted = (o for o in job.outputs if o.frame == frame and o.kind == jobs_pb2.OUTPUT_KIND_RESULT)
    path = tmp_path / f"{frame}.exr"
    path.write_bytes(server.caller.download(next(wanted).blob.digest))
    image = oiio.ImageBuf(str(path))
    return image.get_pixels(oiio.FLOAT)[..., image.spec().channelnames.index("void_mask.red")] >= 0.5


def sidecar(server, job) -> dict:
    kind = jobs_pb2.OUTPUT_KIND_SIDECAR
    return json.loads(server.caller.download(next(o.blob.digest for o in job.outputs if o.kind == kind)))


@pytest.fixture(scope="module")
def from_one(server, shot):
    job = server.caller.run(keyed(shot, shot.first))
    assert job.state == DONE, job
    return job


def test_a_matte_of_one_frame_is_carried_to_all(server, shot, from_one, tmp_path):
    for frame, file in shot.files("roto").items():
        drawn = oiio.ImageBuf(str(file)).get_pixels(oiio.FLOAT)[..., 0] >= 0.5
        found = removed(server, from_one, frame, tmp_path)
        assert (found & drawn).sum() / (found | drawn).sum() > 0.75, frame


def test_what_was_drawn_is_taken_as_it_is(server, shot, from_one, tmp_path):
    drawn = oiio.ImageBuf(str(shot.files("roto")[shot.first])).get_pixels(oiio.FLOAT)[..., 0] >= 0.5
    assert (removed(server, from_one, shot.first, tmp_path) == drawn).all()


def test_the_papers_tell_the_confidence_of_a_carried_matte_and_none_of_a_drawn_one(server, shot, from_one):
    said = sidecar(server, from_one)
    assert said["segmenter"] == "flow" and said["frames"][0]["segmented"] is None
    assert all(0 < f["segmented"]["confidence"] < 1 for f in said["frames"][1:])
    assert all(f["quality"]["outside_difference"] == 0 for f in said["frames"])


def test_another_key_computes_only_the_frames_beside_it(server, shot, from_one):
    server.caller.run(keyed(shot, shot.first, shot.last, name="two"))
    before = recorded_units(server.store)
    done = server.caller.run(keyed(shot, shot.first, shot.first + 2, shot.last, name="three"))
    fresh = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in before]
    assert done.state == DONE and fresh.count("segment") == 2
    again = recorded_units(server.store)
    server.caller.run(keyed(shot, shot.first, shot.first + 2, name="before the last"))
    fresh = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in again]
    assert fresh.count("segment") == 1, "the span between the first two keys was known"


def test_with_a_matte_on_every_frame_nothing_is_segmented(server, shot):
    before = recorded_units(server.store)
    done = server.caller.run(keyed(shot, *shot.files("roto"), name="all"))
    fresh = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in before]
    assert done.state == DONE and "segment" not in fresh
    assert all(f["segmented"] is None for f in sidecar(server, done)["frames"])


def test_the_reasoner_and_the_other_engine_s_stages_see_the_carried_mattes(server, shot):
    spec = keyed(shot, shot.first, name="proposed")
    spec.shot.ClearField("affected")
    done = server.caller.run(spec)
    assert done.state == DONE
    assert all(f["quality"]["changed_percent"] > 0 for f in sidecar(server, done)["frames"])


def test_without_the_segmenter_a_missing_matte_is_an_error_that_names_the_frames(server, shot):
    job = server.caller.run(keyed(shot, shot.first, segmenter="roto", name="roto"))
    missing = [frame for frame in shot.files("roto") if frame != shot.first]
    assert job.state == jobs_pb2.JOB_STATE_FAILED
    assert [list(p.frames) for p in job.problems if p.code == "missing_frames"] == [missing]


def test_without_any_matte_there_is_nothing_to_carry(server, shot):
    spec = keyed(shot, name="none")
    spec.shot.quadmask.CopyFrom(spec.shot.affected)
    with pytest.raises(grpc.RpcError) as refused:
        server.caller.run(spec)
    assert "--remove" in refused.value.details()


def manifest(*contents: str) -> ShotManifest:
    """A shot whose frames have these contents; those named "key" have a matte."""
    frames = [
        FrameRef(
            frame=1001 + n,
            plate=content,
            content=content,
            name=content,
            mattes={"remove": MatteRef("m", "m", "m", "A")} if content.startswith("key") else {},
            active=True,
        )
        for n, content in enumerate(contents)
    ]
    colour = ColourRef("ACEScg", "", "", True)
    return ShotManifest("", (0, 0, 8, 8), colour, {"epsilon": 1.0}, {}, tuple(frames))


def test_the_same_span_at_another_place_of_a_shot_is_another_unit():
    """Its mattes are left by position: of a longer range they would land on other frames."""
    short, long = manifest("key 1", "a", "b", "key 2"), manifest("x", "key 1", "a", "b", "key 2")
    one = _of_span(short, "digest", (0, 3), [0, 3])
    two = _of_span(long, "digest", (1, 4), [1, 4])
    assert one["key"] != two["key"]
    assert one["key"] == _of_span(short, "another digest", (0, 3), [0, 3])["key"]
