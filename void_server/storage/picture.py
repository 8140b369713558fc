# SPDX-License-Identifier: Apache-2.0
"""The figures of a report as bars: what lies in the store by kind, by owner and by job, and what of it may go."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_MOST_BARS, _LEAST_BARS = 10, 5
_KEPT, _GOES = "#4477aa", "#ee6677"


def draw(census: dict[str, Any]) -> bytes:
    """The picture as PNG; `census` as `Census.to_dict` gives it."""
    figure = Figure(figsize=(10, 9), layout="constrained")
    FigureCanvasAgg(figure)
    kinds, owners, jobs = figure.subplots(3, 1)
    goes = {entry["kind"]: entry["bytes"] for entry in census["removable"]}
    by_kind = [(kind, tally["bytes"], goes.get(kind, 0)) for kind, tally in census["kinds"].items()]
    _bars(kinds, "by kind; red: the next collection removes it", by_kind)
    by_owner = [(f"{o['owner']} {o['show']}".strip(), o["bytes"], 0) for o in census["owners"]]
    _bars(owners, "by owner and show; shared files count for each", by_owner)
    _bars(jobs, "largest jobs", [(f"{j['id']} {j['owner']}", j["bytes"], 0) for j in census["jobs"]])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return buffer.getvalue()


def _bars(axes: Axes, title: str, rows: list[tuple[str, int, int]]) -> None:
    rows = rows[:_MOST_BARS][::-1]
    scale, unit = _unit(max((size for _, size, _ in rows), default=0))
    names = [name for name, _, _ in rows]
    axes.barh(names, [(size - goes) / scale for _, size, goes in rows], color=_KEPT)
    axes.barh(
        names,
        [goes / scale for _, _, goes in rows],
        left=[(size - goes) / scale for _, size, goes in rows],
        color=_GOES,
    )
    axes.set_ylim(len(rows) - max(len(rows), _LEAST_BARS) - 0.5, len(rows) - 0.5)
    axes.margins(x=0.05)
    axes.set_axisbelow(True)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(unit)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", alpha=0.3)


def _unit(most: int) -> tuple[float, str]:
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if most >= 10**power:
            return float(10**power), unit
    return 1.0, "bytes"
