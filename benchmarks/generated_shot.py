# SPDX-License-Identifier: Apache-2.0
"""Frames of any number and size made in code: a textured wall with grain under a panning camera, a small object that
crosses it, and its matte. No two frames are alike, so nothing is stored or computed only once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

GRAIN = 0.01
"""Standard deviation of the grain, scene-linear: enough that no codec finds equal runs."""

PAN = 2
"""Pixels that the camera moves from frame to frame, to and fro within the wall."""

_FIELD = 64
"""Pixels that the grain field is larger than the picture: each frame takes it from another place."""


@dataclass(frozen=True)
class GeneratedShot:
    """The frames of one shot.

    Attributes:
        width, height: of the picture, in pixels.
        seed: of wall and grain.
    """

    width: int
    height: int
    seed: int = 1

    @property
    def object_side(self) -> int:
        """Side of the square object, in pixels: a twentieth of the height, so that the region stays small."""
        return max(8, self.height // 20)

    def plate(self, frame: int) -> npt.NDArray[np.float16]:
        """(h, w, 3) scene-linear; `frame` counts from 0."""
        x = self._pan(frame)
        picture = self._wall[:, x : x + self.width] + self._grain_of(frame)
        top, left = self._object(frame)
        picture[top : top + self.object_side, left : left + self.object_side] = (2.5, 0.2, 0.1)
        return picture.astype(np.float16)

    def matte_box(self, frame: int) -> tuple[int, int, int]:
        """Left, top and side of the square that the object covers."""
        top, left = self._object(frame)
        return left, top, self.object_side

    def write_plate(self, path: Path, frame: int, compression: str = "zips") -> None:
        """Write a plate frame as half EXR."""
        write_half(path, self.plate(frame), "RGB", compression)

    def write_matte(self, path: Path, frame: int) -> None:
        """Write the object's matte as the host would: the data window is its bounding box."""
        left, top, side = self.matte_box(frame)
        matte = np.ones((side, side, 1), np.float16)
        write_half(path, matte, "A", origin=(left, top), display=(self.width, self.height))

    def _pan(self, frame: int) -> int:
        span = self._wall.shape[1] - self.width
        phase = (frame * PAN) % (2 * span)
        return int(phase if phase <= span else 2 * span - phase)

    def _object(self, frame: int) -> tuple[int, int]:
        way = self.width // 2 - self.object_side
        return self.height // 2, self.width // 4 + (frame * 3 * self.object_side // 8) % way

    def _grain_of(self, frame: int) -> npt.NDArray[np.float32]:
        y, x = (frame * 7) % _FIELD, (frame * 11) // _FIELD % _FIELD
        return self._grain[y : y + self.height, x : x + self.width]

    @cached_property
    def _grain(self) -> npt.NDArray[np.float32]:
        shape = (self.height + _FIELD, self.width + _FIELD, 3)
        return np.random.default_rng(self.seed).standard_normal(shape, np.float32) * np.float32(GRAIN)

    @cached_property
    def _wall(self) -> npt.NDArray[np.float32]:
        shape = (self.height, self.width + max(64, self.width // 16), 3)
        noise = np.random.default_rng(self.seed + 1).random(shape, np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), 3)
        ramp = np.linspace(0.1, 0.8, shape[1], dtype=np.float32)[None, :, None]
        return np.asarray(ramp * (0.6 + 4 * (soft - soft.mean())), np.float32)


def write_half(
    path: Path,
    pixels: npt.NDArray[np.float16],
    channels: str,
    compression: str = "zips",
    *,
    origin: tuple[int, int] = (0, 0),
    display: tuple[int, int] | None = None,
) -> None:
    """Write (h, w, c) half samples as a scan-line EXR.

    Args:
        origin: left and top of the data window.
        display: width and height of the display window; None = that of the data window.

    Raises:
        OSError: it could not be written.
    """
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, oiio.HALF)
    spec.channelnames = tuple(channels)
    spec.x, spec.y = origin
    spec.full_x, spec.full_y = 0, 0
    spec.full_width, spec.full_height = display or (width, height)
    spec.attribute("compression", compression)
    path.parent.mkdir(parents=True, exist_ok=True)
    output = oiio.ImageOutput.create(str(path))
    if output is None:
        raise OSError(oiio.geterror())
    if not output.open(str(path), spec) or not output.write_image(np.ascontiguousarray(pixels)):
        raise OSError(output.geterror())
    output.close()
