# SPDX-License-Identifier: Apache-2.0
"""What a SAM2 model must be able to do, whichever package it runs in.

A model follows one object at a time from frame to frame; the order of the frames is decided in `sweeps`, so that both
packages are asked for the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from void_server.segmenters.protocol import F32, Pictures
from void_server.segmenters.sam2.prompts import Given

Alive = Callable[[], None]
"""Called some times within a frame's work; what it raises ends the work."""


def always() -> None:
    """An `Alive` that never ends anything."""


@dataclass(frozen=True)
class Shot:
    """What is segmented.

    Attributes:
        frames: how many.
        size: height and width of the plate.
        pictures: reads the picture of a position.
        alive: where to cancel.
    """

    frames: int
    size: tuple[int, int]
    pictures: Pictures
    alive: Alive = always


@dataclass(frozen=True)
class Seen:
    """One object on one frame, as the model sees it.

    Attributes:
        logits: (h, w) float32 at the model's own size, above 0 inside the object.
        score: logit of whether the object is seen at all.
    """

    logits: F32
    score: float


class OpenedShot(Protocol):
    """A shot in a model's hands. All prompts are given before the first step."""

    @property
    def embedding(self) -> object:
        """What the picture encoder gave for the frame looked at last; opaque."""
        ...

    def condition(self, given: Given, remember: bool = True) -> Seen:
        """Takes what is said of an object on a frame.

        Args:
            given: prompts at the plate's size.
            remember: whether steps will follow; without, less is computed.
        """
        ...

    def step(self, name: int, position: int, reverse: bool) -> Seen:
        """An object on a frame that nothing is said of, from what is known of the frames before.

        Args:
            name: the object.
            position: the neighbour of the last step, or of a frame that was prompted.
            reverse: whether the frames before are the later ones.
        """
        ...

    def forget(self) -> None:
        """Forgets all steps; what was prompted stays."""
        ...


class VideoPredictor(Protocol):
    """A loaded model."""

    def opened(self, shot: Shot, embedding: object | None = None) -> OpenedShot:
        """Starts with a shot; no picture is read yet.

        Args:
            shot: which.
            embedding: what `OpenedShot.embedding` gave for frame 0 of an earlier shot with the same picture.
        """
        ...
