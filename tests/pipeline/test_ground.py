# SPDX-License-Identifier: Apache-2.0
"""Things that a model names in cells, outlined by a tiny SAM2 of random values in a real worker: what it outlines means
nothing, where that may lie does.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from tests.pipeline.test_mask_job import regions
from tests.pipeline.test_segmenter import sidecar
from tests.pipeline.test_vlm_reasoner import DONE, FAILED, running, says, wish
from tests.reasoners.vlm.samples import GOOD
from tests.segmenters.sam2_models import tiny_model
from tests.server.calls import recorded_units
from void_server.reasoners.vlm.affected import filled
from void_server.reasoners.vlm.answer import Bounds, Cell

CELLS = [{"row": row, "column": column} for row in (2, 3, 4) for column in (3, 4, 5, 6, 7)]


def seen(shot, kind: str) -> dict:
    """A thing of this kind in a block of cells, on every frame of the shot."""
    places = [{"frame": shot.first, "cells": CELLS}]
    thing = GOOD["affected_objects"][0] | {"noun": "a thing", "kind": kind}
    thing |= {"first_appears_frame": shot.first, "cells_by_frame": places}
    return GOOD | {"affected_objects": [thing], "integral_belongings": []}


def belonging(shot) -> dict:
    places = [{"frame": shot.first, "cells": CELLS}]
    strap = {"noun": "strap", "why": "Worn.", "cells_by_frame": places}
    return GOOD | {"affected_objects": [], "integral_belongings": [strap]}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    tiny_model().save_pretrained(folder / "sam2" / "sam2.1-hiera-tiny")
    return folder


@pytest.fixture
def weights(model, monkeypatch) -> Path:
    monkeypatch.setenv("VOID_WEIGHTS", str(model))
    return model


def cells_of(shape: tuple[int, ...], around: int = 0) -> np.ndarray:
    """(h, w) bool: the block, with so many cells around it."""
    bounds = Bounds.of(*shape[:2], 0, 1)
    named = [
        Cell(row, column) for row in range(2 - around, 5 + around) for column in range(3 - around, 8 + around)
    ]
    return filled(named, bounds, (shape[0], shape[1])) > 0


def outlines(server, job) -> list:
    return [frame["effects"]["outlines"] for frame in sidecar(server, job)["frames"]]


def fresh(server, before) -> set[str]:
    """Kinds of the units that were computed since."""
    return {kind for key, (kind, _) in recorded_units(server.store).items() if key not in before}


@pytest.mark.parametrize("channel", [0, 1], ids=["belonging", "moved"])
def test_a_thing_is_outlined_near_its_cells_and_the_papers_say_by_what(tmp_path, shot, weights, channel):
    answer = seen(shot, "moved_object") if channel else belonging(shot)
    with running(tmp_path, shot, says(answer)) as (server, _):
        done = server.caller.run(wish(shot, "outlined"))
        assert done.state == DONE, done
        found = regions(server, done, shot.last, tmp_path)[..., channel]
        told, options = outlines(server, done), sidecar(server, done)["options"]
    assert told == [[{"noun": "a thing" if channel else "strap", "parts": 1, "sam2": 1}]] * 5
    assert options["ground"] == "auto"
    apart = oiio.ImageBuf(str(shot.files("roto")[shot.last])).get_pixels(oiio.FLOAT)[..., 0] == 0
    assert not found[apart & ~cells_of(found.shape, around=1)].any(), "a cell around them, and no farther"
    assert ((found > 0.5) != cells_of(found.shape))[apart].any()


@pytest.mark.parametrize("kind", ["shadow", "reflection", "disturbed_medium"])
def test_what_is_no_thing_stays_cells_and_loads_no_model(tmp_path, shot, weights, kind):
    with running(tmp_path, shot, says(seen(shot, kind))) as (server, _):
        done = server.caller.run(wish(shot, kind))
        assert done.state == DONE and outlines(server, done) == [[]] * 5


def test_without_weights_things_stay_cells(tmp_path, shot, monkeypatch):
    monkeypatch.setenv("VOID_WEIGHTS", str(tmp_path / "none"))
    with running(tmp_path, shot, says(seen(shot, "moved_object"))) as (server, _):
        done = server.caller.run(wish(shot, "no weights"))
        assert done.state == DONE and outlines(server, done) == [[]] * 5
        found = regions(server, done, shot.last, tmp_path)
    whole = cells_of(found.shape) & (found[..., 0] == 0)
    np.testing.assert_array_equal(found[..., 1] > 0, whole)


def test_without_weights_an_order_for_outlines_fails_before_the_model_is_asked(tmp_path, shot, monkeypatch):
    monkeypatch.setenv("VOID_WEIGHTS", str(tmp_path / "none"))
    with running(tmp_path, shot, says(seen(shot, "moved_object"))) as (server, model):
        done = server.caller.run(wish(shot, "named", ground="sam2"))
        assert done.state == FAILED and model.connections == 0
        assert any("weights fetch sam2" in p.fix for p in done.problems)


def test_cells_are_to_be_had_by_name_and_the_answer_is_not_asked_for_again(tmp_path, shot, weights):
    with running(tmp_path, shot, says(seen(shot, "moved_object"))) as (server, model):
        server.caller.run(wish(shot, "one"))
        done = server.caller.run(wish(shot, "two", ground="cells"))
        assert done.state == DONE and outlines(server, done) == [[]] * 5
        assert len(model.requests) == 1


def test_what_is_outlined_is_made_once_and_again_with_other_weights(tmp_path, shot, weights):
    with running(tmp_path, shot, says(seen(shot, "moved_object"))) as (server, _):
        server.caller.run(wish(shot, "one"))
        before = recorded_units(server.store)
        server.caller.run(wish(shot, "same", grow="3"))
        assert "effects" not in fresh(server, before)
        config = weights / "sam2" / "sam2.1-hiera-tiny" / "config.json"
        stamp = config.stat().st_mtime_ns + 10**9
        os.utime(config, ns=(stamp, stamp))
        before = recorded_units(server.store)
        assert server.caller.run(wish(shot, "other", grow="3")).state == DONE
        assert "effects" in fresh(server, before) and "ask" not in fresh(server, before)
