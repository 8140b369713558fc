# SPDX-License-Identifier: Apache-2.0
"""Media pool and media storage: what comes in, what goes onto a timeline (facts, sections 2.3, 2.5)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.resolve.standin.calls import Gate, Scripted
from tests.resolve.standin.items import TimelineItem
from tests.resolve.standin.media import Folder, Media, MediaPoolItem
from tests.resolve.standin.renderer import has_alpha, size_of
from tests.resolve.standin.timeline import Timeline

NUMBERED = re.compile(r"(.*?)(\d+)(\.\w+)")


class MediaPool(Scripted):
    script_class = "MediaPool"

    def __init__(self, gate: Gate, project: Any) -> None:
        super().__init__(gate)
        self.project = project
        self.root = Folder(gate, "Master")
        self.current = self.root
        self.selected: list[MediaPoolItem] = []
        self.appended: list[TimelineItem] = []
        self.first_appends: set[str] = set()

    def clips(self) -> list[MediaPoolItem]:
        return [clip for folder in self.root.everything() for clip in folder.clips]

    def GetRootFolder(self):
        return self.root

    def GetCurrentFolder(self):
        return self.current

    def SetCurrentFolder(self, folder):
        if folder not in self.root.everything():
            return False
        self.current = folder
        return True

    def AddSubFolder(self, folder, name):
        if folder not in self.root.everything() or any(each.name == name for each in folder.folders):
            return None
        new = Folder(self.gate, name, folder)
        folder.folders.append(new)
        if "new_bin_is_current" in self.gate.faults:
            self.current = new
        return new

    def DeleteFolders(self, folders):
        if not all(folder.parent and folder in folder.parent.folders for folder in folders):
            return False
        for folder in folders:
            if self.current in folder.everything():
                self.current = folder.parent
            folder.parent.folders.remove(folder)
        return True

    def DeleteClips(self, clips):
        homes = {clip.id: folder for folder in self.root.everything() for clip in folder.clips}
        if not isinstance(clips, list) or not clips or not all(clip.id in homes for clip in clips):
            return False
        for clip in clips:
            homes[clip.id].clips.remove(clip)
            clip.stale = True
        return True

    def MoveClips(self, clips, folder):
        if folder not in self.root.everything():
            return False
        for home in self.root.everything():
            home.clips = [clip for clip in home.clips if clip not in clips]
        folder.clips += clips
        return True

    def GetSelectedClips(self):
        return list(self.selected)

    def media_at(self, path: Any) -> Media | None:
        """The media of one file as a path names it; a number in its name makes it a frame of a sequence."""
        if not isinstance(path, str) or not Path(path).is_file():
            return None
        numbered = NUMBERED.fullmatch(Path(path).name)
        if not numbered:
            return Media(path, 0, 0, size_of(Path(path)))
        return next(m for m in _sequences(Path(path).parent) if m.file(int(numbered[2])) == Path(path))

    def ImportMedia(self, things):
        """Into the current bin only (R12b); a still as a dictionary gives nothing (R12a)."""
        if not isinstance(things, list):
            return []
        found: list[Media] = []
        for thing in things:
            found += self._range(thing) if isinstance(thing, dict) else self._folder_of(thing)
        return [self.add_clip(media) for media in found]

    def add_clip(self, media: Media, folder: Folder | None = None) -> MediaPoolItem:
        """A clip with the rate that Resolve assumes: the project's, or a wrong one (R12d)."""
        name = Path(media.shown()).name
        rate = 30.0 if "wrong_fps" in self.gate.faults else float(self.project.settings["timelineFrameRate"])
        clip = MediaPoolItem(self.gate, self.project, name, media, "Video", rate)
        (folder or self.current).clips.append(clip)
        return clip

    def _range(self, thing: dict) -> list[Media]:
        first, last = thing.get("StartIndex"), thing.get("EndIndex")
        pattern = thing.get("FilePath", "")
        if not re.search(r"%0\dd", pattern) or first is None or last is None or first >= last:
            return []
        media = Media(pattern, int(first), int(last))
        if not all(media.file(number).is_file() for number in range(media.first, media.last + 1)):
            return []
        media.size = size_of(media.file(media.first))
        return [media]

    def _folder_of(self, path: Any) -> list[Media]:
        """A frame of a sequence brings every sequence of its folder (R12c)."""
        media = self.media_at(path)
        if media is None:
            return []
        return _sequences(Path(path).parent) if media.is_sequence else [media]

    def CreateEmptyTimeline(self, name):
        if any(each.name == name for each in self.project.timelines):
            return None
        timeline = self.project.add_timeline(name, self.current)
        if "new_timeline_is_current" in self.gate.faults:
            self.project.current = timeline
        return timeline

    def DeleteTimelines(self, timelines):
        """False for the current one, and for what is no timeline of the project (R10b)."""
        if not isinstance(timelines, list) or not timelines or self.project.current in timelines:
            return False
        if not all(each in self.project.timelines for each in timelines):
            return False
        for each in timelines:
            self.project.remove_timeline(each)
        return True

    def AppendToTimeline(self, infos):
        """Takes a list: a dictionary alone hangs Resolve (R09b)."""
        if isinstance(infos, dict):
            self.gate.hang("AppendToTimeline with a dictionary that is in no list")
        timeline = self.project.current
        if not isinstance(infos, list) or not infos or timeline is None:
            return []
        if self._refuses_first(timeline):
            return [None]
        return [self._append(timeline, info) for info in infos]

    def _refuses_first(self, timeline: Timeline) -> bool:
        """The first append on a new timeline may place nothing and answer [None] (R09d)."""
        first = timeline.fresh and timeline.id not in self.first_appends
        self.first_appends.add(timeline.id)
        return first and "first_append_none" in self.gate.faults

    def _append(self, timeline: Timeline, info: Any) -> TimelineItem | None:
        info = info if isinstance(info, dict) else {"mediaPoolItem": info}
        clip = info.get("mediaPoolItem")
        if not isinstance(clip, MediaPoolItem) or clip.stale:
            return None
        first = int(info.get("startFrame", clip.first()))
        duration = self._duration(timeline, clip, int(info.get("endFrame", clip.last() + 1)) - first)
        index = int(info.get("trackIndex", 1))
        tracks = timeline.tracks["video"]
        if duration <= 0 or not 1 <= index <= len(tracks):
            return None
        start = int(info.get("recordFrame", tracks[index - 1].end(timeline.start)))
        item = TimelineItem(self.gate, timeline, clip, start, duration, first)
        item.floats = True
        if not clip.first() <= first <= clip.last():
            item.frozen = True
        if "null_item" in self.gate.faults or not tracks[index - 1].is_free(start, start + duration):
            item.stale = True
            return item
        tracks[index - 1].items.append(item)
        self.appended.append(item)
        return item

    def _duration(self, timeline: Timeline, clip: MediaPoolItem, frames: int) -> int:
        """endFrame is exclusive (R09a); another rate floors (R09g)."""
        return int(frames * timeline.rate() / clip.rate)

    def after_save(self) -> None:
        """What was appended may vanish when the project is saved (R09f)."""
        if "lost_on_save" in self.gate.faults:
            for item in self.appended:
                item.leave()
        self.appended.clear()

    def GetClipMatteList(self, clip):
        """In the order of attaching; a sequence with its range in brackets (R14)."""
        return [matte.shown() for matte in clip.mattes]

    def DeleteClipMattes(self, clip, paths):
        kept = [matte for matte in clip.mattes if matte.shown() not in paths]
        deleted = len(kept) < len(clip.mattes)
        clip.mattes = kept
        return deleted


