# SPDX-License-Identifier: Apache-2.0
"""Resolve afterwards as it was before: page, timeline, playhead, marks, bin, render settings.

What has to be put back is put back in reverse order, read again, and tried again where it failed. Resolve has no way to
read its render settings: a preset of ours holds them meanwhile.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Callable, Iterator, NamedTuple
from uuid import uuid4

from void_resolve.errors import LOST, ArtistError, need
from void_resolve.host import Host
from void_resolve.journal import Journal, Note

TRIES = 3
OURS = "VOID "
"""Begins the name of everything that we make for a while."""


def temporary_name() -> str:
    """A name that nobody else has, for what is deleted again."""
    return f"{OURS}{uuid4().hex[:8]}"


class Restore:
    """What is to be put back.

    Attributes:
        failed: what could not be, in words, once all was tried.
    """

    def __init__(self, journal: Journal | None = None) -> None:
        self.failed: list[str] = []
        self.journal = journal or Journal("")
        self._actions: list[tuple[str, Callable[[], Any], Note]] = []

    def later(self, what: str, action: Callable[[], Any], **note: Any) -> None:
        """Put something back in the end; what is told last is done first.

        Args:
            what: in words, for the artist if it fails.
            action: True where it has worked.
            note: what the journal has to know to do the same after a crash.
        """
        self._actions.append((what, action, note))
        if note:
            self.journal.add(note)

    def keep(self) -> None:
        """What was done is to stay."""
        self.journal.drop([note for _, _, note in self._actions])
        self._actions.clear()

    def put_back(self) -> None:
        """Do all of it, whatever fails."""
        while self._actions:
            what, action, note = self._actions.pop()
            if surely(action):
                self.journal.drop([note])
            else:
                self.failed.append(what)


def surely(action: Callable[[], Any]) -> bool:
    """Whether something works, which is tried again where it does not."""
    return any(_works(action) for _ in range(TRIES))


def _works(action: Callable[[], Any]) -> bool:
    try:
        return bool(action())
    except (ArtistError, *LOST):
        return False


class Snapshot(NamedTuple):
    """What the artist had open."""

    page: str
    timeline: Any
    timeline_id: str
    timecode: str
    marks: Any
    folder: Any
    folder_id: str


def snapshot(host: Host) -> Snapshot:
    """What is open now.

    Raises:
        ArtistError: Resolve does not tell; nothing must be changed then.
    """
    page, timeline = host.page(), host.timeline()
    marks = timeline.GetMarkInOut()
    if not isinstance(marks, dict):
        raise ArtistError("Resolve does not tell the marks of the timeline.", "Try again.")
    folder = need(host.pool().GetCurrentFolder(), "Resolve does not tell its current bin.")
    return Snapshot(
        page,
        timeline,
        need(timeline.GetUniqueId(), "Resolve does not tell which timeline is open."),
        need(timeline.GetCurrentTimecode(), "Resolve does not tell where the playhead is."),
        marks,
        folder,
        need(folder.GetUniqueId(), "Resolve does not tell its current bin."),
    )


@contextmanager
def restored(host: Host) -> Iterator[Restore]:
    """All is put back at the end of the block, however it ends; `failed` tells what could not be.

    Raises:
        ArtistError: Resolve does not tell what is open. One from the block also says what could not be put back.
    """
    before = snapshot(host)
    project, pool = host.project(), host.pool()
    journal = Journal(host.unfinished, (str(project.GetUniqueId() or ""), str(project.GetName() or "")))
    host.begun.add(journal.path)
    restore = Restore(journal)
    journal.add(noted(before))
    # Opening the Deliver page sets the marks, so they come after the page.
    restore.later("the playhead", lambda: _playhead(before))
    restore.later("the in and out marks", lambda: _marks(before))
    restore.later("the page", lambda: _page(host, before.page))
    restore.later("the current bin", lambda: _folder(pool, before))
    restore.later("the timeline", lambda: set_timeline(project, before.timeline))
    try:
        yield restore
    except BaseException as error:
        _end(restore)
        if restore.failed and isinstance(error, ArtistError):
            raise ArtistError(error.message, f"{error.fix} {told(restore)}".strip()) from error
        raise
    _end(restore)


def _end(restore: Restore) -> None:
    """Put all back; what could not be stays in the journal."""
    restore.put_back()
    if not restore.failed:
        restore.journal.end()


def noted(before: Snapshot) -> Note:
    """A snapshot as plain values."""
    return {
        "kind": "open",
        "page": before.page,
        "timeline": before.timeline_id,
        "timecode": before.timecode,
        "marks": before.marks,
        "folder": before.folder_id,
    }


def put_back_snapshot(host: Host, before: Snapshot) -> bool:
    """What was open, in the order that counts; whether all of it worked."""
    return (
        set_timeline(host.project(), before.timeline)
        and _folder(host.pool(), before)
        and _page(host, before.page)
        and _marks(before)
        and _playhead(before)
    )


def told(restore: Restore) -> str:
    """What the artist has to put back; empty where nothing is left."""
    names = ", ".join(restore.failed)
    return f"Resolve did not let VOID put back {names}: do it by hand." if names else ""


def set_timeline(project: Any, timeline: Any) -> bool:
    """Make a timeline the current one, and look whether it is."""
    wanted = timeline.GetUniqueId()
    now = project.GetCurrentTimeline()
    if now is not None and wanted and now.GetUniqueId() == wanted:
        return True
    project.SetCurrentTimeline(timeline)
    now = project.GetCurrentTimeline()
    return bool(wanted and now is not None and now.GetUniqueId() == wanted)


def _page(host: Host, page: str) -> bool:
    return host.resolve.GetCurrentPage() == page or bool(host.resolve.OpenPage(page))


def _folder(pool: Any, before: Snapshot) -> bool:
    now = pool.GetCurrentFolder()
    if now is not None and now.GetUniqueId() == before.folder_id:
        return True
    return bool(pool.SetCurrentFolder(before.folder))


def _playhead(before: Snapshot) -> bool:
    timeline = before.timeline
    if timeline.GetCurrentTimecode() == before.timecode:
        return True
    return bool(timeline.SetCurrentTimecode(before.timecode))


def _marks(before: Snapshot) -> bool:
    timeline = before.timeline
    if timeline.GetMarkInOut() == before.marks:
        return True
    timeline.ClearMarkInOut("all")
    for kind, mark in before.marks.items():
        if "in" in mark and "out" in mark:
            timeline.SetMarkInOut(mark["in"], mark["out"], kind)
    return bool(timeline.GetMarkInOut() == before.marks)


def keep_render_settings(project: Any, restore: Restore) -> None:
    """Hold the render settings in a preset until they are put back.

    Raises:
        ArtistError: Resolve does not save the preset; nothing must be changed then.
    """
    name = temporary_name()
    restore.later(
        "the list of render presets", lambda: without_preset(project, name), kind="preset", name=name
    )
    need(project.SaveAsNewRenderPreset(name), "Resolve does not save its render settings for later.")
    restore.later("the render settings", lambda: project.LoadRenderPreset(name))


def without_preset(project: Any, name: str) -> bool:
    """Delete a preset of ours, where it is."""
    return bool(project.DeleteRenderPreset(name)) or name not in str(project.GetRenderPresetList() or name)
