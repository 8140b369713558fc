# SPDX-License-Identifier: Apache-2.0
"""What a Fusion composition makes of a picture (facts, section 2.6): as much as a test of a mask needs.

Only what stands in its text is rendered: a tool that was added live is not (R19b). Masks are boxes: Center, Width and
Height in parts of the picture, and Level, which may have keyframes that hold, counted from the item's first frame.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

PLAIN = """Composition {
	Tools = ordered() {
		MediaIn1 = MediaIn { Inputs = { }, },
		MediaOut1 = MediaOut { Inputs = { Input = Input { SourceOp = "MediaIn1", Source = "Output", }, }, },
	},
}
"""
"""What AddFusionComp makes: the picture as it is."""

_PICTURES = ("Input", "Background")


class Unrooted(Exception):
    """MediaOut does not descend from MediaIn: a render job that meets it fails (R19c)."""


class _Tool:
    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text

    def source(self, name: str) -> str | None:
        found = re.search(rf'\b{name} = Input \{{\s*SourceOp = "(\w+)"', self.text)
        return found[1] if found else None

    def number(self, name: str, otherwise: float) -> float:
        found = re.search(rf"\b{name} = Input \{{\s*Value = ([\d.-]+)", self.text)
        return float(found[1]) if found else otherwise


def without_braces_in_texts(text: str) -> str:
    return re.sub(r'"[^"]*"', lambda each: each[0].replace("{", "(").replace("}", ")"), text)


def tools(text: str) -> dict[str, _Tool]:
    """The tools of a composition, groups and all."""
    found = {}
    text = without_braces_in_texts(text)
    for match in re.finditer(r"(\w+) = (\w+) \{", text):
        depth, at = 1, match.end()
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        if match[2] not in ("Input", "FuID", "InstanceInput", "OperatorInfo"):
            found[match[1]] = _Tool(match[2], text[match.end() : at - 1])
    return found


def rendered(
    text: str, frame: int, picture: np.ndarray, alpha: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """A frame of a composition: (height, width, 3) and the alpha.

    Raises:
        Unrooted: nothing of the clip reaches MediaOut.
    """
    there = tools(text)
    outs = [tool for tool in there.values() if tool.kind == "MediaOut"]
    if len(outs) != 1 or not _is_rooted(there, outs[0]):
        raise Unrooted
    return _Frame(there, frame, picture, alpha).image(outs[0].source("Input"))


def _is_rooted(there: dict[str, _Tool], tool: _Tool) -> bool:
    sources = [tool.source(name) for name in _PICTURES]
    return tool.kind == "MediaIn" or any(
        _is_rooted(there, there[name]) for name in sources if name in there and there[name] is not tool
    )


class _Frame:
    def __init__(
        self, there: dict[str, _Tool], frame: int, picture: np.ndarray, alpha: np.ndarray | None
    ) -> None:
        self.there, self.frame, self.picture, self.alpha = there, frame, picture, alpha

    def image(self, name: str | None) -> tuple[np.ndarray, Any]:
        tool = self.there[name]
        if tool.kind == "MediaIn":
            return self.picture, self.alpha
        if tool.kind == "Background":
            alpha = self._mask(tool.source("EffectMask")) * tool.number("TopLeftAlpha", 1.0)
            return np.zeros_like(self.picture), alpha
        picture, alpha = self.image(tool.source("Background") or tool.source("Input"))
        if tool.kind == "ChannelBoolean" and tool.number("ToAlpha", 4) == 3:
            alpha = self.image(tool.source("Foreground"))[1]
        if tool.kind == "BrightnessContrast":
            picture = picture * tool.number("Gain", 1.0)
        return picture, alpha

    def _mask(self, name: str | None) -> np.ndarray:
        height, width = self.picture.shape[:2]
        if name is None:
            return np.ones((height, width), np.float32)
        tool = self.there[name]
        if not tool.kind.endswith("Mask"):
            alpha = self.image(name)[1]
            return np.ones((height, width), np.float32) if alpha is None else alpha
        wide, high = tool.number("Width", 0.5), tool.number("Height", 0.5)
        alpha = np.zeros((height, width), np.float32)
        top, left = round((0.5 - high / 2) * height), round((0.5 - wide / 2) * width)
        alpha[top : round(top + high * height), left : round(left + wide * width)] = self._level(tool)
        return alpha

    def _level(self, tool: _Tool) -> float:
        spline = tool.source("Level")
        if spline is None:
            return tool.number("Level", 1.0)
        keys = re.findall(r"\[(-?\d+)\] = \{ ([\d.]+)", self.there[spline].text)
        past = [float(value) for at, value in keys if int(at) <= self.frame]
        return past[-1] if past else 0.0
