# SPDX-License-Identifier: Apache-2.0
"""He, Sun and Tang, "Guided image filtering" (PAMI 35, 2013), with a colour picture as guide: edges of what is
filtered move to edges of the picture.
"""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32


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
