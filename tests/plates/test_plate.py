# SPDX-License-Identifier: Apache-2.0
"""Which channels of a file are the plate, and that their samples come untouched."""

from __future__ import annotations

import numpy as np
import pytest

from void_server.errors import InvalidInput, Unsupported
from void_server.plates.exr import bit_view
from void_server.plates.plate import read_lines, read_planes, read_plate
from void_server.plates.window import Window


def named(grey, *names):
    """Channels that differ, so that a wrong choice shows."""
    return {name: grey(scale=1 + rank) for rank, name in enumerate(names)}


def assert_colour(plate, channels, *names):
    assert plate.channels.colour == names
    for column, name in enumerate(names):
        assert np.array_equal(bit_view(plate.colour[..., column]), bit_view(channels[name]))


@pytest.mark.parametrize(
    ("names", "colour", "alpha"),
    [
        (("R", "G", "B"), ("R", "G", "B"), ""),
        (("R", "G", "B", "A"), ("R", "G", "B"), "A"),
        (("r", "g", "b", "a"), ("r", "g", "b"), "a"),
        (("red", "green", "blue", "alpha"), ("red", "green", "blue"), "alpha"),
        (
            ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"),
            ("rgba.red", "rgba.green", "rgba.blue"),
            "rgba.alpha",
        ),
        (("beauty.R", "beauty.G", "beauty.B", "Z"), ("beauty.R", "beauty.G", "beauty.B"), ""),
        (("R", "G", "B", "diffuse.R", "diffuse.G", "diffuse.B", "diffuse.A"), ("R", "G", "B"), ""),
        (("rgba.R", "rgba.G", "rgba.B", "spec.R", "spec.G", "spec.B"), ("rgba.R", "rgba.G", "rgba.B"), ""),
        (("Y",), ("Y",), ""),
        (("Y", "A"), ("Y",), "A"),
        (("Y", "spec.Y"), ("Y",), ""),
        (("Y", "Z"), ("Y",), ""),
        (("density",), ("density",), ""),
    ],
)
def test_the_picture_is_found(write_exr, grey, names, colour, alpha):
    channels = named(grey, *names)
    plate = read_plate(write_exr(channels))
    assert_colour(plate, channels, *colour)
    assert plate.channels.alpha == alpha
    assert (plate.alpha is None) == (not alpha)
    if plate.alpha is not None:
        assert np.array_equal(plate.alpha, channels[alpha])


@pytest.mark.parametrize(
    "names",
    [
        ("diffuse.R", "diffuse.G", "diffuse.B", "spec.R", "spec.G", "spec.B"),
        ("A",),
        ("R", "G"),
        ("motion.u", "motion.v"),
    ],
)
def test_no_picture_or_several_is_refused_with_the_channels(write_exr, grey, names):
    with pytest.raises(InvalidInput) as caught:
        read_plate(write_exr(named(grey, *names)))
    assert all(name in str(caught.value) for name in names)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_samples_keep_type_and_bits(write_exr, any_bits, dtype):
    channels = {name: any_bits(dtype, seed=i) for i, name in enumerate("RGBA")}
    plate = read_plate(write_exr(channels))
    assert plate.colour.dtype == dtype
    assert_colour(plate, channels, "R", "G", "B")
    assert np.array_equal(bit_view(plate.alpha), bit_view(channels["A"]))


def test_planes_give_the_lines_that_the_picture_has(write_exr, any_bits):
    channels = {name: any_bits(np.float16, seed=i) for i, name in enumerate(("R", "G", "B", "A", "spec.R"))}
    path = write_exr(channels, at=(-4, 7))
    planes, lines = read_planes(path, others=True), read_lines(path, (2, 5), others=True)
    cut = planes.lines((2, 5))
    assert cut.data_window == lines.data_window and cut.alpha is not None
    assert np.array_equal(bit_view(cut.colour), bit_view(lines.colour))
    assert np.array_equal(bit_view(cut.alpha), bit_view(lines.alpha))
    assert cut.others.keys() == {"spec.R"}
    planes.put((2, 5), np.zeros_like(cut.colour))
    assert not planes.samples["G"][2:5].any()
    for name, values in channels.items():
        outside = np.r_[0:2, 5 : len(values)]
        assert np.array_equal(bit_view(planes.samples[name][outside]), bit_view(values[outside]))
    assert np.array_equal(bit_view(cut.colour), bit_view(lines.colour)), "the lines are a copy"


