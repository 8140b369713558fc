# SPDX-License-Identifier: Apache-2.0
"""Pictures and prompts as SAM2's networks take them, alike in both packages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from void_server.segmenters.protocol import F32
from void_server.segmenters.sam2.predictor import Alive, Shot
from void_server.segmenters.sam2.prompts import SHOWN, Given

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's pictures, by channel (`img_mean`, `img_std` of sam2/utils/misc.py, facebookresearch/sam2)."""
NEGATIVE, POSITIVE, TOP_LEFT, BOTTOM_RIGHT = 0, 1, 2, 3
"""Labels of points (`_embed_points` of sam2/modeling/sam/prompt_encoder.py)."""


def pixels(picture: F32, side: int) -> Tensor:
    """A picture (H, W, 3) float32, display-like 0..1, as (3, side, side) float32; its sides are not kept in ratio, as
    the model was trained. NaN counts as 0.
    """
    clipped = np.clip(np.nan_to_num(picture), 0, 1).astype(np.float32)
    channels = torch.from_numpy(np.ascontiguousarray(clipped.transpose(2, 0, 1)))[None]
    small = functional.interpolate(
        channels, (side, side), mode="bilinear", align_corners=False, antialias=True
    )
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
    found: Tensor = (small[0] - mean) / deviation
    return found


def points_and_labels(given: Given, size: tuple[int, int], side: int) -> tuple[Tensor, Tensor]:
    """(n, 2) float32 x and y in pixels of the model's picture, and (n,) int32 labels; a box is two points, and first.

    Args:
        given: points and a box.
        size: height and width of the plate.
        side: of the model's picture.
    """
    places = [(point.x, point.y) for point in given.points]
    labels = [POSITIVE if point.positive else NEGATIVE for point in given.points]
    if given.box is not None:
        places = [(given.box.x0, given.box.y0), (given.box.x1, given.box.y1), *places]
        labels = [TOP_LEFT, BOTTOM_RIGHT, *labels]
    scale = torch.tensor([side / size[1], side / size[0]])
    return torch.tensor(places, dtype=torch.float32) * scale, torch.tensor(labels, dtype=torch.int32)


def mask(matte: F32, side: int) -> Tensor:
    """A drawn matte (H, W) as (1, 1, side, side) float32 of 0 and 1."""
    drawn = torch.from_numpy((matte >= SHOWN).astype(np.float32))[None, None]
    small = functional.interpolate(drawn, (side, side), mode="bilinear", align_corners=False, antialias=True)
    found = (small >= SHOWN).float()
    # What is too thin for the model's picture still is there.
    return found if found.any() or not drawn.any() else (small >= small.max()).float()


class Frames:
    """The frames of a shot as tensors that are made when they are asked for, so that none is held."""

    def __init__(self, shot: Shot, side: int) -> None:
        self._shot, self._side = shot, side

    def __len__(self) -> int:
        return self._shot.frames

    def __getitem__(self, position: int) -> Tensor:
        """(3, side, side) float32."""
        self._shot.alive()
        return pixels(self._shot.pictures(position), self._side)


@contextmanager
def interruptible(parts: Iterable[nn.Module], alive: Alive) -> Iterator[None]:
    """Within it, `alive` is called before each of these parts of a network computes."""

    def looked(_part: nn.Module, _given: object) -> None:
        # What a hook returns would take the place of what the part is given.
        alive()

    hooks = [part.register_forward_pre_hook(looked) for part in parts]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
