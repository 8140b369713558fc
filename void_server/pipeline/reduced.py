# SPDX-License-Identifier: Apache-2.0
"""Frames made small for stills and contact sheets: reduced in scene-linear light, some lines at a time."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from void_server.pipeline.shot import StoredShot
from void_server.plates.plate import Planes
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
    columns, rows = size
    tall, low = _strips(source.height, rows)
    parts = rows // low
    at_once = max(1, STRIP_LINES // tall)
    found = np.empty((rows, columns, len(planes.colour)), np.float32)
    for first in range(0, parts, at_once):
        end = min(parts, first + at_once)
        strip = shot.to_linear(planes.lines((first * tall, end * tall)).colour)
        found[first * low : end * low] = reduced(strip, (columns, (end - first) * low))
    return found


def lines_of_rows(height: int, rows: int, lines: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The least strips of a picture that hold some of its lines: as lines [first, end), and as rows of it reduced.

    A picture of these lines alone becomes, bit for bit, these rows.

    Args:
        height: of the picture, whose data window is its display window.
        rows: of it reduced.
        lines: [first, end), at least one.
    """
    tall, low = _strips(height, rows)
    first, end = lines[0] // tall, -(-lines[1] // tall)
    return (first * tall, end * tall), (first * low, end * low)


def _strips(height: int, rows: int) -> tuple[int, int]:
    """Lines of the least strip, and rows that it becomes; a strip begins where a line of both begins."""
    parts = math.gcd(height, rows)
    return height // parts, rows // parts


def reduced(values: F32, size: tuple[int, int]) -> F32:
    """(h, w) or (h, w, c) reduced to columns and rows by their means; NaN and -infinity count as 0."""
    finite = values
    if not cv2.checkRange(values)[0]:
        finite = np.nan_to_num(values, nan=0.0, posinf=BRIGHTEST, neginf=0.0)
    small = cv2.resize(finite, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small.reshape(size[1], size[0], *values.shape[2:]), np.float32)
