# SPDX-License-Identifier: Apache-2.0
"""`void remove --views`: the views of a stereo shot have seed and crops in common, with both engines.

Takes over 10 seconds, since four jobs run, two of them through a tiny model of random values.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.client.conftest import Command, Ran, ServerProcess, clean_environment
from tests.pipeline.test_void_engine import SMALL, TINY
from tests.small_shot import write_exr, write_small_shot

DISPARITY = 30
"""Pixels by which the right view shows everything further left."""


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder a view; the right one is the left one, moved aside."""
    folder = tmp_path_factory.mktemp("stereo")
    left = write_small_shot(folder / "left", frames=3, size=(216, 288))
    for name, channels in (("plate", "RGB"), ("roto", "A"), ("affected", "A")):
        for path in left.files(name).values():
            samples = np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.HALF))
            write_exr(folder / "right" / name / path.name, np.roll(samples, -DISPARITY, axis=1), channels)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    weights = tmp_path_factory.mktemp("weights")
    shutil.copytree(TINY, weights, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOID_WEIGHTS", str(weights))
        running = ServerProcess(tmp_path_factory.mktemp("store"))
    yield running
    running.stop()


def both(server: ServerProcess, folder: Path, stereo: Path, *more: str) -> tuple[Ran, list[dict]]:
    """What the command said, and the sidecars of both views."""
    environment = clean_environment(VOID_SERVER=server.address, VOID_TOKEN_FILE=str(server.token_file))
    inputs = (("plate", "plate"), ("remove", "roto"), ("affected", "affected"))
    named = (f for option, name in inputs for f in (f"--{option}", f"{stereo}/%V/{name}/{name}.####.exr"))
    ran = Command(environment, folder)(
        "remove", *named, "--out", "out", "--name", "shot", "--views", "left,right", "--seed", "7", *more
    )
    files = [folder / "out" / f"shot_{view}.json" for view in ("left", "right")]
    return ran, [json.loads(f.read_text()) for f in files if f.is_file()]


def test_of_the_model_both_views_have_the_same_crops_and_say_so(server, stereo, tmp_path):
    options = [f"--set={name}={value}" for name, value in {**SMALL, "detail": "off"}.items()]
    ran, (left, right) = both(server, tmp_path, stereo, "--engine", "void", *options)
    assert ran.code == 0, ran.err
    one, two = (side["engine"]["regions"] for side in (left, right))
    assert one["crops"] == two["crops"] != "whole" and (one["given"], two["given"]) == (False, True)
    assert [r["crop"][2:] for r in one["runs"]] == [r["crop"][2:] for r in two["runs"]]
    assert two["runs"][0]["crop"][0] == one["runs"][0]["crop"][0] + two["moved"][0][0]
    assert -DISPARITY <= two["moved"][0][0] <= 0 and two["moved"][0][1] == 0
    assert [one[k] for k in ("windows", "model", "whole_scale")] == [
        two[k] for k in ("windows", "model", "whole_scale")
    ]
    assert (left["seed"], right["seed"]) == (7, 7)


def test_the_clean_plate_engine_sees_no_crops_and_both_views_are_made(server, stereo, tmp_path):
    ran, (left, right) = both(server, tmp_path, stereo, "--engine", "cleanplate")
    assert ran.code == 0, ran.err
    assert (left["view"], right["view"]) == ("left", "right") and "regions" not in right["engine"]
    assert all(f["quality"]["outside_difference"] == 0 for s in (left, right) for f in s["frames"])


def test_without_waiting_for_the_first_view_it_is_said_that_each_has_its_own(server, stereo, tmp_path):
    ran, _ = both(server, tmp_path, stereo, "--engine", "cleanplate", "--detach", "--seed", "8")
    assert ran.code == 0 and "crops" in ran.err + ran.out
