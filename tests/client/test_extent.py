# SPDX-License-Identifier: Apache-2.0
"""Views, handles and ranges in pieces, before any server is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from void_client.errors import BadInput
from void_client.extent import of_views, with_handles
from void_client.sequence import FrameRange, parse_range
from void_client.specification import RemoveOptions


def options(folder: Path, *, view: str = "", name: str = "", **frames: range) -> RemoveOptions:
    patterns = {}
    for role, numbers in frames.items():
        for number in numbers:
            path = folder / role / f"{role}.{number:04d}.exr"
            path.parent.mkdir(exist_ok=True)
            path.touch()
        patterns[role] = str(folder / role / f"{role}.####.exr")
    return RemoveOptions(patterns, folder / "out", view=view, name=name, options={"grain": "off"})


def test_handles_widen_the_range_and_are_told_to_the_server(tmp_path):
    order = options(tmp_path, plate=range(1, 31), remove=range(1, 31))
    widened, frames, notes = with_handles(order, FrameRange(10, 20), 4)
    assert (frames.first, frames.last) == (6, 24)
    assert widened.options == {"grain": "off", "handles_before": "4", "handles_after": "4"}
    assert len(notes) == 1 and "not there" not in notes[0]


def test_handles_end_where_any_input_ends_and_that_is_said(tmp_path):
    order = options(tmp_path, plate=range(1, 31), remove=range(8, 22), clean_plate=range(10, 11))
    widened, frames, notes = with_handles(order, FrameRange(10, 20), 4)
    assert (frames.first, frames.last) == (8, 21)
    assert widened.options["handles_before"] == "2" and widened.options["handles_after"] == "1"
    assert "not there" in notes[0]


def test_handles_keep_the_step(tmp_path):
    order = options(tmp_path, plate=range(1, 31), remove=range(1, 31))
    widened, frames, _ = with_handles(order, FrameRange(11, 20, 4), 2)
    assert list(frames.frames()) == [3, 7, 11, 15, 19, 23, 27]
    assert widened.options["handles_after"] == "2"


def test_no_handles_leave_the_order_alone(tmp_path):
    order = options(tmp_path, plate=range(1, 3), remove=range(1, 3))
    assert with_handles(order, None, 0) == (order, None, ())


@pytest.mark.parametrize(("frames", "handles"), [(None, 2), (FrameRange(1, 2), -1)])
def test_handles_without_a_range_or_below_0_are_refused(tmp_path, frames, handles):
    with pytest.raises(BadInput):
        with_handles(options(tmp_path, plate=range(1, 3), remove=range(1, 3)), frames, handles)


def test_mattes_alone_have_no_handles(tmp_path):
    order = replace(options(tmp_path, plate=range(1, 9), remove=range(1, 9)), masks_only=True)
    with pytest.raises(BadInput):
        with_handles(order, FrameRange(3, 4), 2)


def test_each_view_is_an_order_with_the_same_seed_and_a_name_of_its_own(tmp_path):
    order = options(tmp_path, name="hero", plate=range(1, 3), remove=range(1, 3))
    left, right = of_views(order, "left, right")
    assert (left.view, right.view) == ("left", "right") and left.seed == right.seed
    assert (left.name, right.name) == ("hero_left", "hero_right")
    assert of_views(order, "") == [order]


@pytest.mark.parametrize(("view", "views"), [("left", "left,right"), ("", "left,left")])
def test_views_that_contradict_are_refused(tmp_path, view, views):
    with pytest.raises(BadInput):
        of_views(options(tmp_path, view=view, plate=range(1, 3), remove=range(1, 3)), views)


def test_a_range_in_pieces_is_refused_with_the_commands_to_give():
    with pytest.raises(BadInput) as refused:
        parse_range("1-10, 20-30x2")
    assert "--range 1-10, then --range 20-30x2" in refused.value.fix and "1-30" in refused.value.fix
