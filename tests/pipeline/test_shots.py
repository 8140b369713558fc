# SPDX-License-Identifier: Apache-2.0
"""Shots of every length and kind through a real server, and what the papers say of them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import PyOpenColorIO as ocio
import pytest
from PIL import Image
from void.v1 import jobs_pb2

from tests.server.calls import recorded_units, set_sequence, sha256, spec_of
from tests.small_shot import write_exr, write_small_shot
from void_server.pipeline.engine_choice import ENGINE_MAX_FRAMES
from void_server.pipeline.order import parse_order
from void_server.pipeline.preflight import find_problems
from void_server.pipeline.results import Results

DONE = jobs_pb2.JOB_STATE_DONE


def upload(server, shot) -> None:
    for name in ("plate", "roto", "affected"):
        server.caller.upload_files(shot.files(name).values())


def paper(server, job, kind: str) -> bytes:
    wanted = jobs_pb2.OutputKind.Value(f"OUTPUT_KIND_{kind}")
    return server.caller.download(next(o.blob.digest for o in job.outputs if o.kind == wanted))


def sidecar(server, job) -> dict:
    return json.loads(paper(server, job, "SIDECAR"))


@pytest.mark.parametrize("frames", [1, 2])
def test_the_shortest_shots_come_back(server, tmp_path, frames):
    shot = write_small_shot(tmp_path, frames=frames)
    upload(server, shot)
    job = server.caller.run(spec_of(shot, f"/short{frames}"))
    assert job.state == DONE, job.problems
    said = sidecar(server, job)
    assert len(said["frames"]) == frames and said["range"] == [1001, 1000 + frames, 1]


@pytest.mark.parametrize("size", [(24, 160), (31, 96), (160, 24)])
@pytest.mark.parametrize("reasoner", ["artist", "motion"])
def test_a_strip_comes_back_though_flow_cannot_be_measured_in_it(server, tmp_path, size, reasoner):
    shot = write_small_shot(tmp_path, frames=3, size=size)
    upload(server, shot)
    spec = spec_of(shot, f"/strip {size} {reasoner}")
    spec.settings.reasoner = reasoner
    job = server.caller.run(spec)
    assert job.state == DONE, job.problems
    assert all(f["quality"]["outside_difference"] == 0 for f in sidecar(server, job)["frames"])


def test_a_range_with_a_step_works_on_its_frames_only(server, shot):
    upload(server, shot)
    spec = spec_of(shot, "/step")
    spec.shot.range.step = 2
    job = server.caller.run(spec)
    assert job.state == DONE
    assert [f["frame"] for f in sidecar(server, job)["frames"]] == [1001, 1003, 1005]


def test_a_preview_is_marked_as_one(server, shot):
    upload(server, shot)
    spec = spec_of(shot, "/preview")
    spec.settings.preview = True
    job = server.caller.run(spec)
    assert job.state == DONE and sidecar(server, job)["preview"] is True


def test_fills_are_steadied_but_not_those_of_a_preview(server, shot):
    upload(server, shot)
    steadied = []
    for preview in (False, True):
        spec = spec_of(shot, f"/steady{preview:d}")
        spec.settings.preview = preview
        assert server.caller.run(spec).state == DONE
        steadied.append([kind for kind, _ in recorded_units(server.store).values()].count("steady"))
    assert steadied[0] > 0 and steadied[1] == steadied[0]


def test_without_an_affected_matte_the_reasoner_is_motion(server, shot):
    upload(server, shot)
    job = server.caller.run(spec_of(shot, "/alone", remove=shot.files("roto")))
    said = sidecar(server, job)
    assert said["reasoner"] == "motion" and "affected" not in said["frames"][0]["mattes"]
    assert set(said["seconds"]) >= {"survey", "survey_motion", "propose", "associate"}
    assert all(0 <= f["proposal"]["coverage"] <= 1 for f in said["frames"])


def test_with_an_affected_matte_nothing_is_surveyed(server, shot):
    upload(server, shot)
    said = sidecar(server, server.caller.run(spec_of(shot, "/drawn")))
    assert said["reasoner"] == "artist" and "survey" not in said["seconds"]


def test_the_reasoner_none_leaves_green_empty(server, shot):
    upload(server, shot)
    spec = spec_of(shot, "/none", remove=shot.files("roto"))
    spec.settings.reasoner = "none"
    job = server.caller.run(spec)
    said = sidecar(server, job)
    assert said["reasoner"] == "none" and "survey" not in said["seconds"]
    assert all(f["proposal"] is None for f in said["frames"])


def test_a_shot_whose_plate_is_black_comes_back(server, shot, tmp_path):
    upload(server, shot)
    black = write_exr(tmp_path / "black.exr", np.zeros((72, 96, 3), np.float16), "RGB")
    server.caller.upload_files([black])
    spec = spec_of(shot, "/black")
    set_sequence(spec, "plate", dict.fromkeys(shot.files("plate"), black))
    assert server.caller.run(spec).state == DONE


def test_the_contact_sheet_shows_square_pixels_and_five_frames(server, shot, tmp_path):
    def picture(aspect: float) -> Image.Image:
        spec = spec_of(shot, f"/sheet{aspect}")
        for role, name in (("plate", "plate"), ("remove", "roto"), ("affected", "affected")):
            files = {}
            for frame, path in shot.files(name).items():
                pixels, letters = read(path)
                target = tmp_path / f"{aspect}" / path.name
                files[frame] = write_exr(target, pixels, letters, PixelAspectRatio=aspect)
            server.caller.upload_files(files.values())
            set_sequence(spec, role, files)
        return Image.open(io.BytesIO(paper(server, server.caller.run(spec), "CONTACT_SHEET")))

    square, squeezed = picture(1.0), picture(2.0)
    assert squeezed.width == square.width > 5 * 400
    assert squeezed.height < 0.6 * square.height


def read(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    image = oiio.ImageBuf(str(path))
    return np.asarray(image.get_pixels(oiio.HALF)), image.spec().channelnames


def test_the_ocio_config_that_travels_with_the_job_decides_the_colour_space(server, shot):
    """A config of the site's own, packed; its file rule says that these plates are camera log."""
    upload(server, shot)
    config = ocio.Config.CreateFromBuiltinConfig("studio-config-v2.1.0_aces-v1.3_ocio-v2.3")
    rules = config.getFileRules()
    rules.insertRule(0, "plates", "ACEScct", "plate*", "exr")
    config.setFileRules(rules)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("config.ocio"), config.serialize())
    server.caller.upload(packed.getvalue())
    spec = spec_of(shot, "/ocio")
    spec.shot.colour.archive.digest = sha256(packed.getvalue())
    job = server.caller.run(spec)
    assert job.state == DONE, job.problems
    said = sidecar(server, job)["colour"]
    assert said["space"] == "ACEScct"
    assert said["config"] == f"sha256:{sha256(packed.getvalue())}"


def test_an_archive_that_is_not_uploaded_is_asked_for(server, shot):
    upload(server, shot)
    spec = spec_of(shot, "/noocio")
    spec.shot.colour.archive.digest = "0" * 64
    with pytest.raises(Exception, match="OCIO archive is not uploaded"):
        server.caller.submit(spec)


def test_a_range_beyond_the_engine_s_limit_is_a_problem():
    most = ENGINE_MAX_FRAMES["cleanplate"]
    for count, codes in ((most, set()), (most + 1, {"too_many_frames"})):
        spec = {
            "shot": {
                "range": {"first": 1, "last": count},
                "plate": {"files": [{"frame": f} for f in range(1, count + 1)]},
                "remove": {"files": [{"frame": f} for f in range(1, count + 1)]},
            }
        }
        assert {p.code for p in find_problems(parse_order(spec), Results({}))} == codes
