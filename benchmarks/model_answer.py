# SPDX-License-Identifier: Apache-2.0
"""A model's answer to a ground-truth shot, simulated: what is right, as far as a model can be wrong without inventing.

The true clean plate where something was to change, and elsewhere the plate, in the model's light and size; softened as
a VAE does, with an error of its own in every frame; and off in colour: a gain and an offset for each channel, others in
every frame, and a slow gradient over the picture. Nothing here was measured on the real model: the sizes are guesses of
the order that others report of video VAEs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from void_server.engines.void.plate_size import codes, in_whole_cells, reduced
from void_server.engines.void.settings import model_size
from void_server.plates.encoding import FrameStatistics
from void_server.plates.model_light import ModelLight
from void_server.quadmask.regions import CODE_BACKGROUND

F32 = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

SOFT = 0.7
"""Standard deviation of the blur, in model pixels."""
ERROR, ERROR_SIZE = 0.012, 1.5
"""Root mean square, encoded, of the error of its own, and the standard deviation of its blur in model pixels."""
GAIN, OFFSET = (0.97, 1.02, 1.04), (0.015, -0.01, 0.012)
UNSTEADY = 0.006
"""Standard deviation, encoded, by which a frame's offset differs from the next one's."""
GRADIENT = 0.03
"""Encoded, from the left of the picture to its right, the other way round for blue."""


@dataclass(frozen=True)
class Shot:
    """What is read of a ground-truth shot, and what the model would see of it.

    Attributes:
        plate, clean: (n, H, W, 3) float32 scene-linear.
        remove, affected: (n, H, W) float32.
        light: the mapping of the shot.
        size: height and width of the model's picture.
    """

    name: str
    plate: F32
    clean: F32
    remove: F32
    affected: F32
    light: ModelLight
    size: tuple[int, int]

    @property
    def region(self) -> Bools:
        """(n, H, W): what is to be filled."""
        return np.asarray(np.maximum(self.remove, self.affected) > 0.02)


def load(folder: Path, first: int, count: int, percent: int) -> Shot:
    """Frames of a shot (`shared/shots`), `first` of them left out."""
    numbers = sorted(p.name.split(".")[-2] for p in (folder / "plate").glob("*.exr"))[first : first + count]
    plate, clean, remove, affected = (
        np.stack([_pixels(folder / role, n) for n in numbers])
        for role in ("plate", "clean", "roto", "affected")
    )
    statistics = FrameStatistics.together(FrameStatistics.of(p) for p in plate)
    height, width = plate.shape[1:3]
    size = model_size(height, width, percent / 100)
    return Shot(
        folder.name, plate, clean, remove[..., 0], affected[..., 0], ModelLight.of_shot(statistics), size
    )


@dataclass(frozen=True)
class Answer:
    """What is left for `conform` to work with.

    Attributes:
        made: (n, h, w, 3) float32 0..1.
        seen: the same of what the model was shown.
        told: (n, h, w) what it was told to change.
    """

    made: F32
    seen: F32
    told: Bools


def answer(shot: Shot, *, tinted: bool = True, seed: int = 5) -> Answer:
    """The simulated answer."""
    random = np.random.default_rng(seed)
    made, seen, told = [], [], []
    drift = np.linspace(-0.5, 0.5, shot.size[1], dtype=np.float32)[None, :, None] * np.array(
        [1, 1, -1], np.float32
    )
    for plate, clean, remove, affected in zip(
        shot.plate, shot.clean, shot.remove, shot.affected, strict=True
    ):
        coded = in_whole_cells(
            codes(remove, affected, np.zeros_like(remove), *shot.size), np.zeros_like(remove)
        )
        told.append(coded < CODE_BACKGROUND)
        changed = (np.maximum(remove, affected) > 0)[..., None]
        shown, wanted = (shot.light.encode(p) for p in (plate, np.where(changed, clean, plate)))
        seen.append(reduced(shown, *shot.size))
        soft = cv2.GaussianBlur(reduced(wanted, *shot.size), (0, 0), SOFT)
        noise = cv2.GaussianBlur(random.standard_normal(soft.shape).astype(np.float32), (0, 0), ERROR_SIZE)
        soft = soft + np.float32(ERROR) * noise / noise.std()
        if tinted:
            offset = np.array(OFFSET, np.float32) + random.normal(0, UNSTEADY, 3).astype(np.float32)
            soft = soft * np.array(GAIN, np.float32) + offset + np.float32(GRADIENT) * drift
        made.append(np.clip(soft, 0, 1).astype(np.float32))
    return Answer(np.stack(made), np.stack(seen), np.stack(told))


def _pixels(folder: Path, name: str) -> F32:
    (path,) = folder.glob(f"*.{name}.exr")
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT), np.float32)
