# SPDX-License-Identifier: Apache-2.0
"""Shots with known object mattes: ground-truth shots, and clips with an official quadmask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.quality.scores import F32, view
from benchmarks.quality.shots import read_shot
from void_server.quadmask.coded import from_coded, paired
from void_server.quadmask.coded_video import read_colour, read_video

WIDEST = 960
"""Pixels that video clips are reduced to: 4K all in memory would be too much."""
PICTURES, CODES = "input_video.mp4", "quadmask_0.mp4"


@dataclass(frozen=True)
class Clip:
    """A shot in memory.

    Attributes:
        name: of the shot.
        pictures: (H, W, 3) float32, display-like 0..1, one a frame.
        mattes: (H, W) float32 0..1, the object's true matte, one a frame.
    """

    name: str
    pictures: list[F32]
    mattes: list[F32]


def read_clip(folder: Path) -> Clip:
    """Reads a folder with shot.json, or one with input_video.mp4 and quadmask_0.mp4.

    Raises:
        VoidError: what `read_shot` and `read_colour` raise.
    """
    if not (folder / PICTURES).is_file():
        shot = read_shot(folder)
        return Clip(shot.name, [view(plate) for plate in shot.plates], shot.remove)
    pictures = [_reduced(np.asarray(p / np.float32(255), np.float32)) for p in read_colour(folder / PICTURES)]
    mattes = [_reduced(from_coded(p).remove) for p in read_video(folder / CODES)]
    order = paired(range(len(pictures)), 0, len(mattes))
    return Clip(folder.name, pictures, [mattes[index] for index in order])


def _reduced(picture: F32) -> F32:
    ratio = min(1.0, WIDEST / picture.shape[1])
    size = (round(picture.shape[1] * ratio), round(picture.shape[0] * ratio))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
