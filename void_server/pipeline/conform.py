# SPDX-License-Identifier: Apache-2.0
"""The unit `conform`: the model's picture of a frame at the plate's size, in the plate's light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from void_server.engines.cleanplate import FrameFill
from void_server.engines.void.plate_size import Rect, at_plate_size, box_around, grown_region
from void_server.engines.void.regions import hull, meet
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.regions import cut
from void_server.pipeline.shot import StoredShot


def conform(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blob `fill`: all of it is made up, and none of it is sure.

    Args:
        args: `position` of the frame, and `runs` of the model that have something to fill on it: each with the digests
            of the model's picture, `made`, and of where it was told to change something, `told`, the `crop` of the
            frame that this is a picture of, and what it `fills` of it; None for all of the frame.
    """
    position, margin = args["position"], shot.manifest.settings["margin"]
    region = shot.quadmask(position, shot.window).region
    box = box_around(region, margin)
    runs = [_Run.of(run, region.shape) for run in args["runs"]]
    if box is not None:
        box = hull([common for run in runs if (common := meet(run.fills, box)) is not None])
    if box is None:
        return {}, {"synthesised": 0.0}
    linear, encoding = shot.plate(position), shot.manifest.model_light()
    x0, y0, x1, y1 = box
    grown = grown_region(region, margin)
    colour = np.nan_to_num(cut(linear, box), nan=0.0, posinf=65504.0, neginf=-65504.0).astype(np.float32)
    synthesised = np.zeros((y1 - y0, x1 - x0), np.float32)
    for run in runs:
        with np.errstate(invalid="ignore"):
            encoded = encoding.encode(cut(linear, run.crop))
        told = load_arrays(blobs, run.told)["told"] > 0
        made = at_plate_size(load_arrays(blobs, run.made)["made"], encoded, cut(region, run.crop), told)
        part = meet(run.fills, box)
        if part is None:
            continue
        there, here = _moved(part, run.crop), _moved(part, box)
        filled = cut(grown, part)
        cut(colour, here)[filled] = encoding.decode(cut(made, there))[filled]
        cut(synthesised, here)[filled] = 1
    fill = FrameFill(box, colour, 1 - synthesised, np.zeros_like(synthesised), synthesised, {})
    return {"fill": store_arrays(blobs, fill.to_arrays())}, {
        "synthesised": round(float(region.mean(dtype=np.float64)), 5)
    }


@dataclass(frozen=True)
class _Run:
    made: str
    told: str
    crop: Rect
    fills: Rect

    @staticmethod
    def of(tree: Mapping[str, Any], shape: tuple[int, ...]) -> _Run:
        whole = 0, 0, shape[1], shape[0]
        crop, fills = (whole if tree[n] is None else _rect(tree[n]) for n in ("crop", "fills"))
        return _Run(tree["made"], tree["told"], crop, fills)


def _rect(values: Sequence[int]) -> Rect:
    x0, y0, x1, y1 = values
    return x0, y0, x1, y1


def _moved(rect: Rect, origin: Rect) -> Rect:
    """The rectangle as seen from the corner of another one."""
    x, y = origin[:2]
    return rect[0] - x, rect[1] - y, rect[2] - x, rect[3] - y
