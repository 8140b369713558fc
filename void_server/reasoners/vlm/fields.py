# SPDX-License-Identifier: Apache-2.0
"""Fields of a JSON value read strictly: there, of its type and within its limits, or an error names its path."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from void_server.reasoners.vlm.errors import MalformedAnswer

SHOWN = 60
"""Characters of a wrong value that a message repeats."""


@dataclass(frozen=True)
class Field:
    """A value of the answer and where it stands.

    Attributes:
        value: as `json.loads` gives it.
        path: such as `affected_objects[1].noun`; empty for the whole.
    """

    value: Any
    path: str = ""

    def __getitem__(self, name: str) -> Field:
        """A field of an object; fields that are not asked for are left unread."""
        if not isinstance(self.value, dict):
            raise self.wrong("an object")
        path = f"{self.path}.{name}" if self.path else name
        if name not in self.value:
            raise MalformedAnswer("is missing.", path=path)
        return Field(self.value[name], path)

    def items(self, most: int) -> Iterator[Field]:
        """The values of a list of at most so many."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        if len(self.value) > most:
            raise MalformedAnswer(f"has {len(self.value)} entries, and {most} are the most.", path=self.path)
        return (Field(value, f"{self.path}[{k}]") for k, value in enumerate(self.value))

    def text(self, most: int) -> str:
        """A text of 1 to `most` characters that can be printed and written down, without spaces around it."""
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        text = " ".join(self.value.split())
        if not 1 <= len(text) <= most:
            raise MalformedAnswer(f"has {len(text)} characters; 1 to {most} are allowed.", path=self.path)
        if not text.isprintable():
            raise MalformedAnswer("has characters that cannot be printed.", path=self.path)
        return text

    def whole(self, least: int, greatest: int) -> int:
        """A whole number from `least` to `greatest`, also when written as 3.0."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong("a whole number")
        if not least <= value <= greatest:
            raise self.wrong(f"a whole number from {least} to {greatest}")
        return value

    def share(self) -> float:
        """A number 0..1."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise self.wrong("a number from 0 to 1")
        return float(value)

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def wrong(self, wanted: str) -> MalformedAnswer:
        """An error that says what should be there instead."""
        return MalformedAnswer(f"is {_shown(self.value)}, not {wanted}.", path=self.path or "the answer")


def _shown(value: Any) -> str:
    """A wrong value in a few characters."""
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, (int, float)) and abs(value) > 10**SHOWN:
        return "a number beyond all limits"
    text = json.dumps(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
