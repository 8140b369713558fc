# SPDX-License-Identifier: Apache-2.0
"""What the engine `void` sees of a shot, through a real server and worker with a tiny checkpoint of random values."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from google.protobuf.json_format import MessageToDict

from tests.conftest import RunningServer
from tests.pipeline.servers import server_with
from tests.pipeline.test_void_engine import DONE, TINY, fresh_units, picture, sidecar, wish
from tests.server.calls import recorded_units
from tests.small_shot import SmallShot, write_exr, write_small_shot
from void_server.errors import InvalidInput
from void_server.pipeline.order import parse_order

HEIGHT, WIDTH = 216, 288
OVERSCAN = 8


def with_overscan(folder: Path, shot: SmallShot, aspect: float) -> SmallShot:
    """The shot squeezed, its first columns and rows declared to lie outside of the display window, and the matte
    reaching there.
    """
    for name in ("plate", "roto", "affected"):
        for frame, path in shot.files(name).items():
            samples = np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.HALF))
            if name == "roto":
                samples[:40, :30] = 1
            write_exr(
                folder / name / f"{name}.{frame:04d}.exr",
                samples,
                "RGB" if name == "plate" else "A",
                origin=(-OVERSCAN, -OVERSCAN),
                display=(HEIGHT - 2 * OVERSCAN, WIDTH - 2 * OVERSCAN),
                PixelAspectRatio=aspect,
            )
    return SmallShot(folder, shot.first, shot.last)


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("large"), frames=3, size=(HEIGHT, WIDTH))


@pytest.fixture(scope="module")
def squeezed(tmp_path_factory, large) -> SmallShot:
    return with_overscan(tmp_path_factory.mktemp("squeezed"), large, 2.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory, large, squeezed) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    with server_with(tmp_path_factory, large, squeezed, weights=folder) as running:
        yield running


@pytest.fixture(scope="module")
def job(server, large):
    done = server.caller.run(wish(large, "cropped", detail="off"))
    assert done.state == DONE, done
    return done


def plates(shot: SmallShot) -> dict[int, np.ndarray]:
    return {
        f: np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.HALF))[..., :3]
        for f, path in shot.files("plate").items()
    }


def given(server, spec, role: str, frame: int, samples: np.ndarray, folder: Path) -> None:
    """One more matte of the order."""
    path = write_exr(folder / f"{role}.{frame}.exr", samples, "A")
    blob = server.caller.upload(path.read_bytes())
    getattr(spec.shot, role).files.add(frame=frame, name=path.name, blob=blob)


def test_the_model_sees_a_crop_and_the_papers_say_which(server, job):
    said = sidecar(server, job)["engine"]
    (run,) = said["regions"]["runs"]
    assert said["regions"]["seen"] == "crops" and said["model"]["size"] == [96, 64]
    assert run["crop"][2:] == [96, 64] and run["scale"] == 1 and run["path"] is None
    assert said["regions"]["whole_scale"] == 3.375 and run["share"] == round(96 * 64 / (HEIGHT * WIDTH), 4)
    assert said["regions"]["cost"]["of_whole"] == 1 and said["regions"]["windows"] == 1


def test_the_region_is_filled_and_the_plate_s_bits_stay_beside_it(server, large, job, tmp_path):
    for frame, plate in plates(large).items():
        colour, masks = picture(server, job, frame, tmp_path)
        kept = masks.max(axis=-1) == 0
        assert (colour.view(np.uint16) == plate.view(np.uint16))[kept].all()
        assert (colour != plate)[masks.max(axis=-1) == 1].any(axis=-1).mean() > 0.9
    assert all(f["quality"]["unfilled"] == 0 for f in sidecar(server, job)["frames"])


def test_the_plan_is_told_before_the_work(server, large):
    job = server.caller.submit(wish(large, "told", region_context="2")).job
    said = [e.event.message for e in server.caller.watch(job.id) if e.HasField("event")]
    plan = next(n for n, message in enumerate(said) if message.startswith("Region: of the frame"))
    assert "1.00 plate pixels for one of its own" in said[plan] and "3.38" in said[plan]
    assert plan < next(n for n, message in enumerate(said) if message.startswith("Memory:"))


def test_another_edge_needs_neither_another_plan_nor_another_picture(server, large):
    assert server.caller.run(wish(large, "first")).state == DONE
    before = recorded_units(server.store)
    assert server.caller.run(wish(large, "edge", grow="3")).state == DONE
    assert not {"regions", "encode", "generate", "conform"} & set(fresh_units(server, before))


def test_the_whole_frame_is_seen_where_it_is_asked_for(server, large, job):
    before = recorded_units(server.store)
    whole = server.caller.run(wish(large, "whole", region="whole"))
    assert whole.state == DONE and sidecar(server, whole)["engine"]["regions"] is None
    assert fresh_units(server, before).count("encode") == 2
    assert sidecar(server, whole)["options"]["region"] == "whole"


def test_the_official_profile_sees_the_whole_frame_and_says_so(server, large):
    done = server.caller.run(wish(large, "official", profile="official"))
    said = sidecar(server, done)
    assert done.state == DONE and said["engine"]["regions"] is None and said["options"]["region"] == "whole"


def test_where_a_crop_would_hardly_be_finer_all_is_as_if_the_whole_frame_had_been_asked_for(server, large):
    whole = server.caller.run(wish(large, "one", region="whole", model_percent="40"))
    before = recorded_units(server.store)
    auto = server.caller.run(wish(large, "two", model_percent="40"))
    assert (whole.state, auto.state) == (DONE, DONE)
    assert not {"encode", "generate", "conform"} & set(fresh_units(server, before))
    assert sidecar(server, auto)["engine"]["regions"]["seen"] == "whole"


def test_squeezed_plates_with_overscan_come_back_and_overscan_stays(server, squeezed, tmp_path):
    done = server.caller.run(wish(squeezed, "squeezed"))
    assert done.state == DONE, done
    regions = sidecar(server, done)["engine"]["regions"]
    assert regions["area"] == [OVERSCAN, OVERSCAN, WIDTH - 2 * OVERSCAN, HEIGHT - 2 * OVERSCAN]
    for frame, plate in plates(squeezed).items():
        colour, masks = picture(server, done, frame, tmp_path)
        same = (colour.view(np.uint16) == plate.view(np.uint16)).all(axis=-1)
        assert same[:OVERSCAN].all() and same[:, :OVERSCAN].all() and masks[:OVERSCAN].max() == 1
        assert not same[OVERSCAN:40, OVERSCAN:30].all()


def test_two_regions_far_apart_are_two_runs(server, large, tmp_path):
    spec = wish(large, "two runs")
    spec.shot.ClearField("affected")
    spec.shot.remove.ClearField("files")
    where = np.zeros((HEIGHT, WIDTH, 1), np.float16)
    where[8:24, 8:24] = where[-24:-8, -24:-8] = 1
    for frame in large.files("plate"):
        given(server, spec, "remove", frame, where, tmp_path)
    done = server.caller.run(spec)
    assert done.state == DONE, done
    regions = sidecar(server, done)["engine"]["regions"]
    assert len(regions["runs"]) == 2 and regions["cost"]["of_whole"] == 2
    plate = plates(large)[large.first]
    changed = (picture(server, done, large.first, tmp_path)[0] != plate).any(axis=-1)
    assert changed[8:24, 8:24].mean() > 0.9 and changed[-24:-8, -24:-8].mean() > 0.9
    assert not changed[40:-40].any()


def test_what_is_kept_is_no_reason_to_see_more_and_stays(server, large, tmp_path):
    spec = wish(large, "kept")
    keep = np.zeros((HEIGHT, WIDTH, 1), np.float16)
    keep[:, WIDTH // 2 :] = 1
    where = np.zeros_like(keep)
    where[60:80, 20:-20] = 1
    spec.shot.ClearField("affected")
    spec.shot.remove.ClearField("files")
    for frame in large.files("plate"):
        for field, samples in (("remove", where), ("keep", keep)):
            given(server, spec, field, frame, samples, tmp_path)
    done = server.caller.run(spec)
    assert done.state == DONE, done
    (run,) = sidecar(server, done)["engine"]["regions"]["runs"]
    assert run["crop"][0] + run["crop"][2] < WIDTH - 20
    plate, said = plates(large)[large.first], sidecar(server, done)["frames"]
    colour = picture(server, done, large.first, tmp_path)[0]
    assert (colour[:, WIDTH // 2 :].view(np.uint16) == plate[:, WIDTH // 2 :].view(np.uint16)).all()
    assert (colour[62:78, 25 : WIDTH // 2 - 5] != plate[62:78, 25 : WIDTH // 2 - 5]).any(axis=-1).mean() > 0.9
    assert all(f["quality"]["unfilled"] == 0 for f in said)


@pytest.mark.parametrize("options", [{}, {"region": "whole"}, {"region_context": "2.5"}])
def test_the_options_are_read(large, options):
    order = parse_order(MessageToDict(wish(large, "order", **options), preserving_proto_field_name=True))
    assert order.options.region == options.get("region", "auto")
    assert order.options.region_context == float(options.get("region_context", "1.5"))


def test_a_context_that_is_no_number_is_refused(large):
    with pytest.raises(InvalidInput, match="no usable value"):
        parse_order(
            MessageToDict(wish(large, "wrong", region_context="much"), preserving_proto_field_name=True)
        )
