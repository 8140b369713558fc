# SPDX-License-Identifier: Apache-2.0
"""Light that joins copied pieces of picture to each other and to their surroundings (docs/cleanplate.md, step 8).

Only the low band is touched, as a gain in log light: the high band of each pixel stays that of the one it is copied
from, and deep in a piece that fits nothing changes.
"""

from __future__ import annotations

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F32, I32, Bools, bounds, grown
from void_server.engines.cleanplate.harmonise import GREATEST_LOG_GAIN
from void_server.engines.cleanplate.membrane import masked_blur, membrane

MISFIT = 0.2
"""Log difference across a seam at which blending falls to a half: from there it is another thing, not other light, and
a halo would be worse than an edge."""
FADE = 4.0
"""Depth, in low-band deviations, over which a step at the rim that no wide gain explains is spread."""
RIM = 2.0
"""Width of the rim that is evidence, in low-band deviations."""


def joining_gain(
    light: F32,
    known: Bools,
    hole: Bools,
    source: I32,
    sigma: float,
    smooth: F32 | None = None,
    share: float = 1.0,
) -> F32:
    """The log gain for the copied pixels of a hole.

    Args:
        light: (H, W, 3) float32, log light.
        known, hole: (H, W) bool, disjoint.
        source: (H, W, 2) int32, (x, y) of a known pixel for each pixel of the hole.
        sigma: deviation of the low band in pixels.
        smooth: (H, W, 3) log light of a smooth fill, needed where share < 1.
        share: 0..1, how much of the low band is that of the copies, against the smooth fill's.

    Returns:
        (H, W, 3) float32 within +-0.7, 0 outside the hole.
    """
    result = np.zeros_like(light)
    box = bounds(hole)
    if box is None:
        return result
    low = masked_blur(light, known.astype(np.float32), sigma)
    margin = int(np.ceil(4 * sigma)) + 1
    x0, y0 = max(0, box[0] - margin), max(0, box[1] - margin)
    part = (slice(y0, box[3] + margin), slice(x0, box[2] + margin))
    here, inside, shown = light[part], hole[part], known[part]
    from_x, from_y = source[part][..., 0], source[part][..., 1]
    moved = _light_at_rim(light, known, hole, source, (x0, y0), part, sigma)
    copied_low = np.where(inside[..., None], low[from_y, from_x], 0)
    joined = np.where(inside[..., None], light[from_y, from_x] + moved, here)
    usable = (shown | inside).astype(np.float32)
    seam = np.asarray(masked_blur(joined, usable, sigma) - (copied_low + moved), np.float32)
    wanted = copied_low + moved + seam * _fits(seam)[..., None]
    if smooth is not None and share < 1:
        calm = masked_blur(np.where(inside[..., None], smooth[part], here), usable, sigma)
        wanted = calm + (wanted - calm) * np.float32(share)
    gain = np.clip(wanted - copied_low, -GREATEST_LOG_GAIN, GREATEST_LOG_GAIN)
    result[part] = np.where(inside[..., None], gain, 0)
    return result


def _fits(difference: F32) -> F32:
    """(h, w) float32 weight of a (h, w, 3) log difference: 1 for other light, towards 0 for another thing."""
    doubt = np.square(difference / MISFIT).max(axis=2)
    return np.asarray(1 / (1 + np.square(doubt)), np.float32)


def _light_at_rim(
    light: F32,
    known: Bools,
    hole: Bools,
    source: I32,
    corner: tuple[int, int],
    part: tuple[slice, slice],
    sigma: float,
) -> F32:
    """(h, w, 3) log gain that takes copied pixels to the light around the hole.

    The evidence is what the pieces at the rim would show just outside the hole. Over the hole goes what they say where
    they fit; a small step that is left fades near the rim.
    """
    inside, shown = hole[part], known[part]
    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(inside)
    offset_of = np.zeros((int(labels.max()) + 1, 2), np.int32)
    offset_of[labels[rows, columns]] = (
        source[part][rows, columns] - np.stack([columns, rows], axis=1) - corner
    )
    rows, columns = np.nonzero(grown(inside, RIM * sigma) & shown)
    place = offset_of[labels[rows, columns]] + np.stack([columns, rows], axis=1) + corner
    height, width = known.shape
    exists = (place >= 0).all(axis=1) & (place < (width, height)).all(axis=1)
    rows, columns, place = rows[exists], columns[exists], place[exists]
    exists = known[place[:, 1], place[:, 0]]
    rows, columns, place = rows[exists], columns[exists], place[exists]
    step = np.zeros((*inside.shape, 3), np.float32)
    rim = np.zeros(inside.shape, np.float32)
    step[rows, columns] = light[part][rows, columns] - light[place[:, 1], place[:, 0]]
    rim[rows, columns] = 1
    steady = masked_blur(np.clip(step, -GREATEST_LOG_GAIN, GREATEST_LOG_GAIN), rim, sigma)
    weight = rim * _fits(steady)
    wide = membrane(steady, weight)
    left = (steady - wide) * weight[..., None]
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    fading = np.exp(-depth / (FADE * sigma)).astype(np.float32)
    return np.asarray(wide + membrane(left, rim) * fading[..., None], np.float32)
