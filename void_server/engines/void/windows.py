# SPDX-License-Identifier: Apache-2.0
"""Long clips: windows over latent frames, stepped apart and blended after every denoising step.

After MultiDiffusion (Bar-Tal et al., ICML 2023) in time, as in `pipeline_cogvideox_fun_inpaint.py` of
Netflix/void-model at 66e9c0e.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """Latent frames `begin` up to `end`, exclusive."""

    begin: int
    end: int

    @property
    def length(self) -> int:
        """Latent frames."""
        return self.end - self.begin


def windows(length: int, size: int, overlap: int) -> list[Window]:
    """The windows over `length` latent frames; the last one may be shorter.

    Raises:
        ValueError: a size or length that is odd (frames are patched in pairs), or an overlap that leaves no way on.
    """
    if length % 2 or size % 2 or overlap % 2 or (length > size and not 0 <= overlap < size):
        raise ValueError(f"windows of {size} latent frames with {overlap} overlapping cannot cover {length}")
    found = [Window(0, min(size, length))]
    while found[-1].end < length:
        begin = found[-1].end - overlap
        found.append(Window(begin, min(begin + size, length)))
    return found


def blended(parts: Sequence[Tensor], places: Sequence[Window], overlap: int) -> Tensor:
    """Windows joined: each weighs 1, and falls evenly over the overlap with its neighbour.

    Args:
        parts: (b, f, c, h, w) for each place, in one dtype.
        places: from `windows`.
        overlap: latent frames shared by neighbours.

    Returns:
        (b, F, c, h, w) in the dtype of the parts; a clip of one window is returned as it is.
    """
    if len(parts) == 1:
        return parts[0]
    first, length = parts[0], places[-1].end
    shape = (first.shape[0], length, *first.shape[2:])
    total = torch.zeros(shape, dtype=torch.float32, device=first.device)
    mass = torch.zeros((1, length, 1, 1, 1), dtype=torch.float32, device=first.device)
    for part, place in zip(parts, places, strict=True):
        # Weights are rounded to the dtype of the latents, as published.
        weight = _weights(place, length, overlap).to(part.device, part.dtype)[None, :, None, None, None]
        total[:, place.begin : place.end] += part * weight
        mass[:, place.begin : place.end] += weight
    return (total / mass).to(first.dtype)


def _weights(place: Window, length: int, overlap: int) -> Tensor:
    weight = torch.ones(place.length)
    rise = torch.linspace(0, 1, overlap + 2)[1:-1]
    if place.begin > 0:
        weight[:overlap] *= rise
    if place.end < length:
        weight[len(weight) - overlap :] *= rise.flip(0)
    return weight
