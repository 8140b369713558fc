# SPDX-License-Identifier: Apache-2.0
"""A model's answer without a model: the true clean plate at the model's size, as a VAE and noise would leave it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from void_server.engines.void.plate_size import reduced

F32 = NDArray[np.float32]

BLOCK = 8
"""Pixels that one latent of the VAE stands for, each way."""
KEPT = 5.0
"""Frequencies of such a block that come through, of 8; the step down is a Gaussian."""
SOFT = 0.6
"""Standard deviation of the blur before that, in the model's pixels."""
GAIN, OFFSET = (1.04, 0.98, 1.02), (0.012, -0.008, 0.015)
"""Tint, by channel."""
SHIMMER, NOISE = 0.006, 0.004
"""Standard deviations of what changes from frame to frame: in patches of eight pixels, and from pixel to pixel."""


def answer(clean: F32, height: int, width: int, seed: int) -> F32:
    """(height, width, 3) float32 0..1, of an encoded clean plate (H, W, 3); another seed is another frame's noise."""
    noise = np.random.default_rng(seed)
    small = cv2.GaussianBlur(reduced(clean, height, width), (0, 0), SOFT)
    made = _through_blocks(small) * np.array(GAIN, np.float32) + np.array(OFFSET, np.float32)
    patches = noise.standard_normal((-(-height // BLOCK), -(-width // BLOCK), 3)).astype(np.float32)
    made += SHIMMER * cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
    made += NOISE * noise.standard_normal(made.shape).astype(np.float32)
    return np.asarray(np.clip(made, 0, 1), np.float32)


def _through_blocks(picture: F32) -> F32:
    """The picture with the fine frequencies of each block of 8 x 8 taken away."""
    height, width = picture.shape[:2]
    padded = cv2.copyMakeBorder(picture, 0, -height % BLOCK, 0, -width % BLOCK, cv2.BORDER_REFLECT_101)
    rows, columns = padded.shape[0] // BLOCK, padded.shape[1] // BLOCK
    blocks = padded.reshape(rows, BLOCK, columns, BLOCK, 3)
    basis = cv2.dct(np.eye(BLOCK, dtype=np.float32), flags=cv2.DCT_ROWS)
    step = np.exp(-(np.arange(BLOCK, dtype=np.float32) ** 2) / (2 * KEPT**2))
    keep = (basis * step) @ basis.T
    kept = np.einsum("ij,kl,ajblc->aibkc", keep, keep, blocks, optimize=True)
    return np.asarray(kept.reshape(padded.shape)[:height, :width], np.float32)
