# SPDX-License-Identifier: Apache-2.0
"""An order in the words of the protocol as what `void remove` would make of the same words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from void.v1 import types_pb2

from void_client.errors import BadInput
from void_client.inputs import PLATE, WITH_CHANNEL, Pairs
from void_client.precedence import Precedence
from void_client.sequence import FrameRange, parse_range, split_channel
from void_client.specification import DEFAULT_ENGINE, RemoveOptions


@dataclass(frozen=True)
class Asked:
    """What an order asks.

    Attributes:
        options: of the removal.
        frames: the frames to work on; None = all that the plate's pattern finds.
        ocio: the OCIO config as the user or the site names it; empty = that of the environment.
    """

    options: RemoveOptions
    frames: FrameRange | None
    ocio: str


def read_order(order: Mapping[str, Any], precedence: Precedence) -> Asked:
    """What an order of the schema's form asks.

    Raises:
        BadInput: something in it cannot be, or is locked by the site at another value.
    """
    inputs = {role: given for role, given in order["inputs"].items() if any(given.values())}
    patterns = {role: _pattern(role, given) for role, given in inputs.items() if given.get("pattern")}
    pairs = {role: _pairs(role, given) for role, given in inputs.items() if given.get("files")}
    view = order.get("view", "")
    named_after = patterns.get(PLATE) or (min(pairs[PLATE].files)[1] if PLATE in pairs else "")
    options = RemoveOptions(
        patterns=patterns,
        pairs=pairs,
        out=_out(order.get("out", ""), named_after, view, precedence),
        name=order.get("name", ""),
        view=view,
        engine=precedence.settled("engine", order.get("engine", ""), "engine", DEFAULT_ENGINE),
        segmenter=order.get("segmenter", ""),
        reasoner=precedence.settled("reasoner", order.get("reasoner", ""), "reasoner"),
        prompt=order.get("prompt", ""),
        instruction=order.get("instruction", ""),
        points=tuple(point(p) for p in order.get("points", ())),
        boxes=tuple(box(b) for b in order.get("boxes", ())),
        colour_space=precedence.settled("colorspace", order.get("colour_space", ""), "colour_space"),
        seed=_seed(precedence.settled("seed", order.get("seed", ""), "seed", "0")),
        preview=precedence.check_unchanged("preview", order.get("preview", False), "preview"),
        cloud_consent=precedence.check_unchanged(
            "cloud_consent", order.get("cloud_consent", False), "cloud_consent"
        ),
        options=precedence.options(order.get("options", {}), "options"),
        masks_only=order.get("masks_only", False),
        show=precedence.settled("show", "", "show"),
    )
    frames = parse_range(order["range"]) if order.get("range") else None
    return Asked(options, frames, precedence.settled("ocio", order.get("ocio", ""), "ocio"))


def point(given: Mapping[str, Any]) -> types_pb2.PointPrompt:
    """The contract's form of a click."""
    return types_pb2.PointPrompt(
        frame=given["frame"],
        x=given["x"],
        y=given["y"],
        positive=given.get("positive", True),
        object=given.get("object", 0),
    )


def box(given: Mapping[str, Any]) -> types_pb2.BoxPrompt:
    """The contract's form of a rectangle.

    Raises:
        BadInput: it is empty.
    """
    if not (given["left"] < given["right"] and given["top"] < given["bottom"]):
        raise BadInput(
            f"The box of frame {given['frame']} has no area.",
            fix="Draw it from its top left to its bottom right.",
            frame=given["frame"],
        )
    return types_pb2.BoxPrompt(
        frame=given["frame"],
        left=given["left"],
        top=given["top"],
        right=given["right"],
        bottom=given["bottom"],
        object=given.get("object", 0),
    )


def whole_path(text: str, what: str, fix: str = "Write it from its root or drive on.") -> str:
    """A path that means the same wherever this process was started.

    Raises:
        BadInput: it is relative; an order of an unsaved script may be.
    """
    if not Path(text).is_absolute():
        raise BadInput(f"{what} is '{text}', which is no whole path.", fix=fix, file=text)
    return text


def result_path(text: str, what: str) -> Path:
    """A whole path for results.

    Raises:
        BadInput: it is relative.
    """
    fix = "Save the script first, so that its folder is known, or name a folder from its root or drive on."
    return Path(whole_path(text, what, fix))


def _out(given: str, plate: str, view: str, precedence: Precedence) -> Path:
    """Where the results go; a host has a folder for each version, which may lie below the one that a site locks."""
    if given and plate and _is_below_site(given, plate, view, precedence):
        return result_path(given, "The folder of the results")
    folder = precedence.settled("output", given, "out")
    if not folder:
        raise BadInput("No folder for the results is named.", fix="Give out.")
    if folder == precedence.site.output and plate:
        return Path(precedence.site.output_folder(plate, view))
    return result_path(folder, "The folder of the results")


def _is_below_site(given: str, plate: str, view: str, precedence: Precedence) -> bool:
    site = precedence.site.output_folder(plate, view)
    if not site:
        return False
    # Without links resolved, as folders are written; `..` must not lead out.
    return Path(os.path.normpath(given)).is_relative_to(os.path.normpath(site))


def _pattern(role: str, given: Mapping[str, Any]) -> str:
    pattern, channel = whole_path(given["pattern"], role), given.get("channel", "")
    if given.get("files"):
        raise BadInput(f"{role} is given by a pattern and file by file.", fix="Leave one of the two.")
    if not channel:
        return pattern
    text = f"{pattern}:{channel}"
    if role not in WITH_CHANNEL or split_channel(text) != (pattern, channel):
        raise BadInput(f"'{channel}' cannot be the channel of {role}.", fix="Leave its channel empty.")
    return text


def _pairs(role: str, given: Mapping[str, Any]) -> Pairs:
    files = tuple((frame, whole_path(path, f"Frame {frame} of {role}")) for frame, path in given["files"])
    return Pairs(files, given.get("channel", ""))


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(2**64))):
        raise BadInput(f"The seed '{text}' is not from 0 to 2^64 - 1.", fix="Change seed.")
    return int(text)
