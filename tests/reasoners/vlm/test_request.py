# SPDX-License-Identifier: Apache-2.0
"""What is asked: how many pictures, of which frames, how large, and with which words."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from void_server.errors import InvalidInput, LimitExceeded
from void_server.reasoners.vlm.answer import Bounds
from void_server.reasoners.vlm.request import (
    PictureLimits,
    gridded_picture,
    question,
    reference_positions,
)

GREY = np.full((180, 320, 3), 0.5, np.float32)
FRAMES = range(1001, 1041)


def matte(position: int) -> np.ndarray:
    """The subject comes into the shot at its fifth frame."""
    drawn = np.zeros(GREY.shape[:2], np.float32)
    if position >= 4:
        drawn[90:180, 160:320] = 1
    return drawn


def asked(picture: np.ndarray = GREY, **more):
    return question(FRAMES, lambda _: picture, matte, **more)


def shown(jpeg: bytes) -> np.ndarray:
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def test_pictures_are_spread_over_the_shot_with_its_first_and_last_frame():
    assert reference_positions(41, 10) == [0, 4, 9, 13, 18, 22, 27, 31, 36, 40]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_shot_of_few_frames_shows_each_once(count):
    assert reference_positions(count, 10) == list(range(count))


def test_the_first_picture_is_the_first_frame_with_the_subject_and_the_others_follow():
    pictures = asked().pictures
    assert [p.frame for p in pictures] == [1005, 1001, 1005, 1010, 1014, 1018, 1023, 1027, 1031, 1036, 1040]
    assert pictures[0].label == "Picture 1: frame 1005, the subject marked in red"
    assert pictures[1].label == "Picture 2: frame 1001"


def test_only_the_first_picture_has_the_subject_in_red():
    first, second = (shown(p.jpeg).astype(int) for p in asked().pictures[:2])
    red, plain = first[135:150, 250:260].mean(axis=(0, 1)), second[135:150, 250:260].mean(axis=(0, 1))
    assert red[0] > red[1] + 50 and abs(plain[0] - plain[1]) < 5


def test_large_pictures_are_made_smaller_and_small_ones_are_left():
    large = cv2.resize(GREY, (2000, 1125))
    limits = PictureLimits(frames=1)
    mattes = np.ones(large.shape[:2], np.float32)
    made = question([1, 2], lambda _: large, lambda _: mattes, limits=limits)
    assert shown(made.pictures[0].jpeg).shape == (432, 768, 3)
    assert shown(asked().pictures[0].jpeg).shape == (180, 320, 3)


def test_the_bounds_are_those_of_the_shot():
    assert asked().bounds == Bounds(8, 14, 1001, 1040)


def test_the_grid_has_its_lines_on_the_edges_of_the_cells():
    white = np.full((80, 140, 3), 255, np.uint8)
    drawn = gridded_picture(white, Bounds(8, 14, 1, 2))
    assert (drawn[10, :, 0] < 255).all() and (drawn[:, 130, 0] < 255).all()
    assert (drawn[0:10, 9, 0] == 255).any()


def test_a_jpeg_over_the_limit_is_refused_with_limit_and_size():
    with pytest.raises(LimitExceeded, match="100 are the most") as caught:
        asked(limits=PictureLimits(most_bytes=100))
    assert caught.value.frame == 1005


def test_a_shot_without_a_subject_is_refused():
    with pytest.raises(InvalidInput, match="no subject"):
        question(FRAMES, lambda _: GREY, lambda _: np.zeros((180, 320), np.float32))


def test_values_that_are_no_display_values_do_no_harm():
    picture = GREY.copy()
    picture[:50] = np.nan
    picture[50:100] = 1e9
    picture[70:90] = np.inf
    picture[100:] = -5
    assert shown(asked(picture).pictures[1].jpeg)[75, 250].min() > 200


def test_the_text_names_frames_grid_and_instruction():
    text = asked(instruction="Remove the man,\n  and {his} dog.").text
    assert "frames 1001, 1005, 1010" in text and "on frame 1005" in text and "8 rows and 14 columns" in text
    assert '"Remove the man, and {his} dog."' in text


def test_without_an_instruction_nothing_is_said_about_one():
    assert "artist says" not in asked().text


def test_an_endless_instruction_is_refused():
    with pytest.raises(LimitExceeded, match="4000"):
        asked(instruction="x" * 4001)


def test_the_same_shot_gives_the_same_question():
    assert asked() == asked()
