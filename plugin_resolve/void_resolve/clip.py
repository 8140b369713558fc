# SPDX-License-Identifier: Apache-2.0
"""The clip to work on, and which of its frames: what it is, what it shows, and why it may have to be baked.

Resolve cannot be asked whether a clip is retimed. It is taken for a plain one only where its offset and both ends of
its source range agree; everything else is baked, which needs no numbers of the source, or refused.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple, Tuple

from void_resolve.errors import ArtistError, need
from void_resolve.host import Host

Range = Tuple[int, int]
SAME_RATE = 1e-2
SQUARE = ("", "square", "1", "1.0", "1.00", "1.000")
"""What the property PAR says of square pixels; a clip without pixels of its own has none."""

_BRACKETS = re.compile(r"\[(\d+)-(\d+)\]")
_SIZE = re.compile(r"(\d+)\s*[xX×]\s*(\d+)")


class Clip(NamedTuple):
    """A clip on a video track.

    Attributes:
        item, media, timeline: of Resolve.
        item_id, timeline_id: what finds them again.
        bake: why only what the timeline shows can be worked on; empty for a plain clip.
        track: of the timeline, counted from 1.
        record: first frame on the timeline, and the frame after the last.
        source: first and last frame that is shown, in the clip's own numbering; of no meaning if `bake`.
        available: first and last frame of the clip.
        rate: of the timeline.
        size: of the clip; (0, 0) where it has none.
        timeline_size: of the timeline.
        path: as Resolve shows it, a sequence with its range in brackets.
        pixels: their aspect, as Resolve calls it.
        group: name of its colour group; empty where it is in none.
    """

    item: Any
    media: Any
    timeline: Any
    item_id: str
    timeline_id: str
    name: str
    bake: str
    track: int
    record: Range
    source: Range
    available: Range
    rate: float
    size: tuple[int, int]
    timeline_size: tuple[int, int]
    path: str
    pixels: str
    group: str

    @property
    def square(self) -> bool:
        """Whether its pixels are square, as far as Resolve says."""
        return self.pixels.strip().lower() in SQUARE

    def number(self, frame: int) -> int:
        """The number of a frame of the timeline in the job and its files: the source's own where it is known."""
        return frame if self.bake else self.source[0] + frame - self.record[0]

    def frame(self, number: int) -> int:
        """The frame of the timeline with a number of the job."""
        return number if self.bake else self.record[0] + number - self.source[0]


class Span(NamedTuple):
    """Which frames, in numbers of the job, both ends included.

    Attributes:
        shown: those that come back onto the timeline.
        sent: those and the handles.
    """

    shown: Range
    sent: Range


def video_track(item: Any) -> int:
    """The video track of an item, counted from 1; 0 where it lies on none."""
    answer = list(item.GetTrackTypeAndIndex() or [])
    return int(answer[1]) if len(answer) == 2 and answer[0] == "video" else 0


def describe(timeline: Any, item: Any) -> Clip:
    """What an item of a timeline is.

    Raises:
        ArtistError: it has no clip behind it, or Resolve does not tell enough.
    """
    name = str(item.GetName() or "the clip")
    media = item.GetMediaPoolItem()
    if media is None:
        raise ArtistError(
            f"{name} is a title, a generator, a Fusion composition, an adjustment clip or a transition:"
            " it has no clip in the media pool.",
            "Park the playhead on a clip, or render this one and work on the file.",
        )
    values = need(media.GetClipProperty(), f"Resolve does not tell what {name} is.", "Try again.")
    start, duration = item.GetStart(), item.GetDuration()
    if start is None or not duration:
        raise ArtistError(f"Resolve does not tell where {name} lies on the timeline.", "Try again.")
    record = int(start), int(start) + int(duration)
    rate = _number(timeline.GetSetting("timelineFrameRate"))
    need(rate, "Resolve does not tell the timeline's frame rate.", "Try again.")
    size = tuple(int(_number(timeline.GetSetting(f"timelineResolution{k}"))) for k in ("Width", "Height"))
    need(all(size), "Resolve does not tell the timeline's resolution.", "Try again.")
    available = _available(values)
    source, bake = _source(item, values, record, available, rate)
    return Clip(
        item,
        media,
        timeline,
        need(item.GetUniqueId(), f"Resolve does not tell the id of {name}.", "Try again."),
        need(timeline.GetUniqueId(), "Resolve does not tell which timeline is open.", "Try again."),
        name,
        bake,
        need(video_track(item), f"Resolve does not tell on which video track {name} lies.", "Try again."),
        record,
        source,
        available,
        rate,
        size_of(values),
        (size[0], size[1]),
        str(values.get("File Path") or ""),
        str(values.get("PAR") or ""),
        group_of(item),
    )


def group_of(item: Any) -> str:
    """The name of an item's colour group; asked twice, because no group and no answer are the same."""
    group = item.GetColorGroup() or item.GetColorGroup()
    return str(group.GetName() or "?") if group else ""


