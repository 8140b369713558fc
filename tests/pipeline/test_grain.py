# SPDX-License-Identifier: Apache-2.0
"""Grain through a real server: measured on the plate, added inside the blend matte, switched by `grain_amount`."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.server.calls import recorded_units, spec_of
from tests.small_shot import SmallShot, write_exr

SIZE, FIRST, FRAMES = (144, 224), 1001, 7
SIGMA, LEVEL = 0.02, 0.3


def written(folder: Path, sigma: float, kind: type = np.float16, channels: str = "RGB") -> SmallShot:
    """A wall at rest with grain on it, and a bright square that crosses it."""
    random = np.random.default_rng(3)
    light = cv2.resize(random.random((3, 4)).astype(np.float32), SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    fine = cv2.GaussianBlur(random.standard_normal(SIZE).astype(np.float32), (0, 0), 2.0)
    wall = (LEVEL + 0.05 * (light - 0.5) + 0.02 * fine / fine.std())[..., None].repeat(len(channels), 2)
    folder.mkdir(exist_ok=True)
    np.save(folder / "wall.npy", wall[..., 0])
    for index in range(FRAMES):
        colour = wall + sigma * random.standard_normal(wall.shape)
        matte = np.zeros((*SIZE, 1), np.float32)
        matte[50:90, 10 + 26 * index : 46 + 26 * index] = 1
        colour = np.where(matte > 0, 1.5, colour).astype(kind)
        frame = FIRST + index
        write_exr(folder / "plate" / f"plate.{frame:04d}.exr", colour, channels)
        write_exr(folder / "roto" / f"roto.{frame:04d}.exr", matte.astype(np.float16), "A")
        write_exr(folder / "affected" / f"affected.{frame:04d}.exr", np.zeros_like(matte, np.float16), "A")
    return SmallShot(folder, FIRST, FIRST + FRAMES - 1)


@pytest.fixture(scope="module")
def grained(server, tmp_path_factory) -> SmallShot:
    return sent(server, written(tmp_path_factory.mktemp("grained"), SIGMA))


@pytest.fixture(scope="module")
def smooth(server, tmp_path_factory) -> SmallShot:
    return sent(server, written(tmp_path_factory.mktemp("smooth"), 0.0))


def sent(server, shot: SmallShot) -> SmallShot:
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())
    return shot


def run(server, shot: SmallShot, **options: str) -> jobs_pb2.Job:
    spec = spec_of(shot, "/" + "_".join(options.values()) + shot.folder.name)
    spec.settings.options.update({"grain": "off", "feather": "0"} | options)
    job = server.caller.run(spec)
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    return job


def pictures(server, job: jobs_pb2.Job, folder: Path) -> list[dict[str, np.ndarray]]:
    """The channels of every frame."""
    found = []
    results = [o for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_RESULT]
    for output in sorted(results, key=lambda o: o.frame):
        path = folder / f"{output.frame}.exr"
        path.write_bytes(server.caller.download(output.blob.digest))
        image = oiio.ImageBuf(str(path))
        pixels = np.moveaxis(np.asarray(image.get_pixels(oiio.FLOAT)), -1, 0)
        found.append(dict(zip(image.spec().channelnames, pixels, strict=True)))
    return found


def sidecar(server, job: jobs_pb2.Job) -> dict:
    kind = jobs_pb2.OUTPUT_KIND_SIDECAR
    return json.loads(server.caller.download(next(o for o in job.outputs if o.kind == kind).blob.digest))


def inside(frame: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(next(v for n, v in frame.items() if n in ("void_mask.alpha", "void_mask.A")) == 1)


def noise(shot: SmallShot, frame: dict[str, np.ndarray], channel: str, where: np.ndarray) -> float:
    """Standard deviation of a channel less the wall without grain."""
    inner = cv2.erode(where.astype(np.uint8), np.ones((3, 3), np.uint8)) == 1
    return float((frame[channel] - np.load(shot.folder / "wall.npy"))[inner].std())


def test_a_mean_of_frames_is_given_the_grain_of_the_plate(server, grained, tmp_path):
    frames = pictures(server, run(server, grained), tmp_path)
    wrong = {}
    # On the first frame the engine misplaces the wall under a square that jumps by 26 pixels; that is no grain.
    for number, frame in enumerate(frames[1:], 1):
        where = inside(frame)
        for channel in "RGB":
            there, around = (noise(grained, frame, channel, w) for w in (where, ~where))
            wrong[number, channel] = round(there / around, 2)
    assert all(abs(ratio - 1) < 0.1 for ratio in wrong.values()), wrong


def test_the_amount_0_adds_none(server, grained, tmp_path):
    frame = pictures(server, run(server, grained, grain_amount="0"), tmp_path)[3]
    assert noise(grained, frame, "G", inside(frame)) < 0.6 * SIGMA


def test_nothing_changes_outside_the_blend_matte(server, grained):
    job = run(server, grained)
    assert all(f["quality"]["outside_difference"] == 0 for f in sidecar(server, job)["frames"])


def test_the_sidecar_says_what_was_measured(server, grained):
    told = sidecar(server, run(server, grained))
    assert told["grain"]["confidence"] > 0
    np.testing.assert_allclose(told["grain"]["sigma"], SIGMA, rtol=0.15)
    assert told["options"]["grain_amount"] == 1


def test_another_amount_makes_the_last_stages_again_and_no_other(server, grained):
    run(server, grained)
    before = recorded_units(server.store)
    run(server, grained, grain_amount="0.5")
    fresh = {kind for key, (kind, _) in recorded_units(server.store).items() if key not in before}
    assert fresh <= {"publish", "review", "report", "still"}


def test_a_plate_without_grain_keeps_every_bit_of_its_result(server, smooth, tmp_path):
    with_it, without = (
        pictures(server, run(server, smooth, grain_amount=amount), tmp_path) for amount in ("1", "0")
    )
    for one, two in zip(with_it, without, strict=True):
        for channel in "RGB":
            np.testing.assert_array_equal(one[channel], two[channel])


def test_a_plate_without_grain_says_why_none_is_added(server, smooth):
    told = sidecar(server, run(server, smooth))
    assert told["grain"]["confidence"] == 0
    assert told["grain"]["reason"]


def test_a_float_plate_of_one_channel_gets_its_grain(server, tmp_path):
    shot = sent(server, written(tmp_path / "mono", SIGMA, np.float32, "Y"))
    job = run(server, shot)
    frame = pictures(server, job, tmp_path)[3]
    where = inside(frame)
    np.testing.assert_allclose(noise(shot, frame, "Y", where), noise(shot, frame, "Y", ~where), rtol=0.1)
