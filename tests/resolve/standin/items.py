# SPDX-License-Identifier: Apache-2.0
"""What lies on a track: clips, and what looks like one (facts, section 2.2)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.resolve.standin.calls import Gate, Scripted
from tests.resolve.standin.comps import Comps
from tests.resolve.standin.grades import Grade, Graded
from tests.resolve.standin.markers import CLIP_COLOURS, Marked
from tests.resolve.standin.media import MediaPoolItem

WITHOUT_CLIP = frozenset({"title", "generator", "fusion", "adjustment", "transition"})
"""Kinds of items whose GetMediaPoolItem is None (R01d)."""

SIZING = {"Pan": 0.0, "Tilt": 0.0, "ZoomX": 1.0, "ZoomY": 1.0, "Opacity": 100.0, "CompositeMode": 0}


class TimelineItem(Marked, Graded, Comps, Scripted):
    script_class = "TimelineItem"

    def __init__(
        self,
        gate: Gate,
        timeline: Any,
        clip: MediaPoolItem | None,
        start: int,
        duration: int,
        source: int = 0,
        *,
        kind: str = "clip",
        speed: float = 1.0,
        name: str = "",
    ) -> None:
        super().__init__(gate)
        self.timeline = timeline
        self.clip = clip
        self.start = start
        self.duration = duration
        self.source = source
        self.kind = kind
        self.speed = speed
        self.name = name or (clip.name if clip else kind.title())
        self.id = str(uuid4())
        self.enabled = True
        self.floats = False
        self.frozen = False
        self.markers = {}
        self.colour = ""
        self.linked: list[TimelineItem] = []
        self.properties = dict(SIZING)
        self.takes: list[tuple[MediaPoolItem, int, int]] = []
        self.take = 0
        self.versions = {"Version 1": Grade()}
        self.version = "Version 1"
        self.group = None
        self.comps = []

    @property
    def end(self) -> int:
        return self.start + self.duration

    def track(self) -> Any:
        return next(t for tracks in self.timeline.tracks.values() for t in tracks if self in t.items)

    def leave(self) -> None:
        """Gone from its track: what a script still holds of it answers nothing."""
        self.track().items.remove(self)
        self.stale = True

    def source_frame(self, frame: int) -> int:
        """The frame of the clip, in its own numbering, that a frame of the timeline shows."""
        if self.frozen:
            return self.clip.first()
        moved = int((frame - self.start) * abs(self.speed) * self.rate_ratio())
        number = self.source + (moved if self.speed > 0 else self.span() - 1 - moved)
        return min(max(number, self.clip.first()), self.clip.last())

    def rate_ratio(self) -> float:
        return self.clip.rate / self.timeline.rate() if self.clip else 1.0

    def span(self) -> int:
        """How many frames of the clip the item shows."""
        return round(self.duration * abs(self.speed) * self.rate_ratio())

    def _number(self, value: int) -> int | float:
        """What AppendToTimeline gave answers floats (R03c)."""
        return float(value) if self.floats else value

    def GetName(self):
        return self.name

    def SetName(self, name):
        self.name = name
        return True

    def GetUniqueId(self):
        return self.id

    def GetStart(self, subframe=False):
        return self._number(self.start)

    def GetEnd(self, subframe=False):
        """The frame after the last one."""
        return self._number(self.end)

    def GetDuration(self, subframe=False):
        return self._number(self.duration)

    def GetLeftOffset(self, subframe=False):
        """In the record domain, so of use at 100 % only (R15a)."""
        offset = self.source - self.clip.first() if self.clip else 0
        return int(offset / (abs(self.speed) or 1))

    def GetRightOffset(self, subframe=False):
        if not self.clip:
            return 0
        return int((self.clip.last() + 1 - self.source - self.span()) / (abs(self.speed) or 1))

    def GetSourceStartFrame(self):
        if "source_unknown" in self.gate.faults or self.kind == "unknown":
            return 0
        if self.kind == "multicam":
            return self.start
        low = "source_off_by_one" in self.gate.faults and self.speed == 1
        return self._source(self.source if self.speed > 0 else self.source + self.span() - 1) - low

    def GetSourceEndFrame(self):
        """Inclusive; exclusive where the clip's rate is not the timeline's."""
        if "source_unknown" in self.gate.faults or self.kind == "unknown":
            return 0
        if self.kind == "multicam":
            return self.end - 1
        if self.speed < 0:
            return self._source(self.source)
        return self._source(self.source + self.span() - (self.rate_ratio() == 1))

    def _source(self, number: int) -> int:
        if "source_from_zero" in self.gate.faults and self.clip:
            return number - self.clip.first()
        return number

    def GetMediaPoolItem(self):
        return None if self.kind in WITHOUT_CLIP else self.clip

    def GetProperty(self, key=None):
        """A transition has none (R15g)."""
        if self.kind == "transition":
            return {}
        return dict(self.properties) if key is None else self.properties.get(key)

    def SetProperty(self, key, value):
        if key not in self.properties or self.kind == "transition":
            return False
        self.properties[key] = value
        return True

    def GetTrackTypeAndIndex(self):
        for kind, tracks in self.timeline.tracks.items():
            for index, track in enumerate(tracks, 1):
                if self in track.items:
                    return [kind, index]
        return []

    def GetLinkedItems(self):
        return list(self.linked)

    def GetClipEnabled(self):
        return self.enabled

    def SetClipEnabled(self, enabled):
        if self.track().locked:
            return False
        self.enabled = bool(enabled)
        return True

    def GetClipColor(self):
        return self.colour

    def SetClipColor(self, colour):
        if colour not in CLIP_COLOURS:
            return False
        self.colour = colour
        return True

    def ClearClipColor(self):
        self.colour = ""
        return True

    def GetType(self):
        return self.kind

    def AddTake(self, clip, first=None, last=None):
        """Answers False, and the take is there (R11a)."""
        if not isinstance(clip, MediaPoolItem) or self.kind != "clip":
            return False
        self.takes.append((clip, clip.first() if first is None else first, last or clip.last()))
        return "take_true" in self.gate.faults

    def GetTakesCount(self):
        return len(self.takes)

    def GetSelectedTakeIndex(self):
        return self.take

    def GetTakeByIndex(self, index):
        if not 1 <= index <= len(self.takes):
            return {}
        clip, first, last = self.takes[index - 1]
        return {"startFrame": first, "endFrame": last, "mediaPoolItem": clip}

    def SelectTakeByIndex(self, index):
        """Counts from 1 (R11c)."""
        if not 1 <= index <= len(self.takes):
            return False
        self.take = index
        return True

    def DeleteTakeByIndex(self, index):
        if not 1 <= index <= len(self.takes):
            return False
        del self.takes[index - 1]
        self.take = 0
        return True

    def FinalizeTake(self):
        """False while none is selected (R11b)."""
        if not self.take:
            return False
        self.clip, self.source, _ = self.takes[self.take - 1]
        self.takes, self.take = [], 0
        return True

    def CreateMagicMask(self, mode):
        """False without an operator's clicks (section 2.4)."""
        return False

    def RegenerateMagicMask(self):
        return False
