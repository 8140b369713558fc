# SPDX-License-Identifier: Apache-2.0
"""Where a crop of constant size stands on each frame: smoothly, in whole pixels, around what it has to hold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
Span = tuple[int, int]
"""First pixel, and the one after the last."""

REACH = 12
"""Frames before and after one over which a path is smoothed: half a second each way at 24 frames a second. A camera
operator's move is slower than that; an object's own trembling is faster."""


def still_length(spans: Sequence[Span | None]) -> int:
    """Pixels that a crop at rest needs to hold all spans; 0 without spans."""
    known = [s for s in spans if s is not None]
    return max(s[1] for s in known) - min(s[0] for s in known) if known else 0


def moving_length(spans: Sequence[Span | None]) -> int:
    """Pixels that a crop on its smoothed path needs: the longest span, and as much as the path misses its middle by."""
    return _needed(spans, _smoothed(_middles(spans))) if any(spans) else 0


def still_path(spans: Sequence[Span | None], length: int, limits: Span) -> list[int]:
    """The first pixel on each frame of a crop at rest, in the middle of all spans as far as its limits let it.

    Args:
        spans: of each frame, None where it has none; within the limits.
        length: pixels of the crop, at least `still_length`.
        limits: what the crop must not leave.

    Raises:
        ValueError: the crop is too short for the spans, or too long for its limits.
    """
    known = [s for s in spans if s is not None] or [limits]
    middle = (min(s[0] for s in known) + max(s[1] for s in known)) / 2
    _refuse(length < still_length(spans) or length > limits[1] - limits[0], length, limits)
    return _corners(np.full(len(spans), middle), length, limits)


def smooth_path(spans: Sequence[Span | None], length: int, limits: Span) -> list[int]:
    """The first pixel on each frame of a crop whose middle follows that of the spans, averaged with a Hann window.

    Where nothing is to be held, the path leads evenly from one place to the next. It slows down before it comes to the
    limits where every span is still held by that; else it stops there.

    Args:
        spans, length, limits: as `still_path`; the length at least `moving_length`.

    Raises:
        ValueError: the crop is too short for the spans, or too long for its limits.
    """
    if not any(spans):
        return still_path(spans, length, limits)
    middles = _middles(spans)
    _refuse(length < moving_length(spans) or length > limits[1] - limits[0], length, limits)
    slowed = _smoothed(np.clip(middles, limits[0] + length / 2, limits[1] - length / 2))
    path = slowed if _needed(spans, slowed) <= length else _smoothed(middles)
    return _corners(path, length, limits)


def _refuse(wrong: bool, length: int, limits: Span) -> None:
    if wrong:
        raise ValueError(f"a crop of {length} pixels cannot hold what it has to, or not within {limits}")


def _corners(middles: F64, length: int, limits: Span) -> list[int]:
    # What an average misses a half by must not decide, or an even motion trembles.
    corners = np.floor(middles - length / 2 + 0.5 + 1e-6)
    return [int(c) for c in np.clip(corners, limits[0], limits[1] - length)]


def _middles(spans: Sequence[Span | None]) -> F64:
    """Of each frame; between two with spans, evenly from one to the other."""
    known = [(t, (s[0] + s[1]) / 2) for t, s in enumerate(spans) if s is not None]
    return np.interp(np.arange(len(spans)), [t for t, _ in known], [middle for _, middle in known])


def _smoothed(middles: F64) -> F64:
    """With both ends continued as they began, so that an even motion stays as it is."""
    reach = min(REACH, len(middles) - 1)
    if reach < 1:
        return middles
    longer = np.pad(middles, reach, mode="reflect", reflect_type="odd")
    return np.convolve(longer, hann(reach), mode="valid")


def _needed(spans: Sequence[Span | None], middles: F64) -> int:
    """Pixels of the crop with these middles, in whole pixels, that holds all spans."""
    farthest = max(max(m - s[0], s[1] - m) for s, m in zip(spans, middles, strict=True) if s is not None)
    # Its corner is rounded.
    return math.ceil(2 * float(farthest) - 1e-6) + 1


def hann(reach: int) -> F64:
    """The weights, of sum 1, of `reach` frames each way."""
    weights = np.hanning(2 * reach + 3)[1:-1]
    return np.asarray(weights / weights.sum(), np.float64)
