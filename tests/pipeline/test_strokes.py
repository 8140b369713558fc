# SPDX-License-Identifier: Apache-2.0
"""The reasoner `motion` beside a drawn matte, through a real server: a hint stroke on one frame helps the others."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from void.v1 import jobs_pb2

from tests.engines.scenes import scene
from tests.server.calls import recorded_units, set_sequence, spec_of
from tests.small_shot import SmallShot, write_exr

FIRST, FRAMES, DRAWN = 1001, 11, 1006
SIZE = (135, 240)


@pytest.fixture(scope="module")
def airborne(tmp_path_factory: pytest.TempPathFactory) -> SmallShot:
    """A box in the air, its shadow far below it; `affected` holds a line in the shadow of one frame."""
    folder = tmp_path_factory.mktemp("airborne")
    made = scene(frames=FRAMES, size=SIZE, square=20, start=(12.0, 10.0), speed=(0.0, 18.0))
    for i, plate in enumerate(made.plates):
        shadow = np.zeros(SIZE, np.float32)
        shadow[90:106, 10 + 18 * i : 34 + 18 * i] = 1
        plate *= (1 - 0.5 * cv2.GaussianBlur(shadow, (0, 0), 2.0))[..., None]
        stroke = np.zeros(SIZE, np.float16)
        if FIRST + i == DRAWN:
            stroke[97:99, 16 + 18 * i : 28 + 18 * i] = 1
        number = f"{FIRST + i:04d}.exr"
        write_exr(folder / "plate" / f"plate.{number}", plate.astype(np.float16), "RGB")
        write_exr(folder / "roto" / f"roto.{number}", made.remove[i][..., None].astype(np.float16), "A")
        write_exr(folder / "affected" / f"affected.{number}", stroke[..., None], "A")
    return SmallShot(folder, FIRST, FIRST + FRAMES - 1)


@pytest.fixture(scope="module")
def hinted(server, airborne):
    return run(server, airborne, "/hinted", "motion", affected="affected")


def run(server, shot: SmallShot, place: str, reasoner: str, **mattes: str) -> jobs_pb2.Job:
    sequences = {role: shot.files(name) for role, name in {"remove": "roto", **mattes}.items()}
    server.caller.upload_files(everything(shot))
    spec = spec_of(shot, place, **sequences)
    spec.settings.reasoner, spec.settings.preview = reasoner, True
    job = server.caller.run(spec)
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    return job


def everything(shot: SmallShot) -> list[Path]:
    return [p for name in ("plate", "roto", "affected") for p in shot.files(name).values()]


def sidecar(server, job) -> dict:
    (blob,) = [o.blob for o in job.outputs if o.kind == jobs_pb2.OUTPUT_KIND_SIDECAR]
    return json.loads(server.caller.download(blob.digest))


def green(server, job, folder: Path, frame: int) -> np.ndarray:
    digest = next(
        o.blob.digest for o in job.outputs if o.frame == frame and o.kind == jobs_pb2.OUTPUT_KIND_MATTE
    )
    path = folder / f"{digest}.exr"
    path.write_bytes(server.caller.download(digest))
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))[..., 1]


def shadow_of(frame: int) -> tuple[slice, slice]:
    left = 10 + 18 * (frame - FIRST)
    return np.s_[93:103, left + 4 : left + 20]


def test_the_shadow_is_proposed_on_the_frames_around_the_stroke_only_with_the_stroke(
    server, airborne, hinted, tmp_path
):
    alone = run(server, airborne, "/alone", "motion")
    for frame in (DRAWN - 2, DRAWN, DRAWN + 2):
        assert green(server, hinted, tmp_path, frame)[shadow_of(frame)].min() > 0.5
        assert green(server, alone, tmp_path, frame)[shadow_of(frame)].max() == 0
    offsets = {f["frame"]: f["proposal"].get("stroke_offset") for f in sidecar(server, hinted)["frames"]}
    assert offsets == {f: DRAWN - f for f in airborne.files("plate")}
    assert all("stroke_offset" not in f["proposal"] for f in sidecar(server, alone)["frames"])


def test_a_drawn_matte_without_a_reasoner_asked_for_is_taken_as_it_is(server, airborne, tmp_path):
    job = run(server, airborne, "/artist", "", affected="affected")
    assert sidecar(server, job)["reasoner"] == "artist"
    found = green(server, job, tmp_path, DRAWN)
    assert np.count_nonzero(found) == 2 * 12
    assert not green(server, job, tmp_path, DRAWN + 1).any()


def test_what_is_drawn_on_plain_ground_stays_and_nothing_grows(server, airborne, tmp_path):
    stroke = np.zeros((*SIZE, 1), np.float16)
    stroke[120:123, 30:90] = 1
    path = write_exr(tmp_path / "stroke.exr", stroke, "A")
    server.caller.upload_files([path, *everything(airborne)])
    spec = spec_of(airborne, "/plain", remove=airborne.files("roto"), affected=airborne.files("affected"))
    set_sequence(spec, "affected", {**airborne.files("affected"), DRAWN: path})
    spec.settings.reasoner, spec.settings.preview = "motion", True
    job = server.caller.run(spec)
    found = green(server, job, tmp_path, DRAWN)
    assert (found[120:123, 30:90] == 1).all() and np.count_nonzero(found) == 3 * 60
    assert not green(server, job, tmp_path, DRAWN + 1).any()


def test_a_painted_quadmask_is_a_stroke_too(server, airborne, tmp_path, hinted):
    painted = {}
    for frame, path in airborne.files("roto").items():
        red, line = (pixels(p) for p in (path, airborne.files("affected")[frame]))
        painted[frame] = write_exr(tmp_path / f"q.{frame}.exr", np.concatenate([red, line, red], -1), "RGB")
    server.caller.upload_files([*painted.values(), *everything(airborne)])
    spec = spec_of(airborne, "/painted", quadmask=painted)
    spec.settings.reasoner, spec.settings.preview = "motion", True
    job = server.caller.run(spec)
    assert job.state == jobs_pb2.JOB_STATE_DONE, job.problems
    for frame in (DRAWN, DRAWN + 2):
        theirs = green(server, hinted, tmp_path, frame)
        np.testing.assert_array_equal(green(server, job, tmp_path, frame), theirs)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.HALF))


def test_a_stroke_costs_the_survey_of_its_own_frame_and_what_reads_it(server, airborne, hinted, tmp_path):
    """The survey shows the removed object alone, so another stroke moves nothing but its own frame's."""
    run(server, airborne, "/alone_too", "motion")
    before = recorded_units(server.store)
    stroke = np.zeros((*SIZE, 1), np.float16)
    stroke[97:99, 20:30] = 1
    path = write_exr(tmp_path / "other.exr", stroke, "A")
    server.caller.upload_files([path, *everything(airborne)])
    spec = spec_of(airborne, "/other", remove=airborne.files("roto"), affected=airborne.files("affected"))
    set_sequence(spec, "affected", {**airborne.files("affected"), DRAWN: path})
    spec.settings.reasoner, spec.settings.preview = "motion", True
    server.caller.run(spec)
    kinds = [kind for key, (kind, _) in recorded_units(server.store).items() if key not in before]
    counts = {kind: kinds.count(kind) for kind in ("ingest", "survey", "survey_motion", "propose")}
    assert counts == {"ingest": 1, "survey": 1, "survey_motion": FRAMES - 1, "propose": FRAMES}
