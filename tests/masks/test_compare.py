# SPDX-License-Identifier: Apache-2.0
"""`mask compare` says how alike two masks are, frame by frame number."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.masks.small_masks import SIZE, needs_ffmpeg, quadmask, rgba, write_clip, write_mattes
from tests.small_shot import write_exr


def facts(ran):
    assert ran.code == 0, ran.err
    return json.loads(ran.out)


def test_a_mask_is_like_itself(run, tmp_path):
    pattern = write_mattes(tmp_path, range(3))
    seen = facts(run("compare", pattern, pattern, "--json"))
    assert {m["iou"]["mean"] for m in seen["regions"].values()} == {1.0}
    assert {m["boundary"]["worst"] for m in seen["regions"].values()} == {1.0}


def test_the_worst_frame_of_each_region_is_named(run, tmp_path):
    one, two = write_mattes(tmp_path, range(1, 4)), write_mattes(tmp_path, range(1, 4), "two")
    pixels = rgba(quadmask(1))
    pixels[..., 0] = 0
    write_exr(tmp_path / "two.0002.exr", pixels, "RGBA")
    seen = facts(run("compare", one, two, "--json"))["regions"]
    assert (seen["remove"]["iou"]["worst"], seen["remove"]["iou"]["worst_frame"]) == (0, 2)
    assert seen["remove"]["iou"]["mean"] == pytest.approx(2 / 3) and seen["affected"]["iou"]["mean"] == 1


def test_the_table_has_a_line_for_each_region(run, tmp_path):
    pattern = write_mattes(tmp_path, range(2))
    lines = run("compare", pattern, pattern).out.splitlines()
    assert [line.split()[0] for line in lines[-4:-1]] == ["remove", "affected", "overlap"]


def test_frames_that_only_one_has_are_named(run, tmp_path):
    one, two = write_mattes(tmp_path, range(1, 6)), write_mattes(tmp_path, range(3, 9), "two")
    out = run("compare", one, two).out
    assert "3 frames in both: 3-5" in out
    assert "2 frames only in one: 1-2" in out and "3 frames only in two: 6-8" in out


@needs_ffmpeg
def test_a_clip_is_paired_by_number_not_by_place(run, tmp_path):
    clip, pattern = write_clip(tmp_path / "quadmask_0.mp4"), write_mattes(tmp_path, range(1001, 1005))
    same = facts(run("compare", clip, pattern, "--first-one", "1001", "--json"))
    assert same["regions"]["remove"]["iou"]["worst"] == 1
    shifted = facts(run("compare", pattern, clip, "--first-two", "1002", "--json"))
    assert shifted["frames"] == [1002, 1003, 1004] and shifted["regions"]["remove"]["iou"]["mean"] < 1


@needs_ffmpeg
def test_a_clip_beside_exr_files_must_say_where_it_begins(run, tmp_path):
    ran = run("compare", write_mattes(tmp_path, range(2)), write_clip(tmp_path / "quadmask_0.mp4"))
    assert ran.code == 2 and "--first-two 1001" in ran.err


@needs_ffmpeg
def test_two_clips_without_numbers_are_compared_from_their_first_pictures(run, tmp_path):
    one, two = write_clip(tmp_path / "quadmask_0.mp4"), write_clip(tmp_path / "quadmask_1.mp4", 3)
    seen = facts(run("compare", one, two, "--json"))
    assert seen["frames"] == [1, 2, 3] and seen["only_one"] == [4]


def test_masks_of_different_sizes_are_refused(run, tmp_path):
    write_exr(tmp_path / "small.0000.exr", np.zeros((SIZE[0], 8, 4), np.float16), "RGBA")
    ran = run("compare", write_mattes(tmp_path, range(2)), tmp_path / "small.####.exr")
    assert ran.code == 2 and "32x24" in ran.err and "--like" in ran.err


def test_masks_without_a_common_frame_are_refused(run, tmp_path):
    ran = run("compare", write_mattes(tmp_path, (1, 2)), write_mattes(tmp_path, (5,), "two"))
    assert ran.code == 2 and "none in common" in ran.err
