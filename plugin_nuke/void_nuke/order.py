# SPDX-License-Identifier: Apache-2.0
"""The order that the helper takes for a node's values (docs/helper_protocol.md); no call of Nuke."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from void_nuke.colour import Colour
from void_nuke.errors import NodeError

if TYPE_CHECKING:
    from void_nuke.values import Values

Files = Sequence[tuple[int, str]]


def result_name(name: str) -> str:
    """Base name of the results of a node: its own name, as far as file names may have it."""
    return re.sub(r"[^\w.-]", "_", name) or "VOID"


def build_order(
    values: Values,
    files: Mapping[str, Files],
    channels: Mapping[str, str],
    numbers: Mapping[int, int],
    colour: Colour,
    out: str,
    kind: str,
) -> dict[str, Any]:
    """An order.

    Args:
        values: of the node.
        files: (job frame, path) by role.
        channels: channel to read, by role; where the file has one alone, none is named.
        numbers: job frame by frame of the script: another one where a Read's own files are sent.
        colour: of the plate's files.
        out: folder of this version.
        kind: `remove`, `preview`, `masks` or `rerun`.

    Raises:
        NodeError: the frames of the job are no range.
    """
    frames = sorted(numbers.values())
    # A painted quadmask says it all.
    clicks, boxes = ((), ()) if "quadmask" in files else (values.clicks, values.boxes)
    return {
        "inputs": {
            role: {"pattern": "", "files": [list(pair) for pair in pairs], "channel": channels.get(role, "")}
            for role, pairs in files.items()
        },
        "range": _range(values, frames),
        "view": values.view if values.view != "main" else "",
        "out": out,
        "name": result_name(values.name),
        "engine": "" if values.texts["engine"] == "auto" else values.texts["engine"],
        "segmenter": _segmenter(values, files),
        "reasoner": "" if values.texts["reasoner"] == "auto" else values.texts["reasoner"],
        "prompt": values.texts["prompt"],
        "instruction": values.texts["instruction"],
        "points": [
            {"frame": numbers[c.frame], "x": c.x, "y": c.y, "positive": c.positive, "object": 0}
            for c in clicks
        ],
        "boxes": [
            {
                "frame": numbers[b.frame],
                "left": b.left,
                "top": b.top,
                "right": b.right,
                "bottom": b.bottom,
                "object": 0,
            }
            for b in boxes
        ],
        "colour_space": colour.space,
        "ocio": colour.config,
        "seed": values.texts["seed"],
        "preview": kind == "preview",
        "cloud_consent": values.consent,
        "options": dict(values.options),
        "masks_only": kind == "masks",
        "upload": values.upload,
        "again": False,
    }


def _segmenter(values: Values, files: Mapping[str, Files]) -> str:
    # A painted quadmask is there for every frame; what words alone name is boxed by the server, and never a roto.
    in_words = not ("remove" in files or values.clicks or values.boxes)
    return "" if "quadmask" in files or in_words else values.texts["segmenter"]


def _range(values: Values, frames: Sequence[int]) -> str:
    first, last = frames[0], frames[-1]
    if len(frames) == 1:
        return f"{first}-{first}"
    step = frames[1] - frames[0]
    if step < 1 or list(frames) != list(range(first, last + 1, step)):
        raise NodeError(
            f"{values.name}: the Read's files of this range are not evenly numbered.",
            "Choose a range in which each frame shows another file.",
        )
    return f"{first}-{last}" + (f"x{step}" if step > 1 else "")
