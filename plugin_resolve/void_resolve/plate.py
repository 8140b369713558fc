# SPDX-License-Identifier: Apache-2.0
"""How the plate's frames come onto disk: from the source through a timeline of our own, or as the timeline shows them.

Without a key the source is rendered in its own size and numbers. With a key, plate and matte come from the same
timeline, and an ungraded plate through a new version of the grade (untested in a real Resolve).
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from void_resolve import timecode
from void_resolve.clip import Clip, Range, Span
from void_resolve.errors import ArtistError, need
from void_resolve.host import Host
from void_resolve.rendering import Asked, render
from void_resolve.state import Restore, set_timeline, temporary_name
from void_resolve.turn import Turn

SOURCE, RECORD = "source", "record"
LOCAL = 0
"""Resolve's number for a version that belongs to one clip alone."""


class Frames(NamedTuple):
    """Frames on disk.

    Attributes:
        files: by number of the job.
        size: width and height.
        framing: SOURCE, or RECORD where the timeline's sizing is baked in.
        channel: which one to read of a matte; empty = the helper's choice.
    """

    files: dict[int, str]
    size: tuple[int, int]
    framing: str
    channel: str = ""


def render_source(host: Host, clip: Clip, span: Span, folder: str, restore: Restore, turn: Turn) -> Frames:
    """Render the clip without grade and sizing, through a timeline that holds nothing else.

    Raises:
        ArtistError: Resolve could not.
        Cancelled: by the artist.
    """
    first, last = span.sent
    _, start = place_on_own_timeline(host, clip, span.sent, restore, turn)
    asked = Asked("plate", folder, start, start + last - first, clip.size)
    files = render(host, asked, restore, turn)
    return Frames(dict(zip(range(first, last + 1), files)), clip.size, SOURCE)


def place_on_own_timeline(
    host: Host, clip: Clip, frames: Range, restore: Restore, turn: Turn
) -> tuple[Any, int]:
    """Frames of the clip on a timeline of our own, which is current; returns the item, and its first frame there.

    Raises:
        ArtistError: Resolve could not.
        Cancelled: by the artist.
    """
    turn.say("preparing a timeline")
    own = _own_timeline(host, clip, frames[0], restore, turn)
    _append(host, own, clip, frames[0], frames[1] - frames[0] + 1, turn)
    item = need(own.GetItemListInTrack("video", 1), "The timeline for the plate is empty.")[0]
    start = item.GetStart()
    if start is None:
        raise ArtistError("Resolve does not tell where the timeline for the plate begins.", "Try again.")
    return item, int(start)


def _own_timeline(host: Host, clip: Clip, first: int, restore: Restore, turn: Turn) -> Any:
    """A new timeline of the clip's size that begins at the clip's frame; it is current afterwards."""
    project, pool, name = host.project(), host.pool(), temporary_name()
    restore.later(
        "the list of timelines", lambda: without_timeline(project, pool, name), kind="timeline", name=name
    )
    restore.later("the timeline", lambda: set_timeline(project, clip.timeline))
    own = need(pool.CreateEmptyTimeline(name), "Resolve did not make a timeline for the plate.")
    turn.check()
    # It must be the current one before it is set up, and nothing can be set before its own settings are on.
    if not set_timeline(project, own):
        raise ArtistError("Resolve did not open the timeline for the plate.", "Try again.")
    need(own.SetSetting("useCustomSettings", "1"), "The plate's timeline takes no settings of its own.")
    width, height = (str(each) for each in clip.size)
    for key, value in (
        ("timelineResolutionWidth", width),
        ("timelineResolutionHeight", height),
        ("timelineOutputResolutionWidth", width),
        ("timelineOutputResolutionHeight", height),
        ("timelineFrameRate", f"{clip.rate:g}"),
    ):
        if str(own.GetSetting(key)) != value and float(own.GetSetting(key) or 0) != float(value):
            need(own.SetSetting(key, value), f"The plate's timeline does not take {key} {value}.")
    turn.check()
    # So that files are numbered as the source is; they are renumbered by their order if this fails.
    own.SetStartTimecode(timecode.text(first, clip.rate))
    return own


def without_timeline(project: Any, pool: Any, name: str) -> bool:
    """Delete a timeline of ours, where it is."""
    ours = [timeline for each, timeline in timelines(project) if each == name]
    return not ours or (bool(pool.DeleteTimelines(ours)) and name not in dict(timelines(project)))


def timelines(project: Any) -> list[tuple[str, Any]]:
    """All timelines with their names; RuntimeError where one of them does not answer."""
    count = project.GetTimelineCount()
    found = [project.GetTimelineByIndex(number) for number in range(1, int(count or 0) + 1)]
    named = [(timeline.GetName() if timeline is not None else None, timeline) for timeline in found]
    if not count or not all(name for name, _ in named):
        raise RuntimeError("Resolve does not tell its timelines.")
    return named


