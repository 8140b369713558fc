# SPDX-License-Identifier: Apache-2.0
"""The quality benchmark measures what it says, on shots whose figures can be worked out by hand."""

from __future__ import annotations

import json

import cv2
import numpy as np
import OpenImageIO
import pytest

from benchmarks.quality.__main__ import main, parse_settings
from benchmarks.quality.baselines import pull_push, telea, temporal_median
from benchmarks.quality.engine_run import run_engine
from benchmarks.quality.scores import overlap, score, structural_similarity, view
from benchmarks.quality.shots import Shot, read_shot
from tests.engines.scenes import scene, texture
from void_server.engines.cleanplate import CleanplateSettings
from void_server.errors import InvalidInput


@pytest.fixture
def shot() -> Shot:
    made = scene(6, shadow=True, size=(90, 140), square=20, start=(30.0, 6.0), speed=(0.0, 21.0))
    half = lambda pictures: [picture.astype(np.float16) for picture in pictures]  # noqa: E731
    return Shot(
        "square", list(range(11, 17)), half(made.plates), half(made.clean), made.remove, made.affected
    )


@pytest.fixture
def folder(shot, tmp_path):
    for kind, pictures in (
        ("plate", shot.plates),
        ("clean", shot.clean),
        ("roto", shot.remove),
        ("affected", shot.affected),
    ):
        (tmp_path / kind).mkdir()
        for number, picture in zip(shot.numbers, pictures, strict=True):
            write_exr(tmp_path / kind / f"{kind}.{number}.exr", picture)
    (tmp_path / "shot.json").write_text(json.dumps({"name": "square", "frames": [11, 16]}))
    return tmp_path


def write_exr(path, picture):
    channels = ("A",) if picture.ndim == 2 else ("R", "G", "B")
    spec = OpenImageIO.ImageSpec(
        picture.shape[1],
        picture.shape[0],
        len(channels),
        str(picture.dtype).replace("float16", "half").replace("float32", "float"),
    )
    spec.channelnames = channels
    output = OpenImageIO.ImageOutput.create(str(path))
    assert output.open(str(path), spec)
    assert output.write_image(picture.reshape(*picture.shape[:2], len(channels)))
    output.close()


def test_the_view_is_a_tone_curve_and_then_srgb():
    np.testing.assert_allclose(view(np.array([0.0, 1.0, -3.0, np.nan])), [0, 0.735357, 0, 0], atol=1e-5)
    assert view(np.array([60000.0]))[0] == pytest.approx(1, abs=1e-4)


def test_psnr_counts_object_and_affected_region_by_themselves(shot):
    truth = [view(picture) for picture in shot.clean]
    off = [picture.copy() for picture in truth]
    for picture, matte in zip(off, shot.remove, strict=True):
        picture[matte > 0] += 0.1
    got = score(shot, off, truth)
    assert got.object == pytest.approx(20, abs=1e-3)
    assert got.affected == pytest.approx(120)
    assert 20 < got.both < 23


def test_errors_outside_the_regions_do_not_count(shot):
    truth = [view(picture) for picture in shot.clean]
    off = [
        np.where(matte[..., None] > 0, picture, 0) for picture, matte in zip(truth, shot.remove, strict=True)
    ]
    assert score(shot, off, truth).object == pytest.approx(120)


def test_ssim_is_1_for_equals_and_near_0_for_strangers():
    one, two = texture(40, 50, 1), texture(40, 50, 2)
    np.testing.assert_allclose(structural_similarity(one, one), 1, atol=1e-5)
    assert structural_similarity(one, two).mean() < 0.4


def test_the_median_takes_the_background_and_telea_only_what_is_around(shot):
    truth = [view(picture) for picture in shot.clean]
    unseen = telea(shot)
    median = score(shot, temporal_median(shot, unseen), truth)
    assert median.object > 30
    assert median.object > score(shot, unseen, truth).object + 5


