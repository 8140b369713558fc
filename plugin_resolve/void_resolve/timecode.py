# SPDX-License-Identifier: Apache-2.0
"""Timecodes and frame numbers; drop-frame ones have a semicolon before the frames."""

from __future__ import annotations

import re

_FORM = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d\d\d?)")


def text(frame: int, rate: float, drop: bool = False) -> str:
    """The timecode of a frame."""
    base = round(rate)
    if drop:
        dropped = round(rate / 15)
        tens, rest = divmod(frame, base * 600 - dropped * 9)
        minutes = max(0, rest - base * 60) // (base * 60 - dropped) + (rest >= base * 60)
        frame += dropped * (9 * tens + minutes)
    seconds, frames = divmod(frame, base)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frames:02d}"


def frame_of(timecode: str, rate: float) -> int | None:
    """The frame of a timecode; None where it is none."""
    found = _FORM.fullmatch(timecode.strip())
    base = round(rate)
    if not found or base < 1:
        return None
    hours, minutes, seconds, frames = (int(found[n]) for n in (1, 2, 3, 5))
    frame = ((hours * 60 + minutes) * 60 + seconds) * base + frames
    if is_drop(timecode):
        total = hours * 60 + minutes
        frame -= round(rate / 15) * (total - total // 10)
    return frame


def is_drop(timecode: str) -> bool:
    """Whether it counts with drop-frame."""
    return ";" in timecode


def moved(timecode: str, frames: int, rate: float) -> str | None:
    """A timecode so many frames later; None where it is none."""
    frame = frame_of(timecode, rate)
    return None if frame is None else text(frame + frames, rate, is_drop(timecode))
