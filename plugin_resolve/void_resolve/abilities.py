# SPDX-License-Identifier: Apache-2.0
"""What the server can do, for the window's lists: asked once through the helper, taken up when the answer is there."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from void_resolve.choices import Choice
from void_resolve.follow import Asks, Line

OF_LIST = {"engine": "engines", "segmenter": "segmenters", "reasoner": "reasoners"}
"""Lists of the window, and what of the server's answer they show."""

NOT_ASKED = "Engines, segmenters and reasoners: VOID's own list; no server was asked yet."


class Abilities:
    """One question under way, and what came of the last.

    Attributes:
        text: where the lists come from, for the window.
    """

    def __init__(self) -> None:
        self.text = NOT_ASKED
        self._line: Line | None = None

    def ask(self, helper: Asks, server: Mapping[str, str]) -> None:
        """Ask; nothing is waited for."""
        self._line = Line(helper, "capabilities", {"server": dict(server)})
        self.text = "The server is asked what it can do…"

    def refuse(self, why: str) -> None:
        """Say why nothing can be asked."""
        self.text = f"Engines, segmenters and reasoners: VOID's own list. {why}"

    def taken(self) -> dict[str, list[Choice]]:
        """The lists, once, when the answer has come; empty before, and where the server did not tell."""
        for ended, message in self._line.events() if self._line else ():
            if ended:
                self._line = None
                if "reply" in message:
                    self.text = f"Engines, segmenters and reasoners: as the server {message['reply']['version']} says."
                    return lists_of(message["reply"])
                error = message["error"]
                self.refuse(f"{error['message']} {error.get('fix') or ''}".strip())
        return {}


def lists_of(reply: Mapping[str, Any]) -> dict[str, list[Choice]]:
    """The choices of each list; what the server has not is there with the reason, so that nobody looks for it."""
    return {name: [("", "As the site says"), *_choices(reply[said])] for name, said in OF_LIST.items()}


def _choices(plugs: Sequence[Mapping[str, Any]]) -> list[Choice]:
    return [
        (plug["name"], plug["name"])
        if plug["available"]
        else (plug["name"], f"{plug['name']} (not here: {plug['unavailable_reason']})")
        for plug in plugs
    ]
