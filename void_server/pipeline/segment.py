# SPDX-License-Identifier: Apache-2.0
"""The units `segment`: key mattes of what is to be removed, carried to the frames between two of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from void_server.engines.cleanplate.arrays import F32
from void_server.frames.blobs import BlobFolder, StoredBlob
from void_server.pipeline.arrays import store_arrays
from void_server.pipeline.known_shot import SEGMENTED
from void_server.pipeline.shot import StoredShot
from void_server.quadmask.regions import THRESHOLD
from void_server.segmenters.flow import segment_flow

Step = Callable[[int, int], None]


def segment(
    shot: StoredShot, args: Mapping[str, Any], blobs: BlobFolder, step: Step
) -> tuple[dict[str, StoredBlob], dict[str, Any]]:
    """Leave a blob `SEGMENTED` for every frame of a span that has no matte of its own: `values`, (h, w) float16, and
    `at`, the x and y of their first pixel on the common window.

    Args:
        args: `first` and `last` position of the span, and `keys`, the positions that have mattes: its ends, or one of
            them.
        step: told of the segmenter's steps; it may raise to end the work.
    """
    first, keys = args["first"], args["keys"]
    drawn = {p - first: shot.drawn(p, shot.window).remove for p in keys}
    stored, said = {}, {}
    for frame in segment_flow(args["last"] - first + 1, _pictures(shot, first), drawn, step):
        position = frame.position + first
        if position in keys:
            continue
        stored[SEGMENTED.format(position)] = store_arrays(blobs, _cropped(frame.matte))
        said[str(position)] = {
            "removes": round(float((frame.matte > THRESHOLD).mean()), 6),
            "confidence": round(frame.confidence, 4),
        }
    return stored, {"frames": said}


def _pictures(shot: StoredShot, first: int) -> Callable[[int], F32]:
    encoding = shot.manifest.shot_encoding()

    def picture(position: int) -> F32:
        """Display-like 0..1; black where the frame has no samples."""
        shown = encoding.to_uint8(shot.plate(position + first))
        return (shown / np.float32(255)).astype(np.float32)

    return picture


def _cropped(matte: F32) -> dict[str, Any]:
    rows, columns = (np.flatnonzero(matte.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return {"values": np.zeros((0, 0), np.float16), "at": np.zeros(2, np.int32)}
    (top, bottom), (left, right) = (rows[[0, -1]], columns[[0, -1]])
    values = matte[top : bottom + 1, left : right + 1].astype(np.float16)
    return {"values": values, "at": np.array([left, top], np.int32)}
