# SPDX-License-Identifier: Apache-2.0
"""The question where a thing is that an artist names: frames without any mark or grid, boxes in thousandths.

Models are trained to box in pixels, in thousandths, or in another order of edges. The question says in words what is
meant, and every edge has its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from void_server.finders.protocol import FoundBox, FoundObject
from void_server.quadmask.regions import Values
from void_server.reasoners.vlm.answer import loaded
from void_server.reasoners.vlm.errors import MalformedAnswer
from void_server.reasoners.vlm.fields import Field
from void_server.reasoners.vlm.request import (
    PictureLimits,
    Question,
    as_picture,
    check_instruction,
    reference_positions,
    small,
)
from void_server.reasoners.vlm.schema import MOST_NOUN, array_of, object_of

FIND_VERSION = "1"
"""Part of the key of whatever is stored of an answer: raised with any change of what is asked."""
MOST_OBJECTS = 8
"""Things that are found at once."""
WHOLE = 1000
"""The right and the bottom edge of a picture, as answers count."""
INSTEAD = "give points, a box or a roto"
"""What an artist may do where no model finds it, as it goes on after "or"."""

_EDGES = ("x0", "y0", "x1", "y1")
_NUMBER: Final = {"type": "integer"}
FIND_SCHEMA: Final[dict[str, Any]] = object_of(
    objects=array_of(
        object_of(
            name={"type": "string"},
            boxes=array_of(object_of(frame=_NUMBER, **dict.fromkeys(_EDGES, _NUMBER))),
        )
    )
)
"""JSON schema (2020-12) of an answer; its limits are told in words, as for the other question."""

_QUESTION = """\
You help a visual effects artist to take something out of a film shot. Find what is to be removed.

What you are given
- The pictures are frames {frames} of one shot, in order. Each picture's frame number stands before it.
- The artist says: "{instruction}"

What to answer
- objects, at most {objects}: the things that the artist wants to be gone, and nothing else. Not what is to be corrected
  or kept, and not the shadow or the reflection of a thing: these are seen to later. Things that are removed together
  but can be told apart are objects of their own.
- name: a short name of the thing, at most {noun} characters.
- boxes: an entry for each of the frames {frames} on which the thing can be seen, at most one a frame, and no entry for
  the others; at least one in all. The box is as tight as can be, with all that is seen of the thing in it.
- frame: the number of that frame, as it stands before its picture.
- x0 and x1 are the left and the right edge of the box, y0 and y1 its upper and its lower edge. They are whole numbers
  from 0 to {whole}, relative to the picture and not pixels: x goes from 0 at the picture's left edge to {whole} at its
  right edge, y from 0 at its upper edge to {whole} at its lower edge, whatever its size. x0 is less than x1, and y0
  less than y1.
- If nothing of what the artist names can be seen on any of the pictures, objects is an empty list. Do not guess.

Answer with one JSON object and nothing else, with exactly these fields:
{{"objects": [{{"name": "", "boxes": [{{"frame": 0, "x0": 0, "y0": 0, "x1": 0, "y1": 0}}]}}]}}
"""

Objects = tuple[FoundObject, ...]


def find_question(
    frames: Sequence[int],
    pictures: Callable[[int], Values],
    instruction: str,
    limits: PictureLimits | None = None,
) -> Question[Objects]:
    """The question where the things are that an instruction wants to be gone.

    Args:
        frames: frame numbers of the shot, in order.
        pictures: the picture of a position 0..n-1: (H, W, 3) float32, display-like 0..1, all of one size.
        instruction: what the artist says, 1 to 4000 characters.

    Raises:
        LimitExceeded: the instruction or a JPEG is too long.
    """
    limits = limits or PictureLimits()
    check_instruction(instruction)
    shown = reference_positions(len(frames), limits.frames)
    made = tuple(
        as_picture(number, frames[position], "", small(pictures(position), limits.longest), limits)
        for number, position in enumerate(shown, 1)
    )
    numbers = tuple(frames[position] for position in shown)
    text = _QUESTION.format(
        frames=", ".join(str(number) for number in numbers),
        instruction=" ".join(instruction.split()),
        objects=MOST_OBJECTS,
        noun=MOST_NOUN,
        whole=WHOLE,
    )
    return Question(made, text, FIND_SCHEMA, partial(parse_found, frames=numbers), INSTEAD)


def parse_found(text: str, frames: Sequence[int]) -> Objects:
    """The objects in what a model wrote; none where it saw nothing of them.

    Args:
        text: as `parse_answer` takes it.
        frames: those that were shown.

    Raises:
        MalformedAnswer: it is no answer, or a part is out of range; the error has the part's path.
    """
    listed = Field(loaded(text))["objects"].items(MOST_OBJECTS)
    return tuple(FoundObject(f["name"].text(MOST_NOUN), _boxes(f["boxes"], frames)) for f in listed)


def _boxes(field: Field, frames: Sequence[int]) -> tuple[FoundBox, ...]:
    """Boxes by frame, each frame once, at least one."""
    found: dict[int, FoundBox] = {}
    for entry in field.items(len(frames)):
        box = _box(entry, frames)
        if box.frame in found:
            raise MalformedAnswer(f"names frame {box.frame} again.", path=f"{entry.path}.frame")
        found[box.frame] = box
    if not found:
        raise MalformedAnswer("names no frame; an object has to be somewhere.", path=field.path)
    return tuple(found[frame] for frame in sorted(found))


def _box(field: Field, frames: Sequence[int]) -> FoundBox:
    frame = field["frame"].whole(min(frames), max(frames))
    if frame not in frames:
        shown = ", ".join(str(number) for number in frames)
        raise MalformedAnswer(f"is {frame}, which was not shown; {shown} were.", path=f"{field.path}.frame")
    left, top, right, bottom = (field[edge].whole(0, WHOLE) for edge in _EDGES)
    for low, high, name in ((left, right, "x1"), (top, bottom, "y1")):
        if low >= high:
            raise MalformedAnswer(
                f"is {high}, not greater than {name[0]}0, which is {low}.", path=f"{field.path}.{name}"
            )
    return FoundBox(frame, left / WHOLE, top / WHOLE, right / WHOLE, bottom / WHOLE)
