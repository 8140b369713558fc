# SPDX-License-Identifier: Apache-2.0
"""Which clips are meant: those that are selected, where this version tells it, else the one under the playhead.

`Timeline.GetSelectedClips` is there from 21.0.4 on; before, no script can know a selection.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from void_resolve.clip import Clip, describe, find, video_track
from void_resolve.errors import ArtistError, need
from void_resolve.host import Host


class Picked(NamedTuple):
    """A clip by what finds it again."""

    timeline_id: str
    item_id: str
    name: str


class Chosen(NamedTuple):
    """What is meant now.

    Attributes:
        items: on video tracks, in the order of the timeline; empty where there is none.
        selected: whether the artist has selected them; else it is the one under the playhead.
        tells: whether this version of Resolve tells a selection at all.
    """

    items: tuple[Any, ...]
    selected: bool
    tells: bool


def chosen(host: Host) -> Chosen:
    """What is selected, else what lies under the playhead.

    Raises:
        ArtistError: no timeline is open.
    """
    timeline = host.timeline()
    tells = host.can(timeline, "GetSelectedClips")
    found = [item for item in timeline.GetSelectedClips() or [] if video_track(item)] if tells else []
    if found:
        return Chosen(tuple(sorted(found, key=_place)), True, tells)
    item = timeline.GetCurrentVideoItem()
    return Chosen(() if item is None else (item,), False, tells)


def _place(item: Any) -> tuple[int, int]:
    return int(item.GetStart() or 0), video_track(item)


def picked(host: Host) -> list[Picked]:
    """The clips to work on, one after the other.

    Raises:
        ArtistError: there is none, or Resolve does not tell which.
    """
    items = chosen(host).items
    if not items:
        raise ArtistError("There is no clip under the playhead.", "Park the playhead on the clip.")
    timeline_id = need(host.timeline().GetUniqueId(), "Resolve does not tell which timeline is open.")
    return [
        Picked(
            str(timeline_id),
            str(need(item.GetUniqueId(), "Resolve does not tell the id of a clip.", "Try again.")),
            str(item.GetName() or "the clip"),
        )
        for item in items
    ]


def words(now: Chosen) -> str:
    """What is meant, for the window."""
    names = [str(item.GetName() or "?") for item in now.items]
    if now.selected:
        return f"Selected: {names[0]}" if len(names) == 1 else f"{len(names)} selected: {', '.join(names)}"
    under = f"Under the playhead: {names[0] if names else 'no clip'}"
    return under if now.tells else f"{under} (this version of Resolve does not tell what is selected)"


def clip_of(host: Host, timeline_id: str, item_id: str) -> Clip:
    """The clip of these ids; without ids the one that is meant now.

    Raises:
        ArtistError: it is gone, lies on a timeline that is not open, or cannot be worked on.
    """
    if not item_id:
        timeline_id, item_id, _ = picked(host)[0]
    if host.timeline().GetUniqueId() != timeline_id:
        raise ArtistError(
            "The timeline of the clip is not the open one any more.", "Open it, then try again."
        )
    found = find(host, timeline_id, item_id)
    if found is None:
        raise ArtistError("The clip is not on its timeline any more.", "Choose it anew.")
    return describe(*found)
