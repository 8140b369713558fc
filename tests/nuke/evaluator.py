# SPDX-License-Identifier: Apache-2.0
"""Pixels of our groups, from their text: a model of the few classes that they are made of.

Not Nuke: every image has the same size and data window, and what is not needed here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from tests.nuke.tcl import rules
from tests.nuke.tcl.reader import Node, Script, items

Image = dict[str, np.ndarray]
"""Channels by name; one that is missing is black."""

_SETS = {
    "none": (),
    "alpha": ("rgba.alpha",),
    "rgb": ("rgba.red", "rgba.green", "rgba.blue"),
    "rgba": ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"),
}
_SHORT = {"r": "rgba.red", "g": "rgba.green", "b": "rgba.blue", "a": "rgba.alpha"}
_PASSED_ON = ("BlackOutside", "Output", "CurveTool", "Dot")
_EFFECTS = ("Blur", "FilterErode", "Grain2")


class Evaluator:
    """One group with images on its inputs.

    Args:
        images: of each Input and Read, by name; one without an image is black.
        painted: what a RotoPaint leaves behind, by its name.
        values: of the group's knobs, where they differ from the file.
    """

    def __init__(
        self,
        script: Script,
        images: Mapping[str, Image],
        values: Mapping[str, str] | None = None,
        painted: Mapping[str, Image] | None = None,
    ) -> None:
        self.script = script
        self.images = images
        self.painted = painted or {}
        self.group = script.groups()[0]
        self.values = {user.name: self.group.get(user.name) for user in self.group.users} | dict(values or {})
        self.shape = next(iter(next(iter(images.values())).values())).shape

    def output(self) -> Image:
        """What the group gives."""
        return self.image(self.script.named("Output1", self.group.number))

    def image(self, node: Node) -> Image:
        """What a node gives."""
        if self.number(node, "disable", "false"):
            return self.input(node, 0)
        if node.kind in ("Input", "Read"):
            return dict(self.images.get(node.name, {}))
        if node.kind in _PASSED_ON:
            return self.input(node, 0)
        if node.kind == "RotoPaint":
            return self.input(node, 0) | self.painted.get(node.name, {})
        if node.kind in _EFFECTS:
            raise NotImplementedError(f"{node.name} is only modelled while it is disabled")
        return getattr(self, f"_{node.kind.lower()}")(node)

    def input(self, node: Node, index: int) -> Image:
        """What comes in; nothing where nothing is connected."""
        if index >= len(node.inputs):
            return {}
        return self.image(self.script.nodes[node.inputs[index]])

    def channel(self, image: Image, name: str) -> np.ndarray:
        """A channel; black where the image has none."""
        return image.get(name, np.zeros(self.shape, np.float32))

    def channels(self, text: str) -> tuple[str, ...]:
        """Names of the channels that a knob means."""
        if text in _SETS:
            return _SETS[text]
        layers = self.script.declared(self.group.number)
        return tuple(layers[text]) if text in layers else (text,)

    def number(self, node: Node, knob: str, default: str) -> float:
        """A knob's number, its expression computed."""
        text = node.get(knob, default)
        found = rules.expressions(text)
        if not found:
            return {"true": 1.0, "false": 0.0}.get(text) if text in ("true", "false") else float(text)
        names = {f"parent.{name}": self._value(name) for name in self.values}
        return float(compute(found[0], names))

    def _value(self, name: str) -> float:
        text = self.values[name]
        user = next(user for user in self.group.users if user.name == name)
        if user.kind == "4":
            return float(items(user.items).index(text))
        if user.kind in ("3", "6", "7"):
            return {"true": 1.0, "false": 0.0}[text] if text in ("true", "false") else float(text or 0)
        return 0.0

    def _switch(self, node: Node) -> Image:
        return self.input(node, int(self.number(node, "which", "0")))

    def _keymix(self, node: Node) -> Image:
        below, above, mask = (self.input(node, index) for index in range(3))
        (name,) = self.channels(node.get("maskChannel", "alpha"))
        key = self.channel(mask, name) * np.float32(self.number(node, "mix", "1"))
        mixed = dict(below)
        for channel in self.channels(node.get("channels", "all")):
            a, b = self.channel(above, channel), self.channel(below, channel)
            mixed[channel] = np.where(key == 0, b, np.where(key == 1, a, a * key + b * (1 - key)))
        return mixed

    def _copy(self, node: Node) -> Image:
        below, above = self.input(node, 0), self.input(node, 1)
        copied = dict(below)
        for number, default in enumerate(("alpha", "none", "none", "none")):
            source = self.channels(node.get(f"from{number}", default))
            for a, b in zip(source, self.channels(node.get(f"to{number}", default)), strict=True):
                copied[b] = self.channel(above, a)
        for channel in self.channels(node.get("channels", "none")):
            copied[channel] = self.channel(above, channel)
        return copied

    def _expression(self, node: Node) -> Image:
        image = self.input(node, 0)
        names = {channel: self.channel(image, channel) for channel in self._all_channels()}
        names |= {short: names[channel] for short, channel in _SHORT.items()}
        names |= {f"parent.{name}": self._value(name) for name in self.values}
        computed = dict(image)
        for number, default in enumerate(("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha")):
            text = node.get(f"expr{number}")
            for channel in self.channels(node.get(f"channel{number}", default)) if text else ():
                value = compute(text, names)
                computed[channel] = np.broadcast_to(np.asarray(value, np.float32), self.shape)
        return computed

    def _all_channels(self) -> list[str]:
        layers = self.script.declared(self.group.number)
        return [*_SETS["rgba"], *(channel for channels in layers.values() for channel in channels)]

    def _merge2(self, node: Node) -> Image:
        below, above = self.input(node, 0), self.input(node, 1)
        sets = [self.channels(node.get(knob, "rgba")) for knob in ("Achannels", "Bchannels", "output")]
        operation = {
            "difference": lambda a, b: np.abs(a - b),
            "max": np.maximum,
            "stencil": lambda a, b: b * (1 - a),
        }[node.get("operation", "over")]
        merged = dict(below)
        for a, b, to in zip(*sets, strict=True):
            merged[to] = operation(self.channel(above, a), self.channel(below, b))
        return merged

    def _invert(self, node: Node) -> Image:
        image = self.input(node, 0)
        return image | {name: 1 - self.channel(image, name) for name in self.channels(node.get("channels"))}

    def _multiply(self, node: Node) -> Image:
        image = self.input(node, 0)
        by = np.float32(self.number(node, "value", "1"))
        return image | {name: self.channel(image, name) * by for name in self.channels(node.get("channels"))}


_TOKEN = re.compile(r"[A-Za-z_][\w.]*|\d+(?:\.\d+)?|&&|\|\||[<>=!]=|[-+*/()<>,?:!]|\s+")


def compute(text: str, names: Mapping[str, object]) -> object:
    """A Nuke expression with these names, for numbers or for whole channels."""
    condition, question, rest = text.partition("?")
    if question:
        yes, _, no = rest.partition(":")
        return np.where(compute(condition, names), compute(yes, names), compute(no, names))
    known = {"min": np.minimum, "max": np.maximum}
    python = []
    for token in _TOKEN.findall(text):
        if token in names:
            python.append(f"_names[{token!r}]")
        elif token[0].isalpha() and token not in known:
            raise KeyError(token)
        else:
            python.append({"&&": ") & (", "||": ") | (", "!": "0 == "}.get(token, token))
    if "".join(_TOKEN.findall(text)) != text:
        raise ValueError(f"not understood: {text!r}")
    return eval("(" + "".join(python).strip() + ")", {"__builtins__": {}}, {"_names": names, **known})
