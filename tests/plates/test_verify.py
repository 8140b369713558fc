# SPDX-License-Identifier: Apache-2.0
"""The check that nothing outside the blend matte was touched sees every bit, and only outside."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from void_server.errors import DataLoss
from void_server.plates.encode import Frame, write_frame
from void_server.plates.plate import read_plate
from void_server.plates.result import write_result
from void_server.plates.verify import LINES_APART, check_spread, check_written, outside_difference
from void_server.plates.window import Window


@pytest.fixture
def case(write_exr, any_bits, fresh):
    """A plate, a blend matte that is 0 in the left half, and a writer of results that gives their check."""
    plate = read_plate(write_exr({name: any_bits(np.float16, (8, 10), i) for i, name in enumerate("RGBA")}))
    blend = np.zeros((8, 10), np.float16)
    blend[:, 5:] = 0.5

    def check(change):
        colour, alpha = plate.colour.copy(), plate.alpha.copy()
        change(colour, alpha)
        path = fresh("checked")
        write_result(path, plate.__class__(plate.channels, plate.colour, alpha), colour, {})
        return outside_difference(path, plate, blend)

    return plate, check


def test_an_untouched_outside_is_identical(case):
    _, check = case
    found = check(lambda colour, alpha: None)
    assert found.identical and found.samples_checked == 8 * 5 * 4
    assert found.greatest_difference == 0


def test_changes_inside_do_not_count(case):
    _, check = case

    def change(colour, alpha):
        colour[:, 5:] = 7

    assert check(change).identical


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_one_changed_bit_outside_counts(case, channel):
    _, check = case

    def change(colour, alpha):
        colour.view(np.uint16)[3, 4, channel] ^= 1

    assert check(change).samples_differing == 1


def test_alpha_counts_too(case):
    _, check = case

    def change(colour, alpha):
        alpha.view(np.uint16)[0, 0] ^= 1

    assert check(change).samples_differing == 1


@pytest.mark.parametrize(
    ("before", "after", "greatest"),
    [(1.0, 1.5, 0.5), (0.0, -0.0, 0.0), (1.0, math.nan, math.inf), (math.inf, 2.0, math.inf)],
)
def test_the_greatest_difference_is_named(write_exr, fresh, before, after, greatest):
    plate = read_plate(write_exr({name: np.full((2, 2), before, np.float32) for name in "RGB"}))
    colour = plate.colour.copy()
    colour[1, 1, 2] = after
    write_result(path := fresh(), plate, colour, {})
    found = outside_difference(path, plate, np.zeros((2, 2), np.float32))
    assert (found.samples_differing, found.greatest_difference) == (1, greatest)


def test_a_result_with_another_window_is_no_result(write_exr, fresh, grey):
    plate = read_plate(write_exr({name: grey() for name in "RGB"}))
    moved = read_plate(write_exr({name: grey() for name in "RGB"}, at=(1, 0)))
    write_result(path := fresh(), moved, moved.colour, {})
    with pytest.raises(DataLoss, match="data window"):
        outside_difference(path, plate, np.zeros((8, 10), np.float16))


def test_a_lost_alpha_is_noticed(write_exr, fresh, grey):
    plate = read_plate(write_exr({name: grey() for name in "RGBA"}))
    write_result(path := fresh(), plate.__class__(plate.channels, plate.colour, None), plate.colour, {})
    with pytest.raises(DataLoss, match="alpha none"):
        outside_difference(path, plate, np.zeros((8, 10), np.float16))


def test_another_payload_of_a_nan_counts_but_has_no_distance(write_exr, fresh):
    plate = read_plate(write_exr({name: np.full((2, 2), np.nan, np.float16) for name in "RGB"}))
    colour = plate.colour.copy()
    colour.view(np.uint16)[0, 0, 0] ^= 1
    write_result(path := fresh(), plate, colour, {})
    found = outside_difference(path, plate, np.zeros((2, 2), np.float16))
    assert (found.samples_differing, found.greatest_difference) == (1, 0)


def written(path: Path, channels: dict[str, np.ndarray]) -> Window:
    window = Window(-2, 3, 12, 300)
    write_frame(path, Frame(window, window, 1.0, channels, (), "zips"))
    return window


def noise() -> dict[str, np.ndarray]:
    """More lines than are decoded at a time."""
    values = np.random.default_rng(5).random((300, 12), np.float32)
    return {"R": values.astype(np.float16), "void_source.red": values}


def test_a_file_that_holds_what_was_written_passes(tmp_path):
    channels = noise()
    window = written(tmp_path / "a.exr", channels)
    check_written(tmp_path / "a.exr", channels, window)
    part = {name: values[7:290] for name, values in channels.items()}
    check_written(tmp_path / "a.exr", part, window, rows=(7, 290))


@pytest.mark.parametrize("line", [0, 270, 299])
def test_one_bit_that_is_not_what_was_written_is_found(tmp_path, line):
    channels = noise()
    channels["R"][line, 3] = 0.0
    window = written(tmp_path / "a.exr", channels)
    channels["R"][line, 3] = -0.0
    with pytest.raises(DataLoss, match="does not hold"):
        check_written(tmp_path / "a.exr", channels, window)


def test_channels_or_windows_that_were_not_written_are_found(tmp_path):
    channels = noise()
    window = written(tmp_path / "a.exr", channels)
    with pytest.raises(DataLoss, match="windows or channels"):
        check_written(tmp_path / "a.exr", {"R": channels["R"]}, window)
    with pytest.raises(DataLoss, match="windows or channels"):
        check_written(tmp_path / "a.exr", channels, Window(-2, 4, 12, 300))


def test_a_writer_that_swaps_bytes_everywhere_is_found_in_some_lines(tmp_path):
    window = Window(0, 0, 8, 300)
    channels = {"A": np.random.default_rng(1).random(window.shape).astype(np.float16)}
    write_frame(path := tmp_path / "frame.exr", Frame(window, window, 1.0, channels, (), "zips"))
    check_spread(path, channels, window)
    swapped = {"A": channels["A"].byteswap()}
    with pytest.raises(DataLoss, match="lines 0 to 1"):
        check_spread(path, swapped, window)
    late = {"A": channels["A"].copy()}
    late["A"][2 * LINES_APART :] = 0
    with pytest.raises(DataLoss, match=f"lines {2 * LINES_APART} to"):
        check_spread(path, late, window)


def test_of_some_lines_every_line_so_far_apart_is_checked(tmp_path):
    window = Window(0, 5, 8, 60)
    channels = {"A": np.random.default_rng(1).random(window.shape).astype(np.float16)}
    write_frame(path := tmp_path / "frame.exr", Frame(window, window, 1.0, channels, (), "zips"))
    lines = {"A": channels["A"][10:40].copy()}
    lines["A"][17] = 0
    check_spread(path, lines, window, rows=(10, 40), apart=8)
    lines["A"][16] = 0
    with pytest.raises(DataLoss, match="lines 26 to 27"):
        check_spread(path, lines, window, rows=(10, 40), apart=8)
