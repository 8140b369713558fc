# SPDX-License-Identifier: Apache-2.0
"""The order that the helper takes (docs/helper_protocol.md); no call of Resolve."""

from __future__ import annotations

import re
from typing import Any, Mapping, NamedTuple, Sequence, Tuple

from void_resolve.colour import Colour
from void_resolve.plate import Frames

Point = Tuple[int, float, float, bool]

OURS = frozenset({"colour_space"})
"""Options that are for this plugin, and not for the server."""


class Wishes(NamedTuple):
    """What the artist chose that goes into an order as it is."""

    quality: str
    engine: str
    reasoner: str
    prompt: str
    instruction: str
    seed: str
    cloud_consent: bool
    options: Mapping[str, str]
    segmenter: str = ""


def result_name(clip: str) -> str:
    """Base name of the results: the clip's, without its counter, never with digits at its end."""
    stem = re.sub(r"\.\w{2,4}$", "", clip)
    stem = re.sub(r"[._]?\[\d+-\d+\]$", "", stem)
    return (re.sub(r"[^\w-]", "_", stem).strip("_") or "clip") + "_VOID"


def build(
    wishes: Wishes, inputs: Mapping[str, Frames], points: Sequence[Point], colour: Colour, out: str, name: str
) -> dict[str, Any]:
    """An order.

    Args:
        inputs: by role.
        points: frames are numbers of the job.
        colour: of the plate.
        out: folder of the results.
        name: their base name.
    """
    numbers = sorted(inputs["plate"].files)
    return {
        "inputs": {
            role: {
                "pattern": "",
                "files": [[number, path] for number, path in sorted(frames.files.items())],
                "channel": frames.channel,
            }
            for role, frames in inputs.items()
        },
        "range": f"{numbers[0]}-{numbers[-1]}",
        "view": "",
        "out": out,
        "name": name,
        "engine": _chosen(wishes.engine),
        "segmenter": _chosen(wishes.segmenter) or ("sam2" if points else "roto"),
        "reasoner": _chosen(wishes.reasoner),
        "prompt": wishes.prompt,
        "instruction": wishes.instruction,
        "points": [
            {"frame": frame, "x": x, "y": y, "positive": bool(positive), "object": 0}
            for frame, x, y, positive in points
        ],
        "boxes": [],
        "colour_space": colour.space,
        "ocio": colour.config,
        "seed": wishes.seed,
        "preview": wishes.quality == "preview",
        "cloud_consent": wishes.cloud_consent,
        "options": {key: str(value) for key, value in wishes.options.items() if key not in OURS},
        "masks_only": False,
        "upload": False,
        "again": False,
    }


def _chosen(name: str) -> str:
    return "" if name == "auto" else name
