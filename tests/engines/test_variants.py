# SPDX-License-Identifier: Apache-2.0
"""Blurred and defocused variants of a shot: the truth stays, the matte softens, and nothing is seen twice."""

from __future__ import annotations

import json

import numpy as np
import OpenImageIO
import pytest

from benchmarks.quality.shots import Shot, read_shot
from benchmarks.quality.variants import disc, line, main, spread, variant, velocities
from tests.engines.scenes import scene

KINDS = ["blurred", "defocused"]


def made_shot(*, grain: float = 0.0) -> Shot:
    made = scene(5, shadow=True, size=(110, 170), square=40, start=(28.0, 12.0), speed=(0.0, 24.0))
    random = np.random.default_rng(11)
    half = [
        (p * (1 + grain * random.standard_normal(p.shape, np.float32))).astype(np.float16)
        for p in made.plates
    ]
    clean = [p.astype(np.float16) for p in made.clean]
    return Shot("square", list(range(1, 6)), half, clean, made.remove, made.affected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_matte_softens_and_keeps_its_mass_and_the_truth_stays(kind):
    shot = made_shot()
    soft = variant(shot, kind)
    assert soft.clean is shot.clean
    for before, after in zip(shot.remove, soft.remove, strict=True):
        assert not ((before > 0) & (before < 1)).any()
        assert ((after > 0.02) & (after < 0.98)).sum() > 100
        assert after.sum() == pytest.approx(before.sum(), rel=0.01)
        assert 0 <= after.min() <= after.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_blur_does_not_reach_keeps_its_bits(kind):
    shot = made_shot(grain=0.03)
    soft = variant(shot, kind)
    for plate, after, matte in zip(shot.plates, soft.plates, soft.remove, strict=True):
        assert after.dtype == np.float16
        untouched = matte == 0
        np.testing.assert_array_equal(after[untouched].view(np.uint16), plate[untouched].view(np.uint16))


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_differs_from_the_truth_is_in_a_matte(kind):
    shot = made_shot()
    soft = variant(shot, kind)
    for plate, clean, roto, affected in zip(soft.plates, soft.clean, soft.remove, soft.affected, strict=True):
        outside = (roto <= 0) & (affected <= 0)
        np.testing.assert_array_equal(plate[outside], clean[outside])


@pytest.mark.parametrize("kind", KINDS)
def test_a_soft_edge_mixes_object_and_background_by_the_matte(kind):
    shot = made_shot()
    soft = variant(shot, kind)
    thing = np.array([0.9, 0.1, 0.1], np.float32)
    for plate, clean, roto, affected in zip(soft.plates, soft.clean, soft.remove, soft.affected, strict=True):
        edge = (roto > 0.02) & (roto < 0.98) & (affected < 0.01)
        edge[60:] = False
        mixed = roto[..., None] * thing + (1 - roto[..., None]) * clean
        assert edge.sum() > 50
        assert np.abs(plate[edge] - mixed[edge]).mean() < 0.02


def test_grain_is_not_blurred_with_the_object():
    shot = made_shot(grain=0.05)
    soft = variant(shot, "defocused")
    smooth = variant(made_shot(), "defocused")
    for before, after, roto in zip(soft.plates, smooth.plates, soft.remove, strict=True):
        inside = roto > 0.99
        reds = (before[..., 0].astype(np.float32) - after[..., 0])[inside]
        assert reds.std() == pytest.approx(0.05 * 0.9, rel=0.3)


def test_a_longer_shutter_softens_more_and_none_leaves_the_shot():
    shot = made_shot()
    widths = [
        sum(int(((m > 0.02) & (m < 0.98)).sum()) for m in variant(shot, "blurred", shutter=open_for).remove)
        for open_for in (0.0, 0.5, 1.0)
    ]
    assert widths[0] == 0 < widths[1] < widths[2]
    still = variant(shot, "blurred", shutter=0)
    for one, two in zip(still.plates, shot.plates, strict=True):
        np.testing.assert_allclose(one.astype(np.float32), two.astype(np.float32), atol=1e-3)


def test_kernels_are_centred_and_sum_to_one():
    for kernel in (line((20.0, -6.0), 0.5), line((0.0, 0.0), 0.5), disc(6), disc(0)):
        assert kernel.sum() == pytest.approx(1, abs=1e-5)
        assert kernel.shape[0] == kernel.shape[1] and kernel.shape[0] % 2
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
    point = np.zeros((41, 41), np.float32)
    point[20, 20] = 1
    across = spread(point, line((20.0, 0.0), 0.5))
    assert np.flatnonzero(across.sum(0)).tolist() == list(range(15, 26))
    assert across[20, 16:25] == pytest.approx(0.1, rel=1e-3)


def test_the_picture_s_edge_does_not_slow_the_object_down():
    mattes = [np.zeros((30, 100), np.float32) for _ in range(9)]
    for i, matte in enumerate(mattes):
        matte[10:20, max(0, 12 * i - 15) : max(0, 12 * i + 5)] = 1
    for across, down in velocities(mattes):
        assert across == pytest.approx(12)
        assert down == pytest.approx(0)
    assert velocities([np.zeros((5, 5), np.float32)] * 2) == [(0.0, 0.0)] * 2


@pytest.fixture
def folder(tmp_path):
    shot, home = made_shot(), tmp_path / "shot"
    for kind, pictures in (
        ("plate", shot.plates),
        ("clean", shot.clean),
        ("roto", shot.remove),
        ("affected", shot.affected),
    ):
        (home / kind).mkdir(parents=True)
        for number, picture in zip(shot.numbers, pictures, strict=True):
            count = 1 if picture.ndim == 2 else 3
            spec = OpenImageIO.ImageSpec(picture.shape[1], picture.shape[0], count, "half")
            spec.channelnames = ("A",) if count == 1 else ("R", "G", "B")
            spec.attribute("reelName", "A001")
            output = OpenImageIO.ImageOutput.create("x.exr")
            assert output.open(str(home / kind / f"{kind}.{number}.exr"), spec)
            assert output.write_image(picture.reshape(*picture.shape[:2], count).astype(np.float16))
            output.close()
    (home / "shot.json").write_text(json.dumps({"name": "square", "frames": [1, 5], "fps": 24}))
    return home


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_writes_a_shot_that_reads_like_any_other(folder, tmp_path, kind):
    out = tmp_path / "made" / kind
    assert main([str(folder), str(out), "--kind", kind]) == 0
    about = json.loads((out / "shot.json").read_text())
    assert (about["name"], about["variant"], about["fps"]) == (f"square_{kind}", kind, 24)
    assert (out / "clean" / "clean.3.exr").read_bytes() == (folder / "clean" / "clean.3.exr").read_bytes()
    written, wanted = read_shot(out), variant(read_shot(folder), kind)
    np.testing.assert_array_equal(written.plates[2], wanted.plates[2])
    np.testing.assert_allclose(written.remove[2], wanted.remove[2], atol=1e-3)
    header = OpenImageIO.ImageInput.open(str(out / "plate" / "plate.3.exr")).spec()
    assert header.getattribute("reelName") == "A001"
    assert [path.name for path in out.parent.iterdir()] == [kind]


def test_nothing_is_overwritten_and_nonsense_is_refused(folder, tmp_path, capsys):
    assert main([str(folder), str(folder), "--kind", "blurred"]) == 2
    assert "does not exist yet" in capsys.readouterr().err
    out = tmp_path / "new"
    for wrong in (["--shutter", "9"], ["--shutter", "nan"], ["--radius", "-1"]):
        assert main([str(folder), str(out), "--kind", "blurred", *wrong]) == 2
    assert main([str(tmp_path), str(out), "--kind", "blurred"]) == 2
    assert not out.exists()
