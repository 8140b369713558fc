# SPDX-License-Identifier: Apache-2.0
"""VOID's entries in Nuke's menus, and what happens when a script is opened."""

from __future__ import annotations

import sys
from functools import partial

import nuke

LEAST_NUKE, MOST_NUKE = 14, 18
"""Major versions that this release is made for; 18 is prepared, as far as its Python is known."""

GROUPS = ("VOID", "VOID_Masks", "VOID_TouchUp", "VOID_QuadmaskPaint", "VOID_QC")


def add_menus() -> None:
    """Add what an artist sees; nothing is started."""
    major = int(nuke.env["NukeVersionMajor"])
    if major < LEAST_NUKE or sys.version_info < (3, 9):
        print(f"VOID needs Nuke {LEAST_NUKE} or newer; this is Nuke {major}. It is not added to the menus.")
        return
    from void_nuke import node

    menu = nuke.menu("Nodes").addMenu("VOID")
    for name in GROUPS:
        menu.addCommand(name, partial(node.create, name))
    nuke.menu("Nuke").addMenu("VOID").addCommand("Check this Nuke", _smoke)
    nuke.addOnScriptLoad(node.after_load)
    nuke.addOnScriptClose(node.before_close)


def _smoke() -> None:
    from void_nuke.smoke_entry import run

    run()
