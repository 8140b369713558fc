# SPDX-License-Identifier: Apache-2.0
"""The parser takes answers, and nothing else for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reasoners.vlm.samples import BOUNDS, good, written
from void_server.reasoners.vlm.answer import Answer, Cell, Step, parse_answer
from void_server.reasoners.vlm.errors import MalformedAnswer
from void_server.reasoners.vlm.schema import SCHEMA, Kind


def refused(change: Callable[[dict[str, Any]], Any]) -> MalformedAnswer:
    """The error for the good answer with a change."""
    answer = good()
    change(answer)
    with pytest.raises(MalformedAnswer) as caught:
        parse_answer(written(answer), BOUNDS)
    return caught.value


def shadow(answer: dict[str, Any]) -> dict[str, Any]:
    return answer["affected_objects"][0]


def box(answer: dict[str, Any]) -> dict[str, Any]:
    return answer["affected_objects"][1]


def test_a_good_answer_is_read_whole():
    answer = parse_answer(written(good()), BOUNDS)
    (rucksack,) = answer.belongings
    shade, moved = answer.affected
    assert (rucksack.noun, rucksack.places[0].cells) == ("red rucksack", {Cell(2, 3), Cell(3, 3)})
    assert (shade.kind, shade.should_have_stayed, shade.places[1].frame) == (Kind.SHADOW, False, 1005)
    assert (moved.kind, moved.original, moved.size) == (Kind.MOVED, {Cell(4, 9)}, (1, 1))
    assert moved.trajectory == (Step(1010, Cell(4, 9)), Step(1014, Cell(6, 13)))
    assert (answer.scene, answer.confidence) == ("A quiet pavement in front of a shop.", 0.8)


@pytest.mark.parametrize(
    "wrap",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "Here is the answer:\n{}\nI hope that it helps.",
        "<think>The set {{1, 2}} is not it.</think>\n{}",
        "  {}  ",
    ],
)
def test_what_stands_around_the_json_is_left_out(wrap):
    assert parse_answer(wrap.format(written(good())), BOUNDS) == parse_answer(written(good()), BOUNDS)


def test_fields_that_were_not_asked_for_are_left_unread():
    answer = good()
    answer["mood"] = shadow(answer)["movement"] = "none"
    assert parse_answer(written(answer), BOUNDS) == parse_answer(written(good()), BOUNDS)


def test_a_whole_number_may_be_written_with_a_point():
    answer = good()
    shadow(answer)["first_appears_frame"] = 1001.0
    assert parse_answer(written(answer), BOUNDS).affected[0].first_appears == 1001


def test_places_are_put_in_the_order_of_their_frames():
    answer = good()
    shadow(answer)["cells_by_frame"].reverse()
    assert [p.frame for p in parse_answer(written(answer), BOUNDS).affected[0].places] == [1001, 1005]


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("confidence", lambda a: a.update(confidence=1.01)),
        ("confidence", lambda a: a.update(confidence=True)),
        ("scene_description", lambda a: a.update(scene_description="")),
        ("scene_description", lambda a: a.update(scene_description="x" * 801)),
        ("scene_description", lambda a: a.update(scene_description="a\x00b")),
        ("integral_belongings", lambda a: a.update(integral_belongings=4 * a["integral_belongings"])),
        (
            "integral_belongings[0].cells_by_frame",
            lambda a: a["integral_belongings"][0].update(cells_by_frame=[]),
        ),
        ("affected_objects", lambda a: a.update(affected_objects=3 * a["affected_objects"])),
        ("affected_objects", lambda a: a.update(affected_objects=None)),
        ("affected_objects[0].kind", lambda a: shadow(a).update(kind="ghost")),
        ("affected_objects[0].kind", lambda a: shadow(a).update(kind=["shadow"])),
        ("affected_objects[0].noun", lambda a: shadow(a).pop("noun")),
        ("affected_objects[0].will_move", lambda a: shadow(a).update(will_move=0)),
        ("affected_objects[0].first_appears_frame", lambda a: shadow(a).update(first_appears_frame=1000)),
        ("affected_objects[0].first_appears_frame", lambda a: shadow(a).update(first_appears_frame=1001.5)),
        (
            "affected_objects[0].cells_by_frame[1].frame",
            lambda a: shadow(a)["cells_by_frame"][1].update(frame=1041),
        ),
        (
            "affected_objects[0].cells_by_frame[1].frame",
            lambda a: shadow(a)["cells_by_frame"][1].update(frame=1001),
        ),
        (
            "affected_objects[0].cells_by_frame[1].cells[0].row",
            lambda a: shadow(a)["cells_by_frame"][1]["cells"][0].update(row=8),
        ),
        (
            "affected_objects[0].cells_by_frame[1].cells[0].row",
            lambda a: shadow(a)["cells_by_frame"][1]["cells"][0].update(row=True),
        ),
        (
            "affected_objects[0].cells_by_frame[1].cells[1].column",
            lambda a: shadow(a)["cells_by_frame"][1]["cells"][1].update(column=-1),
        ),
        ("affected_objects[0].cells_by_frame", lambda a: shadow(a).update(cells_by_frame=[])),
        ("affected_objects[0].cells_by_frame", lambda a: shadow(a).update(first_appears_frame=1002)),
        ("affected_objects[1].size_in_cells.rows", lambda a: box(a)["size_in_cells"].update(rows=9)),
        ("affected_objects[1].original_cells", lambda a: box(a).update(original_cells=[])),
        ("affected_objects[1].original_cells", lambda a: box(a).update(should_have_stayed=False)),
        ("affected_objects[1].trajectory", lambda a: box(a).update(will_move=False)),
        ("affected_objects[1].trajectory", lambda a: box(a).update(first_appears_frame=1011)),
        ("affected_objects[1].trajectory", lambda a: box(a).update(trajectory=65 * box(a)["trajectory"])),
        ("affected_objects[1].trajectory[1].frame", lambda a: box(a)["trajectory"][1].update(frame=1010)),
    ],
)
def test_what_is_out_of_range_is_refused_with_its_path(path, change):
    error = refused(change)
    assert error.path == path
    assert str(error).startswith(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "{",
        "}{",
        "[]",
        "null",
        '{"confidence": NaN}',
        "[" * 100_000,
        '{"a":' + "9" * 5000 + "}",
        "x" * 500_000,
    ],
)
def test_what_is_no_answer_is_refused(text):
    with pytest.raises(MalformedAnswer):
        parse_answer(text, BOUNDS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def places_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to all values within a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, inner in pairs for p in places_in(inner, (*path, key)))]


def read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_answer(text, BOUNDS), Answer)
    except MalformedAnswer as error:
        assert str(error)


@given(st.text())
def test_no_text_ends_in_anything_but_an_answer_or_a_typed_error(text):
    read_or_refused(text)


@given(st.sampled_from(places_in(good())[1:]), json_values)
@settings(max_examples=300)
def test_no_value_in_any_place_ends_in_anything_but_an_answer_or_a_typed_error(path, value):
    answer = good()
    inner = answer
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    read_or_refused(json.dumps(answer))


@given(st.integers(0, len(written(good()))), st.text(max_size=3))
def test_no_cut_or_spoilt_answer_ends_in_anything_but_a_typed_error(place, text):
    whole = written(good())
    read_or_refused(whole[:place] + text)
    read_or_refused(whole[:place] + text + whole[place:])


def test_the_schema_asks_for_every_field_that_the_parser_reads():
    def names(schema: dict[str, Any]) -> set[str]:
        inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
        return set(schema.get("properties", {})).union(*(names(s) for s in inner))

    def keys(value: Any) -> set[str]:
        values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return (set(value) if isinstance(value, dict) else set()).union(*(keys(v) for v in values))

    assert names(SCHEMA) == keys(good())
