# SPDX-License-Identifier: Apache-2.0
"""The segmenter `roto`: the artist's matte as it is, on every frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from void_server.errors import InvalidInput
from void_server.segmenters.keys import check_keys
from void_server.segmenters.protocol import F32, Pictures, SegmentedFrame, Told

NAMED = 8
"""Positions that a message lists."""


def segment_roto(
    frames: int, pictures: Pictures, keys: Mapping[int, F32], told: Told | None = None
) -> Iterator[SegmentedFrame]:
    """Hands on the mattes; a `Segmenter` that looks at no picture.

    Raises:
        InvalidInput: a frame has no matte.
    """
    check_keys(frames, keys)
    missing = [position for position in range(frames) if position not in keys]
    if missing:
        listed = ", ".join(str(p) for p in missing[:NAMED]) + (" …" if len(missing) > NAMED else "")
        raise InvalidInput(
            f"{len(missing)} of {frames} frames have no matte, at positions {listed}.",
            fix="Give a matte for every frame, an empty one where the object is not there, or use the segmenter flow.",
        )
    for position in range(frames):
        yield SegmentedFrame(position, np.clip(keys[position], 0, 1).astype(np.float32), 1.0)
        if told is not None:
            told(position + 1, frames)
