# SPDX-License-Identifier: Apache-2.0
"""`mask convert` brings masks from one form into another, whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.masks.small_masks import (
    SIZE,
    codes_of,
    matte_of,
    needs_ffmpeg,
    quadmask,
    rgba,
    write_clip,
    write_mattes,
    write_plates,
)
from tests.small_shot import write_exr
from void_server.main import main
from void_server.masks import progress, writing
from void_server.plates.header import read_header
from void_server.quadmask.coded_video import read_video, write_video
from void_server.quadmask.grid import gridded_matte
from void_server.quadmask.regions import Quadmask


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def pictures(path):
    return list(read_video(Path(path)))


@needs_ffmpeg
def test_exr_files_become_a_coded_clip(run, tmp_path):
    ran = run("convert", write_mattes(tmp_path, range(1001, 1005)), tmp_path / "quadmask_0.mp4")
    assert ran.code == 0 and "4 frames, 1001-1004; its first picture is frame 1001." in ran.out
    for index, picture in enumerate(pictures(tmp_path / "quadmask_0.mp4")):
        assert np.array_equal(picture, quadmask(index).codes)


@needs_ffmpeg
def test_the_first_picture_of_a_clip_has_nothing_affected_unless_it_is_wanted(run, tmp_path):
    pattern, clip = write_mattes(tmp_path, range(4)), tmp_path / "quadmask_0.mp4"
    run("convert", pattern, clip, "--range", "2-3")
    assert set(np.unique(pictures(clip)[0])) == {0, 63, 255}
    run("convert", pattern, clip, "--range", "2-3", "--overwrite", "--first-frame-unaffected", "off")
    assert np.array_equal(pictures(clip)[0], quadmask(2).codes)


def test_exr_files_keep_the_first_frame_unless_it_is_to_change(run, tmp_path):
    pattern = write_mattes(tmp_path, range(3))
    run("convert", pattern, tmp_path / "a.####.exr", "--range", "1-2")
    assert np.array_equal(codes_of(tmp_path / "a.0001.exr"), quadmask(1).codes)
    run("convert", pattern, tmp_path / "b.####.exr", "--range", "1-2", "--first-frame-unaffected", "on")
    assert 127 not in codes_of(tmp_path / "b.0001.exr") and 127 in codes_of(tmp_path / "b.0002.exr")


@needs_ffmpeg
def test_a_clip_becomes_rgba_half_files(run, tmp_path):
    ran = run(
        "convert", write_clip(tmp_path / "quadmask_0.mp4"), tmp_path / "out" / "m.####.exr", "--first", "7"
    )
    assert ran.code == 0, ran.err
    assert names(tmp_path / "out") == [f"m.{n:04d}.exr" for n in range(7, 11)]
    part = read_header(tmp_path / "out" / "m.0009.exr").parts[0]
    assert part.compression == "zips" and {c.type for c in part.channels} == {"half"}
    found, wanted = matte_of(tmp_path / "out" / "m.0009.exr"), rgba(quadmask(2))
    assert np.array_equal(np.stack([found[c] for c in "RGBA"], -1), wanted)


@needs_ffmpeg
def test_a_clip_must_say_which_frames_it_becomes(run, tmp_path):
    ran = run("convert", write_clip(tmp_path / "quadmask_0.mp4"), tmp_path / "m.####.exr")
    assert ran.code == 2 and "--first 1001" in ran.err and names(tmp_path) == ["quadmask_0.mp4"]


@needs_ffmpeg
def test_a_lossy_clip_becomes_exact_codes(run, tmp_path):
    lossy = quadmask(1).codes.copy()
    lossy[lossy == 127] = 120
    write_video(tmp_path / "quadmask_0.mp4", [lossy])
    run(
        "convert",
        *(tmp_path / "quadmask_0.mp4", tmp_path / "quadmask_1.mp4"),
        *("--first-frame-unaffected", "off"),
    )
    assert np.array_equal(pictures(tmp_path / "quadmask_1.mp4")[0], quadmask(1).codes)


@needs_ffmpeg
def test_the_name_of_a_clip_says_its_polarity(run, tmp_path):
    run("convert", write_clip(tmp_path / "quadmask_0.mp4"), tmp_path / "mask_0.mp4")
    assert np.array_equal(pictures(tmp_path / "mask_0.mp4")[1], 255 * quadmask(1).remove.astype(np.uint8))


@needs_ffmpeg
def test_a_clip_of_another_name_has_codes_and_says_so(run, tmp_path):
    ran = run("convert", write_mattes(tmp_path, range(2)), tmp_path / "shot.mp4")
    assert "written with codes" in ran.out and 63 in pictures(tmp_path / "shot.mp4")[1]


@needs_ffmpeg
def test_soft_mattes_count_from_one_half(run, tmp_path):
    pixels = np.zeros((*SIZE, 4), np.float16)
    pixels[:, :8, 0], pixels[:, 8:16, 0] = 0.49, 0.5
    write_exr(tmp_path / "m.0001.exr", pixels, "RGBA")
    run("convert", tmp_path / "m.####.exr", tmp_path / "quadmask_0.mp4")
    (picture,) = pictures(tmp_path / "quadmask_0.mp4")
    assert (picture[:, :8] == 255).all() and (picture[:, 8:16] == 0).all()


@needs_ffmpeg
def test_frames_missing_inside_are_refused_for_a_clip(run, tmp_path):
    ran = run("convert", write_mattes(tmp_path, (1, 2, 5)), tmp_path / "quadmask_0.mp4")
    assert ran.code == 2 and "3-4" in ran.err and not (tmp_path / "quadmask_0.mp4").exists()


def test_frames_of_the_range_that_are_not_there_are_named(run, tmp_path):
    ran = run("convert", write_mattes(tmp_path, range(1, 4)), tmp_path / "o.####.exr", "--range", "2-6")
    assert ran.code == 2 and "4-6" in ran.err


def test_gaps_stay_gaps_in_exr_files(run, tmp_path):
    ran = run("convert", write_mattes(tmp_path, (1, 4)), tmp_path / "o.####.exr")
    assert ran.code == 0 and "Frames 2-3 are not in the source" in ran.out
    assert [n for n in names(tmp_path) if n.startswith("o")] == ["o.0001.exr", "o.0004.exr"]


def test_windows_and_attributes_of_exr_files_are_kept(run, tmp_path):
    pattern = write_mattes(tmp_path, (1,), origin=(-2, 3), display=(40, 50), owner="roto")
    run("convert", pattern, tmp_path / "o.####.exr")
    before, after = (read_header(tmp_path / f"{n}.0001.exr").parts[0] for n in ("matte", "o"))
    assert after.display_window == before.display_window and after.data_window.contains(before.data_window)
    assert after.attributes["Copyright" if "Copyright" in before.attributes else "owner"].text() == "roto"


def test_like_takes_size_windows_and_attributes_of_the_plate(run, tmp_path):
    plates = write_plates(tmp_path, (1, 2), (30, 40), origin=(-4, -2), display=(48, 64))
    run("convert", write_mattes(tmp_path, range(3)), tmp_path / "o.####.exr", "--like", plates)
    assert [n for n in names(tmp_path) if n.startswith("o")] == ["o.0001.exr", "o.0002.exr"]
    plate, made = (read_header(tmp_path / f"{n}.0002.exr").parts[0] for n in ("plate", "o"))
    assert (made.data_window, made.display_window) == (plate.data_window, plate.display_window)
    red = matte_of(tmp_path / "o.0002.exr")["R"]
    assert (red[2:, 4:][10:22, 10:26] == 1).all() and red[:, :4].max() == 0


@needs_ffmpeg
def test_like_gives_a_clip_the_plates_numbers_where_it_has_as_many_pictures(run, tmp_path):
    clip, plates = write_clip(tmp_path / "quadmask_0.mp4"), write_plates(tmp_path, range(1001, 1005))
    assert run("convert", clip, tmp_path / "o.####.exr", "--like", plates).code == 0
    assert np.array_equal(codes_of(tmp_path / "o.1003.exr"), quadmask(2).codes)


@needs_ffmpeg
def test_like_does_not_guess_the_numbers_of_a_clip_of_another_length(run, tmp_path):
    clip, plates = write_clip(tmp_path / "quadmask_0.mp4"), write_plates(tmp_path, range(1001, 1007))
    ran = run("convert", clip, tmp_path / "o.####.exr", "--like", plates)
    assert ran.code == 2 and "--first 1001" in ran.err


@needs_ffmpeg
def test_codes_of_a_clip_that_is_not_scaled_stay_codes(run, tmp_path):
    clip, plates = write_clip(tmp_path / "quadmask_0.mp4"), write_plates(tmp_path, range(4))
    run("convert", clip, tmp_path / "o.####.exr", "--like", plates)
    assert set(np.unique(matte_of(tmp_path / "o.0003.exr")["R"])) == {0, 1}


def test_a_matte_that_shrinks_is_averaged(run, tmp_path):
    plates = write_plates(tmp_path, (1,), (12, 16))
    pixels = np.zeros((*SIZE, 4), np.float16)
    pixels[:, :5, 0] = 1
    write_exr(tmp_path / "m.0001.exr", pixels, "RGBA")
    run("convert", tmp_path / "m.####.exr", tmp_path / "o.####.exr", "--like", plates)
    assert matte_of(tmp_path / "o.0001.exr")["R"][0, :4].tolist() == [1, 1, 0.5, 0]


def test_mattes_grow_by_pixels_of_the_result(run, tmp_path):
    run(
        "convert",
        *(write_mattes(tmp_path, (1,)), tmp_path / "o.####.exr"),
        *("--grow", "2", "--grow-affected", "-1"),
    )
    assert matte_of(tmp_path / "o.0001.exr")["R"][:, 5].tolist() == [0] * 2 + [1] * 12 + [0] * 10


def test_the_grid_widens_what_is_affected_to_its_cells(run, tmp_path):
    run("convert", write_mattes(tmp_path, range(2)), tmp_path / "o.####.exr", "--grid", "on")
    found = matte_of(tmp_path / "o.0001.exr")
    assert np.array_equal(found["G"], gridded_matte(quadmask(1).affected))
    assert np.array_equal(found["R"], quadmask(1).remove)


@needs_ffmpeg
@pytest.mark.parametrize("target", ["matte_2.####.exr", "quadmask_0.mp4"])
def test_files_that_are_there_stay_without_overwrite(run, tmp_path, target):
    pattern = write_mattes(tmp_path, range(2))
    run("convert", pattern, tmp_path / target, "--range", "1")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    ran = run("convert", pattern, tmp_path / target)
    assert ran.code == 2 and "--overwrite" in ran.err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert run("convert", pattern, tmp_path / target, "--overwrite").code == 0


def test_older_frames_that_stay_are_named(run, tmp_path):
    pattern = write_mattes(tmp_path, range(1, 5))
    run("convert", pattern, tmp_path / "o.####.exr")
    ran = run("convert", pattern, tmp_path / "o.####.exr", "--range", "1-2", "--overwrite")
    assert "Frames 3-4 of" in ran.out and "older" in ran.out


def test_what_is_read_is_never_written_over(run, tmp_path):
    mattes, plates = write_mattes(tmp_path, range(2)), write_plates(tmp_path, range(2))
    for target in (mattes, plates):
        ran = run("convert", mattes, target, "--like", plates, "--overwrite")
        assert ran.code == 2 and "one of the files that are read" in ran.err


def test_a_sequence_that_fails_in_the_middle_leaves_nothing(run, tmp_path):
    pattern = write_mattes(tmp_path, range(4))
    (tmp_path / "matte.0002.exr").write_bytes(b"no EXR")
    before = names(tmp_path)
    ran = run("convert", pattern, tmp_path / "o.####.exr")
    assert ran.code == 2 and "not an OpenEXR file" in ran.err and names(tmp_path) == before


def test_a_file_that_cannot_take_its_name_is_told_with_those_that_did(run, tmp_path, monkeypatch):
    pattern = write_mattes(tmp_path, range(3))
    (tmp_path / "o.0002.exr").mkdir()
    monkeypatch.setattr(writing, "write_frame", lambda path, _frame: path.write_bytes(b"frame"))
    ran = run("convert", pattern, tmp_path / "o.####.exr", "--overwrite")
    assert ran.code == 2 and "frames 0-1 are written, the others are as before" in ran.err
    assert not [n for n in names(tmp_path) if n.endswith(".tmp")]


def test_pictures_of_different_sizes_make_no_clip(run, tmp_path):
    pattern = write_mattes(tmp_path, range(2))
    write_exr(tmp_path / "matte.0001.exr", np.zeros((8, 8, 4), np.float16), "RGBA")
    ran = run("convert", pattern, tmp_path / "quadmask_0.mp4")
    assert ran.code == 2 and "--like" in ran.err


@pytest.mark.parametrize("target", ["mask.mov", "mask.png", "mask"])
def test_a_target_of_another_form_is_refused(run, tmp_path, target):
    ran = run("convert", write_mattes(tmp_path, range(2)), tmp_path / target)
    assert ran.code == 2 and "neither a clip" in ran.err


def test_several_frames_need_a_place_for_their_number(run, tmp_path):
    ran = run("convert", write_mattes(tmp_path, range(2)), tmp_path / "one.exr")
    assert ran.code == 2 and "no place for the frame number" in ran.err


def test_what_takes_longer_tells_how_far_it_is(capsys):
    clock = iter(range(0, 100, 2))
    assert list(progress.told("abc", "converting", 3, lambda: next(clock))) == ["a", "b", "c"]
    assert "converting: 1 of 3 frames, 8 s left" in capsys.readouterr().err


def test_files_are_as_the_umask_says(tmp_path):
    before = os.umask(0o022)
    try:
        assert main(["mask", "convert", write_mattes(tmp_path, (1,)), str(tmp_path / "o.####.exr")]) == 0
    finally:
        os.umask(before)
    assert (tmp_path / "o.0001.exr").stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(
    sys.platform == "win32", reason="a signal to one process is POSIX: Ctrl-C was not checked"
)
def test_ctrl_c_leaves_nothing_half_written(tmp_path):
    write_mattes(tmp_path, range(150))
    before = set(names(tmp_path))
    words = ["convert", str(tmp_path / "matte.####.exr"), str(tmp_path / "o.####.exr")]
    process = subprocess.Popen([sys.executable, "-m", "void_server", "mask", *words])
    while process.poll() is None and not set(names(tmp_path)) - before:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130 and set(names(tmp_path)) == before


@needs_ffmpeg
@settings(max_examples=15, deadline=None)
@given(
    codes=arrays(
        np.uint8,
        st.tuples(st.integers(1, 4), st.integers(2, 20), st.integers(2, 20)),
        elements=st.sampled_from([0, 63, 127, 255]),
    )
)
def test_codes_are_the_same_after_exr_clip_exr(codes):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for index, picture in enumerate(codes):
            write_exr(folder / f"m.{index:04d}.exr", rgba(Quadmask.from_codes(picture)), "RGBA")
        clip, back = str(folder / "quadmask_0.mp4"), str(folder / "b.####.exr")
        there = ["mask", "convert", str(folder / "m.####.exr"), clip, "--first-frame-unaffected", "off"]
        assert main(there) == 0 and main(["mask", "convert", clip, back, "--first", "0"]) == 0
        for index, picture in enumerate(codes):
            assert np.array_equal(codes_of(folder / f"b.{index:04d}.exr"), picture)
