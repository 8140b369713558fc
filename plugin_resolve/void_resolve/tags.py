# SPDX-License-Identifier: Apache-2.0
"""How we know again what we put into a project: marks that an artist does not set by chance."""

from __future__ import annotations

from typing import Any

from void_resolve.clip import items_of

BIN = "VOID"
TRACK = "VOID"
JOB, ROLE = "VOID job", "VOID role"
RESULT, MATTE = "result", "matte"
_MARKER = "void job "


def tag_clip(media: Any, job: str, role: str) -> bool:
    """Say in a clip's third-party metadata whose it is; verified."""
    media.SetThirdPartyMetadata({JOB: job, ROLE: role})
    return job_of_clip(media) == job


def job_of_clip(media: Any) -> str:
    """The job whose result a clip is; empty for any other clip."""
    return str(media.GetThirdPartyMetadata(JOB) or "")


def mark_item(item: Any, job: str, name: str, note: str) -> bool:
    """Set the marker that says which job an item of the timeline is from; verified."""
    item.AddMarker(0, "Mint", name, note, 1, _MARKER + job)
    return job_of_item(item) == job


def job_of_item(item: Any) -> str:
    """The job whose result an item of a timeline is; empty for any other item."""
    markers = item.GetMarkers() or {}
    data = [str(marker.get("customData") or "") for marker in markers.values()]
    found = [each[len(_MARKER) :] for each in data if each.startswith(_MARKER)]
    return found[0] if found else ""


def items(timeline: Any) -> list[tuple[int, Any, str]]:
    """Our items of a timeline: track, item, job."""
    found = ((track, item, job_of_item(item)) for track, item in items_of(timeline))
    return [each for each in found if each[2]]


def is_our_track(timeline: Any, number: int) -> bool:
    """Whether a video track is one of those that we make."""
    names = (timeline.GetTrackName("video", number) for _ in range(2))
    return TRACK in names
