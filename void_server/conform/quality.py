# SPDX-License-Identifier: Apache-2.0
"""Figures that say, for each published frame, what was changed and how much it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from void_server.plates.encoding import symlog
from void_server.plates.exr import above_zero, bit_view
from void_server.plates.verify import OutsideCheck


@dataclass(frozen=True)
class FrameQuality:
    """Quality figures of one published frame.

    Attributes:
        changed_percent: pixels with any changed bit, in per cent of the data window.
        outside_difference: greatest difference from the plate where blend is 0; must be 0.
        outside_differing: samples whose bits differ there; must be 0.
        change_over_time: mean absolute difference in stops from the previous result, inside both blend
            mattes; None for the first frame, or where the two have nothing in common.
        clipped: samples that the file's type could not hold.
        confidence: mean of the engine's confidence (0..1) inside the blend matte; None where nothing was
            blended.
        seam: jumps of the gradient along the edge over those of the plate beside it (`seam.seam_ratio`); None where
            there is no edge.
    """

    changed_percent: float
    outside_difference: float
    outside_differing: int
    change_over_time: float | None
    clipped: int
    confidence: float | None
    seam: float | None


def frame_quality(
    plate: npt.NDArray[Any],
    result: npt.NDArray[Any],
    blend: npt.NDArray[Any],
    *,
    outside: OutsideCheck,
    clipped: int,
    confidence: npt.NDArray[np.float32] | None,
    change: float | None,
    pixels: int = 0,
    seam: float | None = None,
) -> FrameQuality:
    """Put the figures of a frame together.

    Args:
        plate, result: (h, w, c) of one type, as read and as written.
        blend: (h, w), as published.
        outside: what `outside_difference` found in the written file.
        clipped: from the composite.
        confidence: (h, w) float32 0..1 from the engine, or None.
        change: from `change_over_time`, or None.
        pixels: of the whole data window, where the arrays are the part of it that can differ; 0 = they are all.
        seam: from `seam.seam_ratio`, or None.
    """
    differing = bit_view(plate) != bit_view(result)
    # Several times as fast as `any` over so short an axis.
    changed = reduce(np.logical_or, (differing[..., channel] for channel in range(differing.shape[-1])))
    inside = above_zero(blend)
    trusted = confidence is not None and bool(inside.any())
    return FrameQuality(
        changed_percent=100.0 * float(np.count_nonzero(changed)) / (pixels or changed.size),
        outside_difference=outside.greatest_difference,
        outside_differing=outside.samples_differing,
        change_over_time=change,
        clipped=clipped,
        confidence=float(confidence[inside].mean(dtype=np.float64))
        if confidence is not None and trusted
        else None,
        seam=seam,
    )


def change_over_time(
    current: npt.NDArray[np.floating],
    previous: npt.NDArray[np.floating],
    inside: npt.NDArray[np.bool_],
    epsilon: float,
) -> float | None:
    """Mean absolute difference in stops between two results on the same window.

    Args:
        current, previous: (h, w, c) scene-linear.
        inside: (h, w), the pixels inside both blend mattes.
        epsilon: the shot's (`ShotEncoding.epsilon`): differences far below it do not count as change.

    Returns:
        the mean over finite samples; None where there is none.
    """
    a, b = current[inside].astype(np.float64), previous[inside].astype(np.float64)
    finite = np.isfinite(a) & np.isfinite(b)
    if not finite.any():
        return None
    return float(np.abs(symlog(a[finite], epsilon) - symlog(b[finite], epsilon)).mean())
