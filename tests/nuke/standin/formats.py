# SPDX-License-Identifier: Apache-2.0
"""Formats, areas of images and ranges of frames, as Python has them (2.3, 2.6)."""

from __future__ import annotations

import re
from typing import Any


class Format:
    """nuke.Format: size, area and pixel aspect of an image."""

    def __init__(self, width: int, height: int, aspect: float = 1.0, name: str = "") -> None:
        self._width, self._height, self._aspect, self._name = int(width), int(height), float(aspect), name

    def width(self) -> int:
        return self._width

    def height(self) -> int:
        return self._height

    def pixelAspect(self) -> float:  # noqa: N802
        return self._aspect

    def name(self) -> str:
        return self._name

    def x(self) -> int:
        return 0

    def y(self) -> int:
        return 0

    def r(self) -> int:
        return self._width

    def t(self) -> int:
        return self._height

    def _text(self) -> str:
        words = (self._width, self._height, 0, 0, self._width, self._height, f"{self._aspect:g}", self._name)
        return " ".join(str(word) for word in words).strip()


def format_of(text: str) -> Format:
    """The format that a text such as `1920 1080 0 0 1920 1080 1 HD_1080` or `1920 1080 HD` describes."""
    numbers: list[float] = []
    words = text.split()
    while words and re.fullmatch(r"-?\d+(\.\d+)?", words[0]):
        numbers.append(float(words.pop(0)))
    if len(numbers) not in (2, 3, 6, 7):
        raise RuntimeError(f"{text!r} is no format")
    aspect = numbers[-1] if len(numbers) in (3, 7) else 1.0
    return Format(int(numbers[0]), int(numbers[1]), aspect, " ".join(words))


def as_format(value: Any, known: dict[str, Format]) -> Format:
    """The format that was meant: one, the name of one, or its description."""
    if isinstance(value, Format):
        return value
    if not isinstance(value, str):
        raise TypeError(f"a format is no {type(value).__name__}")
    return known[value] if value in known else format_of(value)


class Box:
    """Area of an image."""

    def __init__(self, x: int, y: int, right: int, top: int) -> None:
        self._sides = (x, y, right, top)

    def x(self) -> int:
        return self._sides[0]

    def y(self) -> int:
        return self._sides[1]

    def w(self) -> int:
        return self._sides[2] - self._sides[0]

    def h(self) -> int:
        return self._sides[3] - self._sides[1]


class FrameRange:
    """nuke.FrameRange: frames from first to last."""

    def __init__(self, first: int, last: int, increment: int = 1) -> None:
        if not all(isinstance(one, int) for one in (first, last, increment)):
            raise TypeError("a FrameRange is three int")
        self._frames = (first, last, increment)

    def first(self) -> int:
        return self._frames[0]

    def last(self) -> int:
        return self._frames[1]

    def increment(self) -> int:
        return self._frames[2]

    def frames(self) -> int:
        return len(range(self._frames[0], self._frames[1] + 1, self._frames[2]))

    def __str__(self) -> str:
        return f"{self._frames[0]}-{self._frames[1]}"
