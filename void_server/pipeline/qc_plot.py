# SPDX-License-Identifier: Apache-2.0
"""The plot of the per-frame figures: one panel a figure over the frame numbers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_PANELS = (
    ("changed_percent", "changed pixels, %"),
    ("change_over_time", "change over time\ninside, stops"),
    ("confidence", "confidence, 0..1"),
    ("seam", "seam, over the\nplate beside it"),
    ("clipped", "clipped samples"),
    ("outside_difference", "difference outside\nthe blend (must be 0)"),
)


def draw_qc_plot(title: str, frames: Sequence[Mapping[str, Any]]) -> bytes:
    """The plot as PNG.

    Args:
        frames: the sidecar's `frames`.
    """
    numbers = [f["frame"] for f in frames]
    figure = Figure(figsize=(10, 12), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    panels = figure.subplots(len(_PANELS), 1, sharex=True)
    for axes, (name, label) in zip(panels, _PANELS, strict=True):
        values = [f["quality"][name] for f in frames]
        shown = [float("nan") if v is None else float(v) for v in values]
        axes.plot(numbers, shown, marker="o", markersize=3, linewidth=1)
        axes.set_ylabel(label, fontsize=8)
        axes.grid(alpha=0.3)
        axes.margins(y=0.15)
        if name == "confidence":
            axes.set_ylim(-0.05, 1.05)
        elif all(v in (0, None) for v in values):
            axes.set_ylim(-0.5, 1)
            axes.text(0.01, 0.75, "0 on every frame", transform=axes.transAxes, fontsize=8)
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[-1].set_xlabel("frame")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return buffer.getvalue()
