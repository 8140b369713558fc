# SPDX-License-Identifier: Apache-2.0
"""How the checks of an order word what they find."""

from __future__ import annotations

from collections.abc import Iterable

from void_server.jobs.model import Problem
from void_server.pipeline.order import Order

MOST_NUMBERS = 6
"""Frame numbers or ranges that a message spells out."""


def frame_list(frames: Iterable[int]) -> str:
    """Frame numbers as people write them: "1001-1004, 1010"; long lists end with how many more."""
    runs: list[list[int]] = []
    for frame in sorted(frames):
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    words = [str(a) if a == b else f"{a}-{b}" for a, b in runs]
    more = len(words) - MOST_NUMBERS
    return ", ".join(words[:MOST_NUMBERS]) + (f" and {more} more" if more > 0 else "")


def finding(
    order: Order,
    role: str,
    code: str,
    frames: Iterable[int],
    message: str,
    fix: str,
    severity: str = "error",
) -> Problem:
    """A problem of one input's frames; of the order as a whole where role is empty."""
    listed = tuple(sorted(frames))
    file = file_name(order, role, listed[0]) if role and listed else ""
    return Problem(severity, code, message, fix, role, listed, file)


def file_name(order: Order, role: str, frame: int) -> str:
    """What the user calls a file; empty where there is none."""
    file = order.file(role, frame)
    return file.name if file is not None else ""
