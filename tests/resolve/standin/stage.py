# SPDX-License-Identifier: Apache-2.0
"""The project that every test begins with.

Reel 1 begins at frame 86400 and has 24 frames a second. On V2 lies the clip to work on:
`shot.[1001-1040].exr`, 40 x 24 pixels, of which the timeline (32 x 24) shows 1011 to 1030, so that 10 frames
of handles lie before and after. It is graded with a gain of 0.5 and moved by 3 pixels; its grade has a key on
an Alpha Output. V1 holds a neighbour below, V3 a title over the last five frames, V4 is disabled. Somebody
else has two jobs in the queue that wait to be started.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.resolve.standin.application import Resolve
from tests.resolve.standin.grades import Grade, Node
from tests.resolve.standin.items import WITHOUT_CLIP, TimelineItem
from tests.resolve.standin.jobs import Job
from tests.resolve.standin.media import Folder, Media, MediaPoolItem
from tests.resolve.standin.project import Project
from tests.resolve.standin.queue import DEFAULTS
from tests.resolve.standin.renderer import write_sequence
from tests.resolve.standin.timeline import Timeline, Track

START = 86400
FIRST, LAST = 1001, 1040
SHOWN = 1011
RECORD = START + 30
LENGTH = 20
SIZE = (40, 24)


def write_sources(folder: Path) -> None:
    """The files of both clips; tests must not write among them."""
    write_sequence(folder / "shot", "shot.", FIRST, LAST, SIZE)
    write_sequence(folder / "background", "background.", 1, 100, (8, 6))


class Stage:
    """The ready-made project, with the parts that tests name."""

    def __init__(self, resolve: Resolve, sources: Path, language: str) -> None:
        self.gate = resolve.gate
        self.sources = sources
        self.project = Project(self.gate, resolve, "Feature", language)
        resolve.manager.project = self.project
        self.bin = self._bins()
        self.source = self._clip("shot/shot.%04d.exr", FIRST, LAST, SIZE)
        self.background = self._clip("background/background.%04d.exr", 1, 100, (8, 6))
        self.timeline = self._timeline()
        self.item = self._items()
        self.project.current = self.timeline
        self._queue()

    def _bins(self) -> Folder:
        root = self.project.pool.root
        root.folders = [Folder(self.gate, name, root) for name in ("Plates", "Timelines")]
        self.project.pool.current = root.folders[0]
        return root.folders[0]

    def _clip(self, pattern: str, first: int, last: int, size: tuple[int, int]) -> MediaPoolItem:
        media = Media(str(self.sources / pattern), first, last, size)
        clip = MediaPoolItem(self.gate, self.project, Path(media.shown()).name, media, "Video", 24.0)
        self.bin.clips.append(clip)
        clip.metadata = {"Scene": "12"}
        return clip

    def _timeline(self) -> Timeline:
        folder = self.project.pool.root.folders[1]
        old = self.project.add_timeline("Reel 1 old", folder)
        old.fresh = False
        timeline = self.project.add_timeline("Reel 1", folder)
        timeline.fresh = False
        timeline.SetSetting("useCustomSettings", "1")
        timeline.own.update(timelineResolutionWidth="32", timelineResolutionHeight="24")
        timeline.tracks["video"] = [
            Track("Background"),
            Track("VFX"),
            Track("Titles", locked=True),
            Track("Temp", enabled=False),
        ]
        timeline.marks = {"video": (RECORD + 2, RECORD + 11)}
        timeline.playhead = RECORD + 5
        timeline.AddMarker(12, "Blue", "note", "", 1, "")
        return timeline

    def add_item(
        self, track: int, start: int, duration: int, clip: Any = None, **options: Any
    ) -> TimelineItem:
        """One more item on a video track, counted from 1."""
        item = TimelineItem(self.gate, self.timeline, clip, start, duration, **options)
        self.timeline.tracks["video"][track - 1].items.append(item)
        return item

    def _items(self) -> TimelineItem:
        self.add_item(1, START, 100, self.background, source=1)
        item = self.add_item(2, RECORD, LENGTH, self.source, source=SHOWN)
        item.versions = {"Version 1": Grade([Node(0.5, label="balance")], key=(0.25, 0.25, 0.75, 0.75))}
        item.properties["Pan"] = 3.0
        item.AddMarker(0, "Sand", "conform", "", 1, "")
        self.add_item(3, RECORD + 15, 20, kind="title")
        self.add_item(4, RECORD, LENGTH, self.background, source=1)
        sound = TimelineItem(self.gate, self.timeline, None, RECORD, LENGTH, kind="audio", name="shot.wav")
        self.timeline.tracks["audio"][0].items.append(sound)
        item.linked, sound.linked = [sound], [item]
        return item

    def turn_into(self, what: str) -> None:
        """The item to work on becomes one that a plugin must refuse, or treat in another way (R15).

        `retimed`, `reversed`, `other_rate`, `unknown` (its source range reads 0/0), `movie`, `compound`,
        `multicam`, or a kind of item without a clip: `title`, `generator`, `fusion`, `adjustment`,
        `transition`.
        """
        if what in ("retimed", "reversed"):
            self.item.speed = {"retimed": 1.5, "reversed": -1.0}[what]
        elif what == "other_rate":
            self.source.rate = 48.0
        elif what == "movie":
            self.source.media = Media(str(self.sources / "shot.mov"), 0, 39, SIZE)
            self.source.name, self.item.source = "shot.mov", 10
        elif what in ("compound", "multicam"):
            self.item.kind = what
            self.item.clip = MediaPoolItem(self.gate, self.project, what, None, what.title(), 24.0)
            self.bin.clips.append(self.item.clip)
        elif what == "unknown" or what in WITHOUT_CLIP:
            self.item.kind = what
        else:
            raise ValueError(what)

    def _queue(self) -> None:
        project = self.project
        project.render_settings.update(FormatWidth=1920, FormatHeight=1080, ExportAudio=False)
        project.presets = {"Editorial H264": project.state_of_render(), "VFX": project.state_of_render()}
        for status in ("complete", "ready", "ready"):
            settings = {**DEFAULTS, "TargetDir": str(self.sources), "CustomName": "deliverable"}
            job = Job(self.timeline, settings, "mov", "ProRes422HQ", 1, foreign=True, status=status)
            job.percent = 100 if status == "complete" else 0
            project.jobs.append(job)
