# SPDX-License-Identifier: Apache-2.0
"""Projects and their manager (facts, sections 2.2 and 2.3)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.resolve.standin.calls import Gate, Scripted
from tests.resolve.standin.media import Folder, MediaPoolItem
from tests.resolve.standin.pool import MediaPool
from tests.resolve.standin.queue import RenderQueue
from tests.resolve.standin.timeline import Timeline

SETTINGS = {
    "timelineFrameRate": "24",
    "timelineResolutionWidth": "64",
    "timelineResolutionHeight": "36",
    "timelineOutputResolutionWidth": "64",
    "timelineOutputResolutionHeight": "36",
    "timelineDropFrameTimecode": "0",
    "colorScienceMode": "davinciYRGB",
    "isAutoColorManage": "0",
    "rcmPresetMode": "Custom",
    "separateColorSpaceAndGamma": "0",
    "colorSpaceInput": "Rec.709 Gamma 2.4",
    "colorSpaceInputGamma": "Rec.709 Gamma 2.4",
    "colorSpaceTimeline": "Rec.709 Gamma 2.4",
    "colorSpaceTimelineGamma": "Rec.709 Gamma 2.4",
    "colorSpaceOutput": "Rec.709 Gamma 2.4",
    "colorSpaceOutputGamma": "Rec.709 Gamma 2.4",
    "inputDRT": "None",
    "outputDRT": "None",
    "timelineWorkingLuminance": "100",
    "timelineWorkingLuminanceMode": "SDR 100",
    "colorAcesIDT": "No Input Transform",
    "colorAcesODT": "No Output Transform",
}
"""Every value is a text (R03a)."""


class Project(RenderQueue, Scripted):
    script_class = "Project"

    def __init__(self, gate: Gate, resolve: Any, name: str, language: str = "en") -> None:
        super().__init__(gate)
        self.resolve = resolve
        self.name = name
        self.language = language
        self.id = str(uuid4())
        self.settings = dict(SETTINGS)
        self.timelines: list[Timeline] = []
        self.current: Timeline | None = None
        self.selected_items: list[Any] = []
        self.pool = MediaPool(gate, self)
        self.prepare_queue()

    def add_timeline(self, name: str, folder: Folder) -> Timeline:
        timeline = Timeline(self.gate, self, name)
        timeline.clip = MediaPoolItem(self.gate, self, name, None, "Timeline", timeline.rate())
        timeline.clip.timeline = timeline
        folder.clips.append(timeline.clip)
        self.timelines.append(timeline)
        return timeline

    def remove_timeline(self, timeline: Timeline) -> None:
        self.timelines.remove(timeline)
        timeline.stale = True
        for folder in self.pool.root.everything():
            folder.clips = [clip for clip in folder.clips if clip is not timeline.clip]

    def usage(self, clip: MediaPoolItem) -> int:
        """On how many items a clip is used."""
        tracks = (track for each in self.timelines for tracks in each.tracks.values() for track in tracks)
        return sum(item.clip is clip for track in tracks for item in track.items)

    def GetName(self):
        return self.name

    def GetUniqueId(self):
        return self.id

    def GetMediaPool(self):
        return self.pool

    def GetTimelineCount(self):
        return len(self.timelines)

    def GetTimelineByIndex(self, index):
        """Counts from 1."""
        return self.timelines[index - 1] if 1 <= index <= len(self.timelines) else None

    def GetCurrentTimeline(self):
        return self.current

    def SetCurrentTimeline(self, timeline):
        if timeline not in self.timelines:
            return False
        self.current = timeline
        return True

    def GetSetting(self, key=""):
        return dict(self.settings) if not key else self.settings.get(key, "")

    def SetSetting(self, key, value):
        if key not in self.settings or not isinstance(value, str):
            return False
        self.settings[key] = value
        return True


class ProjectManager(Scripted):
    script_class = "ProjectManager"

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate)
        self.project: Project | None = None

    def GetCurrentProject(self):
        """None while none is open (R01a)."""
        return self.project

    def SaveProject(self):
        if self.project is None:
            return False
        self.project.pool.after_save()
        return True
