# SPDX-License-Identifier: Apache-2.0
"""What the artist drew of the affected region, as a hint: on its own frame, and carried along with the object.

docs/motion_reasoner.md, "Hint strokes". A shadow goes where its object goes, so what is drawn on one frame points at it
on the frames around too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from void_server.engines.cleanplate import CleanplateSettings, PairMotion, ProxyFrame, estimate_pair
from void_server.engines.cleanplate.arrays import Bools, grown
from void_server.engines.cleanplate.proxy import GUARD
from void_server.reasoners.motion.background import SurveyReader
from void_server.reasoners.motion.whereabouts import object_motion, whereabouts

STROKE_REACH = 20
"""Frames each way to which a stroke is carried."""

STROKE_GUARD = 24.0
"""Growth, in units u, of the guard around a stroke: it may be a line in the middle of what it points at. Flow that is
measured there follows the shadow, and takes it for background."""
MOST_GUARDED = 0.75
"""Share of the picture beyond which the guard around a stroke grows less."""


@dataclass(frozen=True)
class Stroke:
    """A hint on one frame.

    Attributes:
        mask: (h, w) bool at proxy resolution; never empty.
        offset: the frame that it was drawn on less this one; 0 where it was drawn here.
    """

    mask: Bools
    offset: int


def nearest_drawn(target: int, frames: int, drawn: Callable[[int], bool]) -> int | None:
    """Of positions 0..frames-1, the nearest one within `STROKE_REACH` that has a stroke; of two, the earlier."""
    for distance in range(STROKE_REACH + 1):
        for position in (target - distance, target + distance):
            if 0 <= position < frames and drawn(position):
                return position
    return None


def stroke_at(target: int, survey: SurveyReader) -> Stroke | None:
    """The hint for a frame; None where none is drawn near, or the object is out of sight there or here."""
    source = nearest_drawn(target, len(survey.frames), lambda p: survey.stroke(p) is not None)
    mask = survey.stroke(source) if source is not None else None
    if source is None or mask is None:
        return None
    if source == target:
        return Stroke(mask, 0)
    there, here = whereabouts(source, survey), whereabouts(target, survey)
    if there is None or here is None:
        return None
    across, down = (round(v) for v in object_motion(there, here, mask.shape))
    matrix = np.array([[1, 0, across], [0, 1, down]], np.float64)
    size = (mask.shape[1], mask.shape[0])
    moved = cv2.warpAffine(mask.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) > 0
    return Stroke(moved, source - target) if moved.any() else None


def survey_pair(position: int, survey: SurveyReader, settings: CleanplateSettings) -> PairMotion:
    """The motion between a surveyed frame and the next, not measured around strokes.

    Args:
        position: the first of the two frames.
        survey: only proxies and strokes are read of it.
        settings: those of the survey.
    """
    return estimate_pair(_guarded(position, survey), _guarded(position + 1, survey), settings)


def _guarded(position: int, survey: SurveyReader) -> ProxyFrame:
    proxy, stroke = survey.proxy(position), stroke_at(position, survey)
    if stroke is None:
        return proxy
    guard = proxy.where(GUARD)
    for share in (1.0, 0.5, 0.25, 0.0):
        guard = proxy.where(GUARD) | grown(stroke.mask, share * STROKE_GUARD * proxy.unit)
        if np.count_nonzero(guard) <= MOST_GUARDED * guard.size:
            break
    return replace(proxy, regions=np.where(guard, proxy.regions | GUARD, proxy.regions))
