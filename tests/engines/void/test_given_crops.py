# SPDX-License-Identifier: Apache-2.0
"""Crops that are given: a plan's text makes the same crops again, and another view's region is held by them."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from tests.engines.void.test_regions import MARGIN, UHD, contexts, inside, shots
from void_server.engines.void.given_crops import GivenCrop, crops_text, parse_crops, planned_as
from void_server.engines.void.regions import Planner, planned
from void_server.errors import InvalidInput

from .test_crop_path import given

SIZE = f"{UHD.width}x{UHD.height}"
"""The least crop: as many pixels as the model's picture."""


def followed(text, view, parts, *, first=1, origin=(0, 0)):
    around = Planner(view, MARGIN, 1.5, len(parts))
    return planned_as(parse_crops(text), parts, around, range(first, first + len(parts)), origin)


@given(shots(), contexts, st.sampled_from([(0, 0), (-37, 5)]))
def test_the_text_of_a_plan_is_that_plan(shot, context, origin):
    view, parts = shot
    plan = planned(parts, view, margin=MARGIN, context=context)
    frames = range(-3, len(parts) - 3)
    again = followed(crops_text(plan, frames, origin), view, parts, first=-3, origin=origin)
    assert [(r.width, r.height, r.corners) for r in again.plan.runs] == [
        (r.width, r.height, r.corners) for r in plan.runs
    ]
    assert again.plan.whole == plan.whole and set(again.offsets) == {(0, 0)}


@given(shots())
def test_all_that_is_to_be_filled_is_filled_by_one_run_whose_crop_holds_it(shot):
    view, parts = shot
    plan = planned(parts, view, margin=MARGIN, context=2.0)
    aside = [[(x0 + 9, y0, x1 + 9, y1) for x0, y0, x1, y1 in frame] for frame in parts]
    try:
        again = followed(crops_text(plan, range(1, len(parts) + 1), (0, 0)), view, aside).plan
    except InvalidInput:
        return
    around = Planner(view, MARGIN, 1.0, len(parts))
    for t, boxes in enumerate(aside):
        for box in boxes:
            if around.apart([[box]]):
                ours = [r for r in again.runs if r.fills[t] and inside(around.grown(box), r.fills[t])]
                assert len(ours) == 1 and inside(ours[0].fills[t], ours[0].crop(t))


def moving(shift=0):
    return [[(1000 + 40 * t + shift, 900, 1200 + 40 * t + shift, 1100)] for t in range(40)]


def test_the_other_view_has_the_same_crops_where_they_hold_its_region():
    plan = planned(moving(), UHD, margin=MARGIN)
    text = crops_text(plan, range(1, 41), (0, 0))
    again = followed(text, UHD, moving(8))
    assert again.offsets == ((0, 0),) and again.plan.runs[0].corners == plan.runs[0].corners


def test_where_they_do_not_they_are_moved_aside_on_all_frames_alike_and_no_further_than_it_helps():
    plan = planned(moving(), UHD, margin=MARGIN)
    text = crops_text(plan, range(1, 41), (0, 0))
    again = followed(text, UHD, moving(500))
    ((x, y),) = again.offsets
    (run,) = again.plan.runs
    assert 0 < x <= 500 and y == 0
    assert all(b == (a[0] + x, a[1]) for a, b in zip(plan.runs[0].corners, run.corners, strict=True))
    assert any(fill[2] == run.crop(t)[2] for t, fill in enumerate(run.fills))


def test_a_region_that_no_shift_helps_is_refused_with_its_frame():
    text = crops_text(planned(moving(), UHD, margin=MARGIN), range(1, 41), (0, 0))
    other = moving()
    other[20] = [(100, 100, 300, 300)]
    with pytest.raises(InvalidInput, match="do not hold") as refused:
        followed(text, UHD, other)
    assert refused.value.frame == 21


def test_two_runs_stay_two_and_each_moves_by_itself():
    far = [[(100, 100, 300, 300), (3300, 1800, 3500, 2000)]] * 3
    plan = planned(far, UHD, margin=MARGIN)
    assert len(plan.runs) == 2
    text = crops_text(plan, range(1, 4), (0, 0))
    other = [[(100, 100, 300, 300), (2700, 1800, 2900, 2000)]] * 3
    again = followed(text, UHD, other)
    assert [o[1] for o in again.offsets] == [0, 0] and again.offsets[0] == (0, 0) > again.offsets[1]


def test_where_what_two_runs_fill_would_meet_one_fills_it_all():
    # The first crop holds the first and the last, the second the one between, which goes further right.
    parts = [[(100, 100, 150, 150), (400, 150, 700, 170), (600, 300, 640, 330)]]
    again = followed(f"{SIZE}@0,0;{SIZE}@300,0", UHD, parts)
    (run,) = again.plan.runs
    assert run.fills == ((84, 84, 716, 346),) and inside(run.fills[0], run.crop(0))


def test_a_crop_that_reaches_beyond_the_picture_is_moved_into_it():
    (run,) = followed(f"{SIZE}@-50,10", UHD, [[(100, 100, 200, 200)]]).plan.runs
    assert run.corners == ((0, 10),)


def test_a_path_is_told_in_few_words_and_exactly():
    crop = GivenCrop(960, 544, ((1, 0, 10), (11, 25, 10), (12, 25, 40)))
    assert [crop.corner(f) for f in (0, 1, 2, 3, 11, 12, 99)] == [
        (0, 10), (0, 10), (3, 10), (5, 10), (25, 10), (25, 40), (25, 40),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "960x540", "960x540@1,2;", "960x540@2:1,1/1:1,1", "960x540@1,1/2:3,4", "axb@1,2", "1x1@1:2"]
)
def test_what_is_no_crop_is_refused(text):
    with pytest.raises(InvalidInput, match="no crop"):
        parse_crops(text)


@pytest.mark.parametrize("size", ["960x600", "96x54"])
def test_a_crop_that_is_not_of_the_model_s_shape_or_has_fewer_pixels_is_refused_with_the_nearest(size):
    with pytest.raises(InvalidInput, match="shape") as refused:
        followed(f"{size}@900,800", UHD, moving())
    nearest = refused.value.fix.split("is ")[1].rstrip(".").replace(" ", "")
    assert followed(f"{nearest}@0,0", UHD, [[(100, 100, 200, 200)]]).plan.runs


def test_whole_is_all_of_the_picture():
    assert followed("whole", UHD, moving()).plan.whole
