# SPDX-License-Identifier: Apache-2.0
"""Clips and bins of the media pool."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.resolve.standin.calls import Gate, Scripted
from tests.resolve.standin.markers import CLIP_COLOURS, InOut, Marked, timecode

UNSET_SPACE = "Project"
WRITABLE = frozenset(
    {
        "FPS",
        "Input Color Space",
        "IDT",
        "Data Level",
        "Alpha mode",
        "PAR",
        "Start TC",
        "Comments",
        "Clip Name",
    }
)


class Media:
    """The files of a clip: a pattern with its numbers, or one file."""

    def __init__(self, pattern: str, first: int, last: int, size: tuple[int, int] = (0, 0)) -> None:
        self.pattern = pattern
        self.first = first
        self.last = last
        self.size = size

    @property
    def is_sequence(self) -> bool:
        return "%" in self.pattern

    def file(self, number: int) -> Path:
        """The file of a frame in the clip's own numbering."""
        return Path(self.pattern % number if self.is_sequence else self.pattern)

    def shown(self) -> str:
        """A sequence's path is shown with its range in brackets (R03b)."""
        if not self.is_sequence:
            return self.pattern
        before, digits, after = re.fullmatch(r"(.*)%0(\d)d(.*)", self.pattern).groups()
        width = int(digits)
        return f"{before}[{self.first:0{width}d}-{self.last:0{width}d}]{after}"


class MediaPoolItem(Marked, InOut, Scripted):
    script_class = "MediaPoolItem"

    def __init__(
        self, gate: Gate, project: Any, name: str, media: Media | None, kind: str, rate: float
    ) -> None:
        super().__init__(gate)
        self.project = project
        self.name = name
        self.media = media
        self.kind = kind
        self.rate = rate
        self.id = str(uuid4())
        self.markers = {}
        self.marks = {}
        self.mattes: list[Media] = []
        self.metadata: dict[str, str] = {}
        self.third_party: dict[str, str] = {}
        self.pixels = "Square"
        self.colour = ""
        self.timeline: Any = None
        self.changed: dict[str, str] = {"Input Color Space": UNSET_SPACE, "IDT": "", "Data Level": "Auto"}

    def first_mark(self) -> int:
        return 0

    def first(self) -> int:
        """The number of the first frame in the clip's own numbering."""
        return self.media.first if self.media else 0

    def last(self) -> int:
        return self.media.last if self.media else 0

    def properties(self) -> dict[str, str]:
        """All values are texts (R03a)."""
        frames = self.last() - self.first() + 1
        width, height = self.media.size if self.media else (0, 0)
        return {
            "Clip Name": self.name,
            "File Name": self.name,
            "File Path": self.media.shown() if self.media else "",
            "FPS": f"{self.rate:.3f}",
            "Frames": str(frames),
            "Start": str(self.first()),
            "End": str(self.last()),
            "Start TC": timecode(self.first(), self.rate),
            "Resolution": f"{width}x{height}",
            "PAR": self.pixels,
            "Video Codec": "OpenEXR",
            "Alpha mode": "None",
            "Type": self.kind,
            "Usage": str(self.project.usage(self)),
            **self.changed,
        }

    def GetClipProperty(self, name=None):
        return self.properties() if name is None else self.properties().get(name, "")

    def SetClipProperty(self, name, value):
        if name not in WRITABLE or not isinstance(value, str) or not self._takes_colour(name):
            return False
        if name == "FPS":
            try:
                self.rate = float(value)
            except ValueError:
                return False
        else:
            self.changed[name] = value
        return True

    def _takes_colour(self, name: str) -> bool:
        """Input Color Space only in Resolve's colour management v2, IDT only in ACES (R13)."""
        science = self.project.settings["colorScienceMode"]
        if name == "Input Color Space":
            return science == "davinciYRGBColorManagedv2"
        return name != "IDT" or science.startswith("aces")

    def GetName(self):
        return self.name

    def SetName(self, name):
        self.name = name
        return True

    def GetUniqueId(self):
        return self.id

    def GetMediaId(self):
        return self.id

    def GetMetadata(self, key=None):
        return dict(self.metadata) if key is None else self.metadata.get(key, "")

    def SetMetadata(self, key, value=None):
        self.metadata.update(key if isinstance(key, dict) else {key: value})
        return True

    def GetThirdPartyMetadata(self, key=None):
        return dict(self.third_party) if key is None else self.third_party.get(key, "")

    def SetThirdPartyMetadata(self, key, value=None):
        self.third_party.update(key if isinstance(key, dict) else {key: value})
        return True

    def GetClipColor(self):
        return self.colour

    def SetClipColor(self, colour):
        if colour not in CLIP_COLOURS:
            return False
        self.colour = colour
        return True

    def ReplaceClip(self, path):
        """Other media for every use of the clip; its metadata and colour space are lost (R13b)."""
        media = self.project.pool.media_at(path)
        if media is None:
            return False
        self.media = media
        self.metadata = {}
        self.third_party = {}
        self.changed = {"Input Color Space": UNSET_SPACE, "IDT": "", "Data Level": "Auto"}
        return True

    def ReplaceClipPreserveSubClip(self, path):
        return self.ReplaceClip(path)

    def GetTimeline(self):
        return self.timeline


class Folder(Scripted):
    script_class = "Folder"

    def __init__(self, gate: Gate, name: str, parent: Folder | None = None) -> None:
        super().__init__(gate)
        self.name = name
        self.parent = parent
        self.id = str(uuid4())
        self.folders: list[Folder] = []
        self.clips: list[MediaPoolItem] = []

    def everything(self) -> list[Folder]:
        """This bin and all below it."""
        return [self, *(each for folder in self.folders for each in folder.everything())]

    def path(self) -> str:
        return f"{self.parent.path()}/{self.name}" if self.parent else self.name

    def GetName(self):
        return self.name

    def GetUniqueId(self):
        return self.id

    def GetClipList(self):
        return list(self.clips)

    def GetSubFolderList(self):
        return list(self.folders)

    def GetIsFolderStale(self):
        return False
