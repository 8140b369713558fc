# SPDX-License-Identifier: Apache-2.0
"""What a crash left behind: found by its journal and by our names, told, and put back only when the artist says so."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Any, Callable, Mapping, NamedTuple

from void_resolve import importing, journal, tags
from void_resolve.clip import find, items_of
from void_resolve.errors import LOST, ArtistError
from void_resolve.host import Host
from void_resolve.journal import Note
from void_resolve.plate import loaded_again, timelines, without_timeline, without_version
from void_resolve.rendering import without_jobs_into
from void_resolve.state import Snapshot, put_back_snapshot, set_timeline, surely, without_preset

_OURS = re.compile(r"VOID [0-9a-f]{8}")
WORDS = {
    "open": "page, timeline, playhead, marks and bin",
    "preset": "the render settings, and the preset {name} that holds them",
    "timeline": "the timeline {name}",
    "track": "whether video track {number} is shown",
    "version": "the grade, and the version {name} of it",
    "job": "our job in the render queue",
    "result": "the half of a result",
    "new_track": "a new video track",
    "bin": "the bin VOID, where it is empty",
}


class Unfinished(NamedTuple):
    """What is left.

    Attributes:
        notes: by the path of their journal; an empty path has what was found by its name alone.
        elsewhere: names of projects that are not open, and have something left.
    """

    notes: Mapping[str, list[Note]]
    elsewhere: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """What is left in the open project, for the artist."""
        all_notes = [note for notes in self.notes.values() for note in notes]
        return list(dict.fromkeys(WORDS[note["kind"]].format(**note) for note in all_notes))


def look(host: Host) -> Unfinished:
    """Look for what is left; changes nothing.

    Raises:
        ArtistError: no project is open.
    """
    project = host.project()
    project_id = str(project.GetUniqueId() or "")
    notes: dict[str, list[Note]] = {}
    elsewhere = []
    for path, kept in journal.all_in(host.unfinished).items():
        if path in host.begun:
            continue
        if kept.get("project") == project_id:
            notes[path] = [note for note in kept["notes"] if note.get("kind") in WORDS]
        else:
            elsewhere.append(str(kept.get("name") or "?"))
    known = {note.get("name") for each in notes.values() for note in each}
    named = [note for note in _by_name(project) if note["name"] not in known]
    if named:
        notes[""] = named
    return Unfinished(notes, tuple(dict.fromkeys(elsewhere)))


def _by_name(project: Any) -> list[Note]:
    try:
        found = [
            {"kind": "timeline", "name": name} for name, _ in timelines(project) if _OURS.fullmatch(name)
        ]
    except LOST:
        found = []
    presets = [str(name) for name in project.GetRenderPresetList() or []]
    return found + [{"kind": "preset", "name": name} for name in presets if _OURS.fullmatch(name)]


def clean_up(host: Host) -> list[str]:
    """Put back all that `look` finds in the open project; what was done, and what was not, in words.

    Raises:
        ArtistError: a window of Resolve is open, or no project.
    """
    host.page()
    told = []
    for path, notes in look(host).notes.items():
        failed = []
        for note in _in_order(notes):
            words = WORDS[note["kind"]].format(**note)
            done = surely(_doing(host, note))
            told.append(
                f"put back: {words}" if done else f"Resolve did not let VOID put back {words}: do it by hand."
            )
            failed += [] if done else [note]
        if path and not failed:
            with contextlib.suppress(OSError):
                os.remove(path)
    return told


def _doing(host: Host, note: Note) -> Callable[[], bool]:
    return lambda: bool(_ACTIONS[note["kind"]](host, note))


def _in_order(notes: list[Note]) -> list[Note]:
    """Back in reverse order; but first what lies on a track and in a bin of ours: only empty ones are taken away."""
    result = [note for note in notes if note["kind"] == "result"]
    return result + [note for note in reversed(notes) if note["kind"] != "result"]


def _timeline_of(host: Host, timeline_id: str) -> Any | None:
    return next((each for _, each in timelines(host.project()) if each.GetUniqueId() == timeline_id), None)


def _open(host: Host, note: Note) -> bool:
    timeline = _timeline_of(host, note["timeline"])
    if timeline is None:
        return True
    pool = host.pool()
    folder = _folder(pool.GetRootFolder(), note["folder"]) or pool.GetCurrentFolder()
    snapshot = Snapshot(
        *(note["page"], timeline, note["timeline"], note["timecode"], note["marks"], folder),
        str(folder.GetUniqueId()),
    )
    return put_back_snapshot(host, snapshot)


def _folder(folder: Any, folder_id: str) -> Any | None:
    if folder.GetUniqueId() == folder_id:
        return folder
    for each in folder.GetSubFolderList() or []:
        found = _folder(each, folder_id)
        if found is not None:
            return found
    return None


def _preset(host: Host, note: Note) -> bool:
    project = host.project()
    if note["name"] not in (project.GetRenderPresetList() or []):
        return True
    return bool(project.LoadRenderPreset(note["name"])) and without_preset(project, note["name"])


def _own_timeline(host: Host, note: Note) -> bool:
    project = host.project()
    current = project.GetCurrentTimeline()
    if current is not None and current.GetName() == note["name"]:
        others = [timeline for name, timeline in timelines(project) if name != note["name"]]
        if not others or not set_timeline(project, others[0]):
            return False
    return without_timeline(project, host.pool(), note["name"])


def _track(host: Host, note: Note) -> bool:
    timeline = _timeline_of(host, note["timeline"])
    if timeline is None:
        return True
    timeline.SetTrackEnable("video", note["number"], note["enabled"])
    return bool(timeline.GetIsTrackEnabled("video", note["number"])) == note["enabled"]


def _version(host: Host, note: Note) -> bool:
    found = find(host, note["timeline"], note["item"])
    if found is None:
        return True
    return loaded_again(found[1], note["before"], note["type"]) and without_version(found[1], note["name"])


def _job(host: Host, note: Note) -> bool:
    return without_jobs_into(host.project(), note["folder"])


def _result(host: Host, note: Note) -> bool:
    """What came of a job that was not brought back whole: its items, and its clips in our bin."""
    bins = importing.bins_of_ours(host)
    clips = [clip for folder in bins for clip in folder.GetClipList() or [] if _is_of(clip, note)]
    ids = {clip.GetUniqueId() for clip in clips}
    timeline = _timeline_of(host, note["timeline"])
    placed = [item for _, item in items_of(timeline) if _media_id(item) in ids] if timeline and ids else []
    if placed:
        page = host.page()
        host.open_page("edit")
        taken = timeline.DeleteClips(placed, False) if timeline is not None else False
        host.open_page(page)
        if not taken:
            return False
    return not clips or bool(host.pool().DeleteClips(clips))


def _is_of(clip: Any, note: Note) -> bool:
    if tags.job_of_clip(clip) == note["job"]:
        return True
    path = os.path.normpath(str(clip.GetClipProperty("File Path") or ""))
    return path.startswith(os.path.normpath(note["folder"]) + os.sep)


def _media_id(item: Any) -> str:
    media = item.GetMediaPoolItem()
    return str(media.GetUniqueId() or "") if media is not None else ""


def _new_track(host: Host, note: Note) -> bool:
    """The track that was added, known by the names of those before; only where it is empty."""
    timeline = _timeline_of(host, note["timeline"])
    if timeline is None:
        return True
    count = int(timeline.GetTrackCount("video") or 0)
    names = [str(timeline.GetTrackName("video", number) or "") for number in range(1, count + 1)]
    added = [n for n in range(1, count + 1) if names[: n - 1] + names[n:] == note["names"]]
    empty = [number for number in added if not timeline.GetItemListInTrack("video", number)]
    return not empty or bool(timeline.DeleteTrack("video", empty[0]))


def _bin(host: Host, note: Note) -> bool:
    ours = [
        folder
        for folder in importing.bins_of_ours(host)
        if not folder.GetClipList() and not folder.GetSubFolderList()
    ]
    return not ours or bool(host.pool().DeleteFolders(ours))


_ACTIONS: Mapping[str, Callable[[Host, Note], bool]] = {
    "open": _open,
    "preset": _preset,
    "timeline": _own_timeline,
    "track": _track,
    "version": _version,
    "job": _job,
    "result": _result,
    "new_track": _new_track,
    "bin": _bin,
}


def told(left: Unfinished) -> str:
    """What the window says of it; empty where nothing is left."""
    lines = []
    if left.words:
        lines.append(
            f"VOID was interrupted here before and left {'; '.join(left.words)}. Clean up puts it back; nothing is"
            " changed until then. Do not press it while another VOID window works."
        )
    if left.elsewhere:
        lines.append(f"VOID was interrupted in {', '.join(left.elsewhere)} too: open it, then start VOID.")
    return "\n".join(lines)


def safely_told(host: Host) -> str:
    """The same, where Resolve answers."""
    try:
        return told(look(host))
    except (ArtistError, *LOST):
        return ""
