# SPDX-License-Identifier: Apache-2.0
"""A mask of the clip's Fusion composition as a matte; the artist's own composition is only read.

A copy of it, with the mask as alpha, goes onto the clip in a timeline of our own, and is rendered there. Reports differ
on whether such a composition renders (some timelines made by scripts show none), and on what comes of two on a clip: so
the copy is the only one there, it is a file that Resolve has read, and one frame is rendered without it and with it.
"""

from __future__ import annotations

import os
from typing import Any

from void_resolve import composition, exr
from void_resolve.clip import Clip, Span
from void_resolve.errors import ArtistError, need
from void_resolve.host import Host
from void_resolve.plate import SOURCE, Frames, new_folder, place_on_own_timeline
from void_resolve.rendering import Asked, render
from void_resolve.state import Restore
from void_resolve.timecode import frame_of
from void_resolve.turn import Turn

BY_HAND = (
    "On the Fusion page, connect the mask to a Saver, write EXR with Fusion > Render All Savers, and pick the files as"
    " an EXR sequence."
)


def render_mask(
    host: Host, clip: Clip, span: Span, tool: str, folder: str, restore: Restore, turn: Turn
) -> Frames:
    """Render a mask of the clip's composition, in the source's framing and numbers.

    Args:
        tool: its name; empty = the only mask.

    Raises:
        ArtistError: there is no such mask, or Resolve does not render it.
        Cancelled: by the artist.
    """
    file = _copy_with_matte(clip, tool, new_folder(folder, "composition"))
    turn.check()
    # All that the artist's clip shows, so that the composition's own time is the same on both.
    first, last = clip.source
    item, start = place_on_own_timeline(host, clip, (first, last), restore, turn)
    tried = _frames_to_try(clip, span)
    without = [_frame(host, clip, start, number, "plain", folder, restore, turn) for number in tried[:1]]
    turn.check()
    _put_on(item, file)
    turn.check()
    for number in tried:
        with_mask = _frame(host, clip, start, number, "test", folder, restore, turn)
        if _shows_the_mask(with_mask, without[0], number == tried[0]):
            break
    else:
        told = ", ".join(map(str, tried))
        raise ArtistError(
            f"Resolve rendered no mask of the Fusion composition of {clip.name} (frames {told}): it"
            " is empty there, or Resolve shows no composition on a timeline made by a script.",
            BY_HAND,
        )
    low, high = (start + number - first for number in span.sent)
    asked = Asked("matte", new_folder(folder, "matte"), low, high, clip.size, key=True)
    files = render(host, asked, restore, turn)
    return Frames(dict(zip(range(span.sent[0], span.sent[1] + 1), files)), clip.size, SOURCE, "A")


def _copy_with_matte(clip: Clip, tool: str, folder: str) -> str:
    """The file of the artist's composition with the mask as alpha."""
    count = clip.item.GetFusionCompCount() or clip.item.GetFusionCompCount()
    if count != 1:
        raise ArtistError(
            f"{clip.name} has {int(count)} Fusion compositions, and no script can tell which of them is shown."
            if count
            else f"{clip.name} has no Fusion composition.",
            "Keep the one with the mask, or take the matte from elsewhere.",
        )
    own, ours = os.path.join(folder, "artist.comp"), os.path.join(folder, "with_matte.comp")
    need(clip.item.ExportFusionComp(own, 1), "Resolve did not export the Fusion composition.", BY_HAND)
    try:
        with open(own, encoding="utf-8") as file:
            text = file.read()
        with open(ours, "w", encoding="utf-8") as file:
            file.write(composition.with_matte(text, tool))
    except (OSError, UnicodeDecodeError) as error:
        raise ArtistError(f"The exported Fusion composition cannot be read: {error}.", BY_HAND) from error
    return ours


def _frames_to_try(clip: Clip, span: Span) -> list[int]:
    """The first frame, that under the playhead, and the one in the middle: where one is empty the next may not be."""
    playhead = frame_of(str(clip.timeline.GetCurrentTimecode() or ""), clip.rate)
    numbers = [span.sent[0], sum(span.sent) // 2]
    if playhead is not None and span.sent[0] <= clip.number(playhead) <= span.sent[1]:
        numbers.insert(1, clip.number(playhead))
    return list(dict.fromkeys(numbers))


def _put_on(item: Any, file: str) -> None:
    """Our composition as the only one of an item of ours; a file that Resolve cannot read comes in as an empty one."""
    if not item.GetFusionCompCount():
        need(item.AddFusionComp(), "Resolve made no Fusion composition on the clip.", BY_HAND)
    before = [str(name) for name in item.GetFusionCompNameList() or []]
    need(item.ImportFusionComp(file), "Resolve did not import the Fusion composition.", BY_HAND)
    for name in before:
        item.DeleteFusionCompByName(name)
    comp = item.GetFusionCompByIndex(1) if item.GetFusionCompCount() == 1 else None
    if comp is None or comp.FindTool(composition.KEY) is None:
        raise ArtistError("Resolve did not take over the Fusion composition with the mask.", BY_HAND)


def _frame(
    host: Host, clip: Clip, start: int, number: int, name: str, folder: str, restore: Restore, turn: Turn
) -> str:
    """One frame of our timeline, with its alpha."""
    at = start + number - clip.source[0]
    asked = Asked("matte", new_folder(folder, f"matte_{name}_{number}"), at, at, clip.size, key=True)
    return render(host, asked, restore, turn)[0]


def _shows_the_mask(path: str, without: str, same_frame: bool) -> bool:
    """Whether the alpha says something, and something else than it does without our composition."""
    try:
        if "A" not in exr.read_header(path).names or not exr.varies(path, "A"):
            return False
        if "A" not in exr.read_header(without).names or not exr.varies(without, "A"):
            return True
        return same_frame and not exr.equal(path, without, "A")
    except exr.Unreadable as error:
        raise ArtistError(f"It cannot be looked whether the mask was rendered: {error}", BY_HAND) from error
