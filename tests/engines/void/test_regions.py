# SPDX-License-Identifier: Apache-2.0
"""What the model is to see of a shot, as promises about every plan and as single plans that were worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from void_server.engines.void.regions import (
    CELL,
    LEAST_GAIN,
    MOST_PARTS,
    MOST_RUNS,
    RegionPlan,
    View,
    planned,
    region_parts,
)
from void_server.engines.void.settings import model_size

from .test_crop_path import given

MARGIN = 16


def view_of(width: int, height: int, pixel_aspect: float = 1.0, overscan: int = 0) -> View:
    rows, columns = model_size(height, width * pixel_aspect)
    return View((overscan, overscan, overscan + width, overscan + height), pixel_aspect, rows, columns)


UHD = view_of(3840, 2160)


@st.composite
def shots(draw) -> tuple[View, list]:
    """A view, and up to three things that wander through the frame, and beyond its border, and go and come back."""
    size = draw(
        st.sampled_from([(3840, 2160), (2048, 858), (1828, 1556), (997, 751), (640, 360), (700, 400)])
    )
    view = view_of(*size, draw(st.sampled_from([0.5, 1.0, 1.3333, 2.0])), draw(st.sampled_from([0, 37])))
    frames = draw(st.integers(1, 40))
    parts: list[list] = [[] for _ in range(frames)]
    for _ in range(draw(st.integers(0, 3))):
        x, y = draw(st.integers(-50, size[0])), draw(st.integers(-50, size[1]))
        speed = draw(st.integers(-60, 60)), draw(st.integers(-60, 60))
        width, height = draw(st.integers(1, size[0] // 3)), draw(st.integers(1, size[1] // 3))
        begin = draw(st.integers(0, frames - 1))
        for t in range(begin, frames):
            left, top = x + speed[0] * t, y + speed[1] * t
            parts[t].append((left, top, left + width, top + height))
    return view, parts


contexts = st.sampled_from([1.0, 1.5, 2.0, 4.0])


def clipped(box, area) -> tuple[int, int, int, int] | None:
    x0, y0, x1, y1 = (*map(max, box[:2], area[:2]), *map(min, box[2:], area[2:]))
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def inside(box, other) -> bool:
    return all(o <= b for o, b in zip(other[:2], box[:2], strict=True)) and all(
        b <= o for o, b in zip(other[2:], box[2:], strict=True)
    )


@given(shots(), contexts)
def test_whatever_is_to_be_filled_is_filled_by_one_run_whose_crop_holds_it_with_its_margin(shot, context):
    view, parts = shot
    plan = planned(parts, view, margin=MARGIN, context=context)
    for t, boxes in enumerate(parts):
        for box in boxes:
            x0, y0, x1, y1 = box
            if clipped(box, view.area) is None:
                continue
            wanted = clipped((x0 - MARGIN, y0 - MARGIN, x1 + MARGIN, y1 + MARGIN), view.area)
            ours = [r for r in plan.runs if r.fills[t] is not None and inside(wanted, r.fills[t])]
            assert len(ours) == 1 and inside(ours[0].fills[t], ours[0].crop(t))


@given(shots(), contexts)
def test_crops_lie_within_the_picture_and_no_two_runs_fill_the_same_pixel(shot, context):
    view, parts = shot
    plan = planned(parts, view, margin=MARGIN, context=context)
    for t in range(len(parts)):
        assert all(inside(run.crop(t), view.area) for run in plan.runs)
        fills = [run.fills[t] for run in plan.runs if run.fills[t] is not None]
        assert not any(clipped(a, b) for n, a in enumerate(fills) for b in fills[:n])


@given(shots(), contexts)
def test_a_crop_has_the_model_s_aspect_and_at_least_its_pixels(shot, context):
    view, parts = shot
    plan = planned(parts, view, margin=MARGIN, context=context)
    for run in () if plan.whole else plan.runs:
        assert run.width >= view.width and run.height >= view.height
        across, down = run.width * view.pixel_aspect / view.width, run.height / view.height
        assert abs(across - down) <= max(view.pixel_aspect / view.width, 1 / view.height) + 1e-9
        assert plan.scale(run) * LEAST_GAIN <= view.whole_scale


@given(shots(), contexts)
def test_the_same_shot_has_the_same_plan_and_few_runs(shot, context):
    view, parts = shot
    plans = [planned(parts, view, margin=MARGIN, context=context) for _ in range(2)]
    assert plans[0] == plans[1] and 1 <= len(plans[0].runs) <= MOST_RUNS


@given(shots(), contexts)
def test_several_runs_are_cheaper_than_one(shot, context):
    view, parts = shot
    plan = planned(parts, view, margin=MARGIN, context=context)
    one = planned(parts, view, margin=MARGIN, context=context, most_runs=1)
    fine, coarse = (p.cost(1, 85)["of_whole_as_fine"] for p in (plan, one))
    assert len(one.runs) == 1 and (fine < coarse or len(plan.runs) == 1)


def still(*boxes, frames: int = 30) -> list[list]:
    return [list(boxes)] * frames


def the_crop(plan: RegionPlan) -> tuple[int, int]:
    (run,) = plan.runs
    return run.width, run.height


def test_a_small_region_of_a_4k_plate_is_seen_pixel_by_pixel_around_its_middle():
    plan = planned(still((1900, 1000, 2100, 1200)), UHD, margin=MARGIN)
    assert the_crop(plan) == (UHD.width, UHD.height) and plan.scale(plan.runs[0]) == 1
    assert set(plan.runs[0].corners) == {(2000 - UHD.width // 2, 1100 - UHD.height // 2)}


def test_a_larger_one_has_its_context():
    plan = planned(still((1500, 800, 2100, 1400)), UHD, margin=MARGIN, context=1.5)
    assert plan.runs[0].height == 900
    assert planned(still((1500, 800, 2100, 1400)), UHD, margin=MARGIN, context=2).runs[0].height == 1200


def test_a_region_at_the_border_has_its_crop_within_the_picture():
    plan = planned(still((3700, 2000, 3840, 2160)), UHD, margin=MARGIN)
    assert plan.runs[0].crop(0)[2:] == (3840, 2160)


def test_a_pixel_far_away_is_not_forgotten():
    plan = planned(still((100, 100, 200, 200), (3800, 2100, 3801, 2101)), UHD, margin=MARGIN)
    assert any(inside((3784, 2084, 3817, 2117), run.crop(7)) for run in plan.runs)


@pytest.mark.parametrize(
    ("view", "box"),
    [
        (UHD, (0, 0, 3840, 2160)),
        (UHD, (0, 100, 3000, 2000)),
        (view_of(640, 360), (10, 10, 20, 20)),
        (view_of(700, 400), (10, 10, 20, 20)),
        (UHD, (5000, 0, 5100, 100)),
    ],
)
def test_the_whole_frame_is_seen_where_a_crop_is_hardly_finer(view, box):
    plan = planned(still(box), view, margin=MARGIN)
    assert plan.whole and plan.runs[0].crop(3) == view.area


def test_a_thing_that_crosses_the_picture_is_followed_and_one_that_hardly_moves_is_not():
    crossing = [[(20 * t, 1000, 20 * t + 200, 1200)] for t in range(150)]
    plan = planned(crossing, UHD, margin=MARGIN)
    (run,) = plan.runs
    assert run.moves and plan.scale(run) == 1
    assert len({y for _, y in run.corners}) == 1
    assert not planned([[(20 * t, 1000, 20 * t + 200, 1200)] for t in range(9)], UHD, margin=16).runs[0].moves


def test_two_things_far_apart_are_two_runs_and_near_each_other_one():
    far = planned(still((100, 100, 300, 300), (3500, 1800, 3700, 2000)), UHD, margin=MARGIN)
    assert len(far.runs) == 2 and {far.scale(run) for run in far.runs} == {1.0}
    near = planned(still((1000, 1000, 1100, 1100), (1200, 1000, 1300, 1100)), UHD, margin=MARGIN)
    assert len(near.runs) == 1


def test_things_that_meet_on_a_single_frame_are_one():
    parts = still((100, 100, 300, 300), (3500, 1800, 3700, 2000))
    parts[10] = [(100, 100, 3700, 2000)]
    assert len(planned(parts, UHD, margin=MARGIN).runs) == 1


def test_anamorphic_pixels_are_unsqueezed_and_none_is_stretched_into_two():
    view = view_of(2880, 2160, pixel_aspect=2.0)
    (run,) = planned(still((1400, 1000, 1420, 1040)), view, margin=MARGIN).runs
    assert (run.width, run.height) == (view.width, 2 * view.height)


def test_overscan_is_not_seen():
    view = view_of(3840, 2160, overscan=100)
    (run,) = planned(still((0, 0, 200, 200)), view, margin=MARGIN).runs
    assert run.crop(0)[:2] == (100, 100) and run.fills[0][:2] == (100, 100)


def test_the_cost_is_told_against_the_whole_frame():
    far = planned(still((100, 100, 300, 300), (3500, 1800, 3700, 2000)), UHD, margin=MARGIN)
    cost = far.cost(2, 85)
    assert cost["of_whole"] == 2 and cost["megapixels"] == round(2 * 2 * 85 * UHD.width * UHD.height / 1e6, 1)
    assert cost["of_whole_as_fine"] == pytest.approx(2 / UHD.whole_scale**2, abs=1e-4)


@given(st.lists(st.tuples(st.integers(0, 119), st.integers(0, 199)), max_size=40))
def test_the_parts_of_a_region_hold_all_of_it_and_touch_it_on_all_sides(dots):
    region = np.zeros((120, 200), bool)
    for row, column in dots:
        region[row, column] = True
    parts, held = region_parts(region), np.zeros_like(region)
    for x0, y0, x1, y1 in parts:
        held[y0:y1, x0:x1] = True
    assert held[region].all() and len(parts) <= MOST_PARTS
    rows, columns = np.nonzero(region)
    if len(rows):
        hull = min(p[0] for p in parts), min(p[1] for p in parts), max(p[2] for p in parts)
        assert hull == (columns.min(), rows.min(), columns.max() + 1)


def test_parts_that_lie_close_are_one_and_others_are_told_apart():
    region = np.zeros((200, 300), bool)
    region[5, 5] = region[5, 5 + CELL] = region[150, 250] = True
    assert region_parts(region) == [(5, 5, 6 + CELL, 6), (250, 150, 251, 151)]


def test_a_region_in_very_many_parts_is_one():
    region = np.zeros((12 * CELL, 20 * CELL), bool)
    region[:: 2 * CELL, :: 2 * CELL] = True
    assert region_parts(region) == [(0, 0, 18 * CELL + 1, 10 * CELL + 1)]
