# SPDX-License-Identifier: Apache-2.0
"""What the macro's few tools are meant to do, in numpy: a model of the macro, not Fusion.

Fusion's own Erode/Dilate and Blur have other kernels; what a test may conclude from here is which picture
goes where, through which channel, and what stays untouched.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.resolve.lua.known_inputs import BACKGROUND, FOREGROUND, UNCHANGED
from tests.resolve.lua.setting import Node

Picture = NDArray[np.float32]

CHANNELS = ("red", "green", "blue", "alpha")
_OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}


class MacroModel:
    """The macro with its controls at these values, by their published names."""

    def __init__(
        self, group: Node, sequences: Mapping[str, Picture], plate: Picture, **controls: float
    ) -> None:
        self._group = group
        self._tools = group.table("Tools").fields
        self._sequences = sequences
        self._plate = plate
        self._set: dict[tuple[str, str], float] = {}
        published = group.table("Inputs").fields
        names = {
            item.fields["Name"].split(" (")[0].lower().replace(" ", "_"): item for item in published.values()
        }
        for name, value in controls.items():
            self._set[self._target(names[name])] = value
        self._entrance = self._target(published["MainInput1"])

    def output(self, name: str) -> Picture:
        """The picture at an output of the group, by its published name."""
        for output in self._group.table("Outputs").fields.values():
            if output.fields["Name"] == name:
                return self.picture(output.fields["SourceOp"])
        raise KeyError(name)

    @staticmethod
    def _target(item: Node) -> tuple[str, str]:
        return item.fields["SourceOp"], item.fields["Source"]

    def picture(self, name: str) -> Picture:
        """The picture that a tool of the group gives."""
        tool = self._tools[name]
        if tool.made_by == "Loader":
            return self._sequences[name]
        if tool.made_by == "ErodeDilate":
            source = self._input(name, "Input")
            return _dilated(source, self._number(name, "XAmount") * source.shape[1])
        if tool.made_by == "Blur":
            return _blurred(self._input(name, "Input"), self._number(name, "XBlurSize"))
        assert tool.made_by == "ChannelBoolean", f"there is no model of {tool.made_by}"
        return self._channels(name, tool)

    def _channels(self, name: str, tool: Node) -> Picture:
        background = self._input(name, "Background")
        wired = tool.table("Inputs").fields
        foreground = self._input(name, "Foreground") if "Foreground" in wired else background
        mixed = background.copy()
        for index, channel in enumerate(CHANNELS):
            choice = int(self._number(name, f"To{channel.title()}"))
            if choice != UNCHANGED:
                source, word = (
                    (foreground, FOREGROUND[choice])
                    if choice in FOREGROUND
                    else (background, BACKGROUND[choice])
                )
                mixed[..., index] = source[..., CHANNELS.index(word)]
        share = np.full((*background.shape[:2], 1), self._number(name, "Blend", 1), np.float32)
        if "EffectMask" in wired:
            mask = self._input(name, "EffectMask")[..., 3:]
            share *= 1 - mask if self._number(name, "ApplyMaskInverted", 0) else mask
        between = background + share * (mixed - background)
        return np.where(share == 1, mixed, np.where(share == 0, background, between))

    def _input(self, tool: str, entry: str) -> Picture:
        if (tool, entry) == self._entrance:
            return self._plate
        return self.picture(self._tools[tool].table("Inputs").table(entry).fields["SourceOp"])

    def _number(self, tool: str, entry: str, otherwise: float | None = None) -> float:
        given = self._tools[tool].table("Inputs").table(entry).fields
        if "Expression" in given:
            return self._calculated(tool, ast.parse(given["Expression"], mode="eval").body)
        value: Any = self._set.get((tool, entry), given.get("Value", otherwise))
        assert isinstance(value, int | float), f"{tool}.{entry} is no number: {value}"
        return value

    def _calculated(self, tool: str, term: ast.expr) -> float:
        if isinstance(term, ast.Constant):
            return float(term.value)
        if isinstance(term, ast.Name):
            return self._number(tool, term.id)
        assert isinstance(term, ast.BinOp), ast.dump(term)
        left, right = self._calculated(tool, term.left), self._calculated(tool, term.right)
        return float(_OPERATIONS[type(term.op)](left, right))


def _dilated(picture: Picture, pixels: float) -> Picture:
    reach = round(abs(pixels))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    work = cv2.dilate if pixels >= 0 else cv2.erode
    return np.asarray(work(picture, kernel), np.float32)


def _blurred(picture: Picture, size: float) -> Picture:
    if size <= 0:
        return picture
    reach = int(np.ceil(size))
    return np.asarray(cv2.GaussianBlur(picture, (2 * reach + 1, 2 * reach + 1), size / 2), np.float32)
