# SPDX-License-Identifier: Apache-2.0
"""What every segmenter is: key mattes in, a matte and a confidence for every frame out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

Pictures = Callable[[int], F32]
"""The picture at a position 0..n-1: (H, W, 3) float32, display-like 0..1, of one size; asked for a few times each."""
Told = Callable[[int, int], None]
"""Called with the steps done and all steps; what it raises ends the work."""


@dataclass(frozen=True)
class SegmentedFrame:
    """The matte of one frame.

    Attributes:
        position: 0..n-1.
        matte: (H, W) float32 0..1, what is to be removed, soft at its edge.
        confidence: 0..1; 1 where the artist drew it.
    """

    position: int
    matte: F32
    confidence: float


class Segmenter(Protocol):
    """Gives every frame of a shot a matte, in order; frames are made one at a time as they are taken."""

    def __call__(
        self, frames: int, pictures: Pictures, keys: Mapping[int, F32], told: Told | None = None
    ) -> Iterator[SegmentedFrame]:
        """Segments a shot.

        Args:
            frames: how many it has.
            pictures: reads the picture of a position.
            keys: mattes (H, W) float32 0..1 by position; an empty one says that the object is not there.
            told: progress, and where to cancel.

        Raises:
            InvalidInput: the keys do not fit the shot.
        """
        ...
