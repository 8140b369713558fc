# SPDX-License-Identifier: Apache-2.0
"""What the artist sees of a node's state: the status line, the line on the tile, its colour."""

from __future__ import annotations

import html
from typing import Any

import nuke

IDLE, SENDING, RUNNING, CANCELLING = "idle", "sending", "running", "cancelling"
DONE, FAILED, CANCELLED, STALE = "done", "failed", "cancelled", "stale"

UNDER_WAY = (SENDING, RUNNING, CANCELLING)

_GREY, _AMBER, _GREEN, _RED, _BLUE = 0x5A5A5AFF, 0xC98A1BFF, 0x3F8F4FFF, 0xA83232FF, 0x3A6EA5FF
TILES = {
    IDLE: _GREY,
    SENDING: _AMBER,
    RUNNING: _AMBER,
    CANCELLING: _AMBER,
    DONE: _GREEN,
    FAILED: _RED,
    CANCELLED: _GREY,
    STALE: _BLUE,
}
"""Colours of the tile, as red, green, blue and 255 in one number."""

MAX_STATUS = 200
"""Characters of the status line; all of it is in the job's log."""


def show(node: Any, state: str, text: str = "", progress: str = "") -> None:
    """Tell a node's state.

    Args:
        node: a VOID node.
        state: a key of `TILES`.
        text: for the status line; empty = the state itself.
        progress: for the tile, such as `12/40`.
    """
    line = " ".join((text or state).split())
    if len(line) > MAX_STATUS:
        line = line[: MAX_STATUS - 1] + "…"
    _set(node, "void_status", line)
    _set(node, "void_state", state)
    _set(node, "void_progress", progress)
    _set(node, "tile_color", TILES[state])


def tell(*parts: str) -> None:
    """Show a message of some paragraphs; nothing in it is taken for HTML, which Nuke would."""
    said = "\n\n".join(part for part in parts if part)
    nuke.message(html.escape(said, quote=False).replace("\n", "<br>"))


def _set(node: Any, name: str, value: Any) -> None:
    knob = node[name]
    if knob.value() != value:
        knob.setValue(value)


def progress_text(event: dict[str, Any]) -> str:
    """A `progress` event in words: `fill 12/40, stage 5 of 9, 1 min 20 s left`."""
    said = f"{event['stage']} {event['done']}/{event['total']}"
    said += f", stage {event['stage_number']} of {event['stage_count']}"
    left = event.get("eta_seconds")
    return said if left is None else f"{said}, {duration(left)} left"


def duration(seconds: float) -> str:
    """`45 s`, `1 min 20 s` or `2 h 5 min`."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
