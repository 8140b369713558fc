# SPDX-License-Identifier: Apache-2.0
"""The result on a track above its source, frame-exactly, with its look and its mattes."""

from __future__ import annotations

from typing import Any, NamedTuple

from void_resolve import importing, passes, tags
from void_resolve.clip import Range, find, group_of
from void_resolve.errors import LOST, ArtistError, Cancelled, need
from void_resolve.host import Host
from void_resolve.passes import Result
from void_resolve.state import Restore, restored, set_timeline, told
from void_resolve.turn import Turn

SIZING = (
    *("Pan", "Tilt", "ZoomX", "ZoomY", "ZoomGang", "RotationAngle", "AnchorPointX", "AnchorPointY"),
    *("Pitch", "Yaw", "FlipX", "FlipY", "CropLeft", "CropRight", "CropTop", "CropBottom", "CropSoftness"),
    *("CropRetain", "Distortion", "Scaling", "ResizeFilter"),
)
"""Of an item's properties, those that say where its picture lies; not how strong it is."""


class Returned(NamedTuple):
    """A result to bring back.

    Attributes:
        job: its id.
        folder, name: where its files lie.
        shown: first and last number that go onto the timeline.
        place: frame of the timeline of the first of them, when the job was sent.
        timeline_id, item_id, item_place: of the clip that was worked on, and where it lay.
        first: number of the frame from which the source's timecode counts.
        begins: timecode of that frame; empty = the source clip's own start.
        rate: frames a second.
        copies_grade, copies_sizing: what the result does not have in it.
        keyed: whether the source's grade has its key on an Alpha Output.
        colour: property and value for the imported clips.
        matte_files: as of `inputs.Request`.
    """

    job: str
    folder: str
    name: str
    shown: Range
    place: int
    timeline_id: str
    item_id: str
    item_place: int
    first: int
    begins: str
    rate: float
    copies_grade: bool
    copies_sizing: bool
    keyed: bool
    colour: tuple[str, str]
    matte_files: str = "rgba"


def bring_back(host: Host, result: Returned, turn: Turn) -> list[str]:
    """Bring a result onto the timeline; returns what the artist has to do now.

    Raises:
        ArtistError: it could not be; nothing of it is left in the project.
        Cancelled: by the artist; likewise.
    """
    files = importing.sequence_in(result.folder, result.name)
    _wait_for_windows(host, turn)
    with restored(host) as restore:
        undo = Restore(restore.journal)
        of_result = {"job": result.job, "folder": result.folder, "timeline": result.timeline_id}
        undo.later("the half of the result", lambda: True, **{"kind": "result", **of_result})
        try:
            clicks = _bring(host, result, files, undo, turn)
        except (ArtistError, Cancelled, *LOST):
            undo.put_back()
            restore.failed += undo.failed
            raise
        undo.keep()
    return [*clicks, *filter(None, [told(restore)])]


def _wait_for_windows(host: Host, turn: Turn) -> None:
    """The artist may have a window of settings open by now: wait for it to be closed."""
    while True:
        turn.check()
        try:
            host.page()
            return
        except ArtistError as error:
            turn.say("waiting for Resolve", str(error))
            turn.pause(1.0)


def _bring(host: Host, result: Returned, files: importing.Sequence, undo: Restore, turn: Turn) -> list[str]:
    turn.say("bringing the result back")
    found = find(host, result.timeline_id, result.item_id)
    if found is None:
        raise ArtistError(
            "The clip that was worked on is not on its timeline any more.",
            f"Import {files.pattern} by hand, or undo and re-attach the job from the history.",
        )
    timeline, item = found
    source = need(item.GetMediaPoolItem(), "The clip that was worked on has lost its media.", "Re-attach it.")
    turn.check()
    if not set_timeline(host.project(), timeline):
        raise ArtistError("Resolve did not open the timeline of the clip.", "Try again.")
    # Only there can clips be taken out again.
    host.open_page("edit")
    folder = importing.bin_of_ours(host, undo)
    turn.check()
    clip = importing.import_sequence(host, folder, files, undo)
    turn.check()
    _tag(clip, result.job, tags.RESULT)
    importing.set_rate(clip, result.rate)
    clicks = importing.describe_result(
        *(clip, source, files.first - result.first, result.begins, result.rate, result.colour),
        framed=result.copies_sizing,
    )
    turn.check()
    placed = _place(host, timeline, item, clip, files, result, undo)
    turn.check()
    clicks += _look(item, placed, result)
    if not tags.mark_item(placed, result.job, "VOID", f"Result of job {result.job}"):
        raise ArtistError("Resolve did not set the marker of the result.", "Try again.")
    of_result = (clip, folder, result.folder, result.name, result.job, result.rate, result.matte_files)
    clicks += passes.bring(host, Result(*of_result), undo)
    turn.check()
    return clicks


def _tag(clip: Any, job: str, role: str) -> None:
    if not tags.tag_clip(clip, job, role):
        raise ArtistError("Resolve did not keep the note whose result the imported clip is.", "Try again.")


