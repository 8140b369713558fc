# SPDX-License-Identifier: Apache-2.0
"""What the node's knobs and inputs say at the moment of a press, as plain values."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, NamedTuple

import nuke

from void_nuke import frames as numbers
from void_nuke.colour import ColourManagement
from void_nuke.errors import NodeError
from void_nuke.folders import join
from void_nuke.knobs import INPUTS, KNOBS, POINTS
from void_nuke.source import is_read

WITH_HANDLES = ("remove", "preview")
"""Painted masks are there for the frames that came back alone, and a job of masks delivers all that it makes."""


class Click(NamedTuple):
    """A point in pixels from the top left, on a frame of the script."""

    frame: int
    x: float
    y: float
    positive: bool


class Box(NamedTuple):
    """A rectangle in pixels from the top left, on a frame of the script."""

    frame: int
    left: float
    top: float
    right: float
    bottom: float


class Values(NamedTuple):
    """See `knobs.KNOBS`.

    Attributes:
        name: of the node, for messages.
        frames: of the script, to look at.
        handles: how many of them, at the start and at the end, are not delivered.
        folder: of all versions of this view, evaluated.
        options: options of the server, by name.
        texts: values of the other knobs that an order takes, by name without `void_`.
    """

    name: str
    frames: tuple[int, ...]
    handles: tuple[int, int]
    view: str
    folder: str
    key_frames: tuple[int, ...]
    clicks: tuple[Click, ...]
    boxes: tuple[Box, ...]
    options: dict[str, str]
    texts: dict[str, str]
    server: dict[str, str]
    consent: bool
    upload: bool


def read_values(node: Any, kind: str) -> Values:
    """The node's values.

    Args:
        kind: `remove`, `preview`, `masks` or `rerun`; only a picture has handles.

    Raises:
        NodeError: one cannot be used.
    """
    height = int(node.input(0).format().height()) if node.input(0) is not None else 0
    texts = {
        name: str(node[f"void_{name}"].value()).strip()
        for name in ("engine", "segmenter", "reasoner", "prompt", "instruction", "seed", "quality")
    }
    if not re.fullmatch(r"[0-9]{1,20}", texts["seed"]) or int(texts["seed"]) >= 2**64:
        raise NodeError(
            f"{node.name()}: the seed '{texts['seed']}' is not from 0 to 2^64 - 1.",
            "Correct it on the tab VOID.",
        )
    frames, handles = _frames(node), (0, 0)
    if kind in WITH_HANDLES:
        frames, handles = _with_handles(node, frames)
    return Values(
        name=str(node.name()),
        frames=tuple(frames),
        handles=handles,
        view=_view(node),
        folder=versions_folder(node),
        key_frames=tuple(numbers.parse_frames(str(node["void_key_frames"].value()))),
        clicks=_clicks(node, height),
        boxes=_boxes(node, height),
        options=_options(node, texts.pop("quality"), handles),
        texts=texts,
        server=server_of(node),
        consent=bool(node["void_cloud_consent"].value()),
        upload=bool(node["void_upload"].value()),
    )


def server_of(node: Any) -> dict[str, str]:
    """The server that the node's knobs name; what is empty is the site's, or the user's own."""
    return {
        "address": str(node["void_server"].value()).strip(),
        "token_file": str(node["void_token_file"].value() or "").strip(),
        "ca": str(node["void_ca"].value() or "").strip(),
    }


def output_folder(node: Any) -> str:
    """The folder of all versions, evaluated.

    Raises:
        NodeError: the script has no place yet that it could lie beside, or none is named.
    """
    text = str(node["void_output"].value() or "").strip()
    if not text:
        raise NodeError(f"{node.name()}: no folder for the results is named.", "Name one on the tab Output.")
    if "root.name" in text and nuke.root().name() in ("", "Root"):
        raise NodeError(
            f"{node.name()}: the script is not saved, and the results go beside it.",
            "Save the script, or name a folder on the tab Output.",
        )
    folder = str(node["void_output"].evaluate() or "").replace("\\", "/")
    if not os.path.isabs(folder):
        raise NodeError(f"{node.name()}: '{folder}' is no whole path.", "Name a folder on the tab Output.")
    return folder


def versions_folder(node: Any) -> str:
    """The folder of all versions: that of the knob, and below it one for each view where the script has several.

    Raises:
        NodeError: as `output_folder`, or there is no such view.
    """
    folder = output_folder(node)
    return join(folder, _view(node)) if is_stereo() else folder


