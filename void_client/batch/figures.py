# SPDX-License-Identifier: Apache-2.0
"""The figures of a shot from its sidecar, and what about them is worth a look."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOW_RING_PSNR = 24.0
"""dB; under it a frame is worth a look (docs/results.md, `ring_psnr`)."""
LOW_CONFIDENCE = 0.25
"""Engine's own estimate 0..1 under which a frame is told; a choice for sorting, not measured against eyes."""
FLICKER_TIMES, FLICKER_LEAST = 3.0, 0.05
"""A shot flickers beside the others when its greatest change over time is so many times their median, and at least so
many stops; likewise a choice for sorting."""


@dataclass(frozen=True)
class Figures:
    """A shot's figures over its frames; None where its sidecar says nothing of it.

    Attributes:
        frames: how many.
        outside: samples outside the blend matte that are not the plate's; must be 0.
        unfilled, clipped: samples.
        flicker: greatest change over time in stops, with its frame.
        seam: greatest of what the sidecar calls `seam`, with its frame.
        confidence, ring_psnr: smallest, with its frame.
        blend_percent: mean share of the picture that may differ.
        changes: change over time of each frame that has one, for a curve.
    """

    frames: int
    outside: int
    unfilled: int
    clipped: int
    flicker: tuple[float, int] | None
    seam: tuple[float, int] | None
    confidence: tuple[float, int] | None
    ring_psnr: tuple[float, int] | None
    blend_percent: float | None
    changes: tuple[float, ...]


def read_figures(sidecar: Path) -> Figures | None:
    """The figures of a sidecar; None where it is not there or is none."""
    try:
        tree = json.loads(sidecar.read_bytes())
        frames = [(int(f["frame"]), f.get("quality") or {}, f.get("fill") or {}) for f in tree["frames"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    quality = [(number, values) for number, values, _ in frames]
    fills = [(number, values) for number, _, values in frames]
    changes = _values(quality, "change_over_time")
    blends = [value for value, _ in _values(quality, "blend_percent")]
    return Figures(
        frames=len(frames),
        outside=_sum(quality, "outside_differing"),
        unfilled=_sum(quality, "unfilled"),
        clipped=_sum(quality, "clipped"),
        flicker=max(changes, default=None),
        seam=max(_values(quality, "seam"), default=None),
        confidence=min(_values(quality, "confidence"), default=None),
        ring_psnr=min(_values(fills, "ring_psnr"), default=None),
        blend_percent=statistics.fmean(blends) if blends else None,
        changes=tuple(value for value, _ in changes),
    )


def outliers(figures: Figures, flicker_of_others: float | None) -> list[str]:
    """What about a shot is worth a look, gravest first, in short sentences.

    Args:
        flicker_of_others: median of the greatest change over time of all shots; None where there is none.
    """
    found = []
    if figures.outside:
        found.append(f"{figures.outside:,} samples outside the blend matte differ from the plate")
    if figures.unfilled:
        found.append(f"{figures.unfilled:,} samples kept the plate for want of a fill")
    if figures.ring_psnr and figures.ring_psnr[0] < LOW_RING_PSNR:
        found.append(
            f"a hidden band was rebuilt with {figures.ring_psnr[0]:.1f} dB, frame {figures.ring_psnr[1]}"
        )
    if figures.flicker and flicker_of_others is not None:
        limit = max(FLICKER_LEAST, FLICKER_TIMES * flicker_of_others)
        if figures.flicker[0] > limit:
            found.append(
                f"flickers by {figures.flicker[0]:.3f} stops at frame {figures.flicker[1]}, the median of all shots is"
                f" {flicker_of_others:.3f}"
            )
    if figures.confidence and figures.confidence[0] < LOW_CONFIDENCE:
        found.append(f"confidence falls to {figures.confidence[0]:.2f}, frame {figures.confidence[1]}")
    if figures.clipped:
        found.append(f"{figures.clipped:,} samples were too large for half")
    return found


def median_flicker(all_figures: Iterable[Figures]) -> float | None:
    """The median over shots of the greatest change over time, in stops; None where no shot has one."""
    values = [f.flicker[0] for f in all_figures if f.flicker]
    return statistics.median(values) if values else None


def _values(frames: Sequence[tuple[int, Mapping[str, Any]]], name: str) -> list[tuple[float, int]]:
    """Value and frame number, of the frames that have a finite one."""
    found = []
    for number, values in frames:
        value = values.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            found.append((float(value), number))
    return found


def _sum(frames: Sequence[tuple[int, Mapping[str, Any]]], name: str) -> int:
    return round(sum(value for value, _ in _values(frames, name)))
