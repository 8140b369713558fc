# SPDX-License-Identifier: Apache-2.0
"""Frame numbers: those of the script, those of files, and file names for them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from void_nuke.errors import NodeError

MAX_FRAMES = 100_000
"""Longer ranges are mistakes: a day and more at 24 frames a second is over two million, a long shot is thousands."""

_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+))?")
_PRINTF, _HASHES = re.compile(r"%0?(\d*)d"), re.compile(r"#+")
_SHIFTED = re.compile(r"\(?\s*frame\s*(?:([+-])\s*(\d+))?\s*\)?")


def parse_frames(text: str) -> list[int]:
    """Frame numbers such as `1001 1020-1022`, ascending, each once.

    Raises:
        NodeError: something else is written there.
    """
    found: set[int] = set()
    for part in re.split(r"[\s,]+", text.strip()):
        if not part:
            continue
        match = _RANGE.fullmatch(part)
        first = int(match[1]) if match else 0
        last = int(match[2]) if match and match[2] else first
        if not match or last < first or last - first >= MAX_FRAMES:
            raise NodeError(f"'{part}' is no frame or range.", "Write frames such as 1001 1020-1022.")
        found.update(range(first, last + 1))
    return sorted(found)


def runs(frames: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive frames; they come in ascending order."""
    found: list[tuple[int, int]] = []
    for frame in frames:
        if found and frame == found[-1][1] + 1:
            found[-1] = found[-1][0], frame
        else:
            found.append((frame, frame))
    return found


def describe(frames: Sequence[int]) -> str:
    """Frames in words, such as `1001-1003, 1010`; at most eight runs."""
    told = [str(a) if a == b else f"{a}-{b}" for a, b in runs(frames)]
    return ", ".join(told[:8]) + (" and more" if len(told) > 8 else "")


def file_of(pattern: str, frame: int, view: str) -> str:
    """The file that a pattern of Nuke names.

    Args:
        pattern: with `%04d` or `####` for the number, `%V` for the view and `%v` for its first letter.
        frame: number in the file's name.
        view: may be empty where the pattern names none.
    """
    named = re.sub(r"%[Vv]", lambda m: view if m.group() == "%V" else view[:1], pattern)
    named = _PRINTF.sub(lambda m: f"{frame:0{int(m[1] or 1)}d}", named)
    return _HASHES.sub(lambda m: f"{frame:0{len(m.group())}d}", named)


def is_numbered(pattern: str) -> bool:
    """Whether a pattern has a place for the frame number."""
    return bool(_PRINTF.search(pattern) or _HASHES.search(os.path.basename(pattern)))


def file_frame(mode: str, text: str, first: int, frame: int) -> int | None:
    """The number in a file's name that a Read shows on a frame of the script; None where only Nuke can tell.

    Args:
        mode: its `frame_mode`.
        text: its `frame`.
        first: its `first`.
        frame: of the script.
    """
    text = text.strip()
    if mode == "expression":
        match = _SHIFTED.fullmatch(text) if text else None
        if text and not match:
            return None
        shift = int(match[2]) if match and match[2] else 0
        return frame - shift if match and match[1] == "-" else frame + shift
    if not re.fullmatch(r"-?\d+", text or "0"):
        return None
    number = int(text or "0")
    if mode == "start at":
        return first + frame - number
    return frame + number if mode == "offset" else None
