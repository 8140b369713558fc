# SPDX-License-Identifier: Apache-2.0
"""What a model answered, and the parser that takes nothing else for an answer.

Rows and columns are cells of the labelled grid, from 0 at the top left; frames are the shot's own frame numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

from void_server.quadmask.grid import grid_of
from void_server.reasoners.vlm.errors import MalformedAnswer
from void_server.reasoners.vlm.fields import Field
from void_server.reasoners.vlm.schema import (
    MOST_AFFECTED,
    MOST_ANSWER,
    MOST_BELONGINGS,
    MOST_NOUN,
    MOST_SCENE,
    MOST_STEPS,
    MOST_WHY,
    Kind,
)


@dataclass(frozen=True)
class Bounds:
    """What an answer about a shot may name.

    Attributes:
        rows, columns: cells of the grid.
        first, last: frame numbers, both part of the shot.
    """

    rows: int
    columns: int
    first: int
    last: int

    @classmethod
    def of(cls, height: int, width: int, first: int, last: int) -> Bounds:
        """Those of a shot whose pictures have this many pixels."""
        return cls(*grid_of(height, width), first, last)


@dataclass(frozen=True, order=True)
class Cell:
    """A cell of the grid, counted from 0."""

    row: int
    column: int


@dataclass(frozen=True)
class Place:
    """Where a thing is seen on a frame; without cells it is not seen there."""

    frame: int
    cells: frozenset[Cell]


@dataclass(frozen=True)
class Step:
    """The cell that a thing's middle is in on a frame."""

    frame: int
    cell: Cell


