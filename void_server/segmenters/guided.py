# SPDX-License-Identifier: Apache-2.0
"""He, Sun and Tang, "Guided image filtering" (PAMI 35, 2013), with a colour picture as guide: edges of what is
filtered move to edges of the picture.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32

FLAT = 1e-4
"""Epsilon of the guided filter where it sharpens a matte, display-like values squared."""
STEEPER = 1.5
"""The filter widens an edge; its middle is made so much steeper."""
TILE = 256
"""Side of the parts of a plate that are filtered at a time: only those that hold some of the edge."""

Part = tuple[slice, slice]


def guided_filter(guide: F32, values: F32, radius: int, epsilon: float) -> F32:
    """Filters values so that they are locally linear in the guide.

    Args:
        guide: (h, w, 3) float32.
        values: (h, w) float32.
        radius: of the box window, in pixels; at least 1.
        epsilon: variance of the guide below which it is taken as flat, in its unit squared.
    """

    def mean(picture: F32) -> F32:
        side = 2 * radius + 1
        return np.asarray(cv2.blur(picture, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

    channels = [np.ascontiguousarray(guide[..., c], np.float32) for c in range(3)]
    means, level = [mean(c) for c in channels], mean(values)
    together = np.stack([mean(c * values) - m * level for c, m in zip(channels, means, strict=True)], axis=-1)
    spread = np.empty((*values.shape, 3, 3), np.float32)
    for i in range(3):
        for j in range(i, 3):
            shared = mean(channels[i] * channels[j]) - means[i] * means[j]
            spread[..., i, j] = spread[..., j, i] = shared + np.float32(epsilon if i == j else 0)
    slopes = np.linalg.solve(spread, together[..., None])[..., 0].astype(np.float32)
    rest = level - sum(slopes[..., c] * means[c] for c in range(3))
    result = mean(np.asarray(rest, np.float32))
    for c in range(3):
        result = result + mean(np.ascontiguousarray(slopes[..., c])) * channels[c]
    return np.asarray(result, np.float32)


def tiles(size: tuple[int, int]) -> Iterator[Part]:
    """The parts of a plate of this height and width."""
    for top in range(0, size[0], TILE):
        for left in range(0, size[1], TILE):
            yield slice(top, top + TILE), slice(left, left + TILE)


def sharpened(picture: F32, coarse: F32, tile: Part, radius: int) -> F32:
    """The part of a matte with its edge moved to the picture's.

    Args:
        picture: (H, W, 3) float32, display-like 0..1.
        coarse: (H, W) float32 0..1, a matte whose edge is within the radius of the picture's.
        tile: the part.
        radius: pixels.
    """
    # Both averages of the filter reach as far as the radius.
    top, left = (max(0, side.start - 2 * radius) for side in tile)
    around = (slice(top, tile[0].stop + 2 * radius), slice(left, tile[1].stop + 2 * radius))
    guide = np.clip(np.nan_to_num(picture[around]), 0, 1).astype(np.float32)
    found = guided_filter(guide, coarse[around], radius, FLAT)
    inner = found[tile[0].start - top :, tile[1].start - left :][
        : coarse[tile].shape[0], : coarse[tile].shape[1]
    ]
    return np.asarray(np.clip((inner - 0.5) * STEEPER + 0.5, 0, 1), np.float32)
