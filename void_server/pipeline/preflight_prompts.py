# SPDX-License-Identifier: Apache-2.0
"""What is wrong with clicks and boxes, by frame number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from void_server.errors import InvalidInput
from void_server.jobs.model import Problem
from void_server.pipeline.findings import finding, frame_list
from void_server.pipeline.order import Order, Prompted
from void_server.plates.window import Window
from void_server.segmenters.sam2.prompts import Box, Point, Prompt, gathered


def unusable_prompts(order: Order, plates: Mapping[int, Mapping[str, Any]]) -> Iterator[Problem]:
    """Prompts on frames that are not worked on, outside of the picture, or against each other.

    Args:
        order: with its prompts.
        plates: what ingest says of the plates that were looked at.
    """
    beside = sorted({p.frame for p in order.prompts} - set(order.frames))
    if beside:
        yield finding(
            order,
            "",
            "prompt_outside_range",
            beside,
            f"Points or boxes are on frames {frame_list(beside)}, which are not worked on.",
            "Change --range, or give points on its frames.",
        )
    inside = [p for p in order.prompts if p.frame in set(order.frames)]
    if not inside or not plates:
        return
    window = Window(**next(iter(plates.values()))["display_window"])
    prompts = as_prompts(inside, order.frames)
    yield from _without_samples(order, inside, plates)
    try:
        gathered(prompts, len(order.frames), (window.height, window.width))
    except InvalidInput as error:
        said, fix = (_with_frames(text, order.frames) for text in (error.message, error.fix))
        yield finding(order, "", "prompts_unusable", (), said, fix)


def _without_samples(
    order: Order, prompts: Sequence[Prompted], plates: Mapping[int, Mapping[str, Any]]
) -> Iterator[Problem]:
    """Clicks where no plate has samples: data windows may be smaller than the picture."""
    if len(plates) < len(order.frames):
        # Not all are there yet, and the others may reach farther.
        return
    windows = [Window(**info["data_window"]) for info in plates.values()]
    display = Window(**next(iter(plates.values()))["display_window"])
    data = windows[0]
    for window in windows[1:]:
        data = data.union(window)
    x0, y0 = data.x - display.x, data.y - display.y
    for prompt in prompts:
        x, y = prompt.place[:2]
        if len(prompt.place) == 2 and not (x0 <= x < x0 + data.width and y0 <= y < y0 + data.height):
            yield finding(
                order,
                "",
                "prompts_unusable",
                (prompt.frame,),
                f"The point ({x:g}, {y:g}) on frame {prompt.frame} lies where the plate has no samples.",
                "Give points inside of the plate's data window.",
            )


def as_prompts(
    prompts: Sequence[Prompted], frames: Sequence[int], offset: tuple[float, float] = (0, 0)
) -> list[Prompt]:
    """As the segmenter takes them.

    Args:
        prompts: on frames that are worked on.
        frames: all of these.
        offset: x and y to add, from the display window to the one that mattes are wanted on.
    """
    positions = {frame: position for position, frame in enumerate(frames)}
    x, y = offset
    found: list[Prompt] = []
    for prompt in prompts:
        moved = [value + shift for value, shift in zip(prompt.place, (x, y, x, y), strict=False)]
        at = positions[prompt.frame]
        if len(moved) == 2:
            found.append(Point(at, moved[0], moved[1], prompt.positive, prompt.object))
        else:
            found.append(Box(at, moved[0], moved[1], moved[2], moved[3], prompt.object))
    return found


def _with_frames(text: str, frames: Sequence[int]) -> str:
    """A sentence of the segmenter, with frame numbers in the place of positions."""
    return re.sub(r"at position (\d+)", lambda found: f"on frame {frames[int(found[1])]}", text)
