# SPDX-License-Identifier: Apache-2.0
"""A published frame as people see it, made small: the plate's picture, and the lines that may differ from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from void_server.pipeline.reduced import lines_of_rows, reduced_light
from void_server.pipeline.shot import StoredShot
from void_server.plates.header import read_header
from void_server.plates.plate import read_planes

U8 = npt.NDArray[np.uint8]


def with_result(shot: StoredShot, before: U8, path: Path, lines: tuple[int, int]) -> U8:
    """The plate's picture with the strips of the result that hold a line which may differ.

    Args:
        before: (h, w, 3) uint8, the display window of the plate, reduced and as it is shown.
        path: the published file.
        lines: those [first, end) of its data window outside which it is the plate.
    """
    part = read_header(path).parts[0]
    size = before.shape[1], before.shape[0]
    if part.data_window != part.display_window:
        return shot.colour.display_view(reduced_light(shot, read_planes(path), size))
    if lines[0] >= lines[1]:
        return before
    read, rows = lines_of_rows(part.data_window.height, size[1], lines)
    planes = read_planes(path, rows=read)
    strip = replace(planes.channels.part, display_window=planes.channels.part.data_window)
    planes = replace(planes, channels=replace(planes.channels, part=strip))
    shown = before.copy()
    shown[slice(*rows)] = shot.colour.display_view(reduced_light(shot, planes, (size[0], rows[1] - rows[0])))
    return shown