class MediaStorage(Scripted):
    script_class = "MediaStorage"

    def __init__(self, gate: Gate, project_of: Any) -> None:
        super().__init__(gate)
        self.project_of = project_of

    def AddClipMattesToMediaPool(self, clip, paths, eye="left"):
        """False, with nothing attached, for a path that is no file (R14a)."""
        pool = self.project_of().pool
        if not isinstance(clip, MediaPoolItem) or not isinstance(paths, list):
            return False
        found = [pool.media_at(path) for path in paths]
        if None in found or not found or "mattes_refused" in self.gate.faults:
            return False
        if "alpha_matte_refused" in self.gate.faults and any(has_alpha(Path(path)) for path in paths):
            return False
        if "matte_is_a_still" in self.gate.faults:
            found = [Media(path, 0, 0, media.size) for path, media in zip(paths, found, strict=True)]
        if "mattes_lost" not in self.gate.faults:
            clip.mattes += found
        return True

    def AddTimelineMattesToMediaPool(self, paths):
        pool = self.project_of().pool
        return [pool.add_clip(media) for media in map(pool.media_at, paths) if media]

    def AddItemListToMediaPool(self, things):
        pool = self.project_of().pool
        if not isinstance(things, list):
            return []
        dictionaries = [
            {"FilePath": t["media"], "StartIndex": t.get("startFrame"), "EndIndex": t.get("endFrame")}
            if isinstance(t, dict)
            else t
            for t in things
        ]
        return pool.ImportMedia(dictionaries)


def _sequences(folder: Path) -> list[Media]:
    """Every numbered sequence of a folder, each with all its numbers from the first to the last."""
    found: dict[str, list[int]] = {}
    for path in sorted(folder.iterdir()):
        numbered = NUMBERED.fullmatch(path.name)
        if numbered:
            pattern = f"{folder / numbered[1]}%0{len(numbered[2])}d{numbered[3]}"
            found.setdefault(pattern, []).append(int(numbered[2]))
    media = [Media(pattern, min(numbers), max(numbers)) for pattern, numbers in found.items()]
    for each in media:
        each.size = size_of(each.file(each.first))
    return media
