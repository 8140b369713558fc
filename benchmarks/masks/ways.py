# SPDX-License-Identifier: Apache-2.0
"""The ways to get from key mattes to all mattes: the segmenter, and two baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.masks.clips import Clip
from benchmarks.quality.scores import F32
from void_server.engines.cleanplate.arrays import pixel_grid
from void_server.segmenters.flow import segment_flow
from void_server.segmenters.flow.motion import dense_flow
from void_server.segmenters.flow.picture import reduced

Keys = Mapping[int, F32]


@dataclass(frozen=True)
class Found:
    """What a way gave.

    Attributes:
        mattes: (H, W) float32 0..1, one a frame.
        confidence: 0..1, one a frame; empty where the way has none.
        seconds: processor time for a frame that is no key.
    """

    mattes: list[F32]
    confidence: list[float]
    seconds: float


def nearest_key(clip: Clip, keys: Keys) -> Found:
    """The nearest key matte, where it was drawn."""
    return Found([keys[_nearest(i, keys)] for i in range(len(clip.pictures))], [], 0.0)


def plain_flow(clip: Clip, keys: Keys) -> Found:
    """The nearest key matte warped from frame to frame by DIS flow, and nothing else."""
    start = time.process_time()
    grey = [reduced(picture).grey for picture in clip.pictures]
    mattes = dict(keys)
    for i in sorted(range(len(grey)), key=lambda i: abs(i - _nearest(i, keys))):
        if i not in mattes:
            source = i + (1 if _nearest(i, keys) > i else -1)
            flow = dense_flow(grey[i], grey[source])
            places = (pixel_grid(flow.shape) + flow).astype(np.float32)
            mattes[i] = cv2.remap(
                mattes[source], places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
            )
    return Found([mattes[i] for i in range(len(grey))], [], _each(start, clip, keys))


def carried(clip: Clip, keys: Keys) -> Found:
    """The segmenter."""
    start = time.process_time()
    found = list(segment_flow(len(clip.pictures), clip.pictures.__getitem__, keys))
    seconds = _each(start, clip, keys)
    return Found([f.matte for f in found], [f.confidence for f in found], seconds)


WAYS: dict[str, Callable[[Clip, Keys], Found]] = {
    "nearest key": nearest_key,
    "DIS flow": plain_flow,
    "flow": carried,
}


def spread(count: int, frames: int) -> list[int]:
    """Positions of keys, each in the middle of its share of the shot."""
    return sorted({min(frames - 1, (2 * i + 1) * frames // (2 * count)) for i in range(count)})


def _nearest(position: int, keys: Keys) -> int:
    return min(keys, key=lambda key: abs(key - position))


def _each(start: float, clip: Clip, keys: Keys) -> float:
    return (time.process_time() - start) / max(1, len(clip.pictures) - len(keys))
