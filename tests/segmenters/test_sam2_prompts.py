# SPDX-License-Identifier: Apache-2.0
"""Prompts of the segmenter sam2: what is taken, and what is refused in which words."""

from __future__ import annotations

import numpy as np
import pytest

from void_server.errors import InvalidInput
from void_server.segmenters.sam2.prompts import Box, Drawn, Point, gathered

SIZE = (90, 160)
FRAMES = 10


def empty():
    return np.zeros(SIZE, np.float32)


def full():
    return np.ones(SIZE, np.float32)


def test_prompts_come_by_frame_and_object():
    found = gathered(
        [Point(5, 1, 1), Box(2, 0, 0, 9, 9, object=4), Point(5, 3, 3), Point(2, 1, 1)], FRAMES, SIZE
    )
    assert [(g.position, g.object) for g in found] == [(2, 1), (2, 4), (5, 1)]
    assert [(p.x, p.y) for p in found[2].points] == [(1, 1), (3, 3)]


def test_a_box_that_overhangs_is_cut_to_the_picture():
    box = gathered([Box(0, -5, 80, 20, 200)], FRAMES, SIZE)[0].box
    assert (box.x0, box.y0, box.x1, box.y1) == (0, 80, 20, 90)


def test_the_last_pixel_is_inside():
    assert gathered([Point(9, 159, 89)], FRAMES, SIZE)


def test_a_box_with_negative_points_is_taken():
    assert gathered([Box(0, 5, 5, 20, 20), Point(0, 10, 10, positive=False)], FRAMES, SIZE)


def test_an_empty_matte_beside_a_frame_that_shows_the_object_is_taken():
    assert [g.shows for g in gathered([Drawn(0, empty()), Point(3, 5, 5)], FRAMES, SIZE)] == [False, True]


def test_a_drawn_matte_is_clipped_and_without_nan():
    matte = np.array([[2.0, -1.0, np.nan]], np.float32)
    assert gathered([Drawn(0, matte)], 1, (1, 3))[0].matte.tolist() == [[1, 0, 0]]


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ([], "no prompt"),
        ([Point(10, 5, 5)], r"point \(5, 5\) is at position 10, and the shot has 0 to 9"),
        ([Point(-1, 5, 5)], "position -1"),
        ([Point(3, 160, 5)], r"point \(160, 5\) at position 3 lies outside of the picture, which is 160x90"),
        ([Point(3, 5, -0.5)], "outside of the picture"),
        ([Point(3, float("nan"), 5)], "outside of the picture"),
        ([Box(2, 10, 10, 10, 30)], r"box \(10, 10\) to \(10, 30\) at position 2 has no area"),
        ([Box(2, 10, 30, 20, 10)], "no area"),
        ([Box(2, 160, 10, 170, 30)], "outside of the picture"),
        ([Box(2, -9, 10, 0, 30)], "outside of the picture"),
        ([Drawn(4, np.ones((45, 80), np.float32))], "position 4 is 80x45, the plate 160x90"),
        ([Point(1, 5.2, 5), Point(1, 5.9, 5.5, positive=False)], r"position 1 .* at the pixel \(5, 5\)"),
        ([Box(1, 10, 10, 20, 20), Point(1, 30, 15)], r"point \(30, 15\) outside of its box"),
        ([Point(1, 5, 5, positive=False)], r"negative points only: point \(5, 5\)"),
        ([Point(1, 5, 5), Point(2, 5, 5, positive=False)], "position 2 has negative points only"),
        ([Drawn(0, empty())], "Object 1 is shown on no frame"),
        ([Point(0, 5, 5), Drawn(0, empty(), object=7)], "Object 7 is shown on no frame"),
        ([Drawn(0, full()), Drawn(0, full())], "2 drawn mattes"),
        ([Box(0, 1, 1, 5, 5), Box(0, 2, 2, 6, 6)], "2 boxes"),
        ([Drawn(0, full()), Point(0, 5, 5)], "a drawn matte, and points or a box"),
    ],
)
def test_prompts_that_cannot_be_followed_are_refused(prompts, said):
    with pytest.raises(InvalidInput, match=said) as refused:
        gathered(prompts, FRAMES, SIZE)
    assert refused.value.fix


def test_points_of_two_objects_at_one_pixel_do_not_contradict():
    assert (
        len(
            gathered(
                [Point(0, 5, 5), Point(0, 5, 5, positive=False, object=2), Point(0, 9, 9, object=2)], 1, SIZE
            )
        )
        == 2
    )
