# SPDX-License-Identifier: Apache-2.0
"""A picture to look at: plate, result, truth and their difference at five frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.scores import view
from benchmarks.quality.shots import Shot

FRAMES, GAIN, WIDEST = 5, 8.0, 640


def write_sheet(path: Path, shot: Shot, pictures: list[NDArray[Any]]) -> None:
    """Writes an 8-bit PNG: a row a frame, columns plate | result | truth | difference times 8."""
    rows = []
    for i in np.unique(np.linspace(0, len(pictures) - 1, FRAMES).round().astype(int)):
        plate, result, truth = (view(picture) for picture in (shot.plates[i], pictures[i], shot.clean[i]))
        rows.append(
            np.hstack([_small(p) for p in (plate, result, truth, np.abs(result - truth) * np.float32(GAIN))])
        )
    picture = np.round(np.clip(np.vstack(rows), 0, 1) * 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture[..., ::-1]):
        raise OSError(f"could not write {path}")


def _small(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    ratio = min(1.0, WIDEST / picture.shape[1])
    return np.asarray(cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA), np.float32)
