# SPDX-License-Identifier: Apache-2.0
"""Where pieces of the work on a shot meet, and whether that is seen: windows of the model, anchors of the motion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from void_server.conform.flicker import Flicker, at_borders
from void_server.engines.cleanplate import SPAN
from void_server.engines.void.settings import OVERLAP, TEMPORAL, latent_length
from void_server.pipeline.order import Order
from void_server.pipeline.results import Results

WINDOWS, ANCHORS = "windows", "anchors"


def borders(order: Order) -> dict[str, list[int]]:
    """By what meets there, the positions of the later frames of the pairs between which it does.

    `windows`: a window of the engine `void` begins to count, or no longer counts; between the two, neighbours are
    blended. `anchors`: spans of motion that are measured together end and begin; a frame at one has a pair of either.
    """
    found: dict[str, list[int]] = {}
    count = len(order.frames)
    if order.engine == "void":
        found[WINDOWS] = sorted(p for p in _window_borders(order, count) if p < count)
    if order.rebuilds:
        ends = range(SPAN, count - 1, SPAN)
        found[ANCHORS] = sorted({p for end in ends for p in (end, end + 1)})
    return found


def _window_borders(order: Order, count: int) -> set[int]:
    # PyTorch takes seconds to import, and other jobs do without it.
    from void_server.engines.void.clip import padded_length
    from void_server.engines.void.windows import windows

    settings = order.void_settings()
    longest = settings.longest or count + settings.window
    length = latent_length(padded_length(count, window=settings.window, longest=longest))
    every = windows(length, latent_length(settings.window), OVERLAP)
    latents = {edge for w in every for edge in (w.begin, w.end) if 0 < edge < length}
    # The first latent is one frame, each other one `TEMPORAL`.
    return {TEMPORAL * latent - (TEMPORAL - 1) for latent in latents}


def told_flicker(order: Order, results: Results) -> dict[str, Any]:
    """What the sidecar says of it, by what meets; see `provenance.provenance`."""
    pairs = {}
    for position, frame in enumerate(order.frames):
        found = results.find("review", frame)
        if found is not None and found.info["flicker"] is not None:
            pairs[position] = Flicker(found.info["flicker"], found.info["flicker_beside"])
    delivered = range(len(order.frames))[order.delivered]
    return {
        # A latent's frames are alike; windows begin where a latent does.
        name: _told(
            order.frames, pairs, [p for p in at if p in delivered[1:]], TEMPORAL if name == WINDOWS else 1
        )
        for name, at in borders(order).items()
    }


def _told(frames: Sequence[int], pairs: dict[int, Flicker], at: list[int], step: int) -> dict[str, Any]:
    found = at_borders(pairs, at, step)
    return {
        "frames": [frames[position] for position in at],
        "measured": found.borders if found else 0,
        "ratio": round(found.ratio, 4) if found else None,
        "chance": round(found.chance, 4) if found and found.chance is not None else None,
    }
