# SPDX-License-Identifier: Apache-2.0
"""How much of a shot an order is of: its views, each a job of its own, and handles around its range."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from void_client.errors import BadInput
from void_client.inputs import CLEAN_PLATE, ROLES, WITH_CHANNEL
from void_client.sequence import FramePattern, FrameRange, parse_pattern, split_channel
from void_client.specification import RemoveOptions

BEFORE, AFTER = "handles_before", "handles_after"
"""Options of the server that say how many frames at either end of the range are handles."""
CROPS = "crops"
"""Option of the server for the crops that a model is to see."""


def of_views(options: RemoveOptions, views: str) -> list[RemoveOptions]:
    """The order once for each view; the order itself where none is listed.

    Args:
        views: names, joined by commas.

    Raises:
        BadInput: a view is listed twice, or also given alone, or all views would read and write the same files.
    """
    names = [name.strip() for name in views.split(",") if name.strip()]
    if not names:
        return [options]
    if options.view:
        raise BadInput("--view and --views are both given.", fix="Leave one of the two.")
    if len(set(names)) < len(names):
        raise BadInput(f"--views {views} lists a view twice.", fix="Name each view once.")
    return [
        replace(options, view=name, name=f"{options.name}_{name}" if options.name else "") for name in names
    ]


def with_crops_of(options: RemoveOptions, sidecar: Path) -> RemoveOptions:
    """The order with the crops that the job of another view saw, as its sidecar has them.

    Args:
        sidecar: of the other view; it may name no crops, as of an engine that sees none.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        engine = json.loads(sidecar.read_text(encoding="utf-8"))["engine"]
    except (OSError, ValueError, KeyError) as error:
        raise BadInput(
            f"The crops of the first view cannot be read from {sidecar}: {error}.",
            fix="Order it again, and then the other views.",
        ) from error
    seen = (engine.get("regions") or {}).get(CROPS, "")
    return replace(options, options={CROPS: seen, **options.options}) if seen else options


def with_handles(
    options: RemoveOptions, frames: FrameRange | None, handles: int
) -> tuple[RemoveOptions, FrameRange | None, tuple[str, ...]]:
    """The order with its range widened by handles, as far as the files of all inputs reach.

    Args:
        frames: the range that is wanted back.
        handles: frames to either side; 0 = none.

    Returns:
        The order with how many there are, the range with them, and what to tell of it.

    Raises:
        BadInput: a number below 0, mattes alone are wanted, no range is given, or a pattern that is unusable.
    """
    if handles == 0:
        return options, frames, ()
    if options.masks_only:
        raise BadInput(
            "Mattes are made without handles.", fix="Leave out --handles, or give a longer --range."
        )
    if handles < 0:
        raise BadInput(
            f"--handles {handles} is below 0.", fix="Give the number of frames, such as --handles 8."
        )
    if frames is None:
        raise BadInput(
            "Handles lie outside of the range, and no range is given.",
            fix="Say which frames are to come back with --range FIRST-LAST.",
        )
    there = _frames_of_all(options)
    found = {}
    for side, end, way in ((BEFORE, frames.first, -1), (AFTER, frames.last_frame, 1)):
        reach = [end + way * frames.step * n for n in range(1, handles + 1)]
        found[side] = next((n for n, frame in enumerate(reach) if frame not in there), handles)
    widened = FrameRange(
        frames.first - frames.step * found[BEFORE],
        frames.last_frame + frames.step * found[AFTER],
        frames.step,
    )
    told = f"{found[BEFORE]} frames before and {found[AFTER]} after {frames} are handles: read, and not delivered."
    if min(found.values()) < handles:
        told += f" Of {handles} that were asked for, the other files are not there."
    counts = {side: str(count) for side, count in found.items()}
    return replace(options, options={**options.options, **counts}), widened, (told,)


def _frames_of_all(options: RemoveOptions) -> frozenset[int]:
    """The frames for which every input has a file that needs one for each frame."""
    every: frozenset[int] | None = None
    for role in ROLES:
        text = options.patterns.get(role, "")
        if not text or role == CLEAN_PLATE or role in options.sparse:
            continue
        found = frozenset(_pattern(text, role, options.view).frames_on_disk())
        every = found if every is None else every & found
    return every or frozenset()


def _pattern(text: str, role: str, view: str) -> FramePattern:
    return parse_pattern(split_channel(text)[0] if role in WITH_CHANNEL else text, view)
