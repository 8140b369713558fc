# SPDX-License-Identifier: Apache-2.0
"""The engine `void` joined with real pixels, through a real server and worker with a tiny checkpoint of random values.

Its picture means nothing, so it agrees with nothing but by chance; where it does not, the result is the model's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import OpenImageIO as oiio
import pytest
from google.protobuf.json_format import MessageToDict

from tests.conftest import RunningServer
from tests.pipeline.servers import server_with
from tests.pipeline.test_void_engine import DONE, TINY, fresh_units, picture, sidecar, wish
from tests.server.calls import recorded_units, spec_of
from tests.small_shot import SmallShot, write_exr, write_small_shot
from void_server.pipeline.order import parse_order

REBUILDING = {"prepare", "motion", "anchor", "settle", "fill", "steady"}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("small"), frames=3)


@pytest.fixture(scope="module")
def server(tmp_path_factory, small) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    with server_with(tmp_path_factory, small, weights=folder) as running:
        yield running


@pytest.fixture(scope="module")
def off(server, small):
    done = server.caller.run(wish(small, "off", detail="off", passes="qc"))
    assert done.state == DONE, done
    return done


@pytest.fixture(scope="module")
def job(server, small, off):
    done = server.caller.run(wish(small, "plate", passes="qc"))
    assert done.state == DONE, done
    return done


def layer(server, job, frame: int, name: str, tmp_path) -> np.ndarray:
    """One channel of a returned frame."""
    picture(server, job, frame, tmp_path)
    image = oiio.ImageBuf(str(tmp_path / f"{frame}.exr"))
    return np.asarray(image.get_pixels(oiio.FLOAT))[..., image.spec().channelnames.index(name)]


def test_without_detail_nothing_is_rebuilt_or_compared(server, off):
    said = sidecar(server, off)
    assert said["options"]["detail"] == "off" and all("real" not in f["fill"] for f in said["frames"])
    assert not {"compare", "fill"} & set(said["seconds"])


def test_the_papers_say_how_much_of_each_frame_is_real(server, job):
    said = sidecar(server, job)
    assert said["options"]["detail"] == "plate"
    assert all(0 <= f["fill"]["real"] <= 1 for f in said["frames"])


def test_the_qc_layer_tells_real_pixels_from_made_up_ones(server, small, job, off, tmp_path):
    frame = small.first
    red, green, blue, mask = (
        layer(server, job, frame, n, tmp_path)
        for n in ("void_qc.red", "void_qc.green", "void_qc.blue", "void_mask.alpha")
    )
    assert (layer(server, off, frame, "void_qc.blue", tmp_path)[mask == 1] == 1).all()
    assert ((green + blue) <= 1.001).all() and (red[blue == 1] <= 0.001).all()


def test_only_what_real_pixels_need_is_computed_beside_the_model_and_an_edge_needs_none_of_it(
    server, small, job
):
    before = recorded_units(server.store)
    guided = server.caller.run(wish(small, "guided", detail="guided"))
    assert guided.state == DONE and all(f["fill"]["real"] < 0.5 for f in sidecar(server, guided)["frames"])
    fresh = set(fresh_units(server, before))
    assert "conform" in fresh and not fresh & (REBUILDING | {"encode", "generate", "compare"})
    before = recorded_units(server.store)
    assert server.caller.run(wish(small, "edge", grow="3")).state == DONE
    assert set(fresh_units(server, before)) <= {"publish", "review", "report", "still", "ingest", "preflight"}


def test_what_the_clean_plate_engine_did_for_the_shot_is_not_done_again(server, small, job):
    before = recorded_units(server.store)
    spec = spec_of(small, "/cleanplate")
    spec.settings.engine = "cleanplate"
    assert server.caller.run(spec).state == DONE
    assert not set(fresh_units(server, before)) & REBUILDING


def test_a_frame_of_which_all_is_kept_comes_back_as_it_was(server, small, tmp_path):
    spec = wish(small, "kept", region="auto", model_percent="10")
    for frame, samples in (
        (f, np.full((72, 96, 1), f == small.first, np.float16)) for f in small.files("plate")
    ):
        path = write_exr(tmp_path / f"keep.{frame}.exr", samples, "A")
        spec.shot.keep.files.add(frame=frame, name=path.name, blob=server.caller.upload(path.read_bytes()))
    done = server.caller.run(spec)
    assert done.state == DONE, done
    plate = np.asarray(oiio.ImageBuf(str(small.files("plate")[small.first])).get_pixels(oiio.HALF))[..., :3]
    colour, masks = picture(server, done, small.first, tmp_path)
    assert (colour.view(np.uint16) == plate.view(np.uint16)).all() and masks[..., :2].max() == 1


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({}, "plate"),
        ({"profile": "official"}, "off"),
        ({"profile": "official", "detail": "guided"}, "guided"),
        ({"detail": "off"}, "off"),
    ],
)
def test_real_pixels_are_the_default_but_for_the_official_profile(small, options, detail):
    order = parse_order(MessageToDict(wish(small, "order", **options), preserving_proto_field_name=True))
    assert order.detail == detail and order.rebuilds == (detail != "off")


def test_another_engine_has_no_use_for_the_option(small):
    spec = spec_of(small, "/other")
    spec.settings.engine = "cleanplate"
    spec.settings.options["detail"] = "guided"
    order = parse_order(MessageToDict(spec, preserving_proto_field_name=True))
    assert order.detail == "off" and order.rebuilds
