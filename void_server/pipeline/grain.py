# SPDX-License-Identifier: Apache-2.0
"""The unit `grain` measures a shot's grain; `with_grain` gives a fill what it lacks of it, at `publish`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from void_server.conform.grain import Carried, added_grain, frame_key
from void_server.conform.grain_estimate import estimate_grain
from void_server.conform.grain_model import GrainModel
from void_server.conform.grain_samples import TILE, GrainSamples, grain_samples
from void_server.engines.cleanplate import FrameFill
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import load_arrays, store_arrays
from void_server.pipeline.passes import window_of
from void_server.pipeline.shot import StoredShot
from void_server.plates.window import Window, place

LARGE = 1600
"""Long side of a plate, in pixels, from which tiles are twice as wide: its grain is coarser."""


def grain(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave the blob `grain`, a `GrainModel`; its summary is the unit's info.

    Args:
        args: `positions` of the frames to be measured; each has a frame before and after it.
    """
    model = estimate_grain(_samples(shot, args["positions"]))
    return {"grain": store_arrays(blobs, model.to_arrays())}, model.summary()


def _samples(shot: StoredShot, positions: list[int]) -> Iterator[GrainSamples]:
    encoding = shot.manifest.shot_encoding()
    tile = TILE if max(shot.window.shape) < LARGE else 2 * TILE
    for position in positions:
        before, here, after = (shot.plate(p) for p in (position - 1, position, position + 1))
        first, middle, last = (
            np.asarray(cv2.cvtColor(encoding.to_uint8(p), cv2.COLOR_RGB2GRAY), np.uint8)
            for p in (before, here, after)
        )
        found = grain_samples((before, here, after), (first, middle, last), tile)
        if found is not None:
            yield found


def with_grain(
    shot: StoredShot,
    position: int,
    fill: FrameFill,
    blend: npt.NDArray[Any],
    window: Window,
    wanted: Mapping[str, Any],
    blobs: BlobFolder,
) -> FrameFill:
    """A fill with the grain that it lacks.

    Args:
        blend: the blend matte over `window`.
        wanted: `model`, the stored `GrainModel`, `seed` and `amount`.
    """
    if fill.empty:
        return fill
    model = GrainModel.from_arrays(load_arrays(blobs, wanted["model"]))
    here = window_of(shot, fill)
    matte = np.asarray(place(blend.astype(np.float32), window, here), np.float32)
    key = frame_key(wanted["seed"], shot.manifest.view, shot.manifest.frames[position].frame)
    added = added_grain(
        model, fill.colour, carried(fill), matte, at=(here.x, here.y), key=key, amount=wanted["amount"]
    )
    return replace(fill, colour=fill.colour + added)


def carried(fill: FrameFill) -> Carried:
    """What a fill has of the plate's grain: as the engine says, else all but of what it made up."""
    own = np.clip(1 - fill.borrowed - fill.synthesised, 0, 1).astype(np.float32)
    if fill.kept is None or fill.fine is None:
        kept = np.square(1 - fill.synthesised)
        return Carried(kept.astype(np.float32), np.ones_like(own), own)
    lit, lost = (None if v is None else v.astype(np.float32) for v in (fill.lit, fill.lost))
    split = 0.0 if fill.split is None else float(fill.split[0])
    return Carried(fill.kept.astype(np.float32), fill.fine.astype(np.float32), own, lit, lost, split)
