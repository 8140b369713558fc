# SPDX-License-Identifier: Apache-2.0
"""Whether words alone are enough for an order on this server."""

from __future__ import annotations

from typing import Any

from void.v1 import types_pb2

from void_server.errors import InvalidInput, PreconditionFailed
from void_server.jobs.words import GROUNDING, MODELS, SEGMENTER, finder_of

FIX = (
    "Give points, a box or a roto (--points, --boxes, --remove). For words alone the server needs SAM2, and a model"
    " (--vlm) or a text-grounding model in its weights folder (docs/masks.md)."
)


def check_words(settings: types_pb2.Settings, capabilities: dict[str, Any]) -> None:
    """Let an order in words pass that this server can find the object of.

    Args:
        capabilities: as the workers report them.

    Raises:
        InvalidInput: it asks for a segmenter that reads no boxes.
        PreconditionFailed: what would find the object, or make mattes of it, is not set up; tells all that is missing.
    """
    if settings.segmenter not in ("", SEGMENTER):
        raise InvalidInput(
            f"The segmenter {settings.segmenter} cannot be told in words what to remove.",
            fix=f"Use --segmenter {SEGMENTER} or leave it out, or give mattes with --remove.",
        )
    finders = {p["name"]: p["unavailable_reason"].rstrip(".") for p in capabilities["finders"]}
    there = [name for name, reason in finders.items() if not reason]
    missing = [
        f"the segmenter {p['name']} is {p['unavailable_reason'].rstrip('.')}"
        for p in capabilities["segmenters"]
        if p["name"] == SEGMENTER and not p["available"]
    ]
    if not finder_of(settings, there):
        missing += _without_finder(settings, finders)
    if missing:
        raise PreconditionFailed(
            "Words alone cannot say what to remove on this server.",
            fix=f"{FIX} It says: {'; '.join(missing)}.",
        )


def _without_finder(settings: types_pb2.Settings, finders: dict[str, str]) -> list[str]:
    """Why none of the finders that the order leaves open can look."""
    reasons = []
    wanted = settings.options.get("finder", "auto")
    if wanted != "model":
        reasons.append(f"the finder {GROUNDING} is {finders[GROUNDING]}")
    if wanted != "grounding":
        asked = [m for m in MODELS if settings.reasoner in ("", m)]
        reasons += [f"the reasoner {m} is {finders[m]}" for m in asked]
        if not asked:
            reasons.append(f"the reasoner {settings.reasoner} asks no model, which openai and gemini do")
    return reasons
