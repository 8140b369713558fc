# SPDX-License-Identifier: Apache-2.0
"""Knobs of files, channels, formats, views, links and scripts, and which class has which (2.3, 2.7)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.nuke.standin import arrays, knobs, substitution
from tests.nuke.standin.application import guarded
from tests.nuke.standin.formats import as_format
from tests.nuke.standin.knobs import Knob, TextHolder
from tests.nuke.standin.layers import SHORT

CLASSES: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "classes.json").read_text(encoding="utf-8")
)
"""Knob names, types, items and defaults of node classes in 17.0v3 (2.5); under "" what all of them have."""

NUKE_DEFAULT = [
    "default",
    "linear",
    "sRGB",
    "rec709",
    "Cineon",
    "Gamma1.8",
    "Gamma2.2",
    "Gamma2.4",
    "Gamma2.6",
    "Panalog",
    "REDLog",
    "ViperLog",
    "AlexaV3LogC",
    "PLogLin",
    "SLog",
    "SLog1",
    "SLog2",
    "SLog3",
    "CLog",
    "Log3G10",
    "Log3G12",
    "HybridLogGamma",
    "Protune",
    "BT1886",
    "st2084",
]
ACES = [
    "default",
    *("scene_linear", "compositing_log", "color_timing", "matte_paint", "texture_paint", "data"),
    *("ACES - ACEScg", "ACES - ACES2065-1", "ACES - ACEScct", "Utility - Raw", "Utility - Linear - sRGB"),
    *(
        "Utility - sRGB - Texture",
        "Input - ARRI - V3 LogC (EI800) - Wide Gamut",
        "Output - sRGB",
        "Output - Rec.709",
    ),
]
"""N34: which names a colorspace knob has depends on the project's colour management (2.5)."""

EXR_WRITE: tuple[tuple[Any, ...], ...] = (
    ("datatype", "Enumeration_Knob", "16 bit half", ["16 bit half", "32 bit float"]),
    (
        "compression",
        "Enumeration_Knob",
        "Zip (1 scanline)",
        [
            *("none", "Zip (1 scanline)", "Zip (16 scanlines)", "PIZ Wavelet (32 scanlines)"),
            *("RLE", "B44", "B44A", "DWAA", "DWAB"),
        ],
    ),
    ("dw_compression_level", "Array_Knob", "45"),
    ("autocrop", "Boolean_Knob", "false"),
    ("heroview", "Enumeration_Knob", "main", ["main"]),
    (
        "metadata",
        "Enumeration_Knob",
        "default metadata",
        [
            *("default metadata", "no metadata", "default metadata and exr/*"),
            *("all metadata except input/*", "all metadata"),
        ],
    ),
    ("noprefix", "Boolean_Knob", "false"),
    (
        "interleave",
        "Enumeration_Knob",
        "channels, layers and views",
        ["channels, layers and views", "channels and layers", "channels"],
    ),
    ("first_part", "Enumeration_Knob", "rgba", ["rgba"]),
    ("truncateChannelNames", "Boolean_Knob", "false"),
    ("write_full_layer_names", "Boolean_Knob", "false"),
    ("write_ACES_compliant_EXR", "Boolean_Knob", "false"),
)
"""N32: knobs that a Write has while its file_type is exr (2.5)."""

EXR_READ: tuple[tuple[Any, ...], ...] = (
    ("offset_negative_display_window", "Boolean_Knob", "true"),
    ("noprefix", "Boolean_Knob", "false"),
    ("edge_pixels", "Enumeration_Knob", "plate detect", ["plate detect", "edge detect", "repeat", "black"]),
    ("ignore_part_names", "Boolean_Knob", "false"),
)


@guarded
class File_Knob(TextHolder):  # noqa: N801
    """N17: value() is as it was written; evaluate() substitutes. N33: fromUserText reads a range."""

    _number_of_kind = 2

    def _evaluated(self, frame: int, depth: int = 0) -> str:
        return substitution.substitute(str(self._value), self._node, frame, depth)

    def evaluate(self, frame: Any = None) -> str:
        if frame is not None and (isinstance(frame, bool) or not isinstance(frame, (int, float))):
            raise TypeError(f"evaluate takes a frame, not {knobs.kind_of(frame)}")
        at = int(self._app.script.frame() if frame is None else frame)
        return substitution.numbered(self._evaluated(at), at, self._app.script.views[0])

    def getEvaluatedValue(self) -> str:  # noqa: N802
        return self.evaluate()

    def fromUserText(self, text: str) -> bool:  # noqa: N802
        if not isinstance(text, str):
            self._refuse(text)
        ranged = re.fullmatch(r"(.*?)\s+(-?\d+)-(-?\d+)", text, re.DOTALL)
        self.setValue(ranged[1] if ranged else text)
        if ranged and self._node is not None and self._node._class == "Read":
            for name, number in zip(("first", "last", "origfirst", "origlast"), (2, 3, 2, 3)):
                self._node._knobs[name].setValue(int(ranged[number]))
        return True


class _Channels(TextHolder):
    def _known(self, word: str) -> bool:
        raise NotImplementedError

    def _take(self, value: Any, *where: Any) -> bool:
        if not isinstance(value, str):
            self._refuse(value)
        self._read(value)
        return True

    def _read(self, text: str) -> None:
        for word in text.split():
            if not self._known(word.lstrip("-")):
                self._bad(word)
        self._value = " ".join(text.split())


