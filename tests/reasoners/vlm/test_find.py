# SPDX-License-Identifier: Apache-2.0
"""The question where a thing is, its answer, and what becomes of answers that are none."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reasoners.vlm.providers import HERE, OPENAI, PROVIDERS, QUICK, SECRET, Provider
from tests.reasoners.vlm.stand_in import Says, serving
from void_server.errors import LimitExceeded
from void_server.finders.protocol import FoundBox, FoundObject
from void_server.reasoners.vlm.asking import Asked
from void_server.reasoners.vlm.errors import Declined, MalformedAnswer
from void_server.reasoners.vlm.find import FIND_SCHEMA, MOST_OBJECTS, find_question, parse_found
from void_server.reasoners.vlm.gemini import GeminiSettings, ask_gemini
from void_server.reasoners.vlm.keys import Key
from void_server.reasoners.vlm.openai import OpenaiSettings, ask_openai
from void_server.reasoners.vlm.request import PictureLimits

SHOWN = (1001, 1021, 1040)
GREY = np.full((180, 320, 3), 0.5, np.float32)
CUP: dict[str, Any] = {
    "objects": [
        {
            "name": "coffee cup",
            "boxes": [
                {"frame": 1021, "x0": 100, "y0": 200, "x1": 300, "y1": 600},
                {"frame": 1001, "x0": 0, "y0": 250, "x1": 150, "y1": 1000},
            ],
        }
    ]
}
QUESTION = find_question(
    range(1001, 1041), lambda _: GREY, "Remove the\n {coffee} cup.", PictureLimits(frames=3)
)


def asked(provider: Provider, *answers: Says) -> tuple[Asked[tuple[FoundObject, ...]], list[Any]]:
    """The answer of a model that says these things, and the requests that it got."""
    with serving(*answers) as model:
        if provider is OPENAI:
            settings = OpenaiSettings(model.url, "some/model:8b", QUICK)
            return ask_openai(QUESTION, settings, Key(SECRET), HERE), model.requests
        other = GeminiSettings("some-model", model.url, wire=QUICK)
        return ask_gemini(QUESTION, other, Key(SECRET), HERE), model.requests


def changed(**values: Any) -> str:
    """The good answer with other values in its first box."""
    answer = deepcopy(CUP)
    answer["objects"][0]["boxes"][0].update(values)
    return json.dumps(answer)


def test_the_pictures_are_frames_spread_over_the_shot_without_any_mark() -> None:
    assert [p.label for p in QUESTION.pictures] == [
        "Picture 1: frame 1001",
        "Picture 2: frame 1021",
        "Picture 3: frame 1040",
    ]
    for picture in QUESTION.pictures:
        shown = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == (180, 320, 3) and np.ptp(shown) == 0


def test_the_text_names_the_frames_and_the_instruction_and_says_in_which_unit_to_answer() -> None:
    assert "frames 1001, 1021, 1040" in QUESTION.text and '"Remove the {coffee} cup."' in QUESTION.text
    assert "from 0 to 1000, relative to the picture and not pixels" in QUESTION.text


def test_a_long_instruction_is_refused_before_it_is_sent() -> None:
    with pytest.raises(LimitExceeded, match="4000"):
        find_question([1], lambda _: GREY, "cup " * 1001)


def test_boxes_come_as_shares_of_the_picture_in_the_order_of_frames() -> None:
    assert parse_found(json.dumps(CUP), SHOWN) == (
        FoundObject("coffee cup", (FoundBox(1001, 0.0, 0.25, 0.15, 1.0), FoundBox(1021, 0.1, 0.2, 0.3, 0.6))),
    )


def test_nothing_found_is_an_answer() -> None:
    assert parse_found('{"objects": []}', SHOWN) == ()


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"frame": 1002}, "objects[0].boxes[0].frame"),
        ({"frame": 1001}, "objects[0].boxes[1].frame"),
        ({"frame": 7}, "objects[0].boxes[0].frame"),
        ({"x0": 300}, "objects[0].boxes[0].x1"),
        ({"y0": 700}, "objects[0].boxes[0].y1"),
        ({"x1": 1001}, "objects[0].boxes[0].x1"),
        ({"y0": -1}, "objects[0].boxes[0].y0"),
        ({"x0": 0.5}, "objects[0].boxes[0].x0"),
        ({"x0": True}, "objects[0].boxes[0].x0"),
        ({"y1": None}, "objects[0].boxes[0].y1"),
    ],
)
def test_a_box_that_cannot_be_is_refused_with_its_place(values: dict[str, Any], path: str) -> None:
    with pytest.raises(MalformedAnswer) as refused:
        parse_found(changed(**values), SHOWN)
    assert refused.value.path == path


@pytest.mark.parametrize(
    "objects",
    [
        [{"name": "cup", "boxes": []}],
        [{"name": "", "boxes": CUP["objects"][0]["boxes"]}],
        CUP["objects"] * (MOST_OBJECTS + 1),
        "cup",
    ],
)
def test_objects_that_are_nowhere_nameless_or_too_many_are_refused(objects: Any) -> None:
    with pytest.raises(MalformedAnswer):
        parse_found(json.dumps({"objects": objects}), SHOWN)


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers())


@given(st.sampled_from(["frame", "x0", "y0", "x1", "y1"]), ODD)
def test_whatever_stands_in_a_box_either_keeps_to_the_picture_or_is_refused(name: str, value: Any) -> None:
    try:
        (found,) = parse_found(changed(**{name: value}), SHOWN)
    except MalformedAnswer:
        return
    for box in found.boxes:
        assert box.frame in SHOWN and 0 <= box.left < box.right <= 1 and 0 <= box.top < box.bottom <= 1


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_model_is_asked_with_the_schema_of_boxes(provider: Provider) -> None:
    found, requests = asked(provider, provider.says(json.dumps(CUP)))
    texts, pictures, schema = provider.read(requests[0])
    assert found.answer[0].name == "coffee cup" and schema == FIND_SCHEMA
    assert pictures == [p.jpeg for p in QUESTION.pictures] and texts[-1] == QUESTION.text
    assert len(found.record.sent) == 4 and found.record.local


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_bad_answer_is_repaired_once_with_what_is_wrong(provider: Provider) -> None:
    found, requests = asked(provider, provider.says(changed(frame=1002)), provider.says(json.dumps(CUP)))
    assert found.repaired and len(requests) == 2
    assert "objects[0].boxes[0].frame: is 1002, which was not shown" in provider.read(requests[1])[0][-1]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_two_bad_answers_say_what_to_do_instead(provider: Provider) -> None:
    with pytest.raises(MalformedAnswer) as refused:
        asked(provider, provider.says("I see a cup."))
    assert "give points, a box or a roto" in refused.value.fix


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_refusal_says_what_to_do_instead(provider: Provider) -> None:
    with pytest.raises(Declined) as refused:
        asked(provider, provider.declines[0])
    assert "give points, a box or a roto" in refused.value.fix
