# SPDX-License-Identifier: Apache-2.0
"""The answer that a model is asked for: its JSON schema, and its limits.

The schema holds structure only. Limits of numbers and lists are told in the prompt and checked by the parser: as parts
of a schema they grow a decoder's grammar until a provider refuses it. Every field is required and none may be null,
which is what all providers' strict modes have in common; what does not apply is false or an empty list.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

MOST_BELONGINGS = 3
"""Things that are removed together with the subject; as the official prompt asks for."""
MOST_AFFECTED = 5
"""Effects; as the official prompt asks for."""
MOST_STEPS = 64
"""Steps of a trajectory."""
MOST_NOUN, MOST_WHY, MOST_SCENE = 100, 600, 800
"""Characters of a noun, a reason, and the description of the scene."""
MOST_ANSWER = 400_000
"""Characters of an answer: all cells of all reference frames for every item are fewer."""


class Kind(str, Enum):
    """What the subject does to the scene."""

    SHADOW = "shadow"
    REFLECTION = "reflection"
    DISTURBED = "disturbed_medium"
    MOVED = "moved_object"
    FALLS = "falls_without_support"


def object_of(**fields: dict[str, Any]) -> dict[str, Any]:
    """Schema of an object with these fields and no others."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def array_of(items: dict[str, Any]) -> dict[str, Any]:
    """Schema of a list."""
    return {"type": "array", "items": items}


_WHOLE: Final = {"type": "integer"}
_TEXT: Final = {"type": "string"}
_FLAG: Final = {"type": "boolean"}
_CELL: Final = object_of(row=_WHOLE, column=_WHOLE)
_PLACES: Final = array_of(object_of(frame=_WHOLE, cells=array_of(_CELL)))

SCHEMA: Final[dict[str, Any]] = object_of(
    integral_belongings=array_of(object_of(noun=_TEXT, why=_TEXT, cells_by_frame=_PLACES)),
    affected_objects=array_of(
        object_of(
            noun=_TEXT,
            kind={"type": "string", "enum": [kind.value for kind in Kind]},
            why=_TEXT,
            will_move=_FLAG,
            first_appears_frame=_WHOLE,
            should_have_stayed=_FLAG,
            original_cells=array_of(_CELL),
            cells_by_frame=_PLACES,
            size_in_cells=object_of(rows=_WHOLE, columns=_WHOLE),
            trajectory=array_of(object_of(frame=_WHOLE, row=_WHOLE, column=_WHOLE)),
        )
    ),
    scene_description=_TEXT,
    confidence={"type": "number"},
)
"""JSON schema (2020-12) of an answer."""
