# SPDX-License-Identifier: Apache-2.0
"""A small removal shot made in code: a textured wall under a panning camera, a bright square that crosses it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio


@dataclass(frozen=True)
class SmallShot:
    """Where the files lie; `plate`, `roto` and `affected` with four-digit frame numbers from `first` to `last`."""

    folder: Path
    first: int
    last: int

    def files(self, name: str) -> dict[int, Path]:
        """The files of one sequence by frame number."""
        return {f: self.folder / name / f"{name}.{f:04d}.exr" for f in range(self.first, self.last + 1)}


def write_small_shot(
    folder: Path, *, frames: int = 5, size: tuple[int, int] = (72, 96), first: int = 1001, seed: int = 1
) -> SmallShot:
    """Write `frames` frames of (height, width) `size` as half EXR, ZIPS."""
    height, width = size
    wall = _texture(height + 8, width + 8 * frames, seed)
    for index in range(frames):
        background = wall[4 : 4 + height, 2 * index : 2 * index + width]
        matte = np.zeros(size, np.float32)
        x = width // 4 + 6 * index
        matte[height // 3 : height // 3 + 18, x : x + 16] = 1
        shadow = np.zeros(size, np.float32)
        shadow[height // 3 + 18 : height // 3 + 24, x : x + 20] = 1
        colour = background * (1 - 0.4 * shadow[..., None])
        colour = colour * (1 - matte[..., None]) + np.float32([2.5, 0.2, 0.1]) * matte[..., None]
        frame = first + index
        write_exr(folder / "plate" / f"plate.{frame:04d}.exr", colour.astype(np.float16), "RGB")
        write_exr(folder / "roto" / f"roto.{frame:04d}.exr", matte[..., None].astype(np.float16), "A")
        write_exr(
            folder / "affected" / f"affected.{frame:04d}.exr", shadow[..., None].astype(np.float16), "A"
        )
    return SmallShot(folder, first, first + frames - 1)


def write_exr(
    path: Path,
    pixels: np.ndarray,
    channels: str | tuple[str, ...],
    *,
    origin: tuple[int, int] = (0, 0),
    display: tuple[int, int] | None = None,
    tile: int = 0,
    **attributes: object,
) -> Path:
    """Write (h, w, c) float16, float32 or uint32 samples with these channel names.

    `origin` is the data window's top left corner, `display` the (height, width) of a display window at 0, 0.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = {"float16": oiio.HALF, "float32": oiio.FLOAT, "uint32": oiio.UINT32}
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kinds[str(pixels.dtype)])
    spec.channelnames = tuple(channels)
    spec.x, spec.y = origin
    spec.full_x, spec.full_y = 0, 0
    spec.full_height, spec.full_width = display or pixels.shape[:2]
    spec.tile_width = spec.tile_height = tile
    spec.attribute("compression", "zips")
    for name, value in attributes.items():
        spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels)), output.geterror()
    output.close()
    return path


def _texture(height: int, width: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height, width, 3), dtype=np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return (0.05 + 0.6 * (soft - soft.min()) / (soft.max() - soft.min())).astype(np.float32)
