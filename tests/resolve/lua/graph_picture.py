# SPDX-License-Identifier: Apache-2.0
"""The macro's graph as a picture, drawn from its text; as a program this draws the documentation's again.

    python -m tests.resolve.lua.graph_picture

It is no screenshot: the places of the tools are those that the text gives them, everything else is ours.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from tests.resolve.lua.setting import MACRO, Node, found_interpreters, group_of, read, wires

PICTURE = Path(__file__).parents[3] / "docs/images/resolve_touchup.png"
HASH = PICTURE.with_suffix(".sha256")
LABEL = "drawn from the macro's text, not a screenshot"

_WIDE, _HIGH = 150, 42
_COLOUR = {"Loader": "#cfe3d4", "ChannelBoolean": "#d5dff0", "ErodeDilate": "#f1e3c6", "Blur": "#f1e3c6"}
_MASK = "#3a6ea5"
_ENTRANCE, _EXIT = "#8a4b2a", "#2f6b3a"


def graph_hash(group: Node) -> str:
    """A hash of all that the picture shows: tools, places, wires, published controls, outputs."""
    tools = group.table("Tools").fields
    shown = [
        {name: [tool.made_by, *_place(tool)] for name, tool in tools.items()},
        sorted(wires(tools)),
        [sorted(item.fields.items()) for _, item in sorted(group.table("Inputs").fields.items())],
        [[key, sorted(item.fields.items())] for key, item in sorted(group.table("Outputs").fields.items())],
    ]
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def draw(group: Node, to: Path) -> None:
    """Draws the graph, with its hash in the file's own text."""
    figure = Figure(figsize=(12.5, 7.2), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-110, 1130)
    axes.set_ylim(520, -130)
    axes.axis("off")
    tools = group.table("Tools").fields
    for source, tool, entry in wires(tools):
        _wire(axes, _place(tools[source]), _place(tools[tool]), entry)
    for name, tool in tools.items():
        _box(axes, name, tool, _controls(group, name))
    _plate(axes, group, tools)
    for key, output in sorted(group.table("Outputs").fields.items()):
        x, y = _place(tools[output.fields["SourceOp"]])
        axes.annotate(
            "", (x + _WIDE / 2 + 34, y), (x + _WIDE / 2, y), arrowprops={"arrowstyle": "-|>", "color": _EXIT}
        )
        axes.text(
            x + _WIDE / 2 + 40, y, f"{output.fields['Name']}\n{key}", va="center", size=8.5, color=_EXIT
        )
    axes.text(-95, -105, "VOID_TouchUp", size=15, weight="bold", va="center")
    axes.text(-95, -78, LABEL, size=10, style="italic", va="center")
    legend = "blue line: a mask      brown: what the artist sets      green: what comes out"
    axes.text(500, 363, legend, size=9, va="center")
    figure.savefig(to, metadata={"graph": graph_hash(group), "Software": None})


def _place(tool: Node) -> tuple[float, float]:
    x, y = tool.table("ViewInfo").table("Pos").items
    return x, y


def _controls(group: Node, name: str) -> str:
    found = [
        item.fields["Name"]
        for key, item in sorted(group.table("Inputs").fields.items())
        if item.fields["SourceOp"] == name and not key.startswith("Main")
    ]
    return ", ".join(found)


def _box(axes: Axes, name: str, tool: Node, controls: str) -> None:
    x, y = _place(tool)
    axes.add_patch(
        FancyBboxPatch(
            (x - _WIDE / 2, y - _HIGH / 2),
            _WIDE,
            _HIGH,
            boxstyle="round,pad=0,rounding_size=6",
            facecolor=_COLOUR[tool.made_by or ""],
            edgecolor="#444444",
            zorder=3,
        )
    )
    axes.text(x, y - 8, name, ha="center", va="center", size=10, weight="bold", zorder=4)
    axes.text(x, y + 10, str(tool.made_by), ha="center", va="center", size=8.5, zorder=4)
    axes.text(x, y + _HIGH / 2 + 5, controls, ha="center", va="top", size=8.5, color=_ENTRANCE, zorder=4)


def _wire(axes: Axes, start: tuple[float, float], end: tuple[float, float], entry: str) -> None:
    mask = entry == "EffectMask"
    tail = (start[0] + _WIDE / 2, start[1])
    head = (end[0], end[1] + _HIGH / 2 + 20) if mask else (end[0] - _WIDE / 2, end[1])
    bend = f"angle,angleA=0,angleB={90 if mask else -90},rad=6"
    if not mask:
        middle = (tail[0] + head[0]) / 2
        axes.plot([tail[0], middle, middle], [tail[1], tail[1], head[1]], color="#555555", lw=1.2, zorder=1)
        tail, bend = (middle, head[1]), "arc3"
    axes.annotate(
        "",
        head,
        tail,
        arrowprops={
            "arrowstyle": "-|>",
            "color": _MASK if mask else "#555555",
            "lw": 1.2,
            "connectionstyle": bend,
            "shrinkA": 0,
            "shrinkB": 0,
        },
        zorder=2,
    )
    if not (mask or entry in ("Input", "Background")):
        axes.text(head[0] - 8, head[1] - 5, entry, ha="right", va="bottom", size=8, color="#555555")
    elif mask:
        axes.text(head[0] + 6, head[1] + 12, entry, ha="left", va="center", size=8, color=_MASK)


def _plate(axes: Axes, group: Node, tools: dict[str, Node]) -> None:
    entrance = group.table("Inputs").table("MainInput1").fields
    x, y = _place(tools[entrance["SourceOp"]])
    axes.annotate(
        "",
        (x, y - _HIGH / 2),
        (x, y - _HIGH / 2 - 45),
        arrowprops={"arrowstyle": "-|>", "color": _ENTRANCE, "shrinkA": 0, "shrinkB": 0},
    )
    says = f"{entrance['Name']} (MainInput1: {entrance['Source']})"
    axes.text(x, y - _HIGH / 2 - 50, says, ha="center", va="bottom", size=9, color=_ENTRANCE)


def main() -> None:
    """Draws the picture and writes the hash beside it."""
    _, group = group_of(read(MACRO.read_text(), found_interpreters()[0]))
    draw(group, PICTURE)
    HASH.write_text(graph_hash(group) + "\n")


if __name__ == "__main__":
    main()
