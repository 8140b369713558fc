# SPDX-License-Identifier: Apache-2.0
"""Where the object has gone as a whole: two guesses, by what it looks like and by where its colours are.

Flow alone loses what moves by more than its patches and what turns as it moves, such as a rolling ball.
"""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, F64, Bools, bounds
from void_server.segmenters.flow.carried import Carried
from void_server.segmenters.flow.picture import Reduced

FARTHEST = 0.1
"""Share of the picture's width that the object moves at most from one frame to the next."""
COARSE = 4
"""How many times smaller the pictures are that looks are compared on."""
STEADY = 0.002
"""How much worse a look may be, per squared coarse pixel, to go on as before."""
SEEN = 0.3
"""Share of the object that must stay in the frame for looks to be compared."""
RIM, REACH = 9.0, 60.0
"""Width in u of the rim that should not have the object's colours, and how far around a guess these are sought."""
UNLIKELY = 0.03
"""What going the whole reach costs, as a share of how much the fit varies; less goes by the square."""


def by_look(before: Carried, frame: Reduced) -> tuple[float, float]:
    """(x, y) pixels by which the object looks moved as it is: least squared difference of its pixels."""
    size = tuple(max(1, side // COARSE) for side in reversed(before.distance.shape))
    then, now = (
        cv2.resize(f.colour, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        for f in (before.frame, frame)
    )
    inside = cv2.resize(before.mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    box = bounds(np.asarray(inside > 0))
    if box is None:
        return 0.0, 0.0
    reach = max(4, round(FARTHEST * size[0]))
    x0, y0, x1, y1 = box
    part = (slice(y0, y1 + 2 * reach), slice(x0, x1 + 2 * reach))
    here = _bordered(np.ones(inside.shape, np.float32), reach)[part]
    weight, look = inside[y0:y1, x0:x1], then[y0:y1, x0:x1]
    counted = _correlated(here, weight)
    error: F32 = np.zeros(counted.shape, np.float32)
    for c in range(3):
        seen = _bordered(np.ascontiguousarray(now[..., c]), reach)[part]
        error += _correlated(here, weight * look[..., c] ** 2) - 2 * _correlated(seen, weight * look[..., c])
        error += _correlated(seen * seen, weight)
    error = np.asarray(np.maximum(error, 0) / np.maximum(counted, 1e-3), np.float32)
    error *= 1 + STEADY * _squared_away(error.shape, np.asarray(reach + before.motion[::-1] / COARSE))
    error[counted < SEEN * weight.sum()] = np.inf
    row, column = np.unravel_index(int(np.argmin(error)), error.shape)
    return float((column - reach) * COARSE), float((row - reach) * COARSE)


def by_colours(evidence: F32, mask: Bools, near: tuple[float, float], unit: float) -> tuple[float, float]:
    """(x, y) pixels by which the silhouette best covers what has the object's colours, near a guess.

    Args:
        evidence: (h, w) float32 (`colour_evidence`).
        mask: (h, w) bool, where the object was.
        near: the guess, (x, y) pixels.
        unit: the length u in pixels.
    """
    rim, reach = max(2, round(RIM * unit)), 2 * max(2, round(REACH * unit / 2))
    inside = mask.astype(np.float32)
    wide = cv2.dilate(inside, np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    box = bounds(np.asarray(wide > 0))
    if box is None or inside.all():
        return near
    kernel = inside / inside.sum() - (wide - inside) / max(float((wide - inside).sum()), 1.0)
    x0, y0, x1, y1 = box
    left, top = x0 + round(near[0]) - reach, y0 + round(near[1]) - reach
    area = _cut(evidence, left, top, x1 - x0 + 2 * reach, y1 - y0 + 2 * reach)
    fit = _correlated(_halved(area), _halved(np.ascontiguousarray(kernel[y0:y1, x0:x1])))
    cost = _squared_away(fit.shape, np.array([reach / 2, reach / 2])) / (reach / 2) ** 2
    fit = fit - UNLIKELY * (float(fit.max()) - float(fit.min())) * cost
    row, column = np.unravel_index(int(np.argmax(fit)), fit.shape)
    return float(left - x0 + 2 * column), float(top - y0 + 2 * row)


def _cut(values: F32, left: int, top: int, width: int, height: int) -> F32:
    """A part of a picture, 0 beyond its border."""
    result = np.zeros((height, width), np.float32)
    y0, x0 = max(0, top), max(0, left)
    part = values[y0 : max(y0, top + height), x0 : max(x0, left + width)]
    result[y0 - top : y0 - top + part.shape[0], x0 - left : x0 - left + part.shape[1]] = part
    return result


def _bordered(values: F32, by: int) -> F32:
    return np.asarray(cv2.copyMakeBorder(values, by, by, by, by, cv2.BORDER_CONSTANT, value=0), np.float32)


def _halved(values: F32) -> F32:
    size = (max(1, values.shape[1] // 2), max(1, values.shape[0] // 2))
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)


def _correlated(area: F32, kernel: F32) -> F32:
    area, kernel = np.ascontiguousarray(area, np.float32), np.ascontiguousarray(kernel, np.float32)
    return np.asarray(cv2.matchTemplate(area, kernel, cv2.TM_CCORR), np.float32)


def _squared_away(shape: tuple[int, ...], middle: F64) -> F32:
    rows, columns = np.indices(shape[:2], np.float32)
    return np.asarray((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2, np.float32)
