# SPDX-License-Identifier: Apache-2.0
"""How the matte comes onto disk: the grade's key, a matte of the clip, a matte track, or files that were picked."""

from __future__ import annotations

import glob
import os
import re
from typing import Any

from void_resolve import exr
from void_resolve.clip import Clip, Range, Span
from void_resolve.errors import ArtistError, need
from void_resolve.host import Host
from void_resolve.plate import RECORD, SOURCE, Frames, new_folder, solo
from void_resolve.rendering import Asked, render
from void_resolve.state import Restore
from void_resolve.timecode import frame_of
from void_resolve.turn import Turn

WIRE_THE_KEY = (
    "On the Color page, right-click into the node editor and choose Add Alpha Output; then drag from the blue square of"
    " the node with the window, qualifier or Magic Mask to the new output at the right."
)
_COUNTER = re.compile(r"%0?(\d*)d|(#+)|\[(\d+)-(\d+)\]")
_LAST_DIGITS = re.compile(r"^(.*?)(\d+)(\.exr)$", re.IGNORECASE)


def render_key(host: Host, clip: Clip, span: Span, folder: str, restore: Restore, turn: Turn) -> Frames:
    """Render the key on the Alpha Output, as the timeline shows the clip, whose track is solo already.

    One frame is rendered and looked at before all of them are.

    Raises:
        ArtistError: Resolve could not, or there is no key.
        Cancelled: by the artist.
    """
    first, last = (clip.frame(number) for number in span.sent)
    _try_frames(host, clip, (first, last), folder, restore, turn)
    asked = Asked("matte", new_folder(folder, "matte"), first, last, clip.timeline_size, key=True)
    files = render(host, asked, restore, turn)
    numbers = range(span.sent[0], span.sent[1] + 1)
    return Frames(dict(zip(numbers, files)), clip.timeline_size, RECORD, "A")


def _try_frames(host: Host, clip: Clip, frames: Range, folder: str, restore: Restore, turn: Turn) -> None:
    """Look at the first frame, and where its key is empty or full at the one under the playhead."""
    playhead = frame_of(str(clip.timeline.GetCurrentTimecode() or ""), clip.rate)
    tried = [frames[0]]
    if playhead is not None and frames[0] < playhead <= frames[1]:
        tried.append(playhead)
    for frame in tried:
        target = new_folder(folder, f"matte_test_{frame}")
        asked = Asked("matte", target, frame, frame, clip.timeline_size, key=True)
        if _has_key(render(host, asked, restore, turn)[0], clip.name):
            return
    raise ArtistError(
        f"The alpha of {clip.name} is the same everywhere on frame {' and '.join(map(str, tried))}: no key is on its"
        " Alpha Output, or the key is empty there.",
        WIRE_THE_KEY,
    )


def _has_key(path: str, name: str) -> bool:
    try:
        if "A" not in exr.read_header(path).names:
            raise ArtistError(
                f"Resolve rendered no alpha for {name}: its grade has no key on an Alpha Output.",
                WIRE_THE_KEY,
            )
        return exr.varies(path, "A")
    except exr.Unreadable as error:
        raise ArtistError(
            f"It cannot be looked whether the key was rendered: {error}",
            f"Look into {path}, and pick it as an EXR sequence, rendered by hand for all frames.",
        ) from error


def render_track(
    host: Host, clip: Clip, span: Span, name: str, folder: str, restore: Restore, turn: Turn
) -> Frames:
    """Render the matte clips on a track of this name, alone.

    Raises:
        ArtistError: there is no such track, it has gaps, or Resolve could not.
        Cancelled: by the artist.
    """
    timeline = clip.timeline
    track = _track_of_name(timeline, name)
    first, last = (clip.frame(number) for number in span.sent)
    items = timeline.GetItemListInTrack("video", track) or []
    covered = {
        frame
        for item in items
        for frame in range(
            int(item.GetStart() or 0), int(item.GetStart() or 0) + int(item.GetDuration() or 0)
        )
    }
    missing = [frame for frame in range(first, last + 1) if frame not in covered]
    if missing:
        raise ArtistError(
            f"The track {name} has no matte on frame {missing[0]} of the timeline"
            + (f" and {len(missing) - 1} more." if len(missing) > 1 else "."),
            "Extend the matte clip over the clip, or set in and out marks where it is.",
        )
    own = Restore(restore.journal)
    try:
        solo(timeline, track, own)
        target = new_folder(folder, "matte")
        asked = Asked("matte", target, first, last, clip.timeline_size)
        files = render(host, asked, restore, turn)
    finally:
        own.put_back()
        restore.failed += own.failed
    numbers = range(span.sent[0], span.sent[1] + 1)
    return Frames(dict(zip(numbers, files)), clip.timeline_size, RECORD, "R")


