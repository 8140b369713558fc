# SPDX-License-Identifier: Apache-2.0
"""Small masks made in code, as EXR files and as clips."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from tests.small_shot import write_exr
from void_server.plates.exr import read_channels
from void_server.quadmask.coded_video import write_video
from void_server.quadmask.regions import Quadmask

SIZE = (24, 32)

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None,
    reason="there is no ffmpeg here: masks from and to clips were not checked",
)


def quadmask(index: int, size: tuple[int, int] = SIZE) -> Quadmask:
    """A block that moves right by a pixel a frame, affected below it and, on a row, in it."""
    remove, affected = np.zeros(size, np.float32), np.zeros(size, np.float32)
    remove[4:12, 2 + index : 12 + index] = 1
    if index:
        affected[11:18, 2 + index : 14 + index] = 1
    return Quadmask(remove, affected)


def rgba(mask: Quadmask) -> np.ndarray:
    return np.stack([mask.remove, mask.affected, mask.overlap, mask.region], -1).astype(np.float16)


def write_mattes(folder: Path, frames: Iterable[int], name: str = "matte", **options: object) -> str:
    """RGBA files of `quadmask`; returns their pattern."""
    for index, frame in enumerate(frames):
        write_exr(folder / f"{name}.{frame:04d}.exr", rgba(quadmask(index)), "RGBA", **options)
    return str(folder / f"{name}.####.exr")


def write_plates(folder: Path, frames: Iterable[int], size: tuple[int, int] = SIZE, **options: object) -> str:
    for frame in frames:
        pixels = np.full((*size, 3), 0.2, np.float16)
        write_exr(folder / f"plate.{frame:04d}.exr", pixels, "RGB", **options)
    return str(folder / "plate.####.exr")


def write_clip(path: Path, count: int = 4, size: tuple[int, int] = SIZE) -> str:
    write_video(path, [quadmask(index, size).codes for index in range(count)])
    return str(path)


def matte_of(path: Path) -> dict[str, np.ndarray]:
    return read_channels(path, 0, list("RGBA"))


def codes_of(path: Path) -> np.ndarray:
    channels = matte_of(path)
    return Quadmask(channels["R"].astype(np.float32), channels["G"].astype(np.float32)).codes
