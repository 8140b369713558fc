# SPDX-License-Identifier: Apache-2.0
"""The clicks on the Color page as a picture; as a program this draws the documentation's again.

    python -m tests.resolve.two_clicks_picture

It is no screenshot: nobody of this project has Resolve. What is drawn is what its manual says.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon, Rectangle

PICTURE = Path(__file__).parents[2] / "docs/images/resolve_two_clicks.png"
LABEL = "a drawing after the manual's words, not a screenshot"

_GREEN, _BLUE, _GREY, _CLICK = "#2f8f4e", "#2f6bd0", "#8b8f96", "#c8452c"


def draw(to: Path) -> None:
    """Draws both: the key to VOID above, the mattes that came back below."""
    figure = Figure(figsize=(11.5, 7.6), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 1150)
    axes.set_ylim(760, 0)
    axes.axis("off")
    _key_out(axes)
    axes.plot((30, 1120), (375, 375), color="#c9ccd1", linewidth=1)
    _matte_in(axes)
    axes.text(1120, 745, LABEL, ha="right", va="bottom", fontsize=9, color=_GREY, style="italic")
    figure.savefig(to, metadata={"Description": LABEL})


def _key_out(axes: Axes) -> None:
    _title(axes, 34, "Before Remove: your key to VOID")
    _node(axes, 330, 120, "01", "your window, Magic Mask\nor qualifier")
    _dot(axes, 90, 155, _GREEN)
    _wire(axes, (102, 155), (318, 155), _GREEN)
    _dot(axes, 1040, 155, _GREEN)
    _wire(axes, (572, 155), (1028, 155), _GREEN)
    axes.text(1060, 155, "picture", va="center", fontsize=10)
    _square(axes, 560, 202, _BLUE)
    axes.text(530, 202, "key", va="center", ha="right", fontsize=10, color=_BLUE)
    _dot(axes, 1040, 260, _BLUE)
    axes.text(1060, 260, "Alpha\nOutput", va="center", fontsize=10, color=_BLUE)
    _wire(axes, (572, 206), (1028, 258), _BLUE, dashed=True)
    _step(axes, 120, 345, "1", "right-click an empty place: Add Alpha Output")
    _step(axes, 640, 345, "2", "drag from the blue square to the blue dot")


def _matte_in(axes: Axes) -> None:
    _title(axes, 409, "Afterwards: the mattes that came back")
    axes.add_patch(_box(90, 470, 310, 190))
    axes.text(245, 452, "EXT MATTE", ha="center", va="center", fontsize=11, weight="bold")
    outputs = (
        ("A", "blend: all that may differ"),
        ("R", "what was removed"),
        ("G", "affected: shadow, reflection"),
        ("B", "where both overlap"),
    )
    for place, (name, words) in enumerate(outputs):
        y = 500 + 42 * place
        _square(axes, 400, y, _BLUE)
        axes.text(378, y, name, ha="right", va="center", fontsize=11, weight="bold")
        axes.text(110, y, words, va="center", fontsize=10, color="#40444b")
    _node(axes, 740, 520, "02", "your node")
    axes.add_patch(Polygon([(728, 596), (728, 616), (746, 606)], closed=True, color=_BLUE))
    axes.text(756, 606, "key input", va="center", fontsize=10, color=_BLUE)
    axes.annotate(
        "",
        (724, 606),
        (412, 500),
        arrowprops={
            "arrowstyle": "-|>",
            "color": _BLUE,
            "linestyle": "--",
            "linewidth": 1.8,
            "connectionstyle": "arc3,rad=-0.2",
        },
    )
    _step(axes, 120, 700, "1", "right-click an empty place: Add Matte, the matte of VOID")
    _step(axes, 640, 700, "2", "drag from one of its keys to the key input of your node")


def _title(axes: Axes, y: float, text: str) -> None:
    axes.text(30, y, text, fontsize=14, weight="bold", va="center")


def _box(x: float, y: float, wide: float, high: float) -> FancyBboxPatch:
    return FancyBboxPatch(
        (x, y), wide, high, boxstyle="round,pad=0,rounding_size=10", facecolor="#eef0f3", edgecolor=_GREY
    )


def _node(axes: Axes, x: float, y: float, number: str, words: str) -> None:
    axes.add_patch(_box(x, y, 230, 110))
    axes.text(x + 115, y - 16, number, ha="center", va="center", fontsize=11, weight="bold")
    axes.text(x + 115, y + 38, words, ha="center", va="center", fontsize=10)
    for side in (x, x + 230):
        _dot(axes, side, y + 35, _GREEN, 7)


def _dot(axes: Axes, x: float, y: float, colour: str, radius: float = 10) -> None:
    axes.add_patch(Circle((x, y), radius, color=colour, zorder=3))


def _square(axes: Axes, x: float, y: float, colour: str) -> None:
    axes.add_patch(Rectangle((x - 8, y - 8), 16, 16, color=colour, zorder=3))


def _wire(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str, *, dashed: bool = False
) -> None:
    look = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.8, "linestyle": "--" if dashed else "-"}
    axes.annotate("", end, start, arrowprops=look)


def _step(axes: Axes, x: float, y: float, number: str, words: str) -> None:
    """A click: its number in a disc, its words beside it."""
    _dot(axes, x, y, _CLICK, 13)
    axes.text(x, y, number, ha="center", va="center", fontsize=11, color="white", weight="bold", zorder=4)
    axes.text(x + 22, y, words, va="center", fontsize=10.5, color=_CLICK)


if __name__ == "__main__":
    draw(PICTURE)
    print(PICTURE)
