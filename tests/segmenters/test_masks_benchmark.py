# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the segmenter, on a shot made in code."""

from __future__ import annotations

import pytest

from benchmarks.masks.__main__ import main
from benchmarks.masks.clips import Clip
from benchmarks.masks.sheet import write_sheet
from benchmarks.masks.ways import carried, nearest_key, plain_flow, spread
from tests.segmenters.scenes import Scene, likeness


@pytest.fixture(scope="module")
def clip():
    scene = Scene()
    return Clip("disc", [scene.picture(p) for p in range(7)], [scene.matte(p) for p in range(7)])


@pytest.mark.parametrize(
    ("count", "frames", "positions"), [(1, 40, [20]), (2, 40, [10, 30]), (5, 3, [0, 1, 2])]
)
def test_keys_are_spread_evenly(count, frames, positions):
    assert spread(count, frames) == positions


def test_each_way_gives_every_frame_a_matte_and_keeps_the_keys(clip):
    keys = {3: clip.mattes[3]}
    for way in (nearest_key, plain_flow, carried):
        found = way(clip, keys)
        assert len(found.mattes) == 7 and likeness(found.mattes[3], clip.mattes[3]) == 1


def test_the_segmenter_is_nearer_the_truth_than_the_baselines(clip):
    keys = {3: clip.mattes[3]}
    worst = [
        min(map(likeness, way(clip, keys).mattes, clip.mattes)) for way in (nearest_key, plain_flow, carried)
    ]
    assert worst[2] > max(worst[:2])


def test_a_sheet_is_written(clip, tmp_path):
    write_sheet(tmp_path / "new" / "sheet.png", clip, clip.mattes)
    assert (tmp_path / "new" / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_without_a_shot_is_told(tmp_path, capsys):
    assert main([str(tmp_path), "--results", str(tmp_path / "results")]) == 2
    assert "shot.json" in capsys.readouterr().err
