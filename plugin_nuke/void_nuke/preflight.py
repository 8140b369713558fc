# SPDX-License-Identifier: Apache-2.0
"""What can be told to be wrong before a frame is rendered; what only pixels show, the server's preflight tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import nuke

from void_nuke import frames as numbers
from void_nuke.errors import NodeError
from void_nuke.source import behind_dots, is_read
from void_nuke.values import Values, of_environment

QUADMASK_LAYER = "void_mask"


def check(
    node: Any, values: Values, inputs: Mapping[str, Any], channels: Mapping[str, str], kind: str
) -> None:
    """Refuse with all that is wrong.

    Args:
        inputs: the connected nodes, by name.
        channels: channel of each matte, by input.
        kind: `remove`, `preview`, `masks` or `rerun`.

    Raises:
        NodeError: something is.
    """
    found = list(_problems(values, inputs, channels, kind))
    if found:
        raise NodeError("\n".join(message for message, _ in found), "\n".join(fix for _, fix in found))


def check_licence(name: str) -> None:
    """Refuse where Nuke itself would stop half way.

    Raises:
        NodeError: this is Indie or Non-commercial.
    """
    for flag, edition in (("nc", "Non-commercial"), ("indie", "Indie")):
        if of_environment(flag):
            raise NodeError(
                f"{name}: Nuke {edition} lets Python reach only a few nodes, and this node has more inside.",
                "Write plate and matte as EXR with your own Write nodes, run `void remove`, and read its result.",
            )


def _problems(
    values: Values, inputs: Mapping[str, Any], channels: Mapping[str, str], kind: str
) -> Iterator[tuple[str, str]]:
    name, plate = values.name, inputs.get("plate")
    if plate is None:
        yield f'{name}: nothing is connected to the input "plate".', "Connect the source frames."
        return
    yield from _said_nothing(values, inputs, kind)
    if kind != "rerun":
        yield from _of_clicks(values, plate.format())
    first, last = int(plate.firstFrame()), int(plate.lastFrame())
    outside = [f for f in values.frames if not first <= f <= last]
    if outside and not _may_show_others(plate):
        yield (
            f"{name}: the plate has frames {first} to {last}, so that on {numbers.describe(outside)} Nuke would"
            " repeat one.",
            "Change the range on the tab VOID.",
        )
    for role, channel in channels.items():
        yield from _of_matte(values, role, inputs[role], channel, plate, kind)


def _of_clicks(values: Values, its: Any) -> Iterator[tuple[str, str]]:
    for click in values.clicks:
        if not (0 <= click.x < its.width() and 0 <= click.y < its.height()):
            yield (
                f"{values.name}: the point on frame {click.frame} is beside the picture of"
                f" {its.width()} x {its.height()}.",
                "Set it on the object, on the tab Masks.",
            )


def _may_show_others(plate: Any) -> bool:
    """Whether it is a Read with an expression for its frame, which may show any file on any frame."""
    read = behind_dots(plate)
    if not is_read(plate):
        return False
    return str(read["frame_mode"].value()) == "expression" and bool(str(read["frame"].value()).strip())


def _said_nothing(values: Values, inputs: Mapping[str, Any], kind: str) -> Iterator[tuple[str, str]]:
    name, pointed = values.name, bool(values.clicks or values.boxes)
    if kind == "rerun":
        if "remove" not in inputs:
            yield f'{name}: nothing is connected to the input "remove".', "Connect the painted void_mask."
    elif not ("remove" in inputs or pointed or values.texts["instruction"]):
        yield (
            f"{name}: nothing says what to remove.",
            'Connect a matte to the input "remove", or set a point or a box on the tab Masks; words alone, as the'
            " instruction, are enough where the server has a model that finds what they name.",
        )
    if pointed and values.texts["segmenter"] != "sam2" and kind != "rerun":
        yield f"{name}: points and boxes are for the segmenter sam2.", "Choose it on the tab Masks."
    missed = sorted({one.frame for one in (*values.clicks, *values.boxes)} - set(values.frames))
    if missed and kind != "rerun":
        yield (
            f"{name}: a point or box is on frame {numbers.describe(missed)}, which is not worked on.",
            "Change its frame on the tab Masks, or the range on the tab VOID.",
        )
    beside = sorted(set(values.key_frames) - set(values.frames))
    if beside:
        yield (
            f"{name}: the key frames {numbers.describe(beside)} are not worked on.",
            "Correct them on the tab Masks, or the range.",
        )


def _of_matte(
    values: Values, role: str, at: Any, channel: str, plate: Any, kind: str
) -> Iterator[tuple[str, str]]:
    name = values.name
    there = [str(one) for one in at.channels()]
    wanted = (
        [f"{QUADMASK_LAYER}.red", f"{QUADMASK_LAYER}.green"]
        if role == "remove" and kind == "rerun"
        else [channel]
    )
    missing = [one for one in wanted if one not in there]
    if missing:
        yield (
            f'{name}: the input "{role}" has no channel {missing[0]}.',
            "Connect VOID_QuadmaskPaint." if kind == "rerun" else "Choose its channel on the tab Masks.",
        )
        return
    ours, its = plate.format(), at.format()
    if (ours.width(), ours.height()) != (its.width(), its.height()):
        yield (
            f'{name}: the input "{role}" is {its.width()} x {its.height()}, and the plate is'
            f" {ours.width()} x {ours.height()}.",
            "Reformat it to the plate's format.",
        )
    elif abs(ours.pixelAspect() - its.pixelAspect()) > 1e-3:
        yield (
            f'{name}: the input "{role}" has pixel aspect {its.pixelAspect():g}, the plate {ours.pixelAspect():g}.',
            "Reformat it to the plate's format.",
        )
    box, now = at.bbox(), int(nuke.frame())
    every = role == "remove" and kind != "rerun" and values.texts["segmenter"] == "roto" and not values.clicks
    if every and now in values.frames and (box.w() < 1 or box.h() < 1):
        yield (
            f'{name}: frame {now} of the input "{role}" is empty.',
            "Draw a shape on that frame, choose the segmenter flow, or change the range.",
        )
