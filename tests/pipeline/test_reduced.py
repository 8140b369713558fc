# SPDX-License-Identifier: Apache-2.0
"""A frame made small some lines at a time is the frame made small at once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.small_shot import write_exr
from void_server.pipeline.reduced import lines_of_rows, reduced, reduced_light
from void_server.pipeline.small_result import with_result
from void_server.plates.colour import ColourSpace
from void_server.plates.plate import read_planes


class Logarithmic:
    """A shot whose plates are not linear: what is reduced has to be."""

    colour = ColourSpace("ACEScct", "ocio://studio-config-v2.2.0_aces-v1.3_ocio-v2.4", "", False)

    def to_linear(self, samples):
        return self.colour.to_linear(samples.astype(np.float32))


def planes_of(samples, folder, **windows):
    return read_planes(write_exr(folder / "p.exr", samples, "RGB", **windows))


@pytest.mark.parametrize("size", [(96, 54), (42, 24), (95, 53), (384, 216), (480, 270)])
def test_strips_make_the_same_picture_as_the_whole(size, tmp_path):
    samples = np.random.default_rng(1).random((216, 384, 3), np.float32).astype(np.float16)
    shot = Logarithmic()
    whole = cv2.resize(shot.to_linear(samples), size, interpolation=cv2.INTER_AREA)
    assert np.array_equal(reduced_light(shot, planes_of(samples, tmp_path), size), whole)


@pytest.mark.parametrize("lines", [(0, 1), (70, 90), (215, 216), (0, 216), (63, 65)])
@pytest.mark.parametrize("size", [(96, 54), (42, 24), (95, 53), (480, 270)])
def test_some_lines_make_the_rows_of_the_whole(size, lines, tmp_path):
    samples = np.random.default_rng(1).random((216, 384, 3), np.float32).astype(np.float16)
    whole = reduced_light(Logarithmic(), planes_of(samples, tmp_path), size)
    read, rows = lines_of_rows(216, size[1], lines)
    assert read[0] <= lines[0] and lines[1] <= read[1]
    some = planes_of(samples[slice(*read)], tmp_path)
    shown = reduced_light(Logarithmic(), some, (size[0], rows[1] - rows[0]))
    assert np.array_equal(shown, whole[slice(*rows)])


@pytest.mark.parametrize("windows", [{}, {"origin": (0, 8), "display": (240, 384)}])
def test_a_result_is_the_plate_s_picture_with_the_lines_that_may_differ(windows, tmp_path):
    shot, size = Logarithmic(), (96, 54 if not windows else 60)

    def picture(samples):
        return shot.colour.display_view(reduced_light(shot, planes_of(samples, tmp_path, **windows), size))

    plate = np.random.default_rng(1).random((216, 384, 3), np.float32).astype(np.float16)
    before, result = picture(plate), plate.copy()
    result[100:130, 50:90] = 4
    whole = picture(result)
    assert (before != whole).any()
    path = write_exr(tmp_path / "result.exr", result, "RGB", **windows)
    assert np.array_equal(with_result(shot, before, path, (98, 133)), whole)


def test_a_data_window_beside_the_display_window_is_put_in_its_place(tmp_path):
    samples = np.full((8, 8, 3), 0.25, np.float16)
    linear = Logarithmic()
    lit = float(linear.to_linear(samples)[0, 0, 0])
    planes = planes_of(samples, tmp_path, origin=(8, 4), display=(16, 16))
    small = reduced_light(linear, planes, (4, 4))
    assert small.shape == (4, 4, 3)
    assert np.allclose(small[1:3, 2:], lit) and not small[:, :2].any() and not small[3].any()


def test_samples_that_are_not_finite_count_as_black_or_the_greatest_half():
    values = np.full((4, 4), 0.5, np.float32)
    values[0, 0], values[0, 2], values[2, 0] = np.nan, np.inf, -np.inf
    small = reduced(values, (2, 2))
    assert np.allclose(small, [[0.375, (65504 + 1.5) / 4], [0.375, 0.5]])
