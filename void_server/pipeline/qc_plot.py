# SPDX-License-Identifier: Apache-2.0
"""The plot of the per-frame figures: one panel a figure over the frame numbers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_PANELS = (
    ("changed_percent", "changed pixels, %"),
    ("change_over_time", "change over time\ninside, stops"),
    ("flicker", "flicker, stops:\ninside, plate beside"),
    ("confidence", "confidence, 0..1"),
    ("seam", "seam, over the\nplate beside it"),
    ("clipped", "clipped samples"),
    ("outside_difference", "difference outside\nthe blend (must be 0)"),
)


_FRAMES = {"left": 0.1, "right": 0.985, "top": 0.965, "bottom": 0.185, "hspace": 0.15}
_GRAIN = (0.1, 0.035, 0.885, 0.105)
"""Where the panels over the frames stand, and the one over the levels; matplotlib's own layouts draw all twice."""
_BORDERS = {"windows": "tab:red", "anchors": "tab:green"}


def draw_qc_plot(title: str, sidecar: Mapping[str, Any]) -> bytes:
    """The plot as PNG: the figures of the sidecar's `frames`, and its borders."""
    frames: Sequence[Mapping[str, Any]] = sidecar["frames"]
    numbers = [f["frame"] for f in frames]
    figure = Figure(figsize=(10, 16))
    FigureCanvasAgg(figure)
    figure.suptitle(title, y=0.99)
    panels, of_grain = figure.subplots(len(_PANELS), 1, gridspec_kw=_FRAMES), figure.add_axes(_GRAIN)
    for axes in panels[:-1]:
        axes.sharex(panels[-1])
        axes.tick_params(labelbottom=False)
    _draw_grain(of_grain, sidecar["grain"])
    for axes, (name, label) in zip(panels, _PANELS, strict=True):
        values = [f["quality"][name] for f in frames]
        shown = [float("nan") if v is None else float(v) for v in values]
        axes.plot(numbers, shown, marker="o", markersize=3, linewidth=1)
        axes.set_ylabel(label, fontsize=8)
        axes.grid(alpha=0.3)
        axes.margins(y=0.15)
        if name == "flicker":
            _draw_flicker(axes, numbers, sidecar)
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


def _draw_grain(axes: Axes, grain: Mapping[str, Any] | None) -> None:
    """The plate's grain by level, a channel: what the inside is given where it lacks it."""
    axes.set_ylabel("grain of the plate,\nsigma", fontsize=8)
    axes.set_xlabel("level, scene-linear", fontsize=8)
    axes.grid(alpha=0.3)
    if grain is None or "sigma" not in grain:
        said = grain["reason"] if grain is not None else "Not looked at."
        axes.text(0.01, 0.75, said, transform=axes.transAxes, fontsize=8)
        return
    colours = ("tab:red", "tab:green", "tab:blue") if len(grain["sigma"]) == 3 else ("black",)
    for levels, sigma, colour in zip(grain["levels"], grain["sigma"], colours, strict=False):
        axes.plot(levels, sigma, marker="o", markersize=2, linewidth=1, color=colour)


def _draw_flicker(axes: Axes, numbers: Sequence[int], sidecar: Mapping[str, Any]) -> None:
    """What the plate beside does in the same time, and where pieces of the work meet."""
    beside = [f["quality"]["flicker_beside"] for f in sidecar["frames"]]
    shown = [float("nan") if v is None else float(v) for v in beside]
    axes.plot(numbers, shown, linewidth=1, linestyle=":", color="grey", label="plate beside")
    for name, found in sidecar["flicker"].items():
        said = f"{name}: {found['ratio']:.2f} of elsewhere" if found["ratio"] is not None else name
        for frame in found["frames"]:
            axes.axvline(frame - 0.5, color=_BORDERS[name], linewidth=0.6)
        if found["frames"]:
            axes.plot([], [], color=_BORDERS[name], linewidth=0.6, label=said)
    axes.legend(fontsize=7, loc="upper right")
