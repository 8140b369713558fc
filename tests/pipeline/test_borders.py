# SPDX-License-Identifier: Apache-2.0
"""Where windows and anchors meet, and that a shot longer than a window does not show it; the model is a tiny one of
random values, through a real server.

Takes over 10 seconds: a shot that is longer than a window has 37 frames.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from google.protobuf.json_format import MessageToDict
from PIL import Image
from void.v1 import jobs_pb2

from tests.conftest import RunningServer
from tests.pipeline.test_void_engine import DONE, TINY, sidecar, wish
from tests.small_shot import SmallShot, write_small_shot
from void_server.pipeline.borders import borders
from void_server.pipeline.order import Order, parse_order

FRAMES = 37
LONG = {"window": "29", "model_percent": "15", "steps": "2", "detail": "off", "replace": "region"}
SEEN, CHANCE = 1.1, 0.1
"""Flicker at borders over that elsewhere from which it would be more there; and how often any place of the same number
of borders may show as much for it to be chance: of random values, two borders are never quite as all others."""


@pytest.fixture(scope="module")
def long(tmp_path_factory) -> SmallShot:
    return write_small_shot(tmp_path_factory.mktemp("long"), frames=FRAMES, size=(72, 320))


def order_of(shot: SmallShot, engine: str, frames: int = 0, **options: str) -> Order:
    spec = wish(shot, "order", **{"window": "85", **options})
    spec.settings.engine = engine
    if frames:
        spec.shot.range.last = spec.shot.range.first + frames - 1
    return parse_order(MessageToDict(spec, preserving_proto_field_name=True))


def test_anchors_meet_every_twelve_pairs_and_a_frame_there_has_a_pair_of_either(long):
    assert borders(order_of(long, "cleanplate")) == {"anchors": [12, 13, 24, 25]}
    assert borders(order_of(long, "cleanplate", 13)) == {"anchors": []}


@pytest.mark.parametrize(
    ("frames", "window", "at"),
    # Of 37 frames 10 latents are made and 12 are seen: windows 0-8 and 4-12.
    [(37, 29, [13, 29]), (29, 29, []), (100, 85, [69, 85])],
)
def test_windows_begin_and_end_where_their_latents_do(long, frames, window, at):
    order = order_of(long, "void", frames, window=str(window), detail="off")
    assert borders(order) == {"windows": at}
    assert borders(order_of(long, "void", frames, window=str(window)))["windows"] == at


def test_the_official_profile_has_windows_too(long):
    assert borders(order_of(long, "void", 100, profile="official")) == {"windows": [69, 85]}


@pytest.fixture(scope="module")
def server(tmp_path_factory, long) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("weights")
    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOID_WEIGHTS", str(folder))
        running = RunningServer(tmp_path_factory.mktemp("store"))
        for name in ("plate", "roto", "affected"):
            running.caller.upload_files(long.files(name).values())
        yield running
        running.stop()


@pytest.mark.parametrize("profile", ["production", "official"])
def test_a_shot_longer_than_a_window_flickers_no_more_where_windows_meet(server, long, profile):
    done = server.caller.run(wish(long, profile, **LONG, profile=profile))
    assert done.state == DONE, done
    said = sidecar(server, done)
    found = said["flicker"]["windows"]
    assert found["frames"] == [long.first + 13, long.first + 29] and found["measured"] == 2
    assert found["ratio"] <= SEEN or found["chance"] > CHANCE, found
    assert all(f["quality"]["flicker"] > 0 for f in said["frames"][1:])


def test_the_clean_plate_flickers_no_more_at_its_anchors_and_the_plot_shows_them(server, long):
    spec = wish(long, "clean")
    spec.settings.engine = "cleanplate"
    done = server.caller.run(spec)
    assert done.state == DONE, done
    found = sidecar(server, done)["flicker"]
    assert list(found) == ["anchors"] and found["anchors"]["measured"] == 4
    assert found["anchors"]["ratio"] <= SEEN, found
    plot = next(o.blob.digest for o in done.outputs if o.kind == jobs_pb2.OUTPUT_KIND_QC_PLOT)
    shown = np.asarray(Image.open(io.BytesIO(server.caller.download(plot))).convert("RGB")).astype(int)
    # Nothing else in the plot is of the green of the anchors' lines.
    assert ((shown[..., 1] - shown[..., 0] > 40) & (shown[..., 1] - shown[..., 2] > 40)).any()
