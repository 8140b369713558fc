# SPDX-License-Identifier: Apache-2.0
"""Array types of the engine, and the operations on regions and places that every step shares."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F16 = NDArray[np.float16]
F64 = NDArray[np.float64]
U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]
Bools = NDArray[np.bool_]
Arrays = dict[str, NDArray[Any]]

GREATEST_HALF = 65504.0


def finite(picture: F32) -> F32:
    """A float32 copy without NaN (0), with infinities at the greatest half: safe to average and to interpolate."""
    copy = np.array(picture, np.float32, order="C")
    if not all_finite(copy):
        bad = ~np.isfinite(copy)
        copy[bad] = np.nan_to_num(copy[bad], nan=0.0, posinf=GREATEST_HALF, neginf=-GREATEST_HALF)
    return copy


def finite_view(picture: F32) -> F32:
    """What `finite` gives, but the picture itself where it needs no change; not to be written to."""
    picture = packed(picture)
    return picture if picture.dtype == np.float32 and all_finite(picture) else finite(picture)


def packed(picture: F32) -> F32:
    """A (H, W, 3) picture whose pixels lie side by side, as OpenCV needs them; itself where they do already."""
    size = picture.itemsize * picture.shape[2]
    if (
        0 in picture.shape
        or picture.strides[1:] == (size, picture.itemsize)
        or picture.strides[2] != picture.itemsize
    ):
        return picture
    # As one item a pixel, which NumPy copies several times as fast.
    whole = np.ascontiguousarray(picture.view(f"V{size}"))
    return whole.view(picture.dtype)


def not_negative(picture: F32) -> F32:
    """The picture with 0 for what is below; itself where nothing is."""
    return np.maximum(picture, 0) if picture.size and float(picture.min()) < 0 else picture


def all_finite(picture: F32) -> bool:
    """True when there is neither NaN nor infinity."""
    return picture.size == 0 or bool(cv2.checkRange(picture)[0])


def finite_pixels(picture: F32) -> Bools:
    """(H, W) bool: the pixels of a (H, W, c) picture that hold neither NaN nor infinity."""
    if picture.dtype == np.float32 and all_finite(picture):
        return np.ones(picture.shape[:2], bool)
    return np.asarray(np.isfinite(picture).all(axis=2))


def over_channels(values: F32, channels: int) -> F32:
    """(h, w) repeated to (h, w, channels): NumPy broadcasts along a short last axis several times slower."""
    if channels == 1:
        return values[..., None]
    return np.asarray(cv2.merge([values] * channels), np.float32)


def mean_channel(values: F32) -> F32:
    """(h, w) float32 mean of the channels of (h, w, c); NumPy takes tens of times as long over a short last axis."""
    channels = values.shape[2]
    weights = np.full((1, channels), 1 / channels, np.float32)
    return np.asarray(cv2.transform(np.asarray(values, np.float32), weights), np.float32)


def grown(mask: Bools, radius: float) -> Bools:
    """The mask grown by a Euclidean disc of `radius` pixels."""
    rect = bounds(mask)
    if radius <= 0 or rect is None:
        return mask.copy()
    # Farther from the mask than the radius every distance is too great.
    pad = int(radius) + 1
    part = (
        slice(max(0, rect[1] - pad), rect[3] + pad),
        slice(max(0, rect[0] - pad), rect[2] + pad),
    )
    outside = (~mask[part]).astype(np.uint8)
    result = np.zeros_like(mask)
    result[part] = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= radius
    return result


def touched(mask: Bools, size: tuple[int, int]) -> Bools:
    """The mask at another size (height, width): True where any part of the pixel was True."""
    if mask.shape == size:
        return mask.copy()
    height, width = mask.shape
    if height % size[0] == 0:
        # Rows are put together as bytes first, which leaves less to average.
        mask = np.asarray(mask.reshape(size[0], height // size[0], width).any(axis=1))
    reduced = cv2.resize(mask.astype(np.float32), (size[1], size[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced > 1e-6)


def bounds(mask: Bools) -> tuple[int, int, int, int] | None:
    """The smallest (x0, y0, x1, y1), end exclusive, that holds every True pixel; None when there is none."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if columns.size == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def pixel_grid(shape: tuple[int, ...]) -> F32:
    """(h, w, 2) float32: the position (x, y) of every pixel."""
    columns, rows = np.meshgrid(np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32))
    return np.stack([columns, rows], axis=-1)


def sample_vectors(field: F32, positions: F32) -> F32:
    """Bilinear samples of an (h, w, 2) field at (..., 2) positions (x, y); the border's value outside."""
    found = cv2.remap(field, positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)
