# SPDX-License-Identifier: Apache-2.0
"""A picture to look at: the contour that was found and the true one over the plate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.masks.clips import Clip
from benchmarks.quality.scores import F32
from void_server.engines.cleanplate.arrays import U8, Bools, bounds

TILES, COLUMNS, TILE, ENLARGED = 15, 5, 320, 2
OURS, TRUE = (255, 40, 40), (40, 255, 40)


def write_sheet(path: Path, clip: Clip, mattes: Sequence[F32]) -> None:
    """Writes a PNG of up to 15 frames, each cut out around the object: found red, true green.

    Raises:
        OSError: it could not be written.
    """
    shown = np.unique(np.linspace(0, len(mattes) - 1, TILES).round().astype(int))
    side = TILE * max(1, round(clip.pictures[0].shape[1] / 640))
    tiles = [_tile(clip.pictures[i], mattes[i] >= 0.5, clip.mattes[i] >= 0.5, side) for i in shown]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), np.vstack(rows)[..., ::-1]):
        raise OSError(f"could not write {path}")


def _tile(picture: F32, ours: Bools, truth: Bools, side: int) -> U8:
    shown = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    shown = cv2.resize(shown, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_LINEAR)
    for mask, colour in ((truth, TRUE), (ours, OURS)):
        large = cv2.resize(mask.astype(np.uint8), shown.shape[1::-1], interpolation=cv2.INTER_NEAREST)
        contours, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(shown, contours, -1, colour, 1)
    height, width = picture.shape[:2]
    box = bounds(np.asarray(truth | ours)) or (0, 0, width, height)
    x, y = (ENLARGED * (box[i] + box[i + 2]) // 2 for i in (0, 1))
    half = side // 2
    framed = cv2.copyMakeBorder(shown, half, half, half, half, cv2.BORDER_CONSTANT)
    return np.asarray(framed[y : y + side, x : x + side], np.uint8)
