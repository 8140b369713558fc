# SPDX-License-Identifier: Apache-2.0
"""The controls of the window: made, filled with settings, read again."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from void_resolve import choices
from void_resolve.choices import Choice
from void_resolve.screen import Ui
from void_resolve.settings import FIRST, Settings

WINDOW = "VoidWindow"

LISTS: Mapping[str, Sequence[Choice]] = {
    "look": choices.LOOKS,
    "matte": choices.MATTES,
    "quality": choices.QUALITIES,
    "matte_files": choices.MATTE_FILES,
    "engine": choices.ENGINES,
    "reasoner": choices.REASONERS,
    "segmenter": choices.SEGMENTERS,
}
"""Settings that are chosen from a list; `handles` is a number, all others are typed."""

ROWS: Sequence[Sequence[str]] = (
    ("look", "quality"),
    ("matte", "handles"),
    ("matte_pattern", "matte_track"),
    ("matte_tool", "matte_files"),
    ("points", "affected_pattern"),
    ("engine", "reasoner"),
    ("segmenter", "seed"),
    ("prompt", "instruction"),
    ("colour_space", "options"),
    ("out", "address"),
    ("token_file", "ca"),
)

CAPTIONS: Mapping[str, str] = {
    "look": "Plate",
    "quality": "Quality",
    "matte": "Matte from",
    "handles": "Handles (frames)",
    "matte_pattern": "Matte sequence",
    "matte_track": "Matte track",
    "matte_tool": "Fusion tool, if several masks",
    "matte_files": "Mattes come back as",
    "colour_space": "Colour space, if Resolve has none",
    "points": "Points (FRAME X Y; …)",
    "affected_pattern": "Affected (shadow), if drawn",
    "engine": "Engine",
    "reasoner": "Reasoner",
    "segmenter": "Segmenter",
    "prompt": "Prompt: what remains",
    "instruction": "Instruction: what goes",
    "seed": "Seed",
    "options": "Options (NAME=VALUE, …)",
    "out": "Results go to",
    "address": "Server (HOST:PORT)",
    "token_file": "Token file",
    "ca": "Certificates (CA)",
}

PICKED: Mapping[str, str] = {
    "PickMatte": "matte_pattern",
    "PickAffected": "affected_pattern",
    "PickOut": "out",
}
"""Buttons that open one of Resolve's pickers, and what they fill."""

ACTIONS = ("Remove", "Reattach", "TakeBack", "CleanUp", "Connect", "TwoClicks", *PICKED)
"""Buttons that are locked while VOID is at work."""

_MONOSPACE = "font-family: Menlo, Consolas, 'DejaVu Sans Mono', 'Courier New', monospace;"


def control(name: str) -> str:
    """The ID of a setting's control; it becomes an attribute's name."""
    return "Set" + "".join(part.capitalize() for part in name.split("_"))


