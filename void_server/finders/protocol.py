# SPDX-License-Identifier: Apache-2.0
"""What a finder takes and leaves, whichever way it looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FoundBox:
    """Where an object is on a frame.

    Attributes:
        frame: the shot's frame number.
        left, top, right, bottom: shares 0..1 of the picture's width and height, left < right and top < bottom.
    """

    frame: int
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class FoundObject:
    """An object with its boxes, at least one, in the order of their frames."""

    name: str
    boxes: tuple[FoundBox, ...]


@dataclass(frozen=True)
class Found:
    """What was found.

    Attributes:
        objects: none where nothing was.
        papers: what is to be kept of how it was found, JSON-ready.
    """

    objects: tuple[FoundObject, ...]
    papers: Mapping[str, Any] = field(default_factory=dict)


class Finder(Protocol):
    """Looks for what it was made to look for."""

    def __call__(self, frames: Sequence[int], pictures: Callable[[int], F32]) -> Found:
        """Look at some frames of a shot.

        Args:
            frames: the shot's frame numbers, in order.
            pictures: the picture of a position 0..n-1: (H, W, 3) float32, display-like 0..1, all of one size.

        Raises:
            VoidError: it cannot look.
        """
        ...
