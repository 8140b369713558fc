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
    pictures = read_pictures(folder / PICTURES)
    return Clip(folder.name, pictures, [remove for remove, _ in read_coded(folder / CODES, len(pictures))])


def read_pictures(path: Path) -> list[F32]:
    """The pictures of a video, display-like 0..1, reduced."""
    return [_reduced(np.asarray(picture / np.float32(255), np.float32)) for picture in read_colour(path)]


def read_coded(path: Path, frames: int) -> list[tuple[F32, F32]]:
    """Remove and affected matte of each frame of a coded video, reduced.

    Raises:
        InvalidInput: it has not as many frames.
    """
    quadmasks = [from_coded(picture) for picture in read_video(path)]
    order = paired(range(frames), 0, len(quadmasks))
    return [(_reduced(quadmasks[i].remove), _reduced(quadmasks[i].affected)) for i in order]


def _reduced(picture: F32) -> F32:
    ratio = min(1.0, WIDEST / picture.shape[1])
    size = (round(picture.shape[1] * ratio), round(picture.shape[0] * ratio))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
