# SPDX-License-Identifier: Apache-2.0
"""The sheet of results: before, result, difference and the right answer, pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.sheets import GAP, Look, main, sheet
from tests.small_shot import write_exr

SIZE, LOOK = (60, 80), Look(0.0, 4.0, 400)
BOX = slice(20, 40), slice(30, 50)


def written(folder: Path, *, clean: bool = False, brighter: float = 0.1) -> tuple[Path, Path]:
    """Two frames of grey, whose result is brighter in BOX; on the second nothing is blended."""
    shot, result = folder / "shot", folder / "result"
    plate = np.full((*SIZE, 3), 0.2, np.float16)
    for frame in (1001, 1002):
        inside = np.zeros((*SIZE, 1), np.float16)
        inside[BOX] = frame == 1001
        made = np.concatenate([plate + np.float16(brighter) * inside, inside], axis=2)
        write_exr(shot / "plate" / f"plate.{frame}.exr", plate, "RGB")
        write_exr(result / f"shot.{frame}.exr", made, ("R", "G", "B", "void_mask.alpha"))
        if clean:
            write_exr(shot / "clean" / f"clean.{frame}.exr", plate, "RGB")
    return shot, result


def panels(picture: np.ndarray, count: int) -> list[np.ndarray]:
    """The pictures of a sheet of one row, without the names that stand on their upper lines."""
    width = (picture.shape[1] - (count - 1) * GAP) // count
    return [picture[20:-GAP, k * (width + GAP) :][:, :width] for k in range(count)]


def test_the_crop_is_the_blend_matte_and_sixteen_pixels_around(tmp_path):
    picture = sheet(*written(tmp_path), 3, LOOK)
    assert picture.shape == (20 + 2 * 16 + GAP, 3 * (20 + 2 * 16) + 2 * GAP, 3)


def test_a_crop_is_cut_about_its_middle_where_it_is_larger_than_wished(tmp_path):
    picture = sheet(*written(tmp_path), 3, Look(0.0, 4.0, 30))
    assert picture.shape == (30 + GAP, 3 * 30 + 2 * GAP, 3)


def test_grey_is_the_plate_s_bits_and_brighter_is_brighter_in_the_result(tmp_path):
    _, made, difference = panels(sheet(*written(tmp_path), 3, LOOK), 3)
    assert (difference[:, :10] == 128).all() and difference[10, 26, 0] > 200
    assert made[10, 26, 0] > made[10, 5, 0]


def test_a_darker_result_is_darker_than_grey(tmp_path):
    difference = panels(sheet(*written(tmp_path, brighter=-0.05), 3, LOOK), 3)[2]
    assert difference[10, 26, 0] < 100


def test_the_gain_is_of_the_difference_alone(tmp_path):
    folders = written(tmp_path, brighter=0.02)
    weak, strong = (panels(sheet(*folders, 3, Look(0.0, gain, 400)), 3) for gain in (1.0, 3.0))
    assert (weak[1] == strong[1]).all()
    rise = [int(found[2][10, 26, 0]) - 128 for found in (weak, strong)]
    assert rise[0] > 0 and rise[1] == pytest.approx(3 * rise[0], abs=3)


def test_exposure_makes_pictures_brighter(tmp_path):
    folders = written(tmp_path)
    dark, bright = (panels(sheet(*folders, 3, Look(stops, 4.0, 400)), 3)[1] for stops in (0.0, 1.0))
    assert bright[10, 26, 0] > dark[10, 26, 0]


def test_the_right_answer_is_shown_where_it_is_known(tmp_path):
    picture = sheet(*written(tmp_path, clean=True), 3, LOOK)
    right = panels(picture, 4)[3]
    assert len(np.unique(right)) == 1


def test_the_outline_is_the_blend_matte_s(tmp_path):
    before = panels(sheet(*written(tmp_path), 3, LOOK), 3)[0]
    white = (before == 255).all(2)
    assert (
        white[:, 16].any()
        and white[:, 35].any()
        and not white[:, :16].any()
        and not white[:, 17:35][:10].any()
    )


def test_a_picture_is_written_and_what_cannot_be_shown_is_told(tmp_path, capsys):
    shot, result = written(tmp_path)
    assert main([str(shot), str(result), str(tmp_path / "out" / "sheet.png")]) == 0
    assert cv2.imread(str(tmp_path / "out" / "sheet.png")) is not None
    assert main([str(shot), str(shot), str(tmp_path / "none.png")]) == 2
    assert "no results" in capsys.readouterr().err


def test_a_result_in_which_nothing_was_blended_is_told(tmp_path):
    shot, result = written(tmp_path)
    (result / "shot.1001.exr").unlink()
    with pytest.raises(ValueError, match="Nothing was blended"):
        sheet(shot, result, 3, LOOK)