class Panel:
    """The window with its controls.

    Args:
        ui: what makes them.
        settings: what they show at first.
        head: the line that says where this runs, and that Studio is needed.
    """

    def __init__(self, ui: Ui, settings: Settings, head: str) -> None:
        self._settings = settings
        self._can_clean = False
        self._lists = {
            name: choices.with_value(known, str(settings.values[name])) for name, known in LISTS.items()
        }
        self.window = ui.dispatcher.AddWindow(
            {"ID": WINDOW, "WindowTitle": "VOID", "Geometry": [120, 80, 860, 780]},
            [ui.manager.VGroup({}, self._layout(ui.manager, head))],
        )
        self._items = self.window.GetItems()
        for name in FIRST:
            self._fill(name)

    def show(self, name: str, text: str) -> None:
        """Set a label's text, or a field's."""
        self._items[name].Text = text

    def log(self, text: str) -> None:
        """Show the log."""
        self._items["Log"].PlainText = text

    def lock(self, busy: bool) -> None:
        """While VOID is at work only Cancel can be pressed."""
        for name in ACTIONS:
            self._items[name].Enabled = not busy and (name != "CleanUp" or self._can_clean)
        self._items["Cancel"].Enabled = busy

    def refill(self, name: str, known: Sequence[Choice]) -> None:
        """Another list to choose from; what was chosen stays chosen."""
        chosen = str(self._value(name))
        self._lists[name] = choices.with_value(known, chosen)
        item = self._items[control(name)]
        item.Clear()
        item.AddItems([words for _, words in self._lists[name]])
        item.CurrentIndex = next(i for i, (each, _) in enumerate(self._lists[name]) if each == chosen)

    def may_clean_up(self, there: bool) -> None:
        """Whether there is something to clean up."""
        self._can_clean = there
        self._items["CleanUp"].Enabled = there

    def list_history(self, lines: Sequence[str]) -> None:
        """Fill the list of past jobs."""
        box = self._items["History"]
        box.Clear()
        box.AddItems(list(lines) or ["nothing was sent from here yet"])
        box.CurrentIndex = 0

    def chosen_history(self) -> int:
        """Which of the past jobs is chosen."""
        return _index(self._items["History"])

    def consent(self) -> bool:
        """Whether this one job may ask a cloud service."""
        return bool(self._items["Consent"].Checked)

    def withdraw_consent(self) -> None:
        """Consent holds for one job."""
        self._items["Consent"].Checked = False

    def type(self, name: str, text: str) -> None:
        """Fill a setting that is typed."""
        self._items[control(name)].Text = text

    def values(self) -> dict[str, Any]:
        """What is chosen now; what the site locks is left to it."""
        values = {name: self._value(name) for name in FIRST}
        values.update({name: first for name, first in FIRST.items() if self._settings.site.locks(name)})
        return values

    def _value(self, name: str) -> Any:
        item = self._items[control(name)]
        if name in LISTS:
            known = self._lists[name]
            return known[min(_index(item), len(known) - 1)][0]
        if name == "handles":
            return max(int(item.Value or 0), 0)
        return str(item.Text or "").strip()

    def _fill(self, name: str) -> None:
        item, value = self._items[control(name)], self._settings.values[name]
        if name in LISTS:
            item.AddItems([words for _, words in self._lists[name]])
            item.CurrentIndex = next(i for i, (each, _) in enumerate(self._lists[name]) if each == value)
        elif name == "handles":
            item.Value = value
        else:
            item.Text = value
            item.PlaceholderText = self._settings.site.values.get(name, "")
        if self._settings.site.locks(name):
            item.Enabled = False
            item.ToolTip = "The studio has set this for all."

    def _layout(self, ui: Any, head: str) -> list[Any]:
        rows = [ui.HGroup({}, [self._cell(ui, name) for name in row]) for row in ROWS]
        consent = "This one job may send frames to a cloud service (openai, gemini)"
        return [
            ui.Label({"ID": "Head", "Text": head, "WordWrap": True}),
            ui.Label({"ID": "Clip", "Text": ""}),
            *rows,
            ui.HGroup(
                {},
                [
                    ui.Label({"ID": "Lists", "Text": "", "WordWrap": True}),
                    ui.Button({"ID": "Connect", "Text": "Ask the server"}),
                ],
            ),
            ui.CheckBox({"ID": "Consent", "Text": consent, "Checked": False, "Enabled": self._may_consent()}),
            ui.HGroup(
                {},
                [
                    ui.Button({"ID": "PickMatte", "Text": "Pick mattes…"}),
                    ui.Button({"ID": "PickAffected", "Text": "Pick affected…"}),
                    ui.Button({"ID": "PickOut", "Text": "Choose folder…"}),
                    ui.Button({"ID": "TwoClicks", "Text": "The two clicks…"}),
                ],
            ),
            ui.HGroup(
                {},
                [
                    ui.Button({"ID": "Remove", "Text": "Remove"}),
                    ui.Button({"ID": "Cancel", "Text": "Cancel", "Enabled": False}),
                    ui.Button({"ID": "TakeBack", "Text": "Remove VOID result"}),
                    ui.Button({"ID": "CleanUp", "Text": "Clean up", "Enabled": False}),
                ],
            ),
            ui.Label(
                {
                    "ID": "Status",
                    "Text": "Park the playhead on the clip, then press Remove.",
                    "WordWrap": True,
                }
            ),
            ui.Label({"ID": "Bar", "Text": "", "StyleSheet": _MONOSPACE}),
            ui.HGroup(
                {}, [ui.ComboBox({"ID": "History"}), ui.Button({"ID": "Reattach", "Text": "Re-attach"})]
            ),
            ui.TextEdit({"ID": "Log", "ReadOnly": True, "PlainText": "", "StyleSheet": _MONOSPACE}),
        ]

    def _cell(self, ui: Any, name: str) -> Any:
        if name in LISTS:
            made = ui.ComboBox({"ID": control(name)})
        elif name == "handles":
            made = ui.SpinBox({"ID": control(name), "Minimum": 0, "Maximum": 999})
        else:
            made = ui.LineEdit({"ID": control(name)})
        return ui.HGroup({}, [ui.Label({"Text": CAPTIONS[name], "MinimumSize": [140, 0]}), made])

    def _may_consent(self) -> bool:
        return not self._settings.site.locks("cloud_consent")


def _index(box: Any) -> int:
    """What is chosen in a list; the first where nothing is."""
    return max(int(box.CurrentIndex or 0), 0)
