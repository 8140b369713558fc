# SPDX-License-Identifier: Apache-2.0
"""Prompts on some frames become a matte for every frame, also for those before the first prompt."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from void_server.errors import InvalidInput
from void_server.segmenters.protocol import F32, Pictures, SegmentedFrame, Told
from void_server.segmenters.sam2.predictor import Alive, Seen, Shot, VideoPredictor
from void_server.segmenters.sam2.prompts import Given, Prompt, gathered
from void_server.segmenters.sam2.refine import soft_matte
from void_server.segmenters.sam2.sweeps import Progress, prompted_positions, steps, swept

VERSION = "1"
"""Part of every unit key: raised by any change that can change a bit of a matte."""


def segment_sam2(
    frames: int,
    pictures: Pictures,
    prompts: Sequence[Prompt],
    predictor: VideoPredictor,
    told: Told | None = None,
) -> Iterator[SegmentedFrame]:
    """Carries prompts to all frames; what all objects cover together is the matte.

    A drawn matte comes back as it was drawn. Confidence is the model's probability that the object is seen, the least
    of all objects; 1 where all are drawn. So it is low where an object has left the picture, too.

    Args:
        frames: how many the shot has.
        pictures: reads the picture of a position; each is asked for up to four times.
        prompts: one positive one, of any object, at least.
        predictor: the model.
        told: progress in steps, of which every frame has one and every object on it one or two; also called within a
            step, with the same numbers. What it raises ends the work.

    Raises:
        InvalidInput: the prompts do not fit the shot.
    """
    size = _size(frames, pictures, prompts)
    given = gathered(prompts, frames, size)
    progress = Progress(told, frames + steps(frames, prompted_positions(given)))
    shot = Shot(frames, size, lambda position: _read(position, pictures, size), progress.alive)
    for position, seen in enumerate(swept(predictor.opened(shot), frames, given, progress)):
        drawn = drawn_on(given, position)
        matte = union(shot.pictures(position), seen, drawn, progress.alive)
        yield SegmentedFrame(position, matte, _confidence(seen, drawn))
        progress.one_more()


def union(picture: F32, seen: Mapping[int, Seen], drawn: Mapping[int, F32], alive: Alive) -> F32:
    """(H, W) float32 0..1: what all objects cover, each as drawn or as the model sees it.

    Args:
        picture: (H, W, 3) float32, display-like 0..1.
        seen: every object.
        drawn: mattes (H, W) of those objects that are drawn on this frame.
        alive: where to cancel.
    """
    whole = np.zeros(picture.shape[:2], np.float32)
    for name, one in seen.items():
        matte = drawn[name] if name in drawn else soft_matte(picture, one.logits, alive)
        np.maximum(whole, matte, out=whole)
    return whole


def drawn_on(given: Sequence[Given], position: int) -> dict[int, F32]:
    """Drawn mattes of a frame by object."""
    return {g.object: g.matte for g in given if g.position == position and g.matte is not None}


def _confidence(seen: Mapping[int, Seen], drawn: Mapping[int, F32]) -> float:
    return min(1.0 if name in drawn else _probability(one.score) for name, one in seen.items())


def _probability(logit: float) -> float:
    return 0.5 * (1 + math.tanh(logit / 2))


def _size(frames: int, pictures: Pictures, prompts: Sequence[Prompt]) -> tuple[int, int]:
    """Height and width of the plate, by the picture of the first prompt."""
    positions = [prompt.position for prompt in prompts if 0 <= prompt.position < frames]
    height, width = pictures(min(positions, default=0)).shape[:2]
    return height, width


def _read(position: int, pictures: Pictures, size: tuple[int, int]) -> F32:
    picture = pictures(position)
    if picture.shape != (*size, 3):
        raise InvalidInput(
            f"The picture at position {position} is {picture.shape[1]}x{picture.shape[0]}, others are "
            f"{size[1]}x{size[0]}.",
            fix="Give a shot whose frames are of one size.",
        )
    return picture