def _track_of_name(timeline: Any, name: str) -> int:
    count = int(timeline.GetTrackCount("video") or 0)
    names = [str(timeline.GetTrackName("video", number) or "") for number in range(1, count + 1)]
    found = [number for number, each in enumerate(names, 1) if each.strip().lower() == name.strip().lower()]
    if len(found) != 1:
        raise ArtistError(
            f"{len(found) or 'No'} video track{'s are' if len(found) > 1 else ' is'} called '{name}';"
            f" there are {', '.join(names)}.",
            "Give the track with the matte clip that name, and only that one.",
        )
    return found[0]


def external(host: Host, clip: Clip, span: Span, chosen: str, keyed: bool = False) -> Frames:
    """The files of the clip's own external matte, which has the clip's framing.

    Args:
        keyed: as of `picked`.

    Raises:
        ArtistError: there is none, there are several, or it is no EXR sequence.
    """
    paths = [str(path) for path in host.pool().GetClipMatteList(clip.media) or []]
    if chosen:
        paths = [path for path in paths if os.path.normpath(path) == os.path.normpath(chosen)]
    if len(paths) != 1:
        told = (
            f"has {len(paths)} external mattes: {', '.join(paths)}" if paths else "has no such external matte"
        )
        raise ArtistError(
            f"{clip.name} {told}.", "Add one in the media pool, or pick its files as an EXR sequence."
        )
    return picked(paths[0], clip, span, SOURCE, keyed)


def picked(pattern: str, clip: Clip, span: Span, framing: str, keyed: bool = False) -> Frames:
    """The files of a sequence, given by a pattern, a range in brackets, or one of its files.

    Files that are numbered otherwise than the clip count as its frames if there are as many of them.

    Args:
        keyed: whether some of the frames are enough, because the segmenter carries them to the others.

    Raises:
        ArtistError: it is no EXR sequence for these frames.
    """
    found = _files_of(pattern)
    wanted = range(span.sent[0], span.sent[1] + 1)
    files = {number: found[number] for number in wanted if number in found}
    if len(files) < len(wanted) and not (keyed and files):
        missing = [number for number in wanted if number not in files]
        files = _by_order(found, clip, span, framing)
        if len(files) < len(wanted):
            raise ArtistError(
                f"The matte {pattern} has no frame {missing[0]}; it has {_told(sorted(found))}.",
                "Pick a sequence that is numbered as the clip is, or has as many frames; or choose the segmenter flow,"
                " which carries a matte of some frames to the others.",
            )
    one = files[min(files)]
    try:
        size = exr.read_header(one).size
    except (exr.Unreadable, OSError) as error:
        raise ArtistError(f"The matte {one} cannot be read: {error}", "Pick an EXR sequence.") from error
    return Frames(files, size, framing)


def _by_order(found: dict[int, str], clip: Clip, span: Span, framing: str) -> dict[int, str]:
    if framing == SOURCE:
        first, last = clip.available
    else:
        first, last = clip.number(clip.record[0]), clip.number(clip.record[1] - 1)
    numbers = sorted(found)
    for low, high in ((first, last), span.sent, span.shown):
        if len(numbers) == high - low + 1:
            renumbered = dict(zip(range(low, high + 1), (found[number] for number in numbers)))
            return {n: renumbered[n] for n in range(span.sent[0], span.sent[1] + 1) if n in renumbered}
    return {}


def _told(numbers: list[int]) -> str:
    between = numbers[-1] - numbers[0] + 1
    some = "" if len(numbers) == between else f", {len(numbers)} of {between}"
    return f"frames {numbers[0]} to {numbers[-1]}{some}"


def _files_of(pattern: str) -> dict[int, str]:
    """Path by number."""
    if not pattern.lower().endswith(".exr") or not os.path.isabs(pattern):
        raise ArtistError(
            f"'{pattern}' is no EXR sequence with a whole path.", "Pick the first file of an EXR sequence."
        )
    before, after = _parts(pattern)
    found: dict[int, str] = {}
    for path in glob.glob(f"{glob.escape(before)}*{glob.escape(after)}"):
        middle = path[len(before) : len(path) - len(after)]
        if middle.isdigit():
            found[int(middle)] = path
    return need(found, f"There are no files {pattern}.", "Pick the first file of an EXR sequence.")


def _parts(pattern: str) -> tuple[str, str]:
    """What stands before and after the counter; in a folder's name `#` and brackets are none."""
    name = re.split(r"[/\\\\]", pattern)[-1]
    counter = list(_COUNTER.finditer(pattern, len(pattern) - len(name)))
    if counter:
        return pattern[: counter[-1].start()], pattern[counter[-1].end() :]
    digits = _LAST_DIGITS.match(pattern)
    if not digits:
        raise ArtistError(
            f"The name of '{pattern}' has no frame number.", "Pick the first file of an EXR sequence."
        )
    return digits[1], digits[3]
