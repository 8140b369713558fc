# SPDX-License-Identifier: Apache-2.0
"""What filling one frame asks of its caller: the shot, read lazily and cached as the caller sees fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from void_server.engines.cleanplate.arrays import F32
from void_server.engines.cleanplate.motion import PairMotion
from void_server.engines.cleanplate.proxy import ProxyFrame


class ShotReader(Protocol):
    """A shot by consecutive positions 0..n-1; every plate has the same (H, W)."""

    @property
    def frames(self) -> Sequence[int]:
        """The positions 0..n-1."""
        ...

    def proxy(self, position: int) -> ProxyFrame:
        """What `prepare_frame` made of the frame."""
        ...

    def motion(self, position: int) -> PairMotion:
        """What `settle_pair` and then `anchored` made of the frames position and position + 1."""
        ...

    def plate(self, position: int) -> F32:
        """(H, W, 3) float32, scene-linear."""
        ...

    def clean_plate(self, position: int) -> F32 | None:
        """(H, W, 3) float32, scene-linear: the frame without the object as the artist painted or found it, in the
        plate's geometry; NaN where it has no samples, None where the artist gave none.
        """
        ...
