# SPDX-License-Identifier: Apache-2.0
"""What the model is told of a clip: its latents with a little noise on the pixels, and the latents of its mask.

The clip is not masked: the model sees the object, and only the mask says what is to go.
"""

from __future__ import annotations

import torch
from torch import Tensor

from void_server.engines.void.vae import Encoder, Told

NOISE = 0.0563
"""Standard deviation of the noise on the clip, of values -1..1 (`noise_aug_strength` of `predict_v2v.py`; the base
model's `add_noise_in_inpaint_model` switches it on)."""


def noised(clip: Tensor, unit_noise: Tensor) -> Tensor:
    """A clip as the VAE is given it.

    Args:
        clip: (3, n, h, w) float32, 0..1.
        unit_noise: the same shape, standard normal.

    Returns:
        (1, 3, n, h, w) float32, -1..1 and a little beyond; what is exactly -1 gets no noise.
    """
    signed = 2 * clip - 1
    added = torch.where(signed == -1, torch.zeros_like(signed), NOISE * unit_noise)
    return (signed + added)[None]


def clip_latents(vae: Encoder, clip: Tensor, unit_noise: Tensor, told: Told | None = None) -> Tensor:
    """(1, f, 16, h / 8, w / 8) latents of a clip; for the arguments see `noised`."""
    return vae.encode(noised(clip, unit_noise), told).transpose(1, 2)


def mask_latents(vae: Encoder, pixels: Tensor, told: Told | None = None) -> Tensor:
    """(1, f, 16, h / 8, w / 8) latents of a mask, from (3, n, h, w) in 0..1 (see `clip.mask_pixels`)."""
    return vae.encode(pixels[None], told).transpose(1, 2)
