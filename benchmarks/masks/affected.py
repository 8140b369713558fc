# SPDX-License-Identifier: Apache-2.0
"""`--affected`: what the reasoner `motion` proposes, against the true affected matte or an official quadmask's."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks.masks.clips import CODES, PICTURES, read_coded, read_pictures
from benchmarks.quality.engine_run import proposed
from benchmarks.quality.scores import F32
from benchmarks.quality.shots import Shot, read_shot
from void_server.engines.cleanplate.arrays import Bools
from void_server.plates.encoding import FrameStatistics, ShotEncoding
from void_server.quadmask.compare import intersection_over_union
from void_server.quadmask.grid import gridded_matte
from void_server.quadmask.growth import grown

COLUMNS = ("shot, way", "IoU", "in cells", "found", "beside", "s/frame")
RING = 1 / 12
"""Of the picture's width: by how much the baseline grows the object."""


@dataclass(frozen=True)
class _Counted:
    """Means over the frames that have an affected region."""

    pixels: float
    cells: float
    found: float
    beside: float


def rows(folder: Path) -> list[list[str]]:
    """The lines of a shot: the reasoner, and the object grown by a ring."""
    shot = _read(folder)

    @lru_cache(maxsize=16)
    def plate(position: int) -> F32:
        return np.asarray(shot.plates[position], np.float32)

    encoding = ShotEncoding.from_statistics([FrameStatistics.of(plate(i)) for i in range(len(shot.plates))])
    began = time.process_time()
    ours = proposed(shot, plate, encoding)
    seconds = (time.process_time() - began) / len(shot.plates)
    width = shot.remove[0].shape[1]
    ring = [np.minimum(grown(matte, width * RING), 1 - matte) for matte in shot.remove]
    return [
        _row(f"{shot.name} ring", shot, ring, 0.0),
        _row(f"{shot.name} motion", shot, ours, seconds),
    ]


def _row(name: str, shot: Shot, mattes: Sequence[F32], seconds: float) -> list[str]:
    counted = _counted(
        [(m >= 0.5) & (r < 0.5) for m, r in zip(mattes, shot.remove, strict=True)],
        [(a >= 0.5) & (r < 0.5) for a, r in zip(shot.affected, shot.remove, strict=True)],
    )
    figures = (counted.pixels, counted.cells, counted.found, counted.beside)
    return [name, *(f"{value:.3f}" for value in figures), f"{seconds:.3f}"]


def _counted(ours: Sequence[Bools], truth: Sequence[Bools]) -> _Counted:
    pairs = [(one, two) for one, two in zip(ours, truth, strict=True) if two.any()]
    pixels = [intersection_over_union(*pair) for pair in pairs]
    cells = [intersection_over_union(*(_in_cells(mask) for mask in pair)) for pair in pairs]
    found = [float((one & two).sum() / two.sum()) for one, two in pairs]
    beside = [float((one & ~two).mean()) for one, two in pairs]
    return _Counted(*(float(np.mean(values)) for values in (pixels, cells, found, beside)))


def _in_cells(mask: Bools) -> Bools:
    return np.asarray(gridded_matte(mask.astype(np.float32)) >= 0.5)


def _read(folder: Path) -> Shot:
    """A ground-truth shot, or a clip with its official quadmask, whose light is taken for sRGB's."""
    if not (folder / PICTURES).is_file():
        return read_shot(folder)
    pictures = read_pictures(folder / PICTURES)
    coded = read_coded(folder / CODES, len(pictures))
    plates = [_linear(picture) for picture in pictures]
    remove, affected = [one for one, _ in coded], [two for _, two in coded]
    return Shot(folder.name, list(range(len(plates))), plates, [], remove, affected)


def _linear(picture: F32) -> F32:
    """sRGB's values as light (IEC 61966-2-1)."""
    return np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )
