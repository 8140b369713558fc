# SPDX-License-Identifier: Apache-2.0
"""Light below 0, as a wide gamut, a sharpening or a denoiser leaves it: kept outside, filled sensibly inside.

One job of a real server is made for all of these: some 15 s on two cores.
"""

from __future__ import annotations

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import spec_of
from tests.small_shot import SmallShot, write_exr

SIZE, FIRST, FRAMES, BOX = (96, 160), 1001, 6, 28
LEAST = -0.04
"""The darkest of the wall; a tenth of it is below 0."""


def wall() -> np.ndarray:
    """(96, 160, 3), textured, scene-linear, partly below 0, most so in blue."""
    random = np.random.default_rng(5)
    fine = cv2.GaussianBlur(random.standard_normal(SIZE).astype(np.float32), (0, 0), 2.5)
    ranked = np.argsort(np.argsort(fine.ravel())).reshape(SIZE) / fine.size
    grey = np.where(ranked < 0.1, LEAST * (1 - ranked / 0.1), 0.4 * (ranked - 0.1))
    return np.stack([grey, grey, np.where(grey < 0, grey, 0.6 * grey)], axis=-1).astype(np.float32)


def matte(index: int) -> np.ndarray:
    drawn = np.zeros((*SIZE, 1), np.float32)
    drawn[34 : 34 + BOX, 6 + 24 * index : 6 + 24 * index + BOX] = 1
    return drawn


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> SmallShot:
    """A square of -0.5 that crosses a wall with samples below 0."""
    folder = tmp_path_factory.mktemp("negatives")
    for index in range(FRAMES):
        plate = np.where(matte(index) > 0, -0.5, wall()).astype(np.float16)
        write_exr(folder / "plate" / f"plate.{FIRST + index:04d}.exr", plate, "RGB")
        write_exr(folder / "roto" / f"roto.{FIRST + index:04d}.exr", matte(index).astype(np.float16), "A")
        nothing = np.zeros((*SIZE, 1), np.float16)
        write_exr(folder / "affected" / f"affected.{FIRST + index:04d}.exr", nothing, "A")
    return SmallShot(folder, FIRST, FIRST + FRAMES - 1)


def made(server, shot: SmallShot, folder) -> list[np.ndarray]:
    """(96, 160, 4) of every frame: the picture and the blend matte."""
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    job = server.caller.run(spec_of(shot, "/" + shot.folder.name))
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    found = []
    for output in sorted(job.outputs, key=lambda o: o.frame):
        if output.kind == jobs_pb2.OUTPUT_KIND_RESULT:
            path = folder / f"{output.frame}.exr"
            path.write_bytes(server.caller.download(output.blob.digest))
            image = oiio.ImageBuf(str(path))
            names = list(image.spec().channelnames)
            blend = next(n for n in names if n in ("void_mask.alpha", "void_mask.A"))
            found.append(image.get_pixels(oiio.FLOAT)[..., [names.index(n) for n in (*"RGB", blend)]])
    return found


@pytest.fixture(scope="module")
def frames(server, shot, tmp_path_factory) -> list[np.ndarray]:
    return made(server, shot, tmp_path_factory.mktemp("results"))


def test_outside_the_blend_samples_below_0_keep_their_bits(frames):
    below = 0
    for index, frame in enumerate(frames):
        outside = frame[..., 3] == 0
        plate = np.where(matte(index) > 0, -0.5, wall()).astype(np.float16).astype(np.float32)
        assert (frame[outside][:, :3] == plate[outside]).all()
        below += int((plate[outside] < 0).sum())
    assert below > 1000


def test_inside_every_sample_is_finite_and_none_is_of_the_object_s_light(frames):
    for frame in frames:
        inside = frame[frame[..., 3] == 1][:, :3]
        assert len(inside) and np.isfinite(inside).all()
        assert inside.min() > 3 * LEAST and inside.max() < 2 * wall().max()


def test_the_wall_that_was_seen_on_other_frames_comes_back_also_where_it_is_below_0(frames):
    for index, frame in enumerate(frames[1:-1], 1):
        hidden = matte(index)[..., 0] > 0
        error = np.abs(frame[hidden][:, :3] - wall()[hidden])
        dark = wall()[hidden].min(1) < -0.01
        assert np.median(error[dark]) < 0.01 and np.median(error) < 0.01
