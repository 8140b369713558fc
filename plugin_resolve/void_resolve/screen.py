# SPDX-License-Identifier: Apache-2.0
"""UIManager, where this Resolve has it, and a text in a window of its own."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from void_resolve.errors import LOST


class Ui(NamedTuple):
    """What makes windows.

    Attributes:
        manager: makes elements.
        dispatcher: runs the one loop; a loop inside of a loop never ends.
    """

    manager: Any
    dispatcher: Any


def find_ui(fusion: Any, bmd: Any) -> Ui | None:
    """UIManager; None in an edition, version or session without windows."""
    try:
        manager = getattr(fusion, "UIManager", None)
        if manager is not None and getattr(manager, "VGroup", None) is None:
            manager = manager()
        if manager is None:
            return None
        dispatcher = bmd.UIDispatcher(manager)
    except LOST:
        return None
    return None if dispatcher is None else Ui(manager, dispatcher)


def show_text(ui: Ui, title: str, text: str) -> None:
    """A text and a button; comes back when it is closed. Never from within a loop."""
    leave = leaver(ui)
    manager = ui.manager
    body = [
        manager.Label({"ID": "Words", "Text": text, "WordWrap": True}),
        manager.Button({"ID": "Leave", "Text": "Close"}),
    ]
    window = ui.dispatcher.AddWindow(
        {"ID": "VoidText", "WindowTitle": title, "Geometry": [200, 200, 560, 240]}, [manager.VGroup({}, body)]
    )
    window.On.Leave.Clicked = leave
    window.On.VoidText.Close = leave
    window.Show()
    ui.dispatcher.RunLoop()
    window.Hide()


def leaver(ui: Ui) -> Callable[[Any], None]:
    """A handler that ends the loop."""

    def leave(_event: Any) -> None:
        ui.dispatcher.ExitLoop()

    return leave