def test_windows_and_pixel_aspect_are_the_files(write_exr, grey):
    channels = named(grey, "R", "G", "B")
    plate = read_plate(write_exr(channels, at=(-4, 7), display=(0, 0, 50, 40), pixelAspectRatio=2.0))
    assert plate.data_window == Window(-4, 7, 10, 8)
    assert plate.display_window == Window(0, 0, 50, 40)
    assert plate.pixel_aspect == 2.0


def test_integer_colour_is_unsupported(write_exr):
    channels = {name: np.zeros((4, 4), np.uint32) for name in "RGB"}
    with pytest.raises(Unsupported, match=r"R \(uint\)"):
        read_plate(write_exr(channels))


def test_colour_of_mixed_types_is_unsupported(write_exr, grey):
    channels = {"R": grey(), "G": grey(), "B": grey(dtype=np.float32)}
    with pytest.raises(Unsupported, match=r"B \(float\)"):
        read_plate(write_exr(channels))


@pytest.fixture
def stereo_parts(write_parts, grey):
    left, right = named(grey, "R", "G", "B"), {name: grey(scale=-1) for name in "RGB"}
    path = write_parts(("rgba.left", left, {"view": "left"}), ("rgba.right", right, {"view": "right"}))
    return path, left, right


def test_of_a_multi_part_stereo_file_the_named_view_is_read(stereo_parts):
    path, left, right = stereo_parts
    assert_colour(read_plate(path, "left"), left, "R", "G", "B")
    assert_colour(read_plate(path, "right"), right, "R", "G", "B")


def test_a_multi_part_stereo_file_must_be_asked_for_a_view(stereo_parts):
    with pytest.raises(InvalidInput, match="several views: left, right"):
        read_plate(stereo_parts[0])


def test_a_view_that_is_not_there_is_refused_with_those_that_are(stereo_parts):
    with pytest.raises(InvalidInput, match="no view 'centre'; it has left, right"):
        read_plate(stereo_parts[0], "centre")


@pytest.fixture
def stereo_channels(write_exr, grey):
    channels = named(grey, "R", "G", "B", "right.R", "right.G", "right.B", "right.A")
    return write_exr(channels, multiView=["left", "right"]), channels


def test_bare_names_are_the_default_view_of_a_single_part_file(stereo_channels):
    path, channels = stereo_channels
    for view in ("", "left"):
        plate = read_plate(path, view)
        assert_colour(plate, channels, "R", "G", "B")
        assert plate.channels.view == "left" and plate.alpha is None


def test_a_view_inside_channel_names_is_read(stereo_channels):
    path, channels = stereo_channels
    plate = read_plate(path, "right")
    assert_colour(plate, channels, "right.R", "right.G", "right.B")
    assert plate.channels.alpha == "right.A"


def test_layers_called_as_views_are_read_without_the_multi_view_attribute(write_exr, grey):
    channels = named(grey, "left.R", "left.G", "left.B", "right.R", "right.G", "right.B")
    assert_colour(read_plate(write_exr(channels), "right"), channels, "right.R", "right.G", "right.B")


def test_a_file_without_views_belongs_to_every_view(write_exr, grey):
    channels = named(grey, "R", "G", "B")
    assert_colour(read_plate(write_exr(channels), "left"), channels, "R", "G", "B")


def test_the_part_that_is_named_as_the_picture_wins_over_other_parts(write_parts, grey):
    passes, beauty = named(grey, "R", "G", "B"), {name: grey(scale=-1) for name in "RGB"}
    path = write_parts(("diffuse", passes, {}), ("rgba", beauty, {}))
    assert_colour(read_plate(path), beauty, "R", "G", "B")


def test_parts_of_which_none_is_the_picture_are_refused(write_parts, grey):
    path = write_parts(("diffuse", named(grey, "R", "G", "B"), {}), ("spec", named(grey, "R", "G", "B"), {}))
    with pytest.raises(InvalidInput, match=r"several pictures.*diffuse: B, G, R; spec: B, G, R"):
        read_plate(path)


@pytest.mark.parametrize("letters", ["RGB", "Y"])
def test_a_returned_frame_can_be_a_plate_again(write_exr, grey, letters):
    passes = [f"void_mask.{name}" for name in ("red", "green", "blue", "alpha")]
    channels = named(grey, *letters, *passes)
    assert_colour(read_plate(write_exr(channels)), channels, *letters)
