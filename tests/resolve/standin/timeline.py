# SPDX-License-Identifier: Apache-2.0
"""Timelines and their tracks (facts, sections 2.2, 2.3 and 2.5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.resolve.standin.calls import Gate, Scripted
from tests.resolve.standin.items import TimelineItem
from tests.resolve.standin.markers import InOut, Marked, frame_of, timecode
from tests.resolve.standin.versions import number

OWN_SETTINGS = (
    *("timelineResolutionWidth", "timelineResolutionHeight", "timelineFrameRate"),
    *("timelineOutputResolutionWidth", "timelineOutputResolutionHeight", "timelineDropFrameTimecode"),
)


@dataclass
class Track:
    name: str
    enabled: bool = True
    locked: bool = False
    items: list[TimelineItem] = field(default_factory=list)

    def is_free(self, start: int, end: int) -> bool:
        return all(item.end <= start or item.start >= end for item in self.items if item.kind != "transition")

    def end(self, otherwise: int) -> int:
        return max((item.end for item in self.items), default=otherwise)


class Timeline(Marked, InOut, Scripted):
    script_class = "Timeline"

    def __init__(self, gate: Gate, project: Any, name: str, start: int = 86400) -> None:
        super().__init__(gate)
        self.project = project
        self.name = name
        self.start = start
        self.playhead = start
        self.id = str(uuid4())
        self.fresh = True
        self.markers = {}
        self.marks = {}
        self.own: dict[str, str] = {}
        self.tracks = {"video": [Track("Video 1")], "audio": [Track("Audio 1")], "subtitle": []}
        self.clip: Any = None

    def rate(self) -> float:
        return float(self.setting("timelineFrameRate"))

    def setting(self, key: str) -> str:
        """A timeline's own settings count while it uses them, else the project's (R18c)."""
        return {**self.project.settings, **self.own}.get(key, "")

    def size(self) -> tuple[int, int]:
        return int(self.setting("timelineResolutionWidth")), int(self.setting("timelineResolutionHeight"))

    def last(self) -> int:
        """The frame after the last one of the timeline."""
        return max((t.end(self.start) for tracks in self.tracks.values() for t in tracks), default=self.start)

    def first_mark(self) -> int:
        return 0 if "marks_absolute" in self.gate.faults else self.start

    def drop(self) -> bool:
        return self.setting("timelineDropFrameTimecode") == "1"

    def shown(self, frame: int) -> list[TimelineItem]:
        """The enabled video items at a frame, the topmost first; a transition is not one."""
        return [
            item
            for track in reversed(self.tracks["video"])
            if track.enabled
            for item in track.items
            if item.enabled and item.kind != "transition" and item.start <= frame < item.end
        ]

    def GetName(self):
        return self.name

    def SetName(self, name):
        if any(each.name == name for each in self.project.timelines):
            return False
        self.name = name
        return True

    def GetUniqueId(self):
        return self.id

    def GetMediaPoolItem(self):
        return self.clip

    def GetStartFrame(self):
        return self.start

    def GetEndFrame(self):
        return self.last()

    def GetStartTimecode(self):
        return timecode(self.start, self.rate(), self.drop())

    def SetStartTimecode(self, text):
        frame = frame_of(text, self.rate(), self.drop())
        if frame is None:
            return False
        moved = frame - self.start
        for tracks in self.tracks.values():
            for track in tracks:
                for item in track.items:
                    item.start += moved
        self.start, self.playhead = frame, self.playhead + moved
        return True

    def GetCurrentTimecode(self):
        return timecode(self.playhead, self.rate(), self.drop())

    def SetCurrentTimecode(self, text):
        frame = frame_of(text, self.rate(), self.drop())
        if frame is None or not self.start <= frame < max(self.last(), self.start + 1):
            return False
        self.playhead = frame
        return True

    def GetCurrentVideoItem(self):
        """The topmost item under the playhead, None in a gap (R01c)."""
        shown = self.shown(self.playhead)
        return shown[0] if shown else None

    def GetSelectedClips(self):
        """There is no selection before 21.0.4 (R02b)."""
        return list(self.project.selected_items)

    def GetSetting(self, key=""):
        values = {**self.project.settings, **self.own, "useCustomSettings": "1" if self.own else "0"}
        return values if not key else values.get(key, "")

    def SetSetting(self, key, value):
        """Everything is False until useCustomSettings is "1" (R18d)."""
        if key == "useCustomSettings" and value in ("0", "1"):
            self.own = {name: self.project.settings[name] for name in OWN_SETTINGS} if value == "1" else {}
            return True
        if key not in self.own or not isinstance(value, str):
            return False
        self.own[key] = value
        return True

    def _track(self, kind: Any, index: Any) -> Track | None:
        tracks = self.tracks.get(kind, [])
        return tracks[int(index) - 1] if 1 <= index <= len(tracks) else None

    def GetTrackCount(self, kind):
        return len(self.tracks.get(kind, []))

    def AddTrack(self, kind, options=None):
        """On top, or from 20.3 on at an index; False while locked, or while something renders (R10d)."""
        if kind not in self.tracks or "locked" in self.gate.faults or self.project.rendering():
            return False
        tracks = self.tracks[kind]
        index = len(tracks) + 1
        if isinstance(options, dict) and "index" in options:
            index = options["index"]
            if number(self.gate.version) < number("20.3") or not 1 <= index <= len(tracks) + 1:
                return False
        tracks.insert(index - 1, Track(f"{kind.title()} {len(tracks) + 1}"))
        return True

    def DeleteTrack(self, kind, index):
        track = self._track(kind, index)
        if track is None or track.locked or len(self.tracks[kind]) == 1:
            return False
        for item in list(track.items):
            item.leave()
        self.tracks[kind].remove(track)
        return True

    def GetTrackName(self, kind, index):
        track = self._track(kind, index)
        return track.name if track else ""

    def SetTrackName(self, kind, index, name):
        return self._change(kind, index, name=name)

    def GetIsTrackEnabled(self, kind, index):
        track = self._track(kind, index)
        return bool(track and track.enabled)

    def SetTrackEnable(self, kind, index, enabled):
        return self._change(kind, index, enabled=bool(enabled))

    def GetIsTrackLocked(self, kind, index):
        track = self._track(kind, index)
        return bool(track and track.locked)

    def SetTrackLock(self, kind, index, locked):
        return self._change(kind, index, locked=bool(locked))

    def _change(self, kind: Any, index: Any, **changes: Any) -> bool:
        """False outside of 1 to the number of tracks (R10c)."""
        track = self._track(kind, index)
        if track is None:
            return False
        for name, value in changes.items():
            setattr(track, name, value)
        return True

    def GetItemListInTrack(self, kind, index):
        """Transitions too (R15g)."""
        track = self._track(kind, index)
        return sorted(track.items, key=lambda item: item.start) if track else []

    def DeleteClips(self, items, ripple=False):
        """On the Edit page only (R10a). What is linked stays (R10e)."""
        if self.project.resolve.page != "edit" or not isinstance(items, list) or not items:
            return False
        on_tracks = [i for tracks in self.tracks.values() for t in tracks if not t.locked for i in t.items]
        if not all(item in on_tracks for item in items):
            return False
        for item in items:
            item.leave()
        return True

    def SetClipsLinked(self, items, linked):
        for item in items:
            item.linked = [other for other in items if other is not item] if linked else []
        return True
