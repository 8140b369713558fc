# SPDX-License-Identifier: Apache-2.0
"""What a model is asked about a shot: a few small pictures under a labelled grid, and the text; nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from void_server.errors import InvalidInput, LimitExceeded
from void_server.quadmask.grid import cell_edges
from void_server.quadmask.regions import THRESHOLD, Quadmask, Values, overlay
from void_server.reasoners.vlm.answer import Answer, Bounds, parse_answer
from void_server.reasoners.vlm.prompt import question_text
from void_server.reasoners.vlm.schema import SCHEMA

U8 = npt.NDArray[np.uint8]
T_co = TypeVar("T_co", covariant=True)

MOST_INSTRUCTION = 4000
"""Characters of an artist's instruction."""
LIGHT, DARK = 255, 0
"""Grey levels 0..255 of lines and labels, and of the rim that keeps them in sight on light pictures."""
LINE_OPACITY = 0.5
LABEL_HEIGHT = 0.22
"""Height of a label's digits as a share of a cell's shorter side."""
FONT_HEIGHT = 22.0
"""Height in pixels of the font's digits at scale 1."""
LABEL_SCALES = (0.25, 0.6)
"""Least and greatest scale of the font: below, digits run together."""


@dataclass(frozen=True)
class PictureLimits:
    """What a question may hold.

    Attributes:
        frames: pictures of the shot, spread over it; the one with the subject marked comes on top.
        longest: longest side in pixels; pictures are only ever made smaller.
        quality: of the JPEG, 1..100.
        most_bytes: of one JPEG.
    """

    frames: int = 10
    longest: int = 768
    quality: int = 85
    most_bytes: int = 1_000_000


@dataclass(frozen=True)
class Picture:
    """A picture of a question.

    Attributes:
        label: the line that stands before it.
        frame: the shot's frame number.
        jpeg: the file's bytes.
    """

    label: str
    frame: int
    jpeg: bytes


@dataclass(frozen=True)
class Question(Generic[T_co]):
    """All that is sent, in this order: the pictures, each after its label, then the text; and how its answer is read.

    Attributes:
        schema: JSON schema of the answer.
        read: the answer in what a model wrote; raises MalformedAnswer.
        instead: what a user may do where no model answers it, as it goes on after "or".
    """

    pictures: tuple[Picture, ...]
    text: str
    schema: Mapping[str, Any]
    read: Callable[[str], T_co] = field(compare=False)
    instead: str


@dataclass(frozen=True)
class EffectsQuestion(Question[Answer]):
    """What the subject did to the scene, in cells of a grid.

    Attributes:
        bounds: that the answer keeps to.
    """

    bounds: Bounds


def question(
    frames: Sequence[int],
    pictures: Callable[[int], Values],
    mattes: Callable[[int], Values],
    *,
    instruction: str = "",
    limits: PictureLimits | None = None,
) -> EffectsQuestion:
    """The question about the effects of what is removed.

    Args:
        frames: frame numbers of the shot, in order, without gaps.
        pictures: the picture of a position 0..n-1: (H, W, 3) float32, display-like 0..1, all of one size.
        mattes: what is removed there: (H, W) float32 0..1.
        instruction: what the artist says, at most 4000 characters; empty for nothing.

    Raises:
        InvalidInput: nothing is removed on any frame.
        LimitExceeded: the instruction or a JPEG is too long.
    """
    limits = limits or PictureLimits()
    check_instruction(instruction)
    marked = _first_with_subject(len(frames), mattes)
    red = overlay(
        small(pictures(marked), limits.longest), _removed(_small_matte(mattes(marked), limits.longest))
    )
    height, width = mattes(marked).shape
    bounds = Bounds.of(height, width, frames[0], frames[-1])
    shown = reference_positions(len(frames), limits.frames)
    lined = gridded_picture(red, bounds)
    made = [as_picture(1, frames[marked], ", the subject marked in red", lined, limits)]
    for position in shown:
        lined = gridded_picture(small(pictures(position), limits.longest), bounds)
        made.append(as_picture(len(made) + 1, frames[position], "", lined, limits))
    text = question_text(bounds, frames[marked], [frames[p] for p in shown], instruction)
    read = partial(parse_answer, bounds=bounds)
    return EffectsQuestion(tuple(made), text, SCHEMA, read, "draw the affected region", bounds)


