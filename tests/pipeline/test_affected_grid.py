# SPDX-License-Identifier: Apache-2.0
"""The affected region as the engine `void` is given it, in whole cells or to the pixel."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.pipeline.servers import server_with
from tests.pipeline.test_void_engine import DONE, TINY, fresh_units, picture, sidecar, wish
from tests.server.calls import recorded_units
from void_server.engines.cleanplate import FrameFill
from void_server.engines.void.settings import VoidSettings
from void_server.frames.blobs import BlobFolder
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.conform import conform
from void_server.pipeline.encode import _codes
from void_server.pipeline.order import parse_order
from void_server.quadmask.regions import Quadmask

SIZE = (64, 112)
"""Of the plates here, and of the model's picture of them: cells of 8 x 8 pixels."""
DOT, CELL = (20, 50), (slice(16, 24), slice(48, 56))
"""An affected pixel, and its cell."""


def told(settings: VoidSettings, keep: np.ndarray | None = None) -> np.ndarray:
    """(h, w) codes that the model is given of a frame with one affected pixel, and a removed one in the same cell."""
    remove, affected = np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32)
    affected[DOT], remove[17, 49] = 1, 1
    shot = SimpleNamespace(
        frames=range(1),
        window=None,
        quadmask=lambda *_: Quadmask(remove, affected),
        keep=lambda *_: np.zeros(SIZE, np.float32) if keep is None else keep,
    )
    return _codes(shot, settings, SIZE)[0, 0].numpy()


@pytest.mark.parametrize("settings", [VoidSettings(), VoidSettings.official()])
def test_to_the_pixel_the_model_is_given_what_was_drawn(settings):
    found = told(settings)
    assert found[DOT] == 127 and found[17, 49] == 0 and (found < 255).sum() == 2


@pytest.mark.parametrize("settings", [VoidSettings(), VoidSettings.official()])
def test_in_whole_cells_the_affected_region_fills_its_cell_and_what_is_removed_stays(settings):
    found = told(replace(settings, affected_grid=True))
    assert (found[CELL] == 127).sum() == 63 and found[17, 49] == 63
    assert (found < 255).sum() == 64


@pytest.mark.parametrize("settings", [VoidSettings(), VoidSettings.official()])
def test_a_cell_is_not_widened_over_what_is_kept(settings):
    keep = np.zeros(SIZE, np.float32)
    keep[:, 53:] = 1
    found = told(replace(settings, affected_grid=True), keep)
    assert (found[:, 53:] == 255).all() and (found[CELL] < 255).sum() == 8 * 5


@pytest.mark.parametrize(
    ("options", "grid"),
    [
        ({}, True),
        ({"affected_grid": "off"}, False),
        ({"profile": "official"}, False),
        ({"profile": "official", "affected_grid": "on"}, True),
    ],
)
def test_whole_cells_are_the_default_of_production_alone(shot, options, grid):
    order = parse_order(MessageToDict(wish(shot, "order", **options), preserving_proto_field_name=True))
    assert order.void_settings().affected_grid is grid


def test_the_level_of_the_model_s_picture_is_not_taken_from_cells_that_it_was_told_to_change(tmp_path):
    blobs, region = BlobFolder(tmp_path), np.zeros(SIZE, np.float32)
    region[CELL] = 1
    changed = np.zeros(SIZE, bool)
    changed[8:32, 40:64] = True
    plate = np.full((*SIZE, 3), 0.4, np.float32)
    made = np.where(changed[..., None], plate + np.float32(0.3), plate)
    answer = {
        "made": store_arrays(blobs, {"made": made}).digest,
        "seen": store_arrays(blobs, {"seen": plate.astype(np.float16)}).digest,
        "told": store_arrays(blobs, {"told": changed.astype(np.uint8)}).digest,
        "corner": [0, 0],
    }
    run = {
        "answers": {"0": answer},
        "crop": None,
        "fills": None,
    }
    args = {"position": 0, "runs": [run]}
    same = SimpleNamespace(encode=lambda values: values, decode=lambda values: values)
    shot = SimpleNamespace(
        window=None,
        quadmask=lambda *_: Quadmask(region, np.zeros_like(region)),
        plate=lambda _: plate,
        manifest=SimpleNamespace(settings={"margin": 0}, model_light=lambda: same),
    )
    stored, _ = conform(shot, args, blobs)
    filled = FrameFill.from_arrays(load_arrays(blobs, stored["fill"].digest)).colour
    assert np.abs(filled - 0.7).max() < 0.01


@pytest.fixture(scope="module")
def server(tmp_path_factory, shot) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    with server_with(tmp_path_factory, shot, weights=folder) as running:
        yield running


@pytest.fixture(scope="module")
def job(server, shot):
    done = server.caller.run(wish(shot, "cells", replace="region"))
    assert done.state == DONE, done
    return done


def test_the_model_s_picture_is_another_and_the_plate_changes_in_the_same_pixels(server, shot, job, tmp_path):
    before = recorded_units(server.store)
    other = server.caller.run(wish(shot, "pixels", affected_grid="off", replace="region"))
    fresh = fresh_units(server, before)
    assert other.state == DONE and fresh.count("encode") == 1, "the mattes, and not the plate"
    assert [sidecar(server, j)["options"]["affected_grid"] for j in (job, other)] == ["on", "off"]
    (cells, mask), (pixels, same) = (picture(server, j, shot.first, tmp_path) for j in (job, other))
    assert (mask == same).all() and (cells != pixels).any()
    assert (cells == pixels)[mask.max(axis=-1) == 0].all()
    assert all(f["quality"]["outside_difference"] == 0 for f in sidecar(server, job)["frames"])


def test_a_quadmask_that_is_given_back_gives_the_same_samples(server, shot, job, tmp_path):
    spec = wish(shot, "back", replace="region")
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
    for frame in shot.files("plate"):
        ours, theirs = (picture(server, j, frame, tmp_path)[0] for j in (job, done))
        assert (ours.view(np.uint16) == theirs.view(np.uint16)).all()
