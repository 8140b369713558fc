# SPDX-License-Identifier: Apache-2.0
"""Plates with more layers than their picture, and frames that are read for context alone, through a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.pipeline.servers import server_with
from tests.server.calls import set_sequence, spec_of
from tests.small_shot import write_small_shot

RESULT, SIDECAR = jobs_pb2.OUTPUT_KIND_RESULT, jobs_pb2.OUTPUT_KIND_SIDECAR


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    return write_small_shot(tmp_path_factory.mktemp("shot"), frames=5)


@pytest.fixture(scope="module")
def many_layers(shot, tmp_path_factory):
    """R, G, B and A in half, a depth in float with NaN and infinity, an id of integers, and an old pass of ours."""
    folder, files = tmp_path_factory.mktemp("layers"), {}
    for frame, path in shot.files("plate").items():
        picture = np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.HALF))
        height, width = picture.shape[:2]
        depth = np.random.default_rng(frame).random((height, width), np.float32)
        depth[3:6], depth[30, 40] = np.nan, np.inf
        # An object's alpha, 0 over a picture that is not black: nothing may multiply by it.
        alpha = np.zeros((height, width), np.float16)
        channels = {name: np.ascontiguousarray(picture[..., i]) for i, name in enumerate("RGB")}
        channels |= {
            "A": alpha,
            "depth.Z": depth,
            "id.number": np.arange(height * width, dtype=np.uint32).reshape(height, width),
            "spec.R": channels["G"],
            "void_mask.red": alpha,
        }
        files[frame] = folder / path.name
        header = {"compression": OpenEXR.ZIPS_COMPRESSION, "type": OpenEXR.scanlineimage}
        OpenEXR.File(header, channels).write(str(files[frame]))
    return files


@pytest.fixture(scope="module")
def server(tmp_path_factory, shot) -> Iterator[RunningServer]:
    with server_with(tmp_path_factory, shot) as running:
        yield running


def run(server, spec, *more: Path) -> jobs_pb2.Job:
    server.caller.upload_files(more)
    job = server.caller.run(spec)
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    return job


def channels_of(path: Path) -> dict[str, np.ndarray]:
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return {name: np.array(channel.pixels) for name, channel in file.channels().items()}


def results(server, job, folder: Path) -> dict[int, dict[str, np.ndarray]]:
    found = {}
    for output in job.outputs:
        if output.kind == RESULT:
            path = folder / f"{job.id}.{output.frame}.exr"
            path.write_bytes(server.caller.download(output.blob.digest))
            found[output.frame] = channels_of(path)
    return found


def bits(values: np.ndarray) -> np.ndarray:
    return values.view({2: np.uint16, 4: np.uint32}[values.dtype.itemsize])


@pytest.mark.parametrize("grow", ["4", "7"])
def test_other_layers_pass_through_bit_by_bit_where_that_is_asked(server, shot, many_layers, tmp_path, grow):
    """The second edge is written onto the files of the first."""
    spec = spec_of(shot, "/keep layers")
    set_sequence(spec, "plate", many_layers)
    spec.settings.options.update({"layers": "keep", "grow": grow})
    job = run(server, spec, *many_layers.values())
    for frame, result in results(server, job, tmp_path).items():
        source = channels_of(many_layers[frame])
        for name in ("depth.Z", "id.number", "spec.R", "A"):
            assert result[name].dtype == source[name].dtype
            assert (bits(result[name]) == bits(source[name])).all()
        assert result["void_mask.red"].any()
        outside = result["void_mask.alpha"] == 0
        for name in "RGB":
            assert (bits(result[name])[outside] == bits(source[name])[outside]).all()


def test_other_layers_are_left_out_unless_asked_for_and_alpha_is_kept(server, shot, many_layers, tmp_path):
    spec = spec_of(shot, "/drop layers")
    set_sequence(spec, "plate", many_layers)
    job = run(server, spec, *many_layers.values())
    for frame, result in results(server, job, tmp_path).items():
        assert set(result) == {*"RGBA", *(f"void_mask.{c}" for c in ("red", "green", "blue", "alpha"))}
        assert (bits(result["A"]) == bits(channels_of(many_layers[frame])["A"])).all()


def test_handles_are_computed_and_not_delivered(server, shot, tmp_path):
    whole = results(server, run(server, spec_of(shot, "/no handles")), tmp_path)
    spec = spec_of(shot, "/handles")
    spec.settings.options.update({"handles_before": "1", "handles_after": "2"})
    job = run(server, spec)
    delivered = results(server, job, tmp_path)
    assert sorted(delivered) == [1002, 1003]
    for frame, result in delivered.items():
        assert all((bits(result[n]) == bits(whole[frame][n])).all() for n in result)
    said = json.loads(server.caller.download(next(o.blob.digest for o in job.outputs if o.kind == SIDECAR)))
    assert said["range"] == [1002, 1003, 1] and said["handles"] == [1, 2]
    assert [f["frame"] for f in said["frames"]] == [1002, 1003]


def test_a_range_of_handles_alone_is_refused(server, shot):
    spec = spec_of(shot, "/handles alone")
    spec.settings.options.update({"handles_before": "3", "handles_after": "2"})
    job = server.caller.run(spec)
    assert job.state == jobs_pb2.JOB_STATE_FAILED and "handles" in job.problems[0].message