def _number(text: Any) -> float:
    try:
        return float(str(text).split()[0])
    except (ValueError, IndexError):
        return 0.0


def size_of(values: dict[str, str]) -> tuple[int, int]:
    """Width and height of a clip's properties; (0, 0) where they say none."""
    found = _SIZE.search(str(values.get("Resolution") or ""))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _available(values: dict[str, str]) -> Range:
    """The clip's own numbering; a sequence has it in its path too."""
    brackets = _BRACKETS.search(str(values.get("File Path") or ""))
    if brackets:
        return int(brackets[1]), int(brackets[2])
    return int(_number(values.get("Start"))), int(_number(values.get("End")))


def _source(
    item: Any, values: dict[str, str], record: Range, available: Range, rate: float
) -> tuple[Range, str]:
    """The source range, and why it cannot be known."""
    none = 0, 0
    if not values.get("File Path"):
        return none, f"it has no file of its own ({values.get('Type') or 'compound or multicam'})"
    if abs(_number(values.get("FPS")) - rate) > SAME_RATE:
        return none, f"it has {values.get('FPS')} frames a second and the timeline {rate:g}"
    first, last = item.GetSourceStartFrame(), item.GetSourceEndFrame()
    offset = item.GetLeftOffset()
    if first is None or last is None or offset is None or (not first and not last):
        return none, "Resolve does not tell which of its frames it shows"
    if first > last:
        return none, "it plays in reverse"
    start = available[0] + int(offset)
    end = start + record[1] - record[0] - 1
    # Some builds count from the clip's first frame, and some give a start that is one too low at 100 %.
    for zero in (0, available[0]):
        if int(last) + zero == end and int(first) + zero in (start, start - 1):
            return (start, end), ""
    return none, "its speed is changed"


def marked(clip: Clip) -> Range | None:
    """First and last frame of the timeline between its marks; None where none are set.

    Raises:
        ArtistError: they are beside the clip, or it cannot be told which frames they mean.
    """
    marks = clip.timeline.GetMarkInOut()
    if not isinstance(marks, dict):
        raise ArtistError("Resolve does not tell the marks of the timeline.", "Try again.")
    video = marks.get("video") or {}
    if "in" not in video and "out" not in video:
        return None
    start = clip.timeline.GetStartFrame()
    if start is None:
        raise ArtistError("Resolve does not tell where the timeline begins.", "Try again.")
    # Versions differ in whether they count from the timeline's first frame.
    readings = {_within(clip, video, int(zero)) for zero in (start, 0)} - {None}
    if not readings:
        raise ArtistError(
            f"The in and out marks lie beside {clip.name}.", "Clear them, or set them on the clip."
        )
    if len(readings) > 1:
        raise ArtistError(
            "It cannot be told which frames the in and out marks mean.",
            "Clear them to work on the whole clip.",
        )
    return readings.pop()


def _within(clip: Clip, video: dict[str, Any], zero: int) -> Range | None:
    first = max(clip.record[0], int(video["in"]) + zero if "in" in video else clip.record[0])
    last = min(clip.record[1] - 1, int(video["out"]) + zero if "out" in video else clip.record[1] - 1)
    return (first, last) if first <= last else None


def span_of(clip: Clip, handles: int, from_source: bool) -> Span:
    """The frames to work on.

    Args:
        clip: the clip.
        handles: frames before and after those that come back, as far as there are any.
        from_source: whether frames beyond the clip's ends on the timeline can be had.

    Raises:
        ArtistError: as of `marked`.
    """
    first, last = marked(clip) or (clip.record[0], clip.record[1] - 1)
    shown = clip.number(first), clip.number(last)
    low, high = (
        clip.available if from_source else (clip.number(clip.record[0]), clip.number(clip.record[1] - 1))
    )
    handles = max(0, handles)
    return Span(
        shown, (max(min(low, shown[0]), shown[0] - handles), min(max(high, shown[1]), shown[1] + handles))
    )


def find(host: Host, timeline_id: str, item_id: str) -> tuple[Any, Any] | None:
    """A timeline of the project and an item on it, by their ids; None where either is gone."""
    project = host.project()
    for number in range(1, int(project.GetTimelineCount() or 0) + 1):
        timeline = project.GetTimelineByIndex(number)
        if timeline is not None and timeline.GetUniqueId() == timeline_id:
            for _, item in items_of(timeline):
                if item.GetUniqueId() == item_id:
                    return timeline, item
    return None


def items_of(timeline: Any) -> list[tuple[int, Any]]:
    """All items of a timeline's video tracks, each with its track."""
    tracks = range(1, int(timeline.GetTrackCount("video") or 0) + 1)
    return [(track, item) for track in tracks for item in timeline.GetItemListInTrack("video", track) or []]
