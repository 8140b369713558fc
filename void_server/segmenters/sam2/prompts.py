# SPDX-License-Identifier: Apache-2.0
"""What an artist points at: points, boxes and drawn mattes, each of one object on one frame.

x and y are pixels of the plate from the top left: the top left pixel is (0, 0), its right neighbour (1, 0). Box edges
are numbers of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from void_server.errors import InvalidInput
from void_server.segmenters.protocol import F32

SHOWN = 0.5
"""Value of a drawn matte from which a pixel counts as the object's: SAM2 takes masks, not mattes."""


@dataclass(frozen=True)
class Point:
    """A click.

    Attributes:
        position: 0..n-1, of the frame.
        x, y: pixels from the top left.
        positive: whether it is on the object; else it is on what does not belong to it.
        object: which object it is about; any whole number.
    """

    position: int
    x: float
    y: float
    positive: bool = True
    object: int = 1


@dataclass(frozen=True)
class Box:
    """A box around the object; what of it lies outside of the picture is cut off.

    Attributes:
        position: 0..n-1, of the frame.
        x0, y0, x1, y1: left, top, right and bottom, pixels from the top left.
        object: which object it is about.
    """

    position: int
    x0: float
    y0: float
    x1: float
    y1: float
    object: int = 1


@dataclass(frozen=True, eq=False)
class Drawn:
    """A matte that was drawn.

    Attributes:
        position: 0..n-1, of the frame.
        matte: (H, W) float32 0..1; an empty one says that the object is not there.
        object: which object it is about.
    """

    position: int
    matte: F32
    object: int = 1


Prompt = Point | Box | Drawn


@dataclass(frozen=True)
class Given:
    """All that is said of one object on one frame: a matte, or points and at most one box.

    Attributes:
        position: of the frame.
        object: which.
        points: in the order in which they were given.
        box: None for none.
        matte: (H, W) float32 0..1, None for none.
    """

    position: int
    object: int
    points: tuple[Point, ...] = ()
    box: Box | None = None
    matte: F32 | None = None

    @property
    def shows(self) -> bool:
        """Whether it says where the object is, and not only where it is not."""
        if self.matte is not None:
            return bool((self.matte >= SHOWN).any())
        return self.box is not None or any(point.positive for point in self.points)


def gathered(prompts: Sequence[Prompt], frames: int, size: tuple[int, int]) -> tuple[Given, ...]:
    """Prompts by frame and object, in this order; boxes cut to the picture.

    Args:
        prompts: in any order.
        frames: how many the shot has.
        size: height and width of the plate.

    Raises:
        InvalidInput: they do not fit the shot, or contradict each other.
    """
    if not prompts:
        raise InvalidInput(
            "There is no prompt.", fix="Click on the object, or draw a box around it, on at least one frame."
        )
    for prompt in prompts:
        _check_position(prompt, frames)
        _check_place(prompt, size)
    places = sorted({(prompt.position, prompt.object) for prompt in prompts})
    found = tuple(
        _on_frame(place, [p for p in prompts if (p.position, p.object) == place], size) for place in places
    )
    _check_objects(found)
    return found


def _check_position(prompt: Prompt, frames: int) -> None:
    if not 0 <= prompt.position < frames:
        raise InvalidInput(
            f"A {_named(prompt)} is at position {prompt.position}, and the shot has 0 to {frames - 1}.",
            fix="Give prompts on frames that the shot has.",
        )