@dataclass(frozen=True)
class Belonging:
    """What is removed together with the subject.

    Attributes:
        places: by frame, at least one with cells.
    """

    noun: str
    why: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Affected:
    """What the subject does to a part of the scene.

    Attributes:
        will_move: it moves, as the shot shows it or as it would without the subject.
        first_appears: first frame on which the picture would differ without the subject.
        original: cells of a thing that without the subject would have stayed there; else none.
        places: by frame, none before `first_appears`.
        size: rows and columns of cells that a thing covers, at least 1.
        trajectory: by frame, where a thing moves or would move; none before `first_appears`.
    """

    noun: str
    kind: Kind
    why: str
    will_move: bool
    first_appears: int
    original: frozenset[Cell]
    places: tuple[Place, ...]
    size: tuple[int, int]
    trajectory: tuple[Step, ...]

    @property
    def should_have_stayed(self) -> bool:
        """Whether it moves only because of the subject."""
        return bool(self.original)


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes:
        belongings: at most 3.
        affected: at most 5.
        scene: the scene without the subject, for the prompt of an engine.
        confidence: 0..1, as the model says.
    """

    belongings: tuple[Belonging, ...]
    affected: tuple[Affected, ...]
    scene: str
    confidence: float


def parse_answer(text: str, bounds: Bounds) -> Answer:
    """The answer in what a model wrote.

    Args:
        text: JSON; markdown fences, thoughts before it and words around it are left out.
        bounds: those of the shot that was asked about.

    Raises:
        MalformedAnswer: it is no answer, or a part is out of range; the error has the part's path.
    """
    whole = Field(loaded(text))
    return Answer(
        tuple(_belonging(f, bounds) for f in whole["integral_belongings"].items(MOST_BELONGINGS)),
        tuple(_affected(f, bounds) for f in whole["affected_objects"].items(MOST_AFFECTED)),
        whole["scene_description"].text(MOST_SCENE),
        whole["confidence"].share(),
    )


def loaded(text: str) -> Any:
    """The JSON value in what a model wrote: as it is, or from the first brace to the last.

    Raises:
        MalformedAnswer: there is none, or the text is longer than any answer.
    """
    if len(text) > MOST_ANSWER:
        raise MalformedAnswer(f"The answer has {len(text)} characters, and {MOST_ANSWER} are the most.")
    text = text.rpartition("</think>")[2].strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].rpartition("```")[0]
    try:
        return _json(text)
    except MalformedAnswer:
        start, end = text.find("{"), text.rfind("}")
        if start < 0 or end < start:
            raise
        return _json(text[start : end + 1])


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise MalformedAnswer("The answer is nested too deeply.") from None
    except ValueError as error:
        raise MalformedAnswer(f"The answer is no JSON: {str(error)[:120]}.") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _belonging(field: Field, bounds: Bounds) -> Belonging:
    places = _places(field["cells_by_frame"], bounds)
    if not any(place.cells for place in places):
        raise MalformedAnswer(
            "names no cell; a belonging has to be somewhere.", path=f"{field.path}.cells_by_frame"
        )
    return Belonging(field["noun"].text(MOST_NOUN), field["why"].text(MOST_WHY), places)


def _affected(field: Field, bounds: Bounds) -> Affected:
    size = field["size_in_cells"]
    affected = Affected(
        noun=field["noun"].text(MOST_NOUN),
        kind=_kind(field["kind"]),
        why=field["why"].text(MOST_WHY),
        will_move=field["will_move"].flag(),
        first_appears=field["first_appears_frame"].whole(bounds.first, bounds.last),
        original=_cells(field["original_cells"], bounds),
        places=_places(field["cells_by_frame"], bounds),
        size=(size["rows"].whole(1, bounds.rows), size["columns"].whole(1, bounds.columns)),
        trajectory=_trajectory(field["trajectory"], bounds),
    )
    _check(affected, field["should_have_stayed"].flag(), field.path)
    return affected


def _check(affected: Affected, should_have_stayed: bool, path: str) -> None:
    """Refuses an effect whose parts contradict one another, or that is nowhere."""
    if should_have_stayed != affected.should_have_stayed:
        said = "names no cell, although the thing" if should_have_stayed else "names cells, although nothing"
        raise MalformedAnswer(f"{said} should have stayed.", path=f"{path}.original_cells")
    if affected.trajectory and not affected.will_move:
        raise MalformedAnswer("is given for a thing that will not move.", path=f"{path}.trajectory")
    seen = [place.frame for place in affected.places if place.cells]
    for name, frames in (("cells_by_frame", seen), ("trajectory", [s.frame for s in affected.trajectory])):
        if frames and frames[0] < affected.first_appears:
            raise MalformedAnswer(
                f"names frame {frames[0]}, before first_appears_frame {affected.first_appears}.",
                path=f"{path}.{name}",
            )
    if not seen and not affected.trajectory and not affected.original:
        raise MalformedAnswer(
            "names no cell, and neither do the other fields.", path=f"{path}.cells_by_frame"
        )


def _kind(field: Field) -> Kind:
    try:
        return Kind(field.value)
    except ValueError:
        raise field.wrong(f"one of {', '.join(kind.value for kind in Kind)}") from None


def _places(field: Field, bounds: Bounds) -> tuple[Place, ...]:
    """Places by frame, each frame once."""
    found: dict[int, Place] = {}
    for entry in field.items(bounds.last - bounds.first + 1):
        frame = entry["frame"].whole(bounds.first, bounds.last)
        if frame in found:
            raise MalformedAnswer(f"names frame {frame} again.", path=f"{entry.path}.frame")
        found[frame] = Place(frame, _cells(entry["cells"], bounds))
    return tuple(found[frame] for frame in sorted(found))


def _cells(field: Field, bounds: Bounds) -> frozenset[Cell]:
    return frozenset(_cell(entry, bounds) for entry in field.items(bounds.rows * bounds.columns))


def _cell(field: Field, bounds: Bounds) -> Cell:
    return Cell(field["row"].whole(0, bounds.rows - 1), field["column"].whole(0, bounds.columns - 1))


def _trajectory(field: Field, bounds: Bounds) -> tuple[Step, ...]:
    """Steps, each later than the one before."""
    entries = list(field.items(MOST_STEPS))
    steps = tuple(Step(e["frame"].whole(bounds.first, bounds.last), _cell(e, bounds)) for e in entries)
    for entry, (before, after) in zip(entries[1:], pairwise(steps), strict=True):
        if after.frame <= before.frame:
            raise MalformedAnswer(
                f"is {after.frame}, not later than {before.frame}.", path=f"{entry.path}.frame"
            )
    return steps
