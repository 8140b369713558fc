# SPDX-License-Identifier: Apache-2.0
"""Known cells give known pixels."""

from __future__ import annotations

import numpy as np
import pytest

from tests.reasoners.vlm.samples import BOUNDS, good, written
from void_server.reasoners.vlm.affected import belongings_at, box_at, cells_at, effects_at, filled
from void_server.reasoners.vlm.answer import Affected, Answer, Cell, Place, Step, parse_answer
from void_server.reasoners.vlm.schema import Kind

SIZE = (80, 140)
"""Cells of ten by ten pixels."""
ANSWER = parse_answer(written(good()), BOUNDS)


def cells(*pairs: tuple[int, int]) -> frozenset[Cell]:
    return frozenset(Cell(*pair) for pair in pairs)


def falling(**changes) -> Affected:
    """A thing two rows high that falls from row 1 to row 5 in eight frames."""
    values = {
        "noun": "vase",
        "kind": Kind.FALLS,
        "why": "It is held.",
        "will_move": True,
        "first_appears": 1001,
        "original": frozenset(),
        "places": (),
        "size": (1, 1),
        "trajectory": (Step(1001, Cell(1, 5)), Step(1009, Cell(5, 5))),
    }
    return Affected(**{**values, **changes})


def matte_of(thing: Affected, frame: int) -> np.ndarray:
    (effect,) = effects_at(Answer((), (thing,), "A room.", 1.0), BOUNDS, frame, SIZE)
    return effect.matte


def test_a_cell_is_filled_to_its_edges():
    expected = np.zeros(SIZE, np.float32)
    expected[20:30, 40:50] = 1
    np.testing.assert_array_equal(filled(cells((2, 4)), BOUNDS, SIZE), expected)


def test_all_cells_cover_a_picture_whose_size_they_do_not_divide():
    everything = [Cell(r, c) for r in range(8) for c in range(14)]
    assert filled(everything, BOUNDS, (83, 149)).all()


def test_a_thing_seen_on_one_frame_only_is_held():
    places = (Place(1010, cells((2, 2))),)
    assert {cells_at(places, frame, BOUNDS) for frame in (1001, 1010, 1040)} == {cells((2, 2))}


def test_between_two_frames_both_shapes_are_carried_along_and_joined():
    places = (Place(1001, cells((6, 2), (6, 3))), Place(1005, cells((6, 6), (6, 7))))
    assert cells_at(places, 1003, BOUNDS) == cells((6, 4), (6, 5))
    assert cells_at(places, 1004, BOUNDS) == cells((6, 5), (6, 6))


def test_between_two_cells_the_cells_that_are_touched_count():
    places = (Place(1001, cells((6, 2))), Place(1003, cells((6, 3))))
    assert cells_at(places, 1002, BOUNDS) == cells((6, 2), (6, 3))


def test_what_is_not_seen_on_the_next_frame_is_held_until_there():
    places = (Place(1001, cells((6, 2))), Place(1005, frozenset()))
    assert cells_at(places, 1004, BOUNDS) == cells((6, 2))
    assert cells_at(places, 1005, BOUNDS) == frozenset()
    assert cells_at(places, 1020, BOUNDS) == frozenset()


@pytest.mark.parametrize(
    ("frame", "rows"), [(1001, {1}), (1002, {1, 2}), (1003, {2}), (1006, {3, 4}), (1009, {5}), (1040, {5})]
)
def test_a_box_is_carried_from_step_to_step_and_held_at_the_end(frame, rows):
    assert box_at(falling(), frame, BOUNDS) == cells(*((row, 5) for row in rows))


def test_a_box_has_its_size_about_the_middle():
    assert box_at(falling(size=(3, 1)), 1003, BOUNDS) == cells((1, 5), (2, 5), (3, 5))


def test_a_box_of_an_even_number_of_cells_touches_one_more():
    assert box_at(falling(size=(1, 2)), 1001, BOUNDS) == cells((1, 4), (1, 5), (1, 6))


def test_a_box_ends_at_the_edge_of_the_picture():
    thing = falling(size=(5, 5), trajectory=(Step(1001, Cell(0, 13)),))
    assert box_at(thing, 1001, BOUNDS) == cells(*((r, c) for r in range(3) for c in range(11, 14)))


def test_nothing_is_affected_before_the_effect_appears():
    assert effects_at(Answer((), (falling(first_appears=1005),), "A room.", 1.0), BOUNDS, 1004, SIZE) == ()


def test_a_thing_that_falls_is_affected_where_it_is_held_and_where_it_falls():
    thing = falling(places=(Place(1001, cells((1, 5))),))
    expected = filled(cells((1, 5), (5, 5)), BOUNDS, SIZE)
    np.testing.assert_array_equal(matte_of(thing, 1020), expected)


def test_a_thing_that_should_have_stayed_is_affected_there_and_where_it_went():
    shade, box = effects_at(ANSWER, BOUNDS, 1012, SIZE)
    np.testing.assert_array_equal(box.matte, filled(cells((4, 9), (5, 11)), BOUNDS, SIZE))
    assert (shade.kind, box.kind, box.noun) == (Kind.SHADOW, Kind.MOVED, "yellow box")


def test_belongings_are_to_be_removed():
    np.testing.assert_array_equal(
        belongings_at(ANSWER, BOUNDS, 1033, SIZE), filled(cells((2, 3), (3, 3)), BOUNDS, SIZE)
    )


def test_a_grounder_is_asked_about_what_is_seen_and_not_about_what_would_be():
    asked = []

    def ground(noun, frame, rough):
        asked.append((noun, frame))
        return rough * np.float32(0.5)

    thing = falling(places=(Place(1001, cells((1, 5))),))
    (effect,) = effects_at(Answer((), (thing,), "A room.", 1.0), BOUNDS, 1009, SIZE, ground)
    assert asked == [("vase", 1009)]
    assert effect.matte[15, 55] == 0.5 and effect.matte[55, 55] == 1.0


def test_a_grounder_that_makes_another_size_is_a_defect():
    with pytest.raises(ValueError, match="grounder"):
        belongings_at(ANSWER, BOUNDS, 1001, SIZE, lambda *_: np.zeros((2, 2), np.float32))
