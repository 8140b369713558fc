# SPDX-License-Identifier: Apache-2.0
"""The menu's "Check this Nuke"."""

from __future__ import annotations

import html
import traceback

import nuke


def run() -> None:
    """Ask, then check what VOID assumes of this Nuke; nothing of the open script is changed."""
    said = (
        "VOID checks what it assumes of this Nuke, and removes a disc from three small frames on your own server.\n\n"
        "Nuke cannot be used for about half a minute. The open script is left as it is. Go on?"
    )
    if not nuke.ask(said.replace("\n", "<br>")):
        return
    try:
        from void_smoke.runner import in_window

        in_window()
    except Exception as error:  # noqa: BLE001 - Nuke would show a traceback to an artist
        traceback.print_exc()
        nuke.message(html.escape(f"The check could not be made: {error}", quote=False))
