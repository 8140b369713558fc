# SPDX-License-Identifier: Apache-2.0
"""The script's layers and channels (3.1, N40 to N43)."""

from __future__ import annotations

import re

from tests.nuke.standin.application import current

BUILT_IN = {
    "rgba": ("red", "green", "blue", "alpha"),
    "depth": ("Z",),
    "forward": ("u", "v"),
    "backward": ("u", "v"),
    "motion": ("red", "green", "blue", "alpha"),
    "deep": ("front", "back"),
    "disparityL": ("x", "y"),
    "disparityR": ("x", "y"),
    "mask": ("a",),
    "rotopaint_mask": ("a",),
    "mask_planartrack": ("a",),
    "mask_splinewarp": ("a",),
}
CHANNELS_OF_A_LAYER = 4
CHANNELS_OF_A_SCRIPT = 1023
LEGAL = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
GROUPS = {"rgb": ("rgba", 3), "rgba": ("rgba", 4), "alpha": ("rgba", 4)}
SHORT = BUILT_IN["rgba"]


class Layers:
    """What channels the script knows."""

    def __init__(self) -> None:
        self.table: dict[str, tuple[str, ...]] = dict(BUILT_IN)

    def add(self, name: str, channels: list[str]) -> None:
        """N40 to N43: refuses reserved and illegal names, more than 4 in a layer and 1023 in all."""
        short = tuple(channel.split(".", 1)[-1] for channel in channels)
        for word in (name, *short):
            if not LEGAL.fullmatch(word):
                raise RuntimeError(f"{word!r} is no legal name of a layer or channel")
        if any("." in channel and channel.split(".", 1)[0] != name for channel in channels):
            raise RuntimeError(f"the channels {channels} are not all of the layer {name}")
        if self.table.get(name) == short:
            return
        if name in BUILT_IN or name.startswith("mask_"):
            raise RuntimeError(f"the layer {name} is reserved")
        if name in current().script.views:
            raise RuntimeError(f"the layer {name} would be taken as the view of that name")
        known = self.table.get(name, ())
        merged = known + tuple(channel for channel in short if channel not in known)
        if len(merged) > CHANNELS_OF_A_LAYER:
            raise RuntimeError(f"the layer {name} would have {len(merged)} channels")
        if sum(map(len, self.table.values())) - len(known) + len(merged) > CHANNELS_OF_A_SCRIPT:
            raise RuntimeError(f"more than {CHANNELS_OF_A_SCRIPT} channels in a script")
        self.table[name] = merged

    def of(self, layer: str) -> tuple[str, ...]:
        """The channels of a layer, with its name before them."""
        return tuple(f"{layer}.{channel}" for channel in self.table[layer])

    def knows(self, channel: str) -> bool:
        """Whether a channel such as rgba.red, alpha or void_mask.green exists."""
        if channel in SHORT:
            return True
        layer, _, short = channel.partition(".")
        return short in self.table.get(layer, ())

    def expand(self, text: str) -> list[str]:
        """The channels that a mask such as `rgb`, `void_mask` or `rgba.red -rgba.green` selects."""
        chosen: list[str] = []
        for word in text.split():
            if word == "none" or word[0] == "-":
                continue
            if word == "all":
                return [one for layer in self.table for one in self.of(layer)]
            if word == "rgb":
                chosen += self.of("rgba")[:3]
            elif word in SHORT:
                chosen.append(f"rgba.{word}")
            elif word in self.table:
                chosen += self.of(word)
            elif self.knows(word):
                chosen.append(word)
            else:
                raise KeyError(word)
        return chosen


class Layer:
    """nuke.Layer: a layer that is registered by being made (2.3)."""

    def __init__(self, name: str, channels: list[str] | None = None) -> None:
        app = current()
        app.on_main_thread("Layer()")
        if not isinstance(name, str) or not all(isinstance(one, str) for one in channels or []):
            raise TypeError("a layer has a name and a list of channels")
        if channels:
            app.script.layers.add(name, list(channels))
        self._name = name

    def name(self) -> str:
        return self._name

    def channels(self) -> list[str]:
        return list(current().script.layers.of(self._name))