def _check_place(prompt: Prompt, size: tuple[int, int]) -> None:
    height, width = size
    if isinstance(prompt, Drawn):
        if prompt.matte.shape != size:
            shape = "x".join(str(side) for side in reversed(prompt.matte.shape))
            raise InvalidInput(
                f"The matte drawn at position {prompt.position} is {shape}, the plate {width}x{height}.",
                fix="Draw it on the shot's format.",
            )
        return
    if isinstance(prompt, Point):
        # Written so that a NaN is outside, too.
        if not (0 <= prompt.x < width and 0 <= prompt.y < height):
            raise _outside(prompt, size)
        return
    if not (prompt.x1 > prompt.x0 and prompt.y1 > prompt.y0):
        raise InvalidInput(
            f"The {_named(prompt)} at position {prompt.position} has no area.",
            fix="Give x0 below x1, and y0 below y1.",
        )
    if not (prompt.x0 < width and prompt.y0 < height and prompt.x1 > 0 and prompt.y1 > 0):
        raise _outside(prompt, size)


def _outside(prompt: Point | Box, size: tuple[int, int]) -> InvalidInput:
    return InvalidInput(
        f"The {_named(prompt)} at position {prompt.position} lies outside of the picture, which is "
        f"{size[1]}x{size[0]}.",
        fix="Give pixels of the plate, from the top left.",
    )


def _named(prompt: Prompt) -> str:
    if isinstance(prompt, Point):
        return f"point ({prompt.x:g}, {prompt.y:g})"
    if isinstance(prompt, Box):
        return f"box ({prompt.x0:g}, {prompt.y0:g}) to ({prompt.x1:g}, {prompt.y1:g})"
    return "drawn matte"


def _on_frame(place: tuple[int, int], prompts: Sequence[Prompt], size: tuple[int, int]) -> Given:
    points = tuple(prompt for prompt in prompts if isinstance(prompt, Point))
    boxes = [prompt for prompt in prompts if isinstance(prompt, Box)]
    drawn = [prompt for prompt in prompts if isinstance(prompt, Drawn)]
    where = f"Object {place[1]} at position {place[0]}"
    if len(drawn) > 1 or len(boxes) > 1:
        raise InvalidInput(
            f"{where} has {len(drawn) if len(drawn) > 1 else len(boxes)} "
            f"{'drawn mattes' if len(drawn) > 1 else 'boxes'}.",
            fix="Give one an object and frame; what is apart may be an object of its own.",
        )
    if drawn and (points or boxes):
        raise InvalidInput(
            f"{where} has a drawn matte, and points or a box as well.",
            fix="Give one or the other: a matte already says everything.",
        )
    box = boxes[0] if boxes else None
    _check_together(where, points, box)
    if drawn:
        return Given(*place, matte=np.clip(np.nan_to_num(drawn[0].matte), 0, 1).astype(np.float32))
    return Given(*place, points=points, box=None if box is None else _cut(box, size))


def _cut(box: Box, size: tuple[int, int]) -> Box:
    height, width = size
    return Box(
        box.position, max(0, box.x0), max(0, box.y0), min(width, box.x1), min(height, box.y1), box.object
    )


def _check_together(where: str, points: Sequence[Point], box: Box | None) -> None:
    positive = {(int(p.x), int(p.y)) for p in points if p.positive}
    both = sorted(positive & {(int(p.x), int(p.y)) for p in points if not p.positive})
    if both:
        raise InvalidInput(
            f"{where} has a positive and a negative point at the pixel {both[0]}.",
            fix="Remove one of the two.",
        )
    for point in points:
        if (
            box is not None
            and point.positive
            and not (box.x0 <= point.x <= box.x1 and box.y0 <= point.y <= box.y1)
        ):
            raise InvalidInput(
                f"{where} has a positive {_named(point)} outside of its {_named(box)}.",
                fix="Enlarge the box, remove the point, or make it negative.",
            )
    if points and box is None and not positive:
        raise InvalidInput(
            f"{where} has negative points only: {', '.join(_named(p) for p in points)}.",
            fix="Add a point on the object, or a box around it, on the same frame.",
        )


def _check_objects(found: Sequence[Given]) -> None:
    for name in sorted({given.object for given in found}):
        if not any(given.shows for given in found if given.object == name):
            raise InvalidInput(
                f"Object {name} is shown on no frame: its drawn mattes are empty.",
                fix="Draw it, or click on it, on a frame where it is seen.",
            )
