# SPDX-License-Identifier: Apache-2.0
"""Where the object is in each frame, also shortly before it comes into the picture and after it has left.

A shadow may be in sight while its object is not: the object is then taken to go on as it went at the frame's edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from void_server.engines.cleanplate import ProxyFrame
from void_server.engines.cleanplate.arrays import Bools, bounds
from void_server.engines.cleanplate.camera import apply
from void_server.engines.cleanplate.proxy import FILL
from void_server.reasoners.motion.background import Rect, SurveyReader

OUT_OF_SIGHT = 12
"""Frames for which an object is followed beyond the frame's edge."""


LATELY, STILL, STILL_SHARE = 12, 4.0, 0.1
"""Frames before, and how far an object must have gone in them against the background to be moving, in units u and as a
share of its smaller side: a roto that trembles does not, nor one before a camera that is taken a little wrong."""

SEEN = 2 * OUT_OF_SIGHT + 1
"""Frames each way that the answer of `whereabouts` depends on at most."""


def object_of(proxy: ProxyFrame) -> Bools:
    """(h, w) bool: the removed object, in a survey that fills no margin."""
    return proxy.where(FILL)


def moves(position: int, survey: SurveyReader) -> bool:
    """Whether the object has moved against the background lately, or has just come into the picture."""
    now, start = _box(position, survey), max(0, position - LATELY)
    if now is None or position == start:
        return False
    before = _box(start, survey)
    if before is None:
        return True
    corners = np.array([before[:2], before[2:]], np.float32)
    for frame in range(start, position):
        corners = apply(survey.motion(frame).forward.matrix, corners)
    proxy = survey.proxy(position)
    carried = (*np.round(corners[0]).astype(int).tolist(), *np.round(corners[1]).astype(int).tolist())
    gone = [_both_sides(carried[axis::2], now[axis::2], proxy.size[1 - axis]) for axis in (0, 1)]
    side = min(now[2] - now[0], now[3] - now[1])
    return float(np.hypot(gone[0], gone[1])) > max(STILL * proxy.unit, STILL_SHARE * side)


def _both_sides(before: Sequence[int], after: Sequence[int], end: int) -> float:
    """How far the whole goes along an axis: as far as the side that goes less; what grows or shrinks does not go."""
    moved = [b - a for a, b, edge in zip(before, after, (0, end), strict=True) if edge not in (a, b)]
    if len(moved) < 2 or moved[0] * moved[1] > 0:
        return _side_motion(before, after, end) if len(moved) < 2 else min(moved, key=abs)
    return 0.0


def whereabouts(target: int, survey: SurveyReader) -> Rect | None:
    """(x0, y0, x1, y1) around the object, proxy pixels, ends exclusive; beyond the frame where it is out of sight.

    None when it is neither in the frame nor on its way in or out within `OUT_OF_SIGHT` frames.
    """
    here = _whole_box(target, survey)
    if here is not None:
        return here
    for distance in range(1, OUT_OF_SIGHT + 1):
        for direction in (-1, 1):
            gone = _carried_on(target + direction * distance, direction, distance, survey)
            if gone is not None:
                return gone
    return None


def _carried_on(frame: int, direction: int, distance: int, survey: SurveyReader) -> Rect | None:
    """The box of a frame carried on as it moved there; None without an object that the frame's edge cuts."""
    last, before = _whole_box(frame, survey), _whole_box(frame + direction, survey)
    size = survey.proxy(frame).size if last is not None else (0, 0)
    if last is None or before is None or not _cut(last, size):
        return None
    across, down = object_motion(before, last, size)
    x, y = round(distance * across), round(distance * down)
    return last[0] + x, last[1] + y, last[2] + x, last[3] + y


def _whole_box(frame: int, survey: SurveyReader) -> Rect | None:
    """The object's box; where the frame's edge cuts it, at the greatest size that it has in the frames around."""
    found = _box(frame, survey)
    if found is None:
        return None
    x0, y0, x1, y1 = found
    rows, columns = survey.proxy(frame).size
    if not _cut(found, (rows, columns)):
        return found
    around = [_box(f, survey) for f in range(frame - OUT_OF_SIGHT, frame + OUT_OF_SIGHT + 1)]
    width = max(box[2] - box[0] for box in around if box is not None)
    height = max(box[3] - box[1] for box in around if box is not None)
    return (
        min(x0, x1 - width) if x0 <= 0 else x0,
        min(y0, y1 - height) if y0 <= 0 else y0,
        max(x1, x0 + width) if x1 >= columns else x1,
        max(y1, y0 + height) if y1 >= rows else y1,
    )


def _box(frame: int, survey: SurveyReader) -> Rect | None:
    return bounds(object_of(survey.proxy(frame))) if 0 <= frame < len(survey.frames) else None


def _cut(box: Rect, size: tuple[int, int]) -> bool:
    return box[0] <= 0 or box[1] <= 0 or box[2] >= size[1] or box[3] >= size[0]


def object_motion(before: Rect, after: Rect, size: tuple[int, ...]) -> tuple[float, float]:
    """(across, down) by which the object moved, from the sides of its box that the frame's edge does not cut."""
    return _side_motion(before[0::2], after[0::2], size[1]), _side_motion(before[1::2], after[1::2], size[0])


def _side_motion(before: Sequence[int], after: Sequence[int], end: int) -> float:
    moved = [b - a for a, b, edge in zip(before, after, (0, end), strict=True) if edge not in (a, b)]
    if not moved:
        moved = [b - a for a, b in zip(before, after, strict=True)]
    return sum(moved) / len(moved)