def check_instruction(instruction: str) -> None:
    """Raises LimitExceeded where a model is to be told more than it may be."""
    if len(instruction) > MOST_INSTRUCTION:
        raise LimitExceeded(
            f"The instruction has {len(instruction)} characters; {MOST_INSTRUCTION} are the most.",
            fix="Say it in fewer words.",
        )


def reference_positions(count: int, most: int) -> list[int]:
    """Up to `most` positions of 0..count-1, from the first to the last at equal distances."""
    if most < 2 or count < 2:
        return list(range(min(most, count)))
    return sorted({round(k * (count - 1) / (most - 1)) for k in range(most)})


def gridded_picture(picture: U8, bounds: Bounds) -> U8:
    """The picture (h, w, 3) uint8 with the grid's lines and each cell's "row,column" over it."""
    down = cell_edges(picture.shape[0], bounds.rows)
    across = cell_edges(picture.shape[1], bounds.columns)
    lined = picture.copy()
    for beside, grey in ((-1, LIGHT), (0, DARK)):
        lined[[k + beside for k in down[1:-1]]] = grey
        lined[:, [k + beside for k in across[1:-1]]] = grey
    shown = cv2.addWeighted(lined, LINE_OPACITY, picture, 1 - LINE_OPACITY, 0)
    least = min(down[1] - down[0], across[1] - across[0])
    scale = float(np.clip(LABEL_HEIGHT * least / FONT_HEIGHT, *LABEL_SCALES))
    for row, top in enumerate(down[:-1]):
        for column, left in enumerate(across[:-1]):
            _label(shown, f"{row},{column}", (left + 2, top + 2 + round(FONT_HEIGHT * scale)), scale)
    return np.asarray(shown, np.uint8)


def _label(picture: U8, text: str, corner: tuple[int, int], scale: float) -> None:
    """Draws a text with a dark rim; `corner` (x, y) is at its lower left."""
    # Not a thicker text as the rim: its letters are wider, and run away from those of the thin one.
    for right, down, grey in ((-1, 0, DARK), (1, 0, DARK), (0, -1, DARK), (0, 1, DARK), (0, 0, LIGHT)):
        place = (corner[0] + right, corner[1] + down)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (grey,) * 3, 1, cv2.LINE_AA)


def as_picture(number: int, frame: int, note: str, shown: U8, limits: PictureLimits) -> Picture:
    """A picture (h, w, 3) uint8 as it is sent; `note` ends its label.

    Raises:
        LimitExceeded: the JPEG is too large.
    """
    bgr = cv2.cvtColor(shown, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, limits.quality])
    data = jpeg.tobytes()
    if len(data) > limits.most_bytes:
        raise LimitExceeded(
            f"The picture of frame {frame} has {len(data)} bytes as a JPEG; {limits.most_bytes} are the most.",
            fix="Send smaller pictures.",
            frame=frame,
        )
    return Picture(f"Picture {number}: frame {frame}{note}", frame, data)


def _first_with_subject(count: int, mattes: Callable[[int], Values]) -> int:
    for position in range(count):
        if (mattes(position) > THRESHOLD).any():
            return position
    raise InvalidInput(
        "Nothing is removed on any frame, so there is no subject to ask about.", fix="Draw the remove matte."
    )


def _removed(matte: Values) -> Quadmask:
    return Quadmask(matte, np.zeros_like(matte))


def small(picture: Values, longest: int) -> U8:
    """A picture 0..1 as (h, w, 3) uint8; what is no number is black."""
    clean = np.clip(np.nan_to_num(picture, nan=0, posinf=1, neginf=0), 0, 1)
    return np.asarray(np.rint(_scaled(clean.astype(np.float32), longest) * 255), np.uint8)


def _small_matte(matte: Values, longest: int) -> Values:
    return np.asarray(np.clip(_scaled(np.asarray(matte, np.float32), longest), 0, 1), np.float32)


def _scaled(picture: npt.NDArray[Any], longest: int) -> npt.NDArray[Any]:
    height, width = picture.shape[:2]
    share = longest / max(height, width)
    if share >= 1:
        return picture
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
