# SPDX-License-Identifier: Apache-2.0
"""A user knob as a script has it."""

from __future__ import annotations

from typing import NamedTuple

# Types of addUserKnob, as nuke.KnobType numbers them.
STRING, FILE, INT, ENUMERATION, BOOLEAN, DOUBLE = 1, 2, 3, 4, 6, 7
CHANNEL, XY, BBOX, TAB, BUTTON, TEXT = 11, 12, 15, 20, 22, 26

HIDDEN = "+INVISIBLE"
NOT_SAVED = "+DO_NOT_WRITE"
SAME_LINE = "-STARTLINE"


class Knob(NamedTuple):
    """A user knob.

    Attributes:
        name: as in the script.
        kind: number of its type in addUserKnob.
        label: what is written beside it.
        default: value as the script's text; empty where there is none.
        tooltip: what it is for, with its unit.
        choices: items of an enumeration.
        flags: of addUserKnob.
        option: name of the server's option that it sets; empty = none.
    """

    name: str
    kind: int
    label: str
    default: str = ""
    tooltip: str = ""
    choices: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    option: str = ""
