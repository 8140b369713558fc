# SPDX-License-Identifier: Apache-2.0
"""Shots as they come: small ones made in code, each with one trait that a method may stumble over, and their truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from tests.engines.scenes import Scene, texture

SIZE = (96, 160)
Paint = Callable[[int, np.ndarray], np.ndarray]
Square = tuple[float, float, int, int]
"""Row and column of the corner, height and width; in pixels, and parts of it may be outside."""


@dataclass(frozen=True)
class Camera:
    """How the world is seen: pan (down, across) in pixels a frame, magnification and degrees of roll a frame, and the
    length of the blur along the pan in frames, for each frame.
    """

    pan: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    roll: float = 0.0
    blur: Callable[[int], float] = lambda i: 0.0

    def see(self, world: np.ndarray, size: tuple[int, int], frame: int) -> np.ndarray:
        """(h, w, 3) of the world at a frame."""
        length = self.blur(frame)
        times = np.linspace(frame - length / 2, frame + length / 2, 9 if length else 1)
        return np.mean([self._at(world, size, time) for time in times], axis=0).astype(np.float32)

    def _at(self, world: np.ndarray, size: tuple[int, int], time: float) -> np.ndarray:
        (height, width), angle = size, np.deg2rad(self.roll * time)
        turn = self.zoom**-time * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = np.array([world.shape[1] / 2 + self.pan[1] * time, world.shape[0] / 2 + self.pan[0] * time])
        start = middle - turn @ np.array([width / 2, height / 2])
        matrix = np.concatenate([turn, start[:, None]], axis=1)
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return np.maximum(cv2.warpAffine(world, matrix, (width, height), flags=flags), 0)


def crossing(
    size: tuple[int, int], *, side: float = 0.25, speed: float = 0.1, start: float = 0.05, top: float = 0.4
) -> Callable[[int], list[Square]]:
    """One square that crosses the picture; lengths as shares of the height (side) and of the width."""
    height, width = size
    pixels = max(2, round(side * height))
    return lambda i: [(top * height, (start + speed * i) * width, pixels, pixels)]


def shot(
    frames: int = 8,
    *,
    size: tuple[int, int] = SIZE,
    camera: Camera | None = None,
    squares: Callable[[int], list[Square]] | None = None,
    world: np.ndarray | None = None,
    finish: Paint = lambda i, picture: picture,
    grain: float = 0.0,
    shadow: float | None = None,
    shadow_in_matte: bool = True,
    seed: int = 1,
) -> Scene:
    """A shot.

    Args:
        frames: how many.
        size: (height, width).
        camera: None for one that stands still.
        squares: the objects of each frame; None for one that crosses.
        world: (H, W, 3), larger than the picture; None for a texture.
        finish: what becomes of each frame, and of its truth, in the end: exposure, black bars.
        grain: standard deviation of noise, in relation to the light; the truth has none.
        shadow: factor of light in a patch below each object, half as high; None for none.
        shadow_in_matte: whether the affected matte tells of it.
        seed: of texture and grain.
    """
    camera, squares = camera or Camera(), squares or crossing(size)
    if world is None:
        world = texture(3 * size[0] + 60, 3 * size[1] + 60, seed)
    random = np.random.default_rng(seed + 100)
    made = Scene([], [], [], [], [])
    for i in range(frames):
        clean = camera.see(world, size, i)
        plate, remove, affected = clean.copy(), np.zeros(size, np.float32), np.zeros(size, np.float32)
        for row, column, tall, wide in squares(i):
            columns = _inside(column, wide)
            if shadow is not None:
                below = _inside(row + tall, tall // 2)
                plate[below, columns] *= shadow
                affected[below, columns] = 1
            plate[_inside(row, tall), columns] = (0.9, 0.1, 0.1)
            remove[_inside(row, tall), columns] = 1
        plate = plate * (1 + grain * random.standard_normal(plate.shape))
        made.plates.append(finish(i, plate.astype(np.float32)))
        made.clean.append(finish(i, clean))
        made.remove.append(remove)
        made.affected.append(affected * (1 - remove) if shadow_in_matte else np.zeros(size, np.float32))
        made.keep.append(np.zeros(size, np.float32))
    return made


def _inside(start: float, length: int) -> slice:
    return slice(max(0, round(start)), max(0, round(start) + length))