@guarded
class Channel_Knob(_Channels):  # noqa: N801
    """One channel: value() leaves out the layer rgba, the script does not (2.5, scan of Copy.from0)."""

    _number_of_kind = 11

    def _start(self) -> Any:
        return "none"

    def _known(self, word: str) -> bool:
        layers = self._app.script.layers
        return word in ("none", "rgb", "rgba", "all") or layers.knows(word) or word in layers.table

    def _read(self, text: str) -> None:
        super()._read(text)
        short = self._value[len("rgba.") :] if self._value.startswith("rgba.") else self._value
        self._value = short

    def _text(self) -> str:
        return f"rgba.{self._value}" if self._value in SHORT else str(self._value)


@guarded
class ChannelMask_Knob(_Channels):  # noqa: N801
    """A layer, all, none, or single channels."""

    _number_of_kind = 10

    def _start(self) -> Any:
        return "all"

    def _known(self, word: str) -> bool:
        layers = self._app.script.layers
        return word in ("all", "none", "rgb", "alpha", "") or layers.knows(word) or word in layers.table


@guarded
class Format_Knob(Knob):  # noqa: N801
    _number_of_kind = 17

    def _take(self, value: Any, *where: Any) -> bool:
        self._value = as_format(value, self._app.script.formats)._text()
        return True

    def _read(self, text: str) -> None:
        self._value = "" if text in ("0", "") else as_format(text, self._app.script.formats)._text()

    def value(self) -> Any:
        return as_format(self._value, {}) if self._value else self._app.script.root._knobs["format"].value()


class MultiView_Knob(TextHolder):  # noqa: N801
    """Names of views, separated by spaces."""

    _number_of_kind = 45


@guarded
class Link_Knob(Knob):  # noqa: N801
    """Shows another knob, of the group's inside (`T node.knob`)."""

    _number_of_kind = 41

    def _read(self, text: str) -> None:
        self._value = text

    def makeLink(self, node: str, knob: str) -> None:  # noqa: N802
        self._value = f"{node}.{knob}"

    def setLink(self, text: str) -> None:  # noqa: N802
        self._value = text

    def getLink(self) -> str:  # noqa: N802
        return str(self._value)

    def getLinkedKnob(self) -> Any:  # noqa: N802
        inside = self._node._child(self._value.split(".")[0]) if self._node is not None else None
        return inside._knobs.get(self._value.split(".")[-1]) if inside is not None else None

    def value(self) -> Any:
        return self.getLinkedKnob().value()

    def _take(self, value: Any, *where: Any) -> bool:
        return bool(self.getLinkedKnob().setValue(value, *where))


@guarded
class PyScript_Knob(TextHolder):  # noqa: N801
    """N14: execute() runs the text with nuke.thisNode() and thisKnob() set."""

    _number_of_kind = 22

    def __init__(self, name: str, label: str = "", command: str = "") -> None:
        super().__init__(name, label)
        self._value = self._default = command

    def command(self) -> str:
        return str(self._value)

    def setCommand(self, text: str) -> None:  # noqa: N802
        self.setValue(text)

    def execute(self) -> None:
        context = self._app.script.context
        inside = [self._node] if self._app.button_inside and hasattr(self._node, "_children") else []
        context.extend(inside)
        try:
            self._app.script.run_text(str(self._value), self._node, self)
        finally:
            del context[len(context) - len(inside) :]


@guarded
class Script_Knob(TextHolder):  # noqa: N801
    """A button with Tcl. N33: reload of a Read bumps its hidden version (2.3)."""

    _number_of_kind = 32

    def execute(self) -> None:
        version = self._node._knobs.get("version") if self._name == "reload" else None
        if version is None:
            raise NotImplementedError(f"the stand-in does not execute {self._node._path()}.{self._name}")
        version._value = [version._value[0] + 1]
        self._app.script.changed("reload")


class Unmodelled_Knob(TextHolder):  # noqa: N801
    """A kind of knob that the stand-in only carries from script to script."""


ALL = {
    kind.__name__: kind
    for kind in (
        *(knobs.String_Knob, knobs.EvalString_Knob, knobs.Multiline_Eval_String_Knob, knobs.Text_Knob),
        *(knobs.PythonKnob, knobs.Tab_Knob, knobs.Boolean_Knob, knobs.Disable_Knob, knobs.Enumeration_Knob),
        *(
            arrays.Array_Knob,
            arrays.Int_Knob,
            arrays.Double_Knob,
            arrays.XY_Knob,
            arrays.XYZ_Knob,
            arrays.WH_Knob,
        ),
        *(arrays.BBox_Knob, arrays.UV_Knob, arrays.Color_Knob, arrays.AColor_Knob, arrays.ColorChip_Knob),
        *(File_Knob, Channel_Knob, ChannelMask_Knob, Format_Knob, MultiView_Knob, Link_Knob, PyScript_Knob),
        Script_Knob,
    )
}
USER_KINDS = {
    kind._number_of_kind: kind
    for kind in ALL.values()
    if kind._number_of_kind and kind not in (knobs.EvalString_Knob, knobs.Disable_Knob)
}
USER_KINDS[8] = arrays.Double_Knob


def make(row: Any) -> Knob:
    """A knob of a row of `CLASSES`: name, type, default, items, numbers."""
    name, kind, default, items, size = (*row, *(None,) * (5 - len(row)))
    if kind == "Enumeration_Knob":
        knob: Any = knobs.Enumeration_Knob(name, "", items or [default])
    else:
        knob = ALL.get(kind, Unmodelled_Knob)(name, "")
    if size and isinstance(knob, arrays.Array_Knob):
        knob._resize(size)
    if default or isinstance(knob, TextHolder):
        knob._read(default)
    knob._default = list(knob._value) if isinstance(knob._value, list) else knob._value
    return knob
