# SPDX-License-Identifier: Apache-2.0
"""Draws the node graphs of the docs from the text of .gizmo and .nk files, with each node at its xpos and ypos.

    python -m tests.nuke.draw

The pictures lie in docs/images; nuke_graphs.json beside them says from which graph each was drawn.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from tests.nuke.tcl import checks, reader
from tests.nuke.tcl.reader import Node, Script

IMAGES = checks.ROOT / "docs" / "images"
GRAPHS = IMAGES / "nuke_graphs.json"
PICTURES = {
    "nuke_void.png": ("gizmos/VOID.gizmo", "VOID, inside"),
    "nuke_void_masks.png": ("gizmos/VOID_Masks.gizmo", "VOID_Masks, inside"),
    "nuke_void_touchup.png": ("gizmos/VOID_TouchUp.gizmo", "VOID_TouchUp, inside"),
    "nuke_void_quadmaskpaint.png": ("gizmos/VOID_QuadmaskPaint.gizmo", "VOID_QuadmaskPaint, inside"),
    "nuke_void_qc.png": ("gizmos/VOID_QC.gizmo", "VOID_QC, inside"),
    "nuke_job_remove.png": ("tests/nuke/jobs/remove.nk", "Remove"),
    "nuke_job_fix.png": ("tests/nuke/jobs/fix.nk", "Fix by region"),
    "nuke_job_repaint.png": ("tests/nuke/jobs/repaint.nk", "Repaint the mask and run again"),
    "nuke_scene_clean.png": ("plugin_nuke/smoke/scenes/clean.nk", "A script with VOID"),
}
HONEST = "Drawn from the script's text by tests/nuke/draw.py. Not a screenshot: it was not opened in Nuke."

WIDTH, HEIGHT = 104, 36
NOTE_WIDTH, NOTE_LINE = 6.3, 17
NAME_WIDTH = 7.2
COLOURS = {
    "Input": "#d9d9d9",
    "Output": "#d9d9d9",
    "Read": "#e8d9a8",
    "Write": "#e8d9a8",
    "Keymix": "#a9c4e6",
    "Merge2": "#a9c4e6",
    "Copy": "#cdb8e0",
    "Switch": "#b7d9b0",
    "Group": "#f0b48a",
    "RotoPaint": "#b7e0d0",
}
INPUT_NAMES = {
    "Keymix": ("B", "A", "mask"),
    "Merge2": ("B", "A"),
    "Copy": ("B", "A"),
    "VOID": ("plate", "remove", "affected", "keep"),
    "VOID_Masks": ("result", "add", "subtract"),
    "VOID_TouchUp": ("plate", "clean", "patch", "matte"),
    "VOID_QuadmaskPaint": ("plate", "result"),
    "VOID_QC": ("plate", "result"),
}
"""Names of inputs by the class of a node, and of our groups by their name without its number."""
PIXELS_A_UNIT = 1.15
DPI = 100
COLOURS_KEPT = 64


def level(script: Script) -> list[Node]:
    """The nodes to draw: those inside of a file that is one group, else those around it."""
    outermost = [node for node in script.inside(0) if node.kind != "Root"]
    if len(outermost) == 1:
        return script.inside(outermost[0].number)
    return outermost


def fingerprint(script: Script) -> str:
    """Changes with anything that is drawn."""
    drawn = []
    for node in level(script):
        inputs = [script.nodes[number].name for number in node.inputs if number]
        drawn.append([node.kind, node.name, node.get("xpos"), node.get("ypos"), inputs, node.get("label")])
    return hashlib.sha256(json.dumps(drawn).encode()).hexdigest()[:16]


def _size(node: Node) -> tuple[float, float]:
    if node.kind != "StickyNote":
        return max(WIDTH, len(node.name) * NAME_WIDTH + 14), HEIGHT
    lines = node.get("label").splitlines()
    return max(map(len, lines)) * NOTE_WIDTH + 16, len(lines) * NOTE_LINE + 14


def _centre(node: Node) -> tuple[float, float]:
    width, height = _size(node)
    x, y = float(node.get("xpos", "0")), float(node.get("ypos", "0"))
    if node.kind == "StickyNote":
        return x + width / 2, y + height / 2
    return x + 40, y + 9


def _draw_node(axes: pyplot.Axes, node: Node) -> None:
    (x, y), (width, height) = _centre(node), _size(node)
    note = node.kind == "StickyNote"
    box = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=3",
        facecolor="#fff6c4" if note else COLOURS.get(node.kind, "#e3e3e3"),
        edgecolor="#b8a860" if note else "#444444",
        linewidth=0.8,
        zorder=3,
    )
    axes.add_patch(box)
    if note:
        left = x - width / 2 + 8
        axes.text(left, y, node.get("label"), fontsize=9, va="center", ha="left", zorder=4, color="#333333")
        return
    axes.text(x, y - 6, node.name, fontsize=9.5, va="center", ha="center", zorder=4, weight="bold")
    axes.text(x, y + 9, node.kind, fontsize=7.5, va="center", ha="center", zorder=4, color="#444444")


def _draw_pipes(axes: pyplot.Axes, script: Script, node: Node) -> None:
    x, y = _centre(node)
    seen: dict[int, list[str]] = {}
    for index, number in enumerate(node.inputs):
        names = INPUT_NAMES.get(node.kind) or INPUT_NAMES.get(node.name.rstrip("0123456789"), ())
        label = names[index] if index < len(names) else str(index) if len(node.inputs) > 1 else ""
        seen.setdefault(number, []).append(label)
    for number, labels in seen.items():
        if not number:
            continue
        from_x, from_y = _centre(script.nodes[number])
        start, end = (from_x, from_y + HEIGHT / 2), (x, y - HEIGHT / 2)
        side = 1 if from_x > x else -1
        if from_y + HEIGHT >= y:
            start, end = (from_x - side * WIDTH / 2, from_y), (x + side * _size(node)[0] / 2, y)
        elif node.inputs[0] != number and abs(from_x - x) > WIDTH:
            end = (x + side * _size(node)[0] / 2, y)
        arrow = {"arrowstyle": "-|>", "color": "#555555", "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", xy=end, xytext=start, arrowprops=arrow, zorder=1)
        if any(labels):
            at = 0.22
            place = (end[0] + (start[0] - end[0]) * at, end[1] + (start[1] - end[1]) * at)
            box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
            text = ", ".join(labels)
            axes.text(
                *place, text, fontsize=7.5, ha="center", va="center", color="#a03020", zorder=2, bbox=box
            )


def draw(script: Script, title: str, target: Path) -> None:
    """Writes one picture."""
    nodes = level(script)
    corners = [(*_centre(node), *_size(node)) for node in nodes]
    left = min(x - width / 2 for x, _, width, _ in corners) - 20
    right = max(x + width / 2 for x, _, width, _ in corners) + 20
    top = min(y - height / 2 for _, y, _, height in corners) - 60
    bottom = max(y + height / 2 for _, y, _, height in corners) + 20
    right = max(right, left + 620)
    size = ((right - left) * PIXELS_A_UNIT / DPI, (bottom - top) * PIXELS_A_UNIT / DPI)
    figure = pyplot.figure(figsize=size, dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.axis("off")
    axes.text(left + 14, top + 16, title, fontsize=13, weight="bold", va="center")
    axes.text(left + 14, top + 38, HONEST, fontsize=8.5, va="center", color="#666666")
    for node in nodes:
        _draw_pipes(axes, script, node)
        _draw_node(axes, node)
    figure.savefig(target, dpi=DPI, facecolor="white")
    pyplot.close(figure)
    with Image.open(target) as picture:
        few_colours = picture.convert("RGB").quantize(COLOURS_KEPT)
    few_colours.save(target, optimize=True)


def main() -> None:
    """Draws all pictures, and notes what they were drawn from."""
    drawn = {}
    for name, (source, title) in PICTURES.items():
        script = reader.read(checks.ROOT / source)
        draw(script, title, IMAGES / name)
        drawn[name] = fingerprint(script)
        print(f"{IMAGES / name}: {(IMAGES / name).stat().st_size // 1000} kB")
    GRAPHS.write_text(json.dumps(drawn, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
