# SPDX-License-Identifier: Apache-2.0
"""Whether what a node's result was made of has changed since."""

from __future__ import annotations

import hashlib
from typing import Any

import nuke

from void_nuke.knob import BUTTON, HIDDEN, TAB, TEXT
from void_nuke.knobs import KNOBS

MAX_NODES = 2000
"""Before the node; more are not looked at, as this runs while the artist works."""

_LOOKS = (
    "xpos", "ypos", "selected", "label", "note_font", "note_font_size", "note_font_color", "tile_color", "gl_color",
    "hide_input", "postage_stamp", "postage_stamp_frame", "bookmark", "cached", "dope_sheet", "name", "help", "icon",
    "indicators", "lifetimeStart", "lifetimeEnd", "useLifetime",
)  # fmt: skip
"""Knobs of every node that change no pixel."""

_SHOWN = (
    "void_show",
    "void_version",
    "void_server",
    "void_token_file",
    "void_ca",
    "void_upload",
    "void_output",
)
OWN = tuple(
    knob.name
    for knob in KNOBS
    if knob.kind not in (BUTTON, TAB, TEXT) and HIDDEN not in knob.flags and knob.name not in _SHOWN
)
"""The node's settings, which a result is made with."""


def fingerprint(node: Any) -> str:
    """A digest of the node's settings and of all nodes before it."""
    digest = hashlib.sha256()
    for name in OWN:
        digest.update(f"{name} {node[name].toScript()}\n".encode())
    seen: list[str] = []
    waiting = [node.input(number) for number in range(node.inputs())]
    while waiting and len(seen) < MAX_NODES:
        at = waiting.pop(0)
        if at is None:
            digest.update(b"-\n")
            continue
        name = str(at.fullName())
        if name in seen:
            digest.update(f"again {seen.index(name)}\n".encode())
            continue
        seen.append(name)
        digest.update(f"{at.Class()}\n{_written(at)}\n".encode())
        waiting += [at.input(number) for number in range(at.inputs())]
    return digest.hexdigest()


def _written(node: Any) -> str:
    text = str(node.writeKnobs(nuke.WRITE_NON_DEFAULT_ONLY | nuke.TO_SCRIPT))
    return "\n".join(line for line in text.splitlines() if line.split(" ", 1)[0] not in _LOOKS)
