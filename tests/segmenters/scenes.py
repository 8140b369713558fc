# SPDX-License-Identifier: Apache-2.0
"""Small shots in code: a patterned thing that goes over a patterned wall."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from void_server.quadmask.compare import intersection_over_union


@dataclass(frozen=True)
class Scene:
    """A red and white disc on grey and green.

    Attributes:
        frames: how many.
        size: height and width.
        start, speed: (x, y) of the disc's middle on the first frame, and pixels a frame.
        radius: of the disc.
        post: x of a post's left edge that stands before the disc, and its width; None for none.
    """

    frames: int = 7
    size: tuple[int, int] = (120, 200)
    start: tuple[float, float] = (50.0, 60.0)
    speed: tuple[float, float] = (6.0, 1.0)
    radius: float = 18.0
    post: tuple[int, int] | None = None
    asked: list[int] = field(default_factory=list)

    def matte(self, position):
        """(H, W) float32, antialiased, without what the post hides."""
        matte = np.clip(self.radius + 0.5 - self._from_middle(position)[0], 0, 1)
        matte[:, self._hidden] = 0
        return matte.astype(np.float32)

    def picture(self, position):
        """(H, W, 3) float32."""
        self.asked.append(position)
        distance, across, down = self._from_middle(position)
        stripes = (np.floor(across / 6) + np.floor(down / 9)) % 2
        thing = np.where(stripes[..., None] > 0, (0.8, 0.15, 0.1), (0.85, 0.8, 0.75))
        matte = np.clip(self.radius + 0.5 - distance, 0, 1)[..., None]
        picture = self._wall * (1 - matte) + thing * matte
        picture[:, self._hidden] = (0.1, 0.15, 0.5)
        return picture.astype(np.float32)

    @property
    def _hidden(self):
        return slice(self.post[0], sum(self.post)) if self.post else slice(0, 0)

    @property
    def _wall(self):
        noise = np.random.default_rng(3).random((*self.size, 3))
        soft = cv2.GaussianBlur(noise, (0, 0), 2) - 0.5
        return np.array([0.35, 0.45, 0.35]) + 1.2 * soft

    def _from_middle(self, position):
        y, x = np.indices(self.size, np.float64)
        across = x - self.start[0] - self.speed[0] * position
        down = y - self.start[1] - self.speed[1] * position
        return np.hypot(across, down), across, down


def likeness(matte, truth):
    """Intersection over union of two mattes."""
    return intersection_over_union(matte >= 0.5, truth >= 0.5)
