# SPDX-License-Identifier: Apache-2.0
"""`void mask make` as a user runs it, against a real server: a roto on some frames, the quadmask of all."""

from __future__ import annotations

import shutil
from pathlib import Path

import OpenImageIO as oiio
import pytest

from tests.client.conftest import Command
from tests.client.test_remove import tree
from tests.small_shot import SmallShot


@pytest.fixture
def keys(shot: SmallShot, tmp_path: Path) -> str:
    """A pattern whose first and last frame alone are drawn."""
    for frame in (shot.first, shot.last):
        shutil.copy(shot.files("roto")[frame], tmp_path / f"key.{frame}.exr")
    return f"{tmp_path}/key.####.exr"


def make(shot: SmallShot, remove: str, *more: str) -> tuple[str, ...]:
    plate = f"{shot.folder}/plate/plate.####.exr"
    return ("mask", "make", "--plate", plate, "--remove", remove, "--out", "masks", "--name", "shot", *more)


def test_a_roto_on_some_frames_becomes_mattes_of_all(
    void: Command, shot: SmallShot, keys: str, tmp_path: Path
) -> None:
    ran = void(*make(shot, keys, "--segmenter", "flow", "--reasoner", "none"))
    assert ran.code == 0, ran.err
    assert "--remove has 2 of" in ran.out + ran.err
    written = set(tree(void.folder / "masks")) - {"shot/quadmask_0.mp4"}
    frames = range(shot.first, shot.last + 1)
    assert written == {"shot.json", "shot.png", *(f"matte/shot_matte.{frame}.exr" for frame in frames)}
    for frame in frames:
        matte = oiio.ImageBuf(str(void.folder / f"masks/matte/shot_matte.{frame}.exr"))
        assert matte.get_pixels(oiio.FLOAT)[..., matte.spec().channelnames.index("R")].any(), frame


def test_without_the_segmenter_the_missing_frames_are_named(
    void: Command, shot: SmallShot, keys: str
) -> None:
    ran = void(*make(shot, keys))
    assert ran.code == 2 and "are missing" in ran.out + ran.err


def test_its_help_teaches_the_way_back(void: Command) -> None:
    assert "void remove --plate 'plate.####.exr' --quadmask" in void("mask", "make", "--help").out
