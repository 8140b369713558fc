# SPDX-License-Identifier: Apache-2.0
"""What a fill has of its plate's grain: the variance of a weighted sum of pixels, each under a light of its own.

A pixel is the sum over frames i of a_i times the high band and w_i times the low band of frame i, each lit by a factor
f_i from a level r_i times that of the result; the grain of different frames is independent. Its power is the sum of
a_i^2 f_i^2 var(r_i R), less what the low bands' mean took. The curve var is not the engine's to know: it hands on sums
(`kept`, `fine`, `lit`, `lost`) and the conform stage applies the curve (`void_server.conform.grain`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from void_server.engines.cleanplate.arrays import F16, F32, over_channels
from void_server.engines.cleanplate.compose import Blended, Target

MOST_LIT = 16.0
"""Limit of `lit` and of its inverse: a surface with less than a twelfth of its light is not relit."""
SLIGHT = 0.02
"""Power, over that of the grain, that is left out if nowhere more of it is missing."""


@dataclass(frozen=True)
class GrainLeft:
    """Over a work box; see `FrameFill` for what each says.

    Attributes:
        kept, fine: (H, W) float16 at plate resolution.
        lit: (h, w, 3) float32 at proxy resolution; None where that is 1 nearly everywhere.
        lost: (h, w) float32 at proxy resolution; None where that is 0.
    """

    kept: F16
    fine: F16
    lit: F32 | None
    lost: F32 | None


def lit_of_relit(level: F32, gain: F32, offset: F32) -> F32:
    """(h, w, 3) the power of the grain of a surface whose light was undone, over that of a surface of its new level.

    With plate = surface * gain + offset it is 1 / gain^2 times the grain at the plate's level. It is told as for grain
    whose power goes with the level; for another curve see `void_server.conform.grain`.
    """
    plate = level * gain + offset
    return np.asarray(np.clip(plate / (level * gain * gain), 1 / MOST_LIT, MOST_LIT), np.float32)


def weight_of_power(power: F32) -> F32:
    """(h, w) 0..1: how much of a relit surface is shown beside what other frames lend, so that the grain of both is as
    strong as that of one frame: w of w^2 p + (1 - w)^2 = 1, with p of the channel that has most. Where another curve
    makes that too little, the rest is added later; what is too strong would stay.

    Args:
        power: (h, w, 3), of what the surface shows beside its texture, over that of one frame's grain: `lit_of_relit`,
            or more.
    """
    strongest = np.maximum(np.maximum(power[..., 0], power[..., 1]), power[..., 2])
    return np.asarray(2 / (1 + np.maximum(strongest, 1)), np.float32)


def grain_left(
    target: Target, blended: Blended, of_relit: F32 | None, own: F32, borrowed: F32, made_up: F32
) -> GrainLeft:
    """What is left of the grain.

    Args:
        blended: what the sources lent, relit or not.
        of_relit: (h, w, 3) at proxy resolution, `lit_of_relit`; None where nothing was relit.
        own: (H, W) 0..1, how much is the plate's own surface, relit.
        borrowed, made_up: (H, W) 0..1, how much comes from other frames, and how much was made up.
    """
    of_plate = np.square(np.clip(1 - borrowed - made_up, 0, 1))
    lent = np.square(borrowed) * blended.kept
    kept = of_plate + lent
    fine = np.where(kept > 0, (of_plate + lent * blended.fine) / np.maximum(kept, 1e-12), 1)
    relit, others, all_of_it = (target.box.reduce(v) for v in (np.square(own), lent, kept))
    total = np.maximum(all_of_it, 1e-6)
    lit = (blended.lit - 1) * over_channels(np.asarray(others / total, np.float32), 3)
    if of_relit is not None:
        lit += (of_relit - 1) * over_channels(np.asarray(np.minimum(relit / total, 1), np.float32), 3)
    lost = np.asarray(blended.lost * others / total, np.float32)
    return GrainLeft(
        kept.astype(np.float16),
        fine.astype(np.float16),
        np.asarray(1 + lit, np.float32) if float(np.abs(lit).max(initial=0)) > SLIGHT else None,
        lost if float(lost.max(initial=0)) > SLIGHT else None,
    )


def part_of(target: Target, values: F32 | None, rect: tuple[int, int, int, int]) -> F16 | None:
    """Of (h, w) or (h, w, 3) values at proxy resolution those of a rectangle, in plate pixels from the box's corner, at
    about proxy resolution, so that enlarged to its size they lie where they belong.
    """
    if values is None:
        return None
    x0, y0, x1, y1 = rect
    (height, width), (tall, wide) = target.box.full_size, target.box.proxy_size
    size = -(-(x1 - x0) * wide // width), -(-(y1 - y0) * tall // height)
    across, down = (x1 - x0) / size[0] * wide / width, (y1 - y0) / size[1] * tall / height
    matrix = np.array(
        [
            [across, 0, x0 * wide / width + 0.5 * across - 0.5],
            [0, down, y0 * tall / height + 0.5 * down - 0.5],
        ]
    )
    part = cv2.warpAffine(
        values, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(part, np.float16)