def is_stereo() -> bool:
    """Whether the script has several views; each has a job of its own then."""
    return len(nuke.views()) > 1


def channel_of(node: Any, role: str) -> str:
    """The channel of an input's matte, with its layer; Nuke's knobs may leave out that of rgba."""
    name = str(node[f"void_{role}_channel"].value())
    return name if "." in name else f"rgba.{name}"


def colour_management() -> ColourManagement:
    """What the script's root says about colour."""
    root = nuke.root()
    return ColourManagement(
        kind=str(root["colorManagement"].value()),
        config=str(root["OCIO_config"].value()),
        custom=str(root["customOCIOConfigPath"].evaluate() or ""),
        working=str(root["workingSpaceLUT"].value()),
        program=str(of_environment("ExecutablePath") or sys.executable),
    )


def of_environment(name: str) -> Any:
    """A value of `nuke.env`, which promises no `get`; None where this Nuke has none of that name."""
    try:
        return nuke.env[name]
    except KeyError:
        return None


def inputs_of(node: Any) -> dict[str, Any]:
    """The nodes at the inputs, by name; those that are not connected are left out."""
    connected = {name: node.input(number) for number, name in enumerate(INPUTS)}
    return {name: at for name, at in connected.items() if at is not None}


def _frames(node: Any) -> range:
    kind = str(node["void_range"].value())
    plate = node.input(0)
    if kind == "custom":
        first, last = int(node["void_first"].value()), int(node["void_last"].value())
    elif kind == "global":
        first, last = int(nuke.root().firstFrame()), int(nuke.root().lastFrame())
    elif plate is not None:
        first, last = int(plate.firstFrame()), int(plate.lastFrame())
    else:
        first, last = 1, 1
    if last < first or last - first >= numbers.MAX_FRAMES:
        raise NodeError(
            f"{node.name()}: {first} to {last} is no range of frames.", "Correct the range on the tab VOID."
        )
    return range(first, last + 1)


def _with_handles(node: Any, frames: range) -> tuple[range, tuple[int, int]]:
    """The frames with their handles, and how many there are on each side.

    As many as the plate has, and each Read that is a matte: beyond its files it would show none, or repeat one.
    """
    wanted, inputs = int(node["void_handles"].value()), inputs_of(node)
    if wanted < 0:
        raise NodeError(f"{node.name()}: {wanted} is no number of handles.", "Correct it on the tab VOID.")
    if "plate" not in inputs:
        return frames, (0, 0)
    bounds = [one for name, one in inputs.items() if name == "plate" or is_read(one)]
    before = min(wanted, *(max(0, frames[0] - int(one.firstFrame())) for one in bounds))
    after = min(wanted, *(max(0, int(one.lastFrame()) - frames[-1]) for one in bounds))
    return range(frames[0] - before, frames[-1] + after + 1), (before, after)


def _view(node: Any) -> str:
    views = [str(view) for view in nuke.views()]
    named = str(node["void_view"].value()).strip()
    if named and named not in views:
        raise NodeError(
            f"{node.name()}: the script has no view '{named}'.", f"There are: {', '.join(views)}."
        )
    return named or views[0]


def _clicks(node: Any, height: int) -> tuple[Click, ...]:
    found = []
    for number in range(1, POINTS + 1):
        use = str(node[f"void_point{number}_use"].value())
        if use != "off":
            x, y = node[f"void_point{number}"].value()
            frame = int(node[f"void_point{number}_frame"].value())
            found.append(Click(frame, float(x), height - float(y), use == "object"))
    return tuple(found)


def _boxes(node: Any, height: int) -> tuple[Box, ...]:
    if not node["void_box_use"].value():
        return ()
    left, bottom, right, top = (float(value) for value in node["void_box"].value())
    if not (left < right and bottom < top):
        raise NodeError(f"{node.name()}: the box is empty.", "Draw it around the object, or switch it off.")
    frame = int(node["void_box_frame"].value())
    return (Box(frame, left, height - top, right, height - bottom),)


def _options(node: Any, quality: str, handles: tuple[int, int]) -> dict[str, str]:
    options = {knob.option: _text(node[knob.name].value()) for knob in KNOBS if knob.option}
    for name, count in zip(("handles_before", "handles_after"), handles):
        if count:
            options[name] = str(count)
    if quality == "final + pass 2":
        options["void_passes"] = "2"
    for pair in str(node["void_options"].value()).split():
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise NodeError(
                f"{node.name()}: '{pair}' is not NAME=VALUE.", "Correct 'more options' on the tab Edge."
            )
        options[name] = value
    return options


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
