# SPDX-License-Identifier: Apache-2.0
"""The plain methods beside which the engine is measured: two smooth fills per frame, and a temporal median."""

from __future__ import annotations

import warnings

import cv2
import numpy as np

from benchmarks.quality.scores import F32, PRESENT, view
from benchmarks.quality.shots import Shot
from void_server.engines.cleanplate.membrane import membrane

LEAST_LIGHT = 2.0**-10


def telea(shot: Shot) -> list[F32]:
    """`cv2.inpaint` of each frame (Telea 2004), radius 5, on the object grown by 2 px; display-like values."""
    return [
        cv2.inpaint((np.clip(view(plate), 0, 1) * 255).astype(np.uint8), mask, 5, cv2.INPAINT_TELEA).astype(
            np.float32
        )
        / 255
        for plate, mask in zip(shot.plates, _masks(shot), strict=True)
    ]


def pull_push(shot: Shot) -> list[F32]:
    """A pull-push pyramid of each frame in log light, on the object grown by 2 px; display-like values."""
    pictures = []
    for plate, mask in zip(shot.plates, _masks(shot), strict=True):
        linear = np.maximum(np.nan_to_num(plate.astype(np.float32)), 0)
        spread = membrane(np.log2(linear + np.float32(LEAST_LIGHT)), (mask == 0).astype(np.float32))
        filled = np.where(mask[..., None] > 0, np.exp2(spread) - np.float32(LEAST_LIGHT), linear)
        pictures.append(view(filled))
    return pictures


def temporal_median(shot: Shot, unseen: list[F32]) -> list[F32]:
    """The median over all frames of what is not masked; `unseen` where a pixel is masked throughout."""
    masks = _masks(shot)
    stack = np.stack(
        [
            np.where(mask[..., None] > 0, np.nan, view(plate))
            for plate, mask in zip(shot.plates, masks, strict=True)
        ]
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="All-NaN slice")
        median = np.nanmedian(stack, axis=0)
    return [
        np.where(mask[..., None] > 0, np.where(np.isnan(median), other, median), view(plate)).astype(
            np.float32
        )
        for plate, mask, other in zip(shot.plates, masks, unseen, strict=True)
    ]


def _masks(shot: Shot) -> list[np.ndarray]:
    return [
        cv2.dilate((matte > PRESENT).astype(np.uint8), np.ones((5, 5), np.uint8)) for matte in shot.remove
    ]
