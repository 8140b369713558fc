# SPDX-License-Identifier: Apache-2.0
"""The words of the question; the same for every provider."""

from __future__ import annotations

from collections.abc import Sequence

from void_server.reasoners.vlm.answer import Bounds
from void_server.reasoners.vlm.schema import (
    MOST_AFFECTED,
    MOST_BELONGINGS,
    MOST_NOUN,
    MOST_SCENE,
    MOST_STEPS,
    MOST_WHY,
)

PROMPT_VERSION = "1"
"""Part of the key of whatever is stored of an answer: raised with any change of what is asked."""

_QUESTION = """\
You help a visual effects artist to take a subject out of a film shot, and with it everything that it did to the
scene. The result has to look as if the subject had never been there.

What you are given
- Picture 1 shows the subject marked in red, on frame {marked}, the first on which it is in the shot.
- The other pictures are frames {frames}, in order. The shot runs from frame {first} to frame {last}.
- Over each picture lies a grid of {rows} rows and {columns} columns. A cell carries its row and column,
  "row,column", counted from 0 at the top left. Say where things are in these cells only, and when in these frame
  numbers only.
- Take a cell more rather than one too few: name every cell that a thing touches, and one more all around it.
{instruction}
What to list
1. integral_belongings, at most {belongings}: things that go with the subject and would make no sense without it:
   what it wears, carries, holds or rides. They are removed too. Not what merely stands near it.
2. affected_objects, at most {affected}: what would look different if the subject had never been there, the most
   visible first. Never the subject itself or its belongings. Give each a kind:
   - shadow: a shadow that the subject casts, or light that it holds back or throws.
   - reflection: its image in a mirror, in glass, in water, on a polished floor.
   - disturbed_medium: ripples, splashes, dust, smoke, footprints, dents in a cushion: a medium that it stirs or
     presses.
   - moved_object: a thing that moves, or has been moved, because of the subject.
   - falls_without_support: a thing that the subject holds up, and that would fall or sink without it.
3. scene_description: one or two sentences about the scene as it looks without the subject and without what it did.
   Do not mention the subject, and do not say that anything is missing.
4. confidence: from 0 to 1, how sure you are of all this.

How to tell what would happen to a thing
- It moves only because the subject touches, pushes, throws or hits it: without the subject it would have stayed.
  Set should_have_stayed, give the cells of the place that it would have kept in original_cells, and where it is
  seen to be in cells_by_frame. If it moves, set will_move and give its trajectory as seen.
- The subject holds it up against gravity, by hand, on its head, on a string: without the subject it would fall. Set
  will_move, give where it is seen in cells_by_frame, and in trajectory the way that it would take down to whatever
  stops it.
- It was moving before, and the subject stops it or turns it aside: without the subject it would go on as it went.
  Set will_move, leave should_have_stayed false, give where it is seen in cells_by_frame, and the way that it would
  go on in trajectory. Its kind is moved_object.
- It only rests against the subject, or is touched and stays where it is: do not list it, unless its look changes.

How to fill in the fields
- noun: a short name by which the thing can be found in the picture, with its colour or place if there are several;
  at most {noun} characters. why: one sentence, at most {why} characters.
- first_appears_frame: the first frame on which the picture would be different; nothing is given before it.
- cells_by_frame: an entry for each of the frames {frames} on which it could be; an empty list of cells where it
  cannot be seen.
- will_move: whether it moves, as the shot shows it or as it would without the subject.
- size_in_cells: how many rows and columns the thing covers where it is largest, at least 1 each.
- trajectory: the cell of the thing's middle on some frames, in order, as many as its way has bends, at most
  {steps}. Empty for what will not move.
- original_cells: empty unless should_have_stayed is true.
- The lists may be empty, if there is nothing to name; do not invent effects. scene_description has at most {scene}
  characters.

Answer with one JSON object and nothing else, with exactly these fields:
{{"integral_belongings": [{{"noun": "", "why": "",
   "cells_by_frame": [{{"frame": 0, "cells": [{{"row": 0, "column": 0}}]}}]}}],
 "affected_objects": [{{"noun": "", "kind": "", "why": "", "will_move": false, "first_appears_frame": 0,
   "should_have_stayed": false, "original_cells": [], "cells_by_frame": [],
   "size_in_cells": {{"rows": 1, "columns": 1}},
   "trajectory": [{{"frame": 0, "row": 0, "column": 0}}]}}],
 "scene_description": "", "confidence": 0.0}}
"""

_INSTRUCTION = """\

The artist says about this shot: "{instruction}"
"""

_REPAIR = """\
This answer cannot be used. {problem}
Give the whole answer again, as one JSON object and nothing else, with this put right."""


def question_text(bounds: Bounds, marked: int, frames: Sequence[int], instruction: str = "") -> str:
    """The question about a shot.

    Args:
        marked: frame number of the picture with the subject in red.
        frames: frame numbers of the other pictures, in order.
        instruction: what the artist says about the subject and the shot, one paragraph.
    """
    said = " ".join(instruction.split())
    return _QUESTION.format(
        marked=marked,
        frames=", ".join(str(frame) for frame in frames),
        first=bounds.first,
        last=bounds.last,
        rows=bounds.rows,
        columns=bounds.columns,
        instruction=_INSTRUCTION.format(instruction=said) if said else "",
        belongings=MOST_BELONGINGS,
        affected=MOST_AFFECTED,
        noun=MOST_NOUN,
        why=MOST_WHY,
        scene=MOST_SCENE,
        steps=MOST_STEPS,
    )


def repair_text(problem: str) -> str:
    """What is said after an answer that is none."""
    return _REPAIR.format(problem=problem)
