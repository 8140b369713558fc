# SPDX-License-Identifier: Apache-2.0
"""The clean-plate engine's units: `prepare` a frame, find and `settle` the `motion` of a pair, `fill` a frame."""

from __future__ import annotations

from typing import Any

import numpy as np

from void_server.engines.cleanplate import (
    CleanplateSettings,
    PairMotion,
    ProxyFrame,
    estimate_pair,
    fill_frame,
    prepare_frame,
    settle_pair,
)
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.shot import StoredShot
from void_server.quadmask.regions import Quadmask

Answer = tuple[dict[str, StoredBlob], dict[str, Any]]


def prepare(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Reduce one frame to what analysis needs; leaves the blob `proxy`."""
    proxy = prepared(shot, position, shot.quadmask(position, shot.window))
    return {"proxy": store_arrays(blobs, proxy.to_arrays())}, {"empty": proxy.empty}


def motion(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Motion between a frame and the next; leaves the blob `motion`."""
    return stored_motion(
        estimate_pair(shot.proxy(position), shot.proxy(position + 1), settings_of(shot)), blobs
    )


def stored_motion(found: PairMotion, blobs: BlobFolder) -> Answer:
    """The answer of a unit that found the motion of a pair."""
    info = {"model": found.model, "features": found.features, "inliers": round(found.inliers, 4)}
    return {"motion": store_arrays(blobs, found.to_arrays())}, info


def settle(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Complete the motion between a frame and the next from other times; leaves the blob `motion`."""
    found = settle_pair(position, shot)
    info = {"moving": round(float(found.forward.moving.mean(dtype=np.float64)), 4)}
    return {"motion": store_arrays(blobs, found.to_arrays())}, info


def fill(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Fill one frame; leaves the blob `fill`."""
    filled = fill_frame(position, shot, settings_of(shot))
    figures = {name: round(value, 5) for name, value in filled.figures.items()}
    return {"fill": store_arrays(blobs, filled.to_arrays())}, figures


def prepared(shot: StoredShot, position: int, quadmask: Quadmask) -> ProxyFrame:
    """One frame reduced to what analysis needs, with these mattes over the shot's common window."""
    return prepare_frame(
        shot.plate(position),
        quadmask.remove,
        quadmask.affected,
        shot.keep(position, shot.window),
        shot.manifest.shot_encoding().to_uint8,
        settings_of(shot),
    )


def settings_of(shot: StoredShot) -> CleanplateSettings:
    """The engine's settings of a shot."""
    return CleanplateSettings(**shot.manifest.settings)
