# SPDX-License-Identifier: Apache-2.0
"""All figures of one result: how they are called and printed, what is good, and what counts as a change."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.quality.metrics import (
    effect_left,
    flicker,
    frame_errors,
    high_ratio,
    low_psnr,
    rank_correlation,
    residual_object,
    seam_ratio,
    warp_ratio,
)
from benchmarks.quality.reference import Reference
from benchmarks.quality.scores import F32, score
from benchmarks.quality.shots import Shot

VERSION = 1
"""Of the definitions: raised when a figure's formula changes, so that no history compares two formulas."""


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        key: its name in history and in Python.
        heading: its column.
        goal: `high`; `one` = ratio, 1 is ideal; `zero` = 0 is ideal.
        tolerance: the change that is not mentioned; of a ratio, of its natural logarithm.
        digits: decimals printed.
    """

    key: str
    heading: str
    goal: Literal["high", "one", "zero"]
    tolerance: float
    digits: int

    def badness(self, value: float) -> float:
        """Grows as the value gets worse, in the unit of the tolerance."""
        if self.goal == "high":
            return -value
        return abs(math.log(max(value, 1e-9))) if self.goal == "one" else abs(value)


COLUMNS = (
    Figure("object", "object", "high", 0.1, 2),
    Figure("affected", "affected", "high", 0.1, 2),
    Figure("both", "both", "high", 0.1, 2),
    Figure("low", "low", "high", 0.1, 2),
    Figure("ssim", "SSIM", "high", 0.002, 4),
    Figure("warp", "warp", "one", 0.05, 2),
    Figure("hf", "HF", "one", 0.03, 2),
    Figure("seam", "seam", "one", 0.03, 2),
    Figure("flicker", "flicker", "zero", 0.002, 3),
    Figure("residual", "resid", "zero", 0.03, 2),
    Figure("object_left", "object%", "zero", 0.01, 3),
    Figure("effect_left", "effect%", "zero", 0.01, 3),
)
"""Of every row of the table."""

ENGINE = (
    Figure("affected_iou", "affected IoU", "high", 0.01, 3),
    Figure("confidence_rank", "confidence rank", "high", 0.1, 2),
    Figure("differing", "samples differing outside", "zero", 0, 0),
)
"""Of the engine's row only, beside the columns."""

_GOOD = {"high": "high", "one": "1.00", "zero": "0"}


def measure(shot: Shot, known: Reference, pictures: Sequence[F32]) -> dict[str, float]:
    """The figures of COLUMNS; `pictures` are display-like (`scores.view`), one a frame."""
    plain = score(shot, pictures, known.truth)
    residual, left = residual_object(pictures, known.truth, known.plates, known.roto, known.affected)
    return {
        "object": plain.object,
        "affected": plain.affected,
        "both": plain.both,
        "low": low_psnr(pictures, known.truth, known.hole),
        "ssim": plain.ssim,
        "warp": warp_ratio(pictures, known.grained, known.flows, known.hole),
        "hf": high_ratio(pictures, known.grained, known.hole),
        "seam": seam_ratio(pictures, known.grained, known.contours),
        "flicker": flicker(pictures, known.truth, known.hole),
        "residual": residual,
        "object_left": left,
        "effect_left": effect_left(pictures, known.truth, known.plates, known.affected),
    }


def confidence_rank(
    known: Reference, pictures: Sequence[F32], frames: Sequence[Mapping[str, float]]
) -> float:
    """Rank correlation of what the engine said of a frame with how right it was: 1 when the worst was known as such."""
    errors = frame_errors(pictures, known.truth, known.hole)
    pairs = [
        (figures["confidence"], -error)
        for figures, error in zip(frames, errors, strict=True)
        if "confidence" in figures and not math.isnan(error)
    ]
    return rank_correlation([pair[0] for pair in pairs], [pair[1] for pair in pairs])


def table(rows: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """The rows with headings, and a line of what is good."""
    return [
        f"  {'':16s}{''.join(f'{f.heading:>9s}' for f in COLUMNS)}",
        *(
            f"  {name:16s}{''.join(_cell(figure, values[figure.key]) for figure in COLUMNS)}"
            for name, values in rows.items()
        ),
        f"  {'good':16s}{''.join(f'{_GOOD[f.goal]:>9s}' for f in COLUMNS)}",
    ]


def changes(old: Mapping[str, float | None], new: Mapping[str, float | None]) -> tuple[list[str], list[str]]:
    """What got worse and what got better by more than its tolerance, each as `name before -> after`.

    A figure that either side lacks is not compared; one that was a number and is none any more is worse.
    """
    worse: list[str] = []
    better: list[str] = []
    for figure in (*COLUMNS, *ENGINE):
        before, after = old.get(figure.key), new.get(figure.key)
        if before is None or figure.key not in new:
            continue
        if after is None:
            worse.append(f"{figure.key} {text(figure, before)} -> {text(figure, None)}")
            continue
        change = figure.badness(after) - figure.badness(before)
        if abs(change) > figure.tolerance + 1e-9:
            line = f"{figure.key} {text(figure, before)} -> {text(figure, after)}"
            (worse if change > 0 else better).append(line)
    return worse, better


def text(figure: Figure, value: float | None) -> str:
    """The value as it is printed; `-` where there is none."""
    if value is None:
        return "-"
    if figure.heading.endswith("%"):
        return f"{100 * value:.{max(figure.digits - 2, 0)}f}"
    return f"{value:.{figure.digits}f}"


def _cell(figure: Figure, value: float | None) -> str:
    return f"{text(figure, value):>9s}"