def test_the_engine_leaves_every_sample_outside_the_blend_and_scores_above_the_baselines(shot):
    run = run_engine(shot, CleanplateSettings(), reasoner="artist")
    truth = [view(picture) for picture in shot.clean]
    assert run.differing == 0
    assert score(shot, [view(p) for p in run.pictures], truth).both > score(shot, telea(shot), truth).both + 5
    assert set(run.seconds) == {
        "encoding",
        "prepare",
        "motion",
        "anchor",
        "steady",
        "settle",
        "fill",
        "complete",
        "blend",
    }
    assert overlap(shot, run.affected) == 1


def test_without_a_reasoner_the_shadow_stays_where_it_is(shot):
    run = run_engine(shot, CleanplateSettings(), reasoner="none")
    assert overlap(shot, run.affected) == 0
    shaded = shot.affected[3] > 0
    shaded[:58] = False
    np.testing.assert_array_equal(run.pictures[3][shaded], shot.plates[3][shaded])


def test_the_reasoner_motion_is_timed_and_its_matte_is_scored(shot):
    run = run_engine(shot, CleanplateSettings(), reasoner="motion")
    assert run.seconds["reasoner"] > 0
    assert run.differing == 0
    assert all(0 <= float(matte.max()) <= 1 for matte in run.affected)


def test_the_command_prints_the_table_keeps_it_and_writes_a_sheet(folder, tmp_path, capsys):
    sheet, kept = tmp_path / "look.png", tmp_path / "kept" / "tables.txt"
    assert main([str(folder), "--set", "grain=off", "--sheet", str(sheet), "--text", str(kept)]) == 0
    printed = capsys.readouterr().out
    for word in (
        "Telea per frame",
        "pull-push",
        "temporal median",
        "cleanplate",
        "differing outside the blend matte: 0",
        "affected IoU: 1.000",
        "confidence rank:",
        "grain=False",
    ):
        assert word in printed
        assert word in kept.read_text()
    assert sheet.read_bytes().startswith(b"\x89PNG")


def test_the_command_says_what_is_worse_than_in_the_history(folder, tmp_path, capsys):
    history = tmp_path / "history.jsonl"
    asked = [str(folder), "--set", "quality=preview", "--history", str(history), "--fail-if-worse"]
    assert main(asked) == 0
    assert main(asked) == 0
    assert "worse:" not in capsys.readouterr().out
    line = json.loads(history.read_text().splitlines()[-1])
    assert set(line["rows"]) == {
        "plate untouched",
        "Telea per frame",
        "pull-push",
        "temporal median",
        "cleanplate",
    }
    line["rows"]["cleanplate"] |= {"both": line["rows"]["cleanplate"]["both"] + 1, "seam": 50.0}
    with history.open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert main(asked) == 3
    printed = capsys.readouterr().out
    assert "worse: both" in printed
    assert "better: seam 50.00 ->" in printed
    assert "worse:" not in history.read_text()
    with history.open("a") as file:
        file.write('{"date": "20')
    assert main(asked) == 2
    assert "line 5: the line is not JSON" in capsys.readouterr().err


def test_pull_push_fills_the_object_in_log_light_and_leaves_the_rest(shot):
    for filled, plate, matte in zip(pull_push(shot), shot.plates, shot.remove, strict=True):
        far = cv2.dilate(matte, np.ones((7, 7))) == 0
        np.testing.assert_allclose(filled[far], view(plate)[far], atol=1e-3)
        assert np.abs(filled - view(plate))[matte > 0].mean() > 0.05
        assert np.isfinite(filled).all()


def test_a_folder_without_a_shot_is_refused_with_what_to_do(tmp_path, capsys):
    assert main([str(tmp_path)]) == 2
    assert "shot.json" in capsys.readouterr().err


def test_pictures_of_different_sizes_are_refused(folder):
    write_exr(folder / "clean" / "clean.12.exr", np.zeros((10, 10, 3), np.float16))
    with pytest.raises(InvalidInput, match="differ in size"):
        read_shot(folder)


def test_settings_are_read_from_text():
    assert parse_settings(["grain=off", "sources=2", "quality=preview"]) == CleanplateSettings(
        grain=False, sources=2, quality="preview"
    )


@pytest.mark.parametrize("text", ["grain=maybe", "sources=two", "speed=9", "grain"])
def test_settings_that_are_none_are_refused(text):
    with pytest.raises(SystemExit, match=f"--set {text}"):
        parse_settings([text])
