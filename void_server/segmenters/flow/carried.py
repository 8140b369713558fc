# SPDX-License-Identifier: Apache-2.0
"""A shape on one frame, as it is carried on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from void_server.engines.cleanplate.arrays import F32, F64, Bools
from void_server.segmenters.flow.picture import Reduced


@dataclass(frozen=True)
class Carried:
    """The object on one frame, at the reduced size.

    Attributes:
        frame: the picture.
        distance: (h, w) float32, signed distance from the edge in pixels, below 0 inside.
        offset: (2,) float64, (x, y) pixels from where the object is on its key frame to where it is here.
        motion: (2,) float64, pixels since the frame before.
        background: (2,) float64, the same of what is around the object.
        trust: 0..1, 1 on the key frame.
    """

    frame: Reduced
    distance: F32
    offset: F64
    motion: F64
    background: F64
    trust: float

    @property
    def mask(self) -> Bools:
        """(h, w) bool."""
        return np.asarray(self.distance < 0)


def on_key(frame: Reduced, distance: F32) -> Carried:
    """The object on its key frame."""
    still = np.zeros(2)
    return Carried(frame, distance, still, still, still, 1.0)