def _place(
    host: Host,
    timeline: Any,
    item: Any,
    clip: Any,
    files: importing.Sequence,
    result: Returned,
    undo: Restore,
) -> Any:
    """Put the clip above its source, wherever that lies by now; verified by reading the track again."""
    start = item.GetStart()
    if start is None:
        raise ArtistError("Resolve does not tell where the clip lies on the timeline.", "Try again.")
    place = result.place + int(start) - result.item_place
    count = result.shown[1] - result.shown[0] + 1
    track = _track(timeline, item, (place, place + count), undo)
    number = clip.GetClipProperty("Start")
    if not str(number or "").isdigit():
        raise ArtistError("Resolve does not tell the first frame of the imported result.", "Try again.")
    first = int(number) + result.shown[0] - files.first

    def ours() -> list[Any]:
        there = timeline.GetItemListInTrack("video", track) or []
        return [each for each in there if _made_of(each, clip)]

    undo.later(
        "the result on the timeline",
        lambda: not ours() or (timeline.DeleteClips(ours(), False) and not ours()),
    )
    one = {
        "mediaPoolItem": clip,
        "startFrame": first,
        "endFrame": first + count,
        "recordFrame": place,
        "trackIndex": track,
        "mediaType": 1,
    }
    for _ in range(2):
        host.pool().AppendToTimeline([one])
        there = ours()
        if there:
            break
    # A timeline may begin at frame 0, which is no missing answer.
    if [(each.GetStart(), each.GetDuration()) for each in there] != [(place, count)]:
        raise ArtistError(
            f"Resolve did not put the result onto frames {place} to {place + count - 1} of track {track}.",
            f"It lies in {files.folder}: put it there by hand, or re-attach the job from the history.",
        )
    return there[0]


def _made_of(item: Any, clip: Any) -> bool:
    media = item.GetMediaPoolItem()
    return media is not None and bool(media.GetUniqueId()) and media.GetUniqueId() == clip.GetUniqueId()


def _track(timeline: Any, item: Any, record: Range, undo: Restore) -> int:
    """A track of ours above the item that is free there and hidden by nothing, or a new one."""
    answer = list(item.GetTrackTypeAndIndex() or [])
    need(len(answer) == 2, "Resolve does not tell on which track the clip lies.", "Try again.")
    below = int(answer[1])
    count = _count(timeline)
    for number in range(below + 1, count + 1):
        if _covers(timeline, number, record):
            break
        if tags.is_our_track(timeline, number) and _is_open(timeline, number):
            return number
    return _new_track(timeline, below + 1, count, undo)


def _is_open(timeline: Any, number: int) -> bool:
    locked = timeline.GetIsTrackLocked("video", number)
    return bool(timeline.GetIsTrackEnabled("video", number)) and not locked


def _covers(timeline: Any, number: int, record: Range) -> bool:
    for each in timeline.GetItemListInTrack("video", number) or []:
        start = int(each.GetStart() or 0)
        if start < record[1] and start + int(each.GetDuration() or 0) > record[0]:
            return True
    return False


def _new_track(timeline: Any, index: int, count: int, undo: Restore) -> int:
    """A new track right above the clip, where this version can insert one; else on top."""

    made = [index]

    def back() -> bool:
        now = _count(timeline)
        return now == count or (bool(timeline.DeleteTrack("video", made[0])) and _count(timeline) == count)

    names = [str(timeline.GetTrackName("video", number) or "") for number in range(1, count + 1)]
    note = {"kind": "new_track", "timeline": timeline.GetUniqueId(), "names": names}
    undo.later("the new track", back, **note)
    if index <= count:
        timeline.AddTrack("video", {"index": index})
    if index > count or _count(timeline) == count:
        made[0] = count + 1
        timeline.AddTrack("video")
    if _count(timeline) != count + 1:
        raise ArtistError("Resolve did not make a new video track.", "Unlock the timeline, then try again.")
    timeline.SetTrackName("video", made[0], tags.TRACK)
    if not tags.is_our_track(timeline, made[0]):
        raise ArtistError("Resolve did not name the new video track.", "Try again.")
    return made[0]


def _count(timeline: Any) -> int:
    """Video tracks of a timeline, which has at least one."""
    return int(
        need(
            timeline.GetTrackCount("video") or timeline.GetTrackCount("video"),
            "Resolve does not tell the tracks of the timeline.",
        )
    )


def _look(item: Any, placed: Any, result: Returned) -> list[str]:
    """What the result needs to look as its source does."""
    left = []
    if result.copies_grade:
        if not item.CopyGrades([placed]):
            left.append("Copy the grade of the original to the result.")
        elif result.keyed:
            left.append(
                "Remove the Alpha Output from the result's grade, or only the keyed part of it is shown."
            )
        left += _group(item, placed)
    if result.copies_sizing:
        if item.GetFusionCompCount():
            left.append(
                "The result has no Fusion composition: copy that of the original where it is to be kept."
            )
        before: dict[str, Any] = item.GetProperty() or {}
        now: dict[str, Any] = placed.GetProperty() or {}
        need(before, "Resolve does not tell the sizing of the clip.", "Try again.")
        for name in SIZING:
            if name in before and before[name] != now.get(name):
                placed.SetProperty(name, before[name])
                if placed.GetProperty(name) != before[name]:
                    left.append(f"Copy {name} of the original to the result in the Inspector.")
    return left


def _group(item: Any, placed: Any) -> list[str]:
    """The result in the colour group of its source, whose grades belong to the look."""
    name = group_of(item)
    if not name:
        return []
    placed.AssignToColorGroup(item.GetColorGroup())
    if group_of(placed) == name:
        return []
    return [f"Put the result into the colour group {name} on the Color page."]
