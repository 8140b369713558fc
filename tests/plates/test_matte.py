# SPDX-License-Identifier: Apache-2.0
"""Mattes: the channel that an artist means, as float 0..1, 0 outside the data window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from void_server.errors import InvalidInput
from void_server.plates.matte import read_matte, read_quadmask, same_picture
from void_server.plates.window import Window


def ramps(grey, *names):
    return {name: grey(scale=(rank + 1) / 10) for rank, name in enumerate(names)}


@pytest.mark.parametrize(
    ("names", "channel", "read"),
    [
        (("A",), "", "A"),
        (("R", "G", "B", "A"), "", "A"),
        (("rgba.red", "rgba.alpha"), "", "rgba.alpha"),
        (("B", "G", "R"), "", "R"),
        (("G", "B"), "", "G"),
        (("Y",), "", "Y"),
        (("a.red", "r"), "", "r"),
        (("matte.b", "matte.a"), "", "matte.a"),
        (("R", "G", "B", "A"), "red", "R"),
        (("R", "G", "B", "A"), "R", "R"),
        (("R", "G", "B", "A"), "g", "G"),
        (("red", "green", "blue"), "B", "blue"),
        (("void_mask.red", "void_mask.green"), "void_mask.R", "void_mask.red"),
        (("void_mask.R", "void_mask.G", "R"), "void_mask.green", "void_mask.G"),
        (("void_mask.R", "void_mask.G", "R"), "red", "R"),
        (("R", "G", "roto.alpha"), "alpha", "roto.alpha"),
        (("R", "G", "roto.x"), "roto", "roto.x"),
        (("R", "G", "roto.x"), "x", "roto.x"),
    ],
)
def test_the_channel_meant_is_read(write_exr, grey, names, channel, read):
    channels = ramps(grey, *names)
    matte = read_matte(write_exr(channels), channel)
    assert matte.channel == read
    assert matte.values.dtype == np.float32
    assert np.array_equal(matte.values, channels[read].astype(np.float32))


@pytest.mark.parametrize("channel", ["Q", "layer.red", "void_mask.alpha"])
def test_a_channel_that_is_not_there_is_refused_with_those_that_are(write_exr, grey, channel):
    with pytest.raises(InvalidInput, match=r"channels are R, void_mask.red"):
        read_matte(write_exr(ramps(grey, "R", "void_mask.red")), channel)


def test_a_short_name_that_several_layers_have_is_refused(write_exr, grey):
    with pytest.raises(InvalidInput, match="several channels 'red'"):
        read_matte(write_exr(ramps(grey, "a.red", "b.red")), "red")


def test_a_solid_alpha_beside_a_varying_channel_names_what_to_give(write_exr, grey):
    channels = {
        "B": np.zeros((8, 10), np.float16),
        "G": grey(),
        "R": grey(),
        "A": np.ones((8, 10), np.float16),
    }
    with pytest.raises(InvalidInput) as caught:
        read_matte(write_exr(channels), pattern="roto.%04d.exr")
    assert caught.value.fix.endswith("roto.%04d.exr:red")


def test_the_first_channel_that_varies_is_the_one_named(write_exr, grey):
    flat = np.zeros((8, 10), np.float16)
    channels = {"R": flat, "G": flat, "B": flat, "A": np.ones((8, 10), np.float16), "roto.G": grey()}
    with pytest.raises(InvalidInput, match=r":roto\.green$"):
        read_matte(write_exr(channels), pattern="P")


def test_a_solid_alpha_is_taken_when_it_is_asked_for(write_exr, grey):
    channels = {"R": grey(), "A": np.ones((8, 10), np.float16)}
    assert read_matte(write_exr(channels), "alpha").constant


def test_a_solid_alpha_is_taken_when_nothing_else_varies(write_exr):
    one = np.ones((8, 10), np.float16)
    assert read_matte(write_exr({"R": one, "A": one})).constant


@pytest.mark.parametrize(("value", "constant"), [(0.0, True), (1.0, True), (0.5, True)])
def test_a_flat_matte_is_constant(write_exr, value, constant):
    assert read_matte(write_exr({"A": np.full((4, 4), value, np.float16)})).constant is constant


def test_a_matte_that_varies_is_not_constant(write_exr, grey):
    assert not read_matte(write_exr({"A": grey()})).constant


@settings(max_examples=50, deadline=None)
@given(values=arrays.arrays(np.float32, (3, 4), elements=st.floats(width=32, allow_nan=True)))
def test_whatever_is_stored_the_matte_lies_in_0_to_1_and_says_what_was_changed(write_exr, values):
    matte = read_matte(write_exr({"A": values, "B": np.zeros_like(values)}), "A")
    nan = np.isnan(values)
    outside = (values < 0) | (values > 1)
    assert matte.nan_count == nan.sum() and matte.clipped_count == outside.sum()
    assert np.all((matte.values >= 0) & (matte.values <= 1))
    assert np.all(matte.values[nan] == 0)
    kept = ~nan & ~outside
    assert np.array_equal(matte.values[kept], values[kept])


def test_an_integer_channel_can_be_a_matte(write_exr):
    stored = np.array([[0, 1], [1, 7]], np.uint32)
    matte = read_matte(write_exr({"id": stored}))
    assert matte.values.tolist() == [[0, 1], [1, 1]] and matte.clipped_count == 1


def test_outside_its_data_window_a_matte_is_zero(write_exr):
    path = write_exr({"A": np.ones((2, 3), np.float16)}, at=(-1, 1), display=(0, 0, 4, 4))
    on_display = read_matte(path).on(Window(0, 0, 4, 4))
    assert on_display.tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("display", "aspect", "same"),
    [
        (Window(0, 0, 40, 20), 2.0, True),
        (Window(0, 0, 40, 20), 2.00001, True),
        (Window(0, 0, 40, 20), 2.01, False),
        (Window(0, 0, 20, 10), 2.0, False),
        (Window(1, 0, 40, 20), 2.0, False),
    ],
)
def test_a_picture_is_known_by_display_window_and_nearly_equal_pixel_aspect(display, aspect, same):
    assert same_picture(display, aspect, Window(0, 0, 40, 20), 2.0) is same


@pytest.mark.parametrize(
    ("red", "green"), [("void_mask.red", "void_mask.green"), ("void_mask.R", "void_mask.G"), ("R", "G")]
)
def test_a_quadmask_gives_remove_and_affected(write_exr, grey, red, green):
    channels = {red: grey(scale=0.5), green: grey(), "A": grey(scale=0.1)}
    remove, affected = read_quadmask(write_exr(channels))
    assert (remove.channel, affected.channel) == (red, green)
    assert np.array_equal(affected.values, channels[green].astype(np.float32))


def test_the_layer_wins_over_a_picture_beside_it(write_exr, grey):
    remove, _ = read_quadmask(write_exr(ramps(grey, "R", "G", "B", "void_mask.red", "void_mask.green")))
    assert remove.channel == "void_mask.red"


def test_a_file_without_a_quadmask_is_refused_with_its_channels(write_exr, grey):
    with pytest.raises(InvalidInput, match=r"channels are A, void_mask.red"):
        read_quadmask(write_exr(ramps(grey, "A", "void_mask.red")))


def test_a_part_without_a_view_serves_every_view(write_parts, grey):
    path = write_parts(
        ("left", {"R": grey()}, {"view": "left"}),
        ("right", {"R": grey()}, {"view": "right"}),
        ("roto", {"roto.alpha": grey(scale=0.5)}, {}),
    )
    assert read_matte(path, "roto.alpha", "right").channel == "roto.alpha"