def _append(host: Host, own: Any, clip: Clip, first: int, count: int, turn: Turn) -> None:
    """Put the frames on the timeline; the first time may place nothing."""
    for _ in range(2):
        turn.check()
        host.pool().AppendToTimeline(
            [{"mediaPoolItem": clip.media, "startFrame": first, "endFrame": first + count, "mediaType": 1}]
        )
        there = own.GetItemListInTrack("video", 1) or []
        if len(there) == 1 and int(there[0].GetDuration() or 0) == count:
            return
        if there:
            break
    raise ArtistError(
        f"Resolve did not put frames {first} to {first + count - 1} of {clip.name} onto a timeline.",
        "Look whether the clip is online, then try again.",
    )


def solo(timeline: Any, track: int, restore: Restore) -> None:
    """Only this video track is shown.

    Raises:
        ArtistError: a track does not let itself be switched.
    """
    count = need(timeline.GetTrackCount("video"), "Resolve does not tell the tracks of the timeline.")
    shown = {number: timeline.GetIsTrackEnabled("video", number) for number in range(1, int(count) + 1)}
    need(None not in shown.values(), "Resolve does not tell which video tracks are shown.")
    for number, enabled in shown.items():
        if bool(enabled) == (number == track):
            continue
        restore.later(
            f"video track {number}",
            _switch(timeline, number, bool(enabled)),
            kind="track",
            timeline=timeline.GetUniqueId(),
            number=number,
            enabled=bool(enabled),
        )
        if not _switch(timeline, number, number == track)():
            raise ArtistError(f"Resolve did not switch video track {number}.", "Try again.")


def _switch(timeline: Any, number: int, enabled: bool) -> Any:
    def switch() -> bool:
        timeline.SetTrackEnable("video", number, enabled)
        return bool(timeline.GetIsTrackEnabled("video", number)) == enabled

    return switch


def render_record(
    host: Host, clip: Clip, span: Span, folder: str, restore: Restore, turn: Turn, *, graded: bool
) -> Frames:
    """Render what the timeline shows of the clip's track, which is solo already.

    Raises:
        ArtistError: Resolve could not.
        Cancelled: by the artist.
    """
    if not graded:
        _take_grade_off(clip, restore)
    first, last = (clip.frame(number) for number in span.sent)
    asked = Asked("plate", folder, first, last, clip.timeline_size)
    files = render(host, asked, restore, turn)
    numbers = range(span.sent[0], span.sent[1] + 1)
    return Frames(dict(zip(numbers, files)), clip.timeline_size, RECORD)


def _take_grade_off(clip: Clip, restore: Restore) -> None:
    """A new version of the grade, reset; the artist's own is loaded again in the end."""
    item, name = clip.item, temporary_name()
    now = need(item.GetCurrentVersion(), "Resolve does not tell the version of the grade.")
    before, kind = now.get("versionName"), now.get("versionType", LOCAL)
    need(before, "Resolve does not tell the version of the grade.")

    note = {"timeline": clip.timeline_id, "item": clip.item_id, "name": name, "before": before, "type": kind}
    restore.later(
        "the versions of the grade", lambda: without_version(item, name), **{"kind": "version", **note}
    )
    restore.later("the grade", lambda: loaded_again(item, before, kind))
    need(item.AddVersion(name, LOCAL), "Resolve did not make a version of the grade.")
    if _version_of(item) != name:
        item.LoadVersionByName(name, LOCAL)
        need(_version_of(item) == name, "Resolve did not load a new version of the grade.")
    graph = need(item.GetNodeGraph(), "Resolve does not show the nodes of the grade.")
    need(graph.ResetAllGrades(), "Resolve did not take the grade off in a version of its own.")


def _version_of(item: Any) -> Any:
    return (item.GetCurrentVersion() or {}).get("versionName")


def loaded_again(item: Any, name: str, kind: int) -> bool:
    """Load a version of a grade, and look whether it is the one."""
    if _version_of(item) == name:
        return True
    return bool(item.LoadVersionByName(name, kind)) and bool(_version_of(item) == name)


def without_version(item: Any, name: str) -> bool:
    """Delete a version of ours, where it is."""
    return bool(item.DeleteVersionByName(name, LOCAL)) or name not in (
        item.GetVersionNameList(LOCAL) or [name]
    )


def new_folder(folder: str, name: str) -> str:
    """An empty folder for files of ours.

    Raises:
        ArtistError: it cannot be made.
    """
    path = os.path.join(folder, "inputs", name)
    try:
        os.makedirs(path)
    except OSError as error:
        raise ArtistError(
            f"The folder {path} cannot be made ({error.strerror}).", "Choose another folder."
        ) from error
    return path
