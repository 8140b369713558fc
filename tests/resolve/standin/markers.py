# SPDX-License-Identifier: Apache-2.0
"""Markers, in and out marks and timecodes (facts, sections 2.2 and 2.5)."""

from __future__ import annotations

import re
from typing import Any

MARKER_COLOURS = frozenset(
    (
        *("Blue", "Cyan", "Green", "Yellow", "Red", "Pink", "Purple", "Fuchsia"),
        *("Rose", "Lavender", "Sky", "Mint", "Lemon", "Sand", "Cocoa", "Cream"),
    )
)
CLIP_COLOURS = frozenset(
    (
        *("Orange", "Apricot", "Yellow", "Lime", "Olive", "Green", "Teal", "Navy"),
        *("Blue", "Purple", "Violet", "Pink", "Tan", "Beige", "Brown", "Chocolate"),
    )
)


class Marked:
    """Markers by frame: their keys are read back as floats (R03c)."""

    markers: dict[int, dict[str, Any]]

    def AddMarker(self, frame, color, name, note, duration, custom=""):
        if color not in MARKER_COLOURS or frame in self.markers or not isinstance(frame, int | float):
            return False
        self.markers[int(frame)] = {
            "color": color,
            "duration": float(duration),
            "note": note,
            "name": name,
            "customData": custom,
        }
        return True

    def GetMarkers(self):
        return {float(frame): dict(marker) for frame, marker in self.markers.items()}

    def GetMarkerByCustomData(self, custom):
        return {float(f): dict(m) for f, m in self.markers.items() if m["customData"] == custom}

    def GetMarkerCustomData(self, frame):
        return self.markers.get(frame, {}).get("customData", "")

    def UpdateMarkerCustomData(self, frame, custom):
        if frame not in self.markers:
            return False
        self.markers[frame]["customData"] = custom
        return True

    def DeleteMarkerAtFrame(self, frame):
        return self.markers.pop(frame, None) is not None

    def DeleteMarkerByCustomData(self, custom):
        for frame, marker in self.markers.items():
            if custom and marker["customData"] == custom:
                del self.markers[frame]
                return True
        return False

    def DeleteMarkersByColor(self, color):
        found = [f for f, m in self.markers.items() if color in ("All", m["color"])]
        for frame in found:
            del self.markers[frame]
        return bool(found)


class InOut:
    """In and out marks: the key of a kind is absent while it is unset (R18a)."""

    marks: dict[str, tuple[int, int]]

    def first_mark(self) -> int:
        """What 0 means in the marks."""
        raise NotImplementedError

    def GetMarkInOut(self):
        first = self.first_mark()
        return {kind: {"in": a - first, "out": b - first} for kind, (a, b) in self.marks.items()}

    def SetMarkInOut(self, start, end, kind="all"):
        if kind not in ("video", "audio", "all") or not 0 <= start <= end:
            return False
        first = self.first_mark()
        for each in ("video", "audio") if kind == "all" else (kind,):
            self.marks[each] = (int(start) + first, int(end) + first)
        return True

    def ClearMarkInOut(self, kind="all"):
        if kind not in ("video", "audio", "all"):
            return False
        for each in ("video", "audio") if kind == "all" else (kind,):
            self.marks.pop(each, None)
        return True


def timecode(frame: int, rate: float, drop: bool = False) -> str:
    """A frame as hours, minutes, seconds, frames; with a semicolon where frame numbers are dropped."""
    base = round(rate)
    if drop:
        dropped = round(rate / 15)
        tens, rest = divmod(frame, base * 600 - dropped * 9)
        minutes = max(0, rest - base * 60) // (base * 60 - dropped) + (rest >= base * 60)
        frame += dropped * (9 * tens + minutes)
    seconds, frames = divmod(frame, base)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frames:02d}"


def frame_of(text: Any, rate: float, drop: bool = False) -> int | None:
    """The frame of a timecode; None where it is none."""
    if not isinstance(text, str) or not re.fullmatch(r"\d\d:\d\d:\d\d[:;]\d\d", text):
        return None
    hours, minutes, seconds, frames = (int(part) for part in re.split("[:;]", text))
    base = round(rate)
    if minutes > 59 or seconds > 59 or frames >= base:
        return None
    frame = ((hours * 60 + minutes) * 60 + seconds) * base + frames
    if drop:
        total = hours * 60 + minutes
        frame -= round(rate / 15) * (total - total // 10)
    return frame
