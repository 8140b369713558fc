# SPDX-License-Identifier: Apache-2.0
"""Where a result may differ from its plate, and how the two are joined.

The blend matte is 1 on the region grown by some pixels and falls to 0 outward: an inward feather would leave
the object's fringe. It is quantised to the type it is published in before anything is blended with it, so
that the published 0 is the 0 that was used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from void_server.quadmask.growth import fall

ROWS = 32
"""Rows of a picture that are joined at a time."""


@dataclass(frozen=True)
class Composite:
    """A plate with its fill.

    Attributes:
        colour: (h, w, c) of the plate's type and space.
        clipped: samples that the type cannot hold and that became its greatest finite value.
        unfilled: samples inside the blend matte that keep the plate's bits, because the fill was not finite
            there.
    """

    colour: npt.NDArray[Any]
    clipped: int
    unfilled: int


def blend_matte(
    region: npt.NDArray[np.bool_],
    keep: npt.NDArray[np.float32] | None,
    *,
    grow: float,
    feather: float,
    dtype: npt.DTypeLike,
) -> npt.NDArray[Any]:
    """The blend matte of one frame.

    Args:
        region: (h, w), the pixels to be filled (`Quadmask.region`).
        keep: (h, w) float32 0..1, the artist's protection matte, which always wins; None for none.
        grow: pixels of the plate by which the region grows, as a Euclidean disc; >= 0.
        feather: pixels over which the matte then falls to 0 (smoothstep); 0 for a hard edge.
        dtype: the type it is published in, float16 or float32.

    Returns:
        (h, w) of `dtype`, 0..1.
    """
    if not (0 <= grow < math.inf and 0 <= feather < math.inf):
        raise ValueError(f"grow {grow} and feather {feather} are pixels outward, finite and not negative")
    blend = np.zeros(region.shape, dtype)
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if rows.size == 0:
        return blend
    reach = math.ceil(grow + feather)
    box = (
        slice(max(0, int(rows[0]) - reach), int(rows[-1]) + reach + 1),
        slice(max(0, int(columns[0]) - reach), int(columns[-1]) + reach + 1),
    )
    outside = np.ascontiguousarray(~region[box], dtype=np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inside = fall(distance - np.float32(grow), feather)
    if keep is not None:
        inside *= 1 - np.clip(keep[box], 0, 1)
    blend[box] = inside
    return blend


def composite(
    plate: npt.NDArray[Any],
    fill: npt.NDArray[np.float32],
    blend: npt.NDArray[Any],
    *,
    at: tuple[int, int] = (0, 0),
) -> Composite:
    """Join a fill with its plate.

    Where blend is 0 the plate's bits are copied; where it is 1 the fill is taken as it is; between, plate *
    (1 - blend) + fill * blend. A plate sample that is not finite takes the fill wherever blend is above 0. Beyond the
    fill the plate's bits are copied.

    Args:
        plate: (h, w, c) float16 or float32, any value.
        fill: (h', w', c) float32 in the plate's own space.
        blend: (h, w) as `blend_matte` gives it.
        at: (x, y) of the plate where the fill begins.

    Raises:
        ValueError: the shapes do not fit.
    """
    x, y = at
    inside = (slice(y, y + fill.shape[0]), slice(x, x + fill.shape[1]))
    colour = plate.copy()
    filled, weight = colour[inside], blend[inside]
    if plate.shape[:2] != blend.shape or filled.shape != fill.shape or min(at) < 0:
        raise ValueError(
            f"shapes differ: plate {plate.shape}, fill {fill.shape} at {at}, blend {blend.shape}"
        )
    clipped = unfilled = 0
    # Some rows at a time, so that the many passes stay in the processor's cache.
    for top in range(0, len(filled), ROWS):
        rows = slice(top, top + ROWS)
        for columns in _runs(weight[rows]):
            part = (rows, columns)
            if not _replaced(filled[part], fill[part], weight[part]):
                counted = _join(filled[part], fill[part], weight[part])
                clipped, unfilled = clipped + counted[0], unfilled + counted[1]
    return Composite(colour, clipped, unfilled)


def _runs(blend: npt.NDArray[Any]) -> list[slice]:
    """The columns in which some rows of a blend matte are above 0: in three where it is 1 all through the middle."""
    touched = np.flatnonzero(blend.any(axis=0))
    if touched.size == 0:
        return []
    first, last = int(touched[0]), int(touched[-1]) + 1
    solid = first + np.flatnonzero((blend[:, first:last] == 1).all(axis=0))
    if solid.size == 0 or solid[-1] - solid[0] + 1 != solid.size:
        return [slice(first, last)]
    inner = slice(int(solid[0]), int(solid[-1]) + 1)
    return [
        run for run in (slice(first, inner.start), inner, slice(inner.stop, last)) if run.start < run.stop
    ]


def _replaced(plate: npt.NDArray[Any], fill: npt.NDArray[np.float32], blend: npt.NDArray[Any]) -> bool:
    """Writes the fill into the plate where nothing needs to be mixed, clipped or left out; False where it does."""
    largest = float(np.finfo(plate.dtype).max)
    if not (blend == 1).all() or not cv2.checkRange(fill, minVal=-largest, maxVal=largest)[0]:
        return False
    plate[...] = fill
    return True


def _join(plate: npt.NDArray[Any], fill: npt.NDArray[np.float32], blend: npt.NDArray[Any]) -> tuple[int, int]:
    """Writes the composite into the plate; the numbers of clipped and of unfilled samples."""
    channels = plate.shape[2]
    weight = cv2.merge([blend.astype(np.float32)] * channels).reshape(plate.shape)
    inside = weight > 0
    with np.errstate(invalid="ignore", over="ignore"):
        source = plate.astype(np.float32)
        mixed = source * (1 - weight) + fill * weight
    np.copyto(mixed, fill, where=(weight == 1) | ~np.isfinite(source))
    largest = np.float32(np.finfo(plate.dtype).max)
    usable = np.isfinite(fill) & inside
    clipped = int(np.count_nonzero(usable & (np.abs(mixed) > largest)))
    if clipped:
        np.clip(mixed, -largest, largest, out=mixed)
    with np.errstate(invalid="ignore", over="ignore"):
        np.copyto(plate, mixed.astype(plate.dtype), where=usable)
    return clipped, int(np.count_nonzero(inside)) - int(np.count_nonzero(usable))
