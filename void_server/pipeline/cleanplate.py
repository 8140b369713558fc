# SPDX-License-Identifier: Apache-2.0
"""The clean-plate engine's units: `prepare` a frame, find the `motion` of a pair, `anchor` a span of pairs, `settle`
the motion of a pair, `fill` a frame, `complete` key frames, `carry` them to a frame, `steady` a frame's light.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from void_server.engines.cleanplate import (
    CleanplateSettings,
    FrameFill,
    KeyFrame,
    LowBand,
    PairMotion,
    ProxyFrame,
    anchor_span,
    anchored,
    carry_keys,
    complete_key,
    estimate_pair,
    fill_frame,
    low_band,
    prepare_frame,
    settle_pair,
    steady_gain,
    unseen_part,
)
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
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


def anchor(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Match the last frame of the span that begins at a frame to its first; leaves the blob `anchoring`."""
    found = anchor_span(position, shot)
    info = {"model": found.model, "features": found.features, "drift": round(found.drift, 4)}
    return {"anchoring": store_arrays(blobs, found.to_arrays())}, info


def settle(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Complete the motion between a frame and the next from other times, and anchor it; leaves the blob `motion`."""
    found = anchored(settle_pair(position, shot), shot.correction(position))
    info = {"moving": round(float(found.forward.moving.mean(dtype=np.float64)), 4)}
    return {"motion": store_arrays(blobs, found.to_arrays())}, info


def fill(shot: StoredShot, position: int, blobs: BlobFolder) -> Answer:
    """Fill one frame; leaves the blob `fill`, and where fills are steadied `low`, what it shows its neighbours."""
    settings = settings_of(shot)
    filled = fill_frame(position, shot, settings)
    figures = {name: round(value, 5) for name, value in filled.figures.items()}
    unseen = unseen_part(filled, shot.proxy(position))
    figures["unseen"] = 0.0 if unseen is None else round(float(unseen.mean(dtype=np.float64)), 5)
    stored = {"fill": store_arrays(blobs, filled.to_arrays())}
    low = low_band(position, filled, shot) if settings.steady else None
    if low is not None:
        stored["low"] = store_arrays(blobs, low.to_arrays())
    return stored, figures


def complete(shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder) -> Answer:
    """Complete the key frames, each after those before it; leaves the blobs `key000` and so on.

    Args:
        args: `positions` of the key frames, and `fills`, the digest of each one's `FrameFill`.
    """
    settings, keys = settings_of(shot), list[KeyFrame]()
    for position, digest in zip(args["positions"], args["fills"], strict=True):
        fill_of_key = FrameFill.from_arrays(load_arrays(blobs, digest))
        key = complete_key(position, fill_of_key, keys, shot, settings)
        if key is not None:
            keys.append(key)
    stored = {f"key{i:03d}": store_arrays(blobs, key.to_arrays()) for i, key in enumerate(keys)}
    return stored, {"positions": [key.position for key in keys]}


def carry(shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder) -> Answer:
    """Put into one frame's fill what the key frames show; leaves the blob `fill`.

    Args:
        args: `position`, `fill`, the digest of its `FrameFill`, and `keys`, those of the key frames.
    """
    keys = [KeyFrame.from_arrays(load_arrays(blobs, digest)) for digest in args["keys"]]
    found = FrameFill.from_arrays(load_arrays(blobs, args["fill"]))
    carried = carry_keys(args["position"], found, keys, shot, settings_of(shot))
    return {"fill": store_arrays(blobs, carried.to_arrays())}, {}


def steady(shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder) -> Answer:
    """Bring one frame's light to that of its neighbours; leaves the blob `steady`.

    Args:
        args: `position`, and `lows`, the digest of each near frame's `LowBand` by its position as text.
    """
    lows = {int(at): LowBand.from_arrays(load_arrays(blobs, digest)) for at, digest in args["lows"].items()}
    found = steady_gain(args["position"], lows, shot)
    changed = {"change": round(float(np.abs(found.log_gain).mean(dtype=np.float64)), 5)}
    return {"steady": store_arrays(blobs, found.to_arrays())}, changed


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
