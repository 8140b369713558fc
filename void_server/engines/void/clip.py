# SPDX-License-Identifier: Apache-2.0
"""What becomes of a clip before the model sees it: size, length, and the quantised mask.

Facts: Netflix/void-model at 66e9c0e, `videox_fun/data` and `predict_v2v.py` (frames, padding, quadmask).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from void_server.engines.void.settings import TEMPORAL, MaskLevels, Pass

# The scripts' bins and codes; 8-bit values up to the first limit become the first code, and so on.
_LIMITS = (31.0, 95.0, 191.0)
_CODES = (0.0, 63.0, 127.0, 255.0)


def resized(frames: Tensor, height: int, width: int) -> Tensor:
    """Frames at the model's size, by adaptive average pooling; the aspect ratio is the caller's to keep.

    Args:
        frames: (n, h, w, c) uint8 or float.

    Returns:
        (c, n, height, width) float32 in the unit of the input, which is 0..255 for uint8.
    """
    moved = frames.permute(3, 0, 1, 2).to(torch.float32)
    return functional.interpolate(moved, size=(height, width), mode="area")


def padded_length(frames: int, *, window: int, longest: int) -> int:
    """Frames that the model is given for a clip: at least a window, at most `longest`, else the next 8k + 5.

    Args:
        frames: of the clip, at least 1.
        window: frames of one window, 85 as published.
        longest: frames, 197 as published.
    """
    wanted = TEMPORAL * (frames // TEMPORAL) + 1
    if wanted < frames:
        wanted += TEMPORAL
    if (wanted // TEMPORAL) % 2 == 0:
        wanted += TEMPORAL
    return max(window, min(wanted, longest))


def padded(clip: Tensor, length: int) -> Tensor:
    """A clip made longer by playing it to and fro, the last frame shown twice; longer ones are cut.

    Args:
        clip: (c, n, h, w).
        length: frames wanted.

    Returns:
        (c, length, h, w).
    """
    while clip.shape[1] < length:
        clip = torch.cat([clip, clip.flip(1)], dim=1)
    return clip[:, :length]


def quantised(mask: Tensor) -> Tensor:
    """8-bit mask values 0..255 as the nearest of the quadmask's codes 0, 63, 127 and 255, by the scripts' bins."""
    codes = torch.tensor(_CODES, dtype=torch.float32, device=mask.device)
    limits = torch.tensor(_LIMITS, dtype=torch.float32, device=mask.device)
    return codes[torch.bucketize(mask.to(torch.float32).contiguous(), limits)]


def mask_pixels(codes: Tensor, pass_: Pass, levels: MaskLevels) -> Tensor:
    """What the VAE is given for a quadmask, in 0..1 and not in -1..1.

    Args:
        codes: (1, n, h, w) float32 of 0, 63, 127 and 255 (see `quantised`).
        pass_: 1 or 2.
        levels: `trained` gives both passes the three levels of their training; `published` repeats the scripts, whose
            second pass takes what is affected for what is to be removed; `four` keeps the overlap apart, which no
            checkpoint was trained on.

    Returns:
        (3, n, h, w) float32: 0 to remove, 128/255 affected, 1 to keep; 63/255 for the overlap where it is kept apart.
    """
    inverted = (255 - codes) / 255
    if levels == "four":
        known = inverted
    elif pass_ == 2 and levels == "published":
        known = (inverted > 0.5).to(torch.float32)
    else:
        middle = torch.full_like(inverted, 127 / 255)
        known = torch.where(inverted > 0.75, 1.0, torch.where(inverted < 0.25, 0.0, middle))
    return (1 - known).expand(3, -1, -1, -1)


def united(codes: Tensor) -> Tensor:
    """A quadmask that is one for all frames of a latent frame, by union: what is to be removed in any is so in all.

    A latent frame cannot say that a thing goes in two of its four frames; half a mask would be half a removal.

    Args:
        codes: (1, n, h, w) of 0, 63, 127 and 255, n = 4k + 1; the first frame is a group of its own.

    Returns:
        The same shape: removed and affected are united apart, and joined to codes again.
    """
    removed, affected = (_held(part) for part in (codes <= 63, (codes == 63) | (codes == 127)))
    under = torch.where(affected, 63.0, 0.0)
    return torch.where(removed, under, torch.where(affected, 127.0, 255.0))


def _held(part: Tensor) -> Tensor:
    """(1, n, h, w) bool: the union over each group, in all of its frames."""
    groups = part[:, 1:].unflatten(1, (-1, TEMPORAL)).any(dim=2) if part.shape[1] > 1 else part[:, :0]
    return torch.cat([part[:, :1], groups.repeat_interleave(TEMPORAL, dim=1)], dim=1)
