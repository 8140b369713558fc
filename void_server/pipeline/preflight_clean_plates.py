# SPDX-License-Identifier: Apache-2.0
"""What preflight finds in the clean plates that the artist gave; size and readability are checked as of any input."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from void_server.jobs.model import Problem
from void_server.pipeline.findings import finding, frame_list
from void_server.pipeline.order import CLEAN_PLATE, Order

_Info = Mapping[str, Any]


def unusable_clean_plates(
    order: Order,
    clean: Mapping[int, _Info],
    plates: Mapping[int, _Info],
    mattes: Mapping[str, Mapping[int, _Info]],
) -> Iterator[Problem]:
    """Clean plates that cannot stand for their plate frames; of plates that were not seen, the first one seen serves.

    Args:
        order: the order.
        clean: what ingest saw of the clean plates, by frame.
        plates: the same of the plate.
        mattes: the same of the mattes, by role.
    """
    if not plates:
        return
    usual = next(iter(plates.values()))
    yield from _other_channels(order, clean, plates, usual)
    yield from _other_colour(order, clean, plates, usual)
    yield from _still_the_plate(order, clean, plates, mattes)


def unused_frames(order: Order) -> list[str]:
    """A sentence about clean plates of frames that are not worked on."""
    if CLEAN_PLATE not in order.inputs:
        return []
    beside = sorted(set(order.inputs[CLEAN_PLATE].files) - set(order.frames))
    if not beside:
        return []
    return [f"Clean plates of frames {frame_list(beside)} lie outside the range and are not used."]


def _other_channels(
    order: Order, clean: Mapping[int, _Info], plates: Mapping[int, _Info], usual: _Info
) -> Iterator[Problem]:
    same: dict[str, list[int]] = defaultdict(list)
    for frame, info in clean.items():
        # Without an alpha, which is not compared: 3 colour channels, or the one of a luminance picture.
        if len(info["channels"]) == 1 and len(plates.get(frame, usual)["channels"]) > 2:
            same[info["channels"][0]].append(frame)
    for channel, frames in same.items():
        yield finding(
            order,
            CLEAN_PLATE,
            "other_channels",
            frames,
            f"clean_plate frames {frame_list(frames)} have one channel, {channel}, and the plate has R, G and B.",
            "Write them with R, G and B.",
        )


def _other_colour(
    order: Order, clean: Mapping[int, _Info], plates: Mapping[int, _Info], usual: _Info
) -> Iterator[Problem]:
    same: dict[tuple[str, str], list[int]] = defaultdict(list)
    for frame, info in clean.items():
        ours = plates.get(frame, usual)["colour"]["name"]
        if info["says"] and info["says"] != ours:
            same[info["says"], ours].append(frame)
    for (theirs, ours), frames in same.items():
        yield finding(
            order,
            CLEAN_PLATE,
            "other_colour",
            frames,
            f"clean_plate frames {frame_list(frames)} say that they are {theirs}, and the plate is taken as {ours}.",
            "Write them in the plate's colour space; or say with --colorspace which one holds for both.",
        )


def _still_the_plate(
    order: Order,
    clean: Mapping[int, _Info],
    plates: Mapping[int, _Info],
    mattes: Mapping[str, Mapping[int, _Info]],
) -> Iterator[Problem]:
    """Where something is to be removed, a clean plate that is the plate would bring the object back."""

    def marked(frame: int) -> bool:
        infos = [by_frame[frame] for role, by_frame in mattes.items() if role != "keep" and frame in by_frame]
        return any(info["removes"] > 0 or info.get("affects", 0) > 0 for info in infos)

    frames = [
        f for f, i in clean.items() if f in plates and i["content"] == plates[f]["content"] and marked(f)
    ]
    if frames:
        yield finding(
            order,
            CLEAN_PLATE,
            "clean_plate_is_plate",
            frames,
            f"clean_plate frames {frame_list(frames)} are the plate itself, object and all.",
            "Give frames without the object, or leave these out.",
        )
