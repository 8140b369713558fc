# SPDX-License-Identifier: Apache-2.0
"""Figures of a load: percentiles, how even shares are, and how fast something grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

MOST_POINTS = 200
"""Points of a trend; more are joined by their medians, since the slopes of all pairs are looked at."""

_NORMAL_95 = 1.96
"""Of the standard normal distribution, two-sided."""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0..1) of them do not exceed (nearest rank); nan of none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def jain(shares: Sequence[float]) -> float:
    """How even shares are: 1 = all alike, 1 / n = one has all; nan of none, 1 where nobody has any.

    R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness, DEC-TR-301 (1984).
    """
    if not shares:
        return math.nan
    squares = len(shares) * sum(s * s for s in shares)
    return sum(shares) ** 2 / squares if squares else 1.0


@dataclass(frozen=True)
class Trend:
    """How fast something grows, in its unit an hour, with an interval of 95 %."""

    slope: float
    low: float
    high: float


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """The Theil-Sen slope of (seconds, value) with Sen's interval; all nan of less than three points.

    Half of the points may be anything without moving it far. The interval takes the points for independent, and
    memory is not: a step that stays makes it too narrow.
    P. K. Sen: Estimates of the Regression Coefficient Based on Kendall's Tau, JASA 63 (1968).
    """
    joined = _joined(points)
    slopes = sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0]) * 3600
        for earlier, later in combinations(joined, 2)
        if later[0] > earlier[0]
    )
    count = len(joined)
    if count < 3 or not slopes:
        return Trend(math.nan, math.nan, math.nan)
    reach = _NORMAL_95 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(0, math.floor((len(slopes) - reach) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))
    return Trend(median(slopes), slopes[low], slopes[high])


def _joined(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    ordered = sorted(points)
    size = math.ceil(len(ordered) / MOST_POINTS) or 1
    groups = [ordered[i : i + size] for i in range(0, len(ordered), size)]
    return [(median(t for t, _ in group), median(v for _, v in group)) for group in groups]
