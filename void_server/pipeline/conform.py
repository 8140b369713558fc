# SPDX-License-Identifier: Apache-2.0
"""The unit `conform`: the model's picture of a frame at the plate's size, in the plate's light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from void_server.engines.cleanplate import FrameFill
from void_server.engines.void.plate_size import at_plate_size, box_around, grown_region
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.shot import StoredShot


def conform(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blob `fill`: all of it is made up, and none of it is sure.

    Args:
        args: `position` of the frame, and `made`, the digest of the model's picture.
    """
    position, margin = args["position"], shot.manifest.settings["margin"]
    region = shot.quadmask(position, shot.window).region
    box = box_around(region, margin)
    if box is None:
        return {}, {"synthesised": 0.0}
    linear = shot.plate(position)
    encoding = shot.manifest.shot_encoding()
    with np.errstate(invalid="ignore"):
        encoded = encoding.encode(linear)
    made = at_plate_size(load_arrays(blobs, args["made"])["made"], encoded, region)
    x0, y0, x1, y1 = box
    inside = np.s_[y0:y1, x0:x1]
    filled = grown_region(region, margin)[inside]
    plate = np.nan_to_num(linear[inside], nan=0.0, posinf=65504.0, neginf=-65504.0)
    colour = np.where(filled[..., None], encoding.decode(made[inside]), plate).astype(np.float32)
    synthesised = filled.astype(np.float32)
    fill = FrameFill(box, colour, 1 - synthesised, np.zeros_like(synthesised), synthesised, {})
    return {"fill": store_arrays(blobs, fill.to_arrays())}, {
        "synthesised": round(float(region.mean(dtype=np.float64)), 5)
    }
