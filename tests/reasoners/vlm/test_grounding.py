# SPDX-License-Identifier: Apache-2.0
"""When an outline counts, and where; with functions that answer in place of a model."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reasoners.vlm.samples import BOUNDS
from tests.reasoners.vlm.test_affected import SIZE, cells, falling
from void_server.reasoners.vlm.affected import belongings_at, effects_at, filled
from void_server.reasoners.vlm.answer import Answer, Belonging, Place
from void_server.reasoners.vlm.grounding import grounded, parts_of
from void_server.reasoners.vlm.schema import Kind

BLOCK = cells((2, 4), (2, 5), (3, 4), (3, 5))
"""Rows 20 to 40, columns 40 to 60: 400 pixels."""


def rough(named) -> np.ndarray:
    return filled(named, BOUNDS, SIZE)


def pixels(rows: slice, columns: slice, value: float = 1.0) -> np.ndarray:
    matte = np.zeros(SIZE, np.float32)
    matte[rows, columns] = value
    return matte


def test_the_outline_takes_the_place_of_the_cells():
    thing = pixels(slice(24, 34), slice(45, 52))
    found = grounded(rough(BLOCK), BOUNDS, lambda _: thing)
    np.testing.assert_array_equal(found.matte, thing)
    assert (found.parts, found.outlined) == (1, 1)


def test_each_part_is_asked_about_with_the_box_around_its_cells():
    asked = []
    named = BLOCK | cells((6, 0), (7, 1))
    grounded(rough(named), BOUNDS, lambda box: asked.append(box) or np.zeros(SIZE, np.float32))
    assert asked == [(40, 20, 60, 40), (0, 60, 20, 80)]


def test_cells_that_touch_at_a_corner_are_one_part_and_others_are_not():
    assert parts_of(cells((0, 0), (1, 1), (2, 0), (4, 0))) == [cells((0, 0), (1, 1), (2, 0)), cells((4, 0))]


def test_what_lies_farther_than_a_cell_from_the_cells_does_not_count():
    wide = pixels(slice(25, 35), slice(0, 140), 0.5)
    found = grounded(rough(BLOCK), BOUNDS, lambda _: wide)
    np.testing.assert_array_equal(found.matte, pixels(slice(25, 35), slice(30, 70), 0.5))


def test_at_the_border_of_the_picture_there_is_no_cell_beyond():
    corner = cells((7, 13))
    found = grounded(rough(corner), BOUNDS, lambda _: pixels(slice(0, 80), slice(0, 135)))
    np.testing.assert_array_equal(found.matte, pixels(slice(60, 80), slice(120, 135)))


@pytest.mark.parametrize(("count", "outlined"), [(7, 0), (8, 1), (392, 1), (393, 0), (400, 0)])
def test_too_little_or_nearly_all_of_the_cells_is_no_outline_and_the_cells_stay(count, outlined):
    answer = np.zeros(400, np.float32)
    answer[:count] = 1
    thing = pixels(slice(20, 40), slice(40, 60), answer.reshape(20, 20))
    found = grounded(rough(BLOCK), BOUNDS, lambda _: thing)
    assert found.outlined == outlined
    np.testing.assert_array_equal(found.matte, thing if outlined else rough(BLOCK))


def test_what_is_found_beside_the_cells_alone_is_not_the_thing():
    found = grounded(rough(BLOCK), BOUNDS, lambda _: pixels(slice(20, 40), slice(60, 70)))
    np.testing.assert_array_equal(found.matte, rough(BLOCK))


def test_a_part_without_an_outline_stays_cells_beside_one_that_has_one():
    other = cells((6, 10))
    thing = pixels(slice(24, 34), slice(45, 52))
    found = grounded(rough(BLOCK | other), BOUNDS, lambda _: thing)
    np.testing.assert_array_equal(found.matte, np.maximum(thing, rough(other)))
    assert (found.parts, found.outlined) == (2, 1)


def test_a_grid_that_does_not_divide_the_picture_gives_its_cells_back():
    size = (83, 149)
    whole = filled(BLOCK, BOUNDS, size)
    found = grounded(whole, BOUNDS, lambda _: np.zeros(size, np.float32))
    np.testing.assert_array_equal(found.matte, whole)


@pytest.mark.parametrize("kind", list(Kind))
def test_only_things_are_outlined(kind):
    asked = []

    def ground(noun, frame, whole):
        asked.append(noun)
        return whole

    thing = falling(kind=kind, places=(Place(1001, BLOCK),))
    effects_at(Answer((), (thing,), "A room.", 1.0), BOUNDS, 1001, SIZE, ground)
    assert asked == (["vase"] if kind in (Kind.MOVED, Kind.FALLS) else [])


def test_belongings_are_outlined():
    strap = Belonging("strap", "Worn.", (Place(1001, BLOCK),))
    half = belongings_at(
        Answer((strap,), (), "A room.", 1.0), BOUNDS, 1001, SIZE, lambda *given: given[2] * np.float32(0.5)
    )
    np.testing.assert_array_equal(half, rough(BLOCK) * 0.5)
