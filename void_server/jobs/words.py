# SPDX-License-Identifier: Apache-2.0
"""An order that shows its object in words only: who finds the object, and who looks for its effects."""

from __future__ import annotations

from collections.abc import Collection

from void.v1 import types_pb2

GROUNDING = "grounding"
"""The finder that is a model in the server's weights folder."""
MODELS = ("openai", "gemini")
"""The finders that are reasoners too: models that are asked, the site's own first."""
FINDERS = (GROUNDING, *MODELS)
SEGMENTER = "sam2"
"""What makes mattes of the boxes that a finder leaves."""


def in_words(shot: types_pb2.Shot) -> bool:
    """Whether an instruction is all that says what to remove."""
    shown = shot.remove.files or shot.quadmask.files or shot.points or shot.boxes
    return bool(shot.instruction.strip()) and not shown


def finder_of(settings: types_pb2.Settings, there: Collection[str]) -> str:
    """The finder of an order in words; empty where none can be had.

    The local model comes first, because nothing leaves for it. A model is asked only where no other reasoner is named.

    Args:
        there: finders that this server has.
    """
    asked = [m for m in MODELS if settings.reasoner in ("", m)]
    wanted = settings.options.get("finder", "auto")
    candidates = {"grounding": [GROUNDING], "model": asked}.get(wanted, [GROUNDING, *asked])
    return next((name for name in candidates if name in there), "")


def reasoner_of(shot: types_pb2.Shot, settings: types_pb2.Settings, finder: str) -> str:
    """What looks for the effects: the one that is named, else what is drawn, else the model that finds the object."""
    if settings.reasoner:
        return settings.reasoner
    if shot.affected.files or shot.quadmask.files:
        return "artist"
    return finder if finder in MODELS else "motion"
