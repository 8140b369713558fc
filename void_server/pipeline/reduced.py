# SPDX-License-Identifier: Apache-2.0
"""Frames made small for stills and contact sheets: reduced in scene-linear light, some lines at a time."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from void_server.pipeline.shot import StoredShot
from void_server.plates.plate import Planes, read_lines
from void_server.plates.window import place

F32 = npt.NDArray[np.float32]

STRIP_LINES = 64
"""Lines of a picture that are reduced at a time: as many as stay in the processor's cache, and no buffer of a whole one
is needed."""
BRIGHTEST = 65504.0
"""What an infinite sample counts as: the greatest half."""


def reduced_light(shot: StoredShot, planes: Planes, size: tuple[int, int]) -> F32:
    """(rows, columns, c) scene-linear of the display window of a picture in the plate's space, c 3 or 1.

    Args:
        size: columns and rows of what is shown, 0 where the data window does not reach.
    """
    source, window = planes.channels.part.data_window, planes.channels.part.display_window
    if source != window:
        placed = place(shot.to_linear(planes.lines((0, source.height)).colour), source, window)
        return reduced(np.asarray(placed, np.float32), size)
    found = np.empty((size[1], size[0], len(planes.colour)), np.float32)
    _reduce_lines(shot, planes, (0, source.height), found)
    return found


def published_light(shot: StoredShot, plate: Planes, light: F32, path: Path, lines: tuple[int, int]) -> F32:
    """`reduced_light` of a published picture, of whose file only some lines are decoded.

    Args:
        plate: its plate; holds the published picture afterwards.
        light: `reduced_light` of that plate.
        lines: [first, end) outside which the two are the same.
    """
    if lines[0] >= lines[1]:
        return light
    plate.put(lines, read_lines(path, lines).colour)
    part = plate.channels.part
    if part.data_window != part.display_window:
        return reduced_light(shot, plate, (light.shape[1], light.shape[0]))
    found = light.copy()
    _reduce_lines(shot, plate, lines, found)
    return found


def _reduce_lines(shot: StoredShot, planes: Planes, lines: tuple[int, int], into: F32) -> None:
    """Put some lines of a picture, and what shares a line of the small one with them, into the whole of it, reduced."""
    height, (rows, columns) = planes.channels.part.data_window.height, into.shape[:2]
    # Strips begin where a line of both begins.
    parts = math.gcd(height, rows)
    tall, low = height // parts, rows // parts
    at_once = max(1, STRIP_LINES // tall)
    for first in range(lines[0] // tall, -(-lines[1] // tall), at_once):
        end = min(parts, first + at_once)
        strip = shot.to_linear(planes.lines((first * tall, end * tall)).colour)
        into[first * low : end * low] = reduced(strip, (columns, (end - first) * low))


def reduced(values: F32, size: tuple[int, int]) -> F32:
    """(h, w) or (h, w, c) reduced to columns and rows by their means; NaN and -infinity count as 0."""
    finite = values
    if not cv2.checkRange(values)[0]:
        finite = np.nan_to_num(values, nan=0.0, posinf=BRIGHTEST, neginf=0.0)
    small = cv2.resize(finite, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small.reshape(size[1], size[0], *values.shape[2:]), np.float32)
