# SPDX-License-Identifier: Apache-2.0
"""Writes the head of VOID.gizmo, which holds the node's knobs, from knobs.py and callbacks.py of plugin_nuke/void_nuke.

Run `python gizmos/make.py` after a change of the knobs; the network below the head is kept as it is.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "plugin_nuke"))

from void_nuke import callbacks, knobs  # noqa: E402

GIZMO = HERE / "VOID.gizmo"
HELP = (
    "Removes objects, and what they did to the scene. Outside of the blend matte the output is the live"
    " plate. VOID for Nuke and Resolve, Apache-2.0."
)
_PLAIN = re.compile(r"[\w./:+-]+")
_CLOSING = "\n}\n"


def word(text: str) -> str:
    """One word of Tcl that means the text; raises ValueError where braces cannot hold it."""
    if not text:
        return '""'
    if _PLAIN.fullmatch(text):
        return text
    depth = 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            break
    if depth or "\\" in text:
        raise ValueError(f"not to be written between braces: {text!r}")
    return "{" + text + "}"


def knob_lines(knob: knobs.Knob) -> list[str]:
    """The lines that add a knob and give its default value."""
    parts = [str(knob.kind), knob.name, "l", word(knob.label)]
    if knob.tooltip:
        parts += ["t", word(knob.tooltip)]
    if knob.kind == knobs.BUTTON:
        parts += ["T", word(callbacks.button_line(callbacks.ACTIONS[knob.name]))]
    if knob.kind == knobs.TEXT and knob.default:
        parts += ["T", word(knob.default)]
    if knob.choices:
        parts += ["M", "{" + " ".join(word(choice) for choice in knob.choices) + "}"]
    lines = [f" addUserKnob {{{' '.join([*parts, *knob.flags])}}}"]
    if knob.default and knob.kind != knobs.TEXT:
        lines.append(f" {knob.name} {word(knob.default)}")
    return lines


def head() -> str:
    """`Group {` to its closing brace."""
    lines = [
        "Group {",
        " name VOID",
        f" help {word(HELP)}",
        f" onCreate {word(callbacks.ON_CREATE)}",
        f" knobChanged {word(callbacks.KNOB_CHANGED)}",
        f" label {word(knobs.LABEL)}",
    ]
    for knob in knobs.KNOBS:
        lines += knob_lines(knob)
    return "\n".join(lines) + _CLOSING


def with_head(text: str) -> str:
    """The gizmo's text with the head of this release, and its own network."""
    return head() + text.partition(_CLOSING)[2]


if __name__ == "__main__":
    GIZMO.write_text(with_head(GIZMO.read_text(encoding="utf-8")), encoding="utf-8")
