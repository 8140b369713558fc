# SPDX-License-Identifier: Apache-2.0
"""The official coded pictures and how they pair with frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.errors import InvalidInput
from void_server.quadmask import coded
from void_server.quadmask.regions import Quadmask

codes = arrays.arrays(np.uint8, (4, 5), elements=st.sampled_from([0, 63, 127, 255]))
drift = arrays.arrays(np.int16, (4, 5), elements=st.integers(-30, 30))


@given(codes, drift)
def test_codes_are_read_though_a_codec_moved_them_by_30(picture, moved):
    lossy = np.clip(picture + moved, 0, 255).astype(np.uint8)
    assert np.array_equal(coded.to_coded(coded.from_coded(lossy)), picture)


def test_the_bins_are_those_of_the_official_scripts():
    values = np.array([[0, 31, 32, 95, 96, 191, 192, 255]])
    assert coded.quantised(values).tolist() == [[0, 0, 63, 63, 127, 127, 255, 255]]


def test_an_averaged_value_between_two_bins_is_in_the_upper():
    assert coded.quantised(np.array([[31.0, 31.01]])).tolist() == [[0, 63]]


@given(codes)
def test_a_binary_mask_is_white_where_a_quadmask_is_black(picture):
    quadmask = Quadmask.from_codes(picture)
    white = coded.to_binary(quadmask)
    assert np.array_equal(white == 255, picture <= 63)
    assert np.array_equal(coded.from_binary([white]).remove, quadmask.remove)


def test_a_binary_mask_removes_from_240_on_once_it_has_its_size():
    assert coded.from_binary([np.array([[239, 240]])]).remove.tolist() == [[0, 1]]
    assert coded.from_binary([np.array([[255, 225], [255, 224]])], (2, 1)).remove.tolist() == [[1], [0]]


def test_of_several_binary_masks_any_removes():
    one, two = np.array([[255, 0, 0]]), np.array([[0, 0, 255]])
    assert coded.from_binary([one, two]).remove.tolist() == [[1, 0, 1]]


def test_the_official_dilation_is_a_square_of_eleven():
    dot = np.zeros((21, 21), np.uint8)
    dot[10, 10] = 255
    remove = coded.from_binary([dot], dilation=coded.DILATION).remove
    assert remove.sum() == 121 and np.all(remove[5:16, 5:16] == 1)


@pytest.mark.parametrize(
    ("name", "polarity"),
    [("quadmask_0.mp4", "quadmask"), ("trimask_quadmask.mp4", "quadmask"), ("a/mask_1.mp4", "binary")],
)
def test_the_name_tells_which_colour_is_removed(name, polarity):
    assert coded.polarity_of(name) == polarity


def test_a_name_that_does_not_tell_the_colour_is_refused():
    with pytest.raises(InvalidInput, match="black or white"):
        coded.polarity_of("matte.mp4")


@given(arrays.arrays(np.uint8, (6, 9)))
def test_averaging_to_a_divisor_is_the_mean_of_blocks(picture):
    blocks = picture.astype(np.float64).reshape(2, 3, 3, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(coded.averaged(picture, (2, 3)), blocks, rtol=1e-6)


@given(arrays.arrays(np.uint8, (5, 4)), st.integers(1, 12), st.integers(1, 12))
def test_averaging_never_leaves_the_range_of_the_picture(picture, height, width):
    sized = coded.averaged(picture, (height, width))
    assert sized.shape == (height, width)
    assert picture.min() - 1e-4 <= sized.min() and sized.max() <= picture.max() + 1e-4


@given(st.integers(-5, 2000), st.integers(1, 30), st.data())
def test_frames_are_paired_by_number(first, count, data):
    frames = data.draw(st.lists(st.integers(first, first + count - 1)))
    assert [first + index for index in coded.paired(frames, first, count)] == frames


def test_frames_that_the_clip_lacks_are_named():
    with pytest.raises(InvalidInput, match="1001-1002, 1006") as raised:
        coded.paired([1001, 1002, 1003, 1004, 1005, 1006], 1003, 3)
    assert raised.value.frame == 1001 and "has frames 1003-1005" in raised.value.message


def test_a_shorter_clip_is_never_shifted():
    with pytest.raises(InvalidInput, match="1 of the shot's 3 frames are missing in it: 1003"):
        coded.paired([1001, 1002, 1003], 1001, 2)
