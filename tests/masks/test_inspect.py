# SPDX-License-Identifier: Apache-2.0
"""`mask inspect` says what a mask holds and what to mind."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.masks.small_masks import SIZE, needs_ffmpeg, quadmask, rgba, write_clip, write_mattes, write_plates
from tests.small_shot import write_exr
from void_server.masks.sheet import CELL, spread
from void_server.quadmask.coded_video import write_video


def facts(ran):
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_frames_size_and_shares_are_told(run, tmp_path):
    seen = facts(run("inspect", write_mattes(tmp_path, range(1001, 1005)), "--json"))
    assert (seen["first"], seen["last"], seen["frames"], seen["size"]) == (1001, 1004, 4, [32, 24])
    assert seen["regions"]["remove"]["mean"] == pytest.approx(80 / 768)
    assert seen["regions"]["affected"]["max"] == pytest.approx(84 / 768)
    assert seen["regions"]["affected"]["max_frame"] == 1002


def test_missing_frames_are_named(run, tmp_path):
    pattern = write_mattes(tmp_path, (1001, 1002, 1005))
    ran = run("inspect", pattern)
    assert "missing            1003-1004" in ran.out and "warning: Missing: frames 1003-1004." in ran.out


def test_frames_with_nothing_to_remove_are_named(run, tmp_path):
    pattern = write_mattes(tmp_path, range(1, 4))
    write_exr(tmp_path / "matte.0002.exr", np.zeros((*SIZE, 4), np.float16), "RGBA")
    seen = facts(run("inspect", pattern, "--json"))
    assert seen["nothing_removed"] == [2]
    assert "Nothing is removed on frame 2." in seen["warnings"]


def test_an_affected_first_frame_is_warned_of(run, tmp_path):
    pattern = write_mattes(tmp_path, range(1, 3))
    write_exr(tmp_path / "matte.0001.exr", rgba(quadmask(3)), "RGBA")
    seen = facts(run("inspect", pattern, "--json"))
    assert seen["first_frame_affected"] > 0
    assert any("first frame, 1, has affected parts" in text for text in seen["warnings"])


def test_overlap_is_told_as_removed(run, tmp_path):
    ran = run("inspect", write_mattes(tmp_path, range(1, 4)))
    assert "Overlap (63) is on frames 2-3: VOID removes there as it does on 0." in ran.out


def test_a_mask_without_anything_wrong_has_no_warning(run, tmp_path):
    write_exr(tmp_path / "matte.0001.exr", rgba(quadmask(0)), "RGBA")
    assert "warning" not in run("inspect", tmp_path / "matte.####.exr").out


def test_soft_values_of_exr_files_are_counted(run, tmp_path):
    pixels = rgba(quadmask(0))
    pixels[:6, :8, 1] = 0.25
    write_exr(tmp_path / "matte.0001.exr", pixels, "RGBA")
    assert facts(run("inspect", tmp_path / "matte.####.exr", "--json"))["soft"] == pytest.approx(48 / 768)


def test_one_channel_is_what_is_removed_alone(run, tmp_path):
    seen = facts(run("inspect", write_mattes(tmp_path, range(2)) + ":green", "--json"))
    assert seen["regions"]["remove"]["max"] == pytest.approx(84 / 768)
    assert seen["regions"]["affected"]["max"] == 0


def test_the_void_mask_layer_goes_before_the_colour(run, tmp_path):
    pixels = np.concatenate([np.ones((*SIZE, 3), np.float16), rgba(quadmask(0))[..., :2]], -1)
    names = ("R", "G", "B", "void_mask.red", "void_mask.green")
    write_exr(tmp_path / "result.0001.exr", pixels, names)
    seen = facts(run("inspect", tmp_path / "result.####.exr", "--json"))
    assert seen["regions"]["remove"]["max"] == pytest.approx(80 / 768)


def test_the_shares_are_of_the_display_window(run, tmp_path):
    write_exr(tmp_path / "m.0001.exr", np.ones((12, 16, 4), np.float16), "RGBA", origin=(-8, 0), display=SIZE)
    seen = facts(run("inspect", tmp_path / "m.####.exr", "--json"))
    assert seen["regions"]["remove"]["max"] == pytest.approx(8 * 12 / 768)


def test_frames_of_the_plate_without_a_mask_are_named(run, tmp_path):
    mattes, plates = write_mattes(tmp_path, range(1, 4)), write_plates(tmp_path, range(1, 7))
    assert (
        f"shorter than the plate: it lacks frames 4-6 of {plates}."
        in run("inspect", mattes, "--plate", plates).out
    )


def test_another_size_than_the_plates_is_told(run, tmp_path):
    mattes, plates = write_mattes(tmp_path, range(2)), write_plates(tmp_path, range(2), (48, 64))
    assert "The mask is 32x24, the plate 64x48" in run("inspect", mattes, "--plate", plates).out


@needs_ffmpeg
def test_a_clip_is_counted_from_1_unless_it_is_told(run, tmp_path):
    clip = write_clip(tmp_path / "quadmask_0.mp4")
    assert "1-4 (4), counted from 1" in run("inspect", clip).out
    assert "1001-1004 (4)\n" in run("inspect", clip, "--first", "1001").out


@needs_ffmpeg
def test_a_clip_beside_a_plate_must_say_where_it_begins(run, tmp_path):
    ran = run("inspect", write_clip(tmp_path / "quadmask_0.mp4"), "--plate", write_plates(tmp_path, range(4)))
    assert ran.code == 2 and "--first 1001" in ran.err


@needs_ffmpeg
def test_an_exact_clip_has_no_other_values(run, tmp_path):
    assert facts(run("inspect", write_clip(tmp_path / "quadmask_0.mp4"), "--json"))["inexact"] == 0


@needs_ffmpeg
def test_values_between_the_codes_are_told_as_lossy(run, tmp_path):
    picture = quadmask(1).codes.copy()
    picture[:6, :8] = 200
    write_video(tmp_path / "quadmask_0.mp4", [picture])
    seen = facts(run("inspect", tmp_path / "quadmask_0.mp4", "--json"))
    assert seen["inexact"] > 0 and any("lossy codec" in text for text in seen["warnings"])


@needs_ffmpeg
def test_the_name_says_what_white_means_and_the_option_can_say_otherwise(run, tmp_path):
    white = np.where(quadmask(0).remove > 0, 255, 0).astype(np.uint8)
    write_video(tmp_path / "mask_0.mp4", [white])
    write_video(tmp_path / "other.mp4", [white])
    share = pytest.approx(80 / 768)
    assert facts(run("inspect", tmp_path / "mask_0.mp4", "--json"))["regions"]["remove"]["max"] == share
    ran = run("inspect", tmp_path / "other.mp4", "--json", "--polarity", "binary")
    assert facts(ran)["regions"]["remove"]["max"] == share
    refused = run("inspect", tmp_path / "other.mp4")
    assert refused.code == 2 and "--polarity" in refused.err


def test_the_picture_shows_spread_frames_in_colour(run, tmp_path):
    mattes, plates = write_mattes(tmp_path, range(1, 9)), write_plates(tmp_path, range(1, 9))
    ran = run("inspect", mattes, "--plate", plates, "--picture", tmp_path / "look.png")
    assert ran.code == 0
    picture = np.asarray(Image.open(io.BytesIO((tmp_path / "look.png").read_bytes()))).astype(int)
    assert picture.shape[1] > 5 * CELL
    assert ((picture[..., 0] - picture[..., 1]) > 60).any() and (
        (picture[..., 1] - picture[..., 0]) > 40
    ).any()


def test_a_picture_of_another_kind_is_refused(run, tmp_path):
    ran = run("inspect", write_mattes(tmp_path, range(2)), "--picture", tmp_path / "look.jpg")
    assert ran.code == 2 and ".png" in ran.err


def test_spread_frames_hold_the_first_and_the_last():
    assert spread(range(1001, 1047)) == [1001, 1012, 1023, 1035, 1046] and spread([7, 9]) == [7, 9]


@pytest.mark.parametrize(
    ("name", "said"),
    [("m.####.exr", "No file fits"), ("quadmask_9.mp4", "is no file"), ("m.####.png", "neither a clip")],
)
def test_what_is_not_there_is_told_in_one_sentence(run, tmp_path, name, said):
    ran = run("inspect", tmp_path / name)
    assert ran.code == 2 and said in ran.err and ran.err.count("\n") == 1


def test_a_file_without_a_quadmask_is_refused(run, tmp_path):
    write_exr(tmp_path / "m.0001.exr", np.zeros((*SIZE, 1), np.float16), "A")
    ran = run("inspect", tmp_path / "m.####.exr")
    assert ran.code == 2 and "void_mask.red" in ran.err


def test_a_channel_that_is_not_there_is_refused(run, tmp_path):
    ran = run("inspect", write_mattes(tmp_path, range(1)) + ":depth")
    assert ran.code == 2 and "no channel 'depth'" in ran.err


@needs_ffmpeg
def test_what_is_no_video_is_refused(run, tmp_path):
    (tmp_path / "quadmask_0.mp4").write_text("no video")
    ran = run("inspect", tmp_path / "quadmask_0.mp4")
    assert ran.code == 2 and "cannot be read as a video" in ran.err


def test_a_clip_without_ffmpeg_says_what_to_install(run, tmp_path, monkeypatch):
    (tmp_path / "quadmask_0.mp4").write_text("a clip")
    monkeypatch.setenv("PATH", "")
    ran = run("inspect", tmp_path / "quadmask_0.mp4")
    assert ran.code == 2 and "Install ffmpeg" in ran.err


def test_a_number_for_exr_files_is_refused(run, tmp_path):
    ran = run("inspect", write_mattes(tmp_path, range(2)), "--first", "5")
    assert ran.code == 2 and "never shifted" in ran.err
