# SPDX-License-Identifier: Apache-2.0
"""One render job of ours: set up, started by its id alone, watched without words of any language, looked at on disk."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple, Sequence

from void_resolve import exr
from void_resolve.errors import ArtistError, Cancelled, need
from void_resolve.host import Host
from void_resolve.state import Restore
from void_resolve.turn import Turn

COLOUR_CODECS = ("RGBHalfZIP", "RGBHalfPIZ", "RGBFloatZIP", "RGBHalf")
KEY_CODECS = ("RGBHalfZIP", "RGBFloatZIP", "RGBHalf", "RGBHalfRLE", "RGBHalfPIZ")
"""Of the ids that EXR has in Resolve, lossless ones; for a key those first into which `exr` can look."""

POLL_SECONDS = 0.5
PATIENCE = 20
"""Polls that a job which does not render may stay short of 100 %; some builds answer late."""

SETTLING = 60
"""Polls until the last file must be there, after the job has ended."""

_FRAME = re.compile(r"(\d+)\.exr$", re.IGNORECASE)


class Asked(NamedTuple):
    """What to render of the current timeline.

    Attributes:
        stage: for the window.
        folder: an empty one, which exists.
        first, last: frames of the timeline, both rendered.
        size: width and height.
        key: whether the alpha is wanted, straight.
    """

    stage: str
    folder: str
    first: int
    last: int
    size: tuple[int, int]
    key: bool = False


def render(host: Host, asked: Asked, restore: Restore, turn: Turn) -> list[str]:
    """Render, on the Deliver page; returns a file for each frame, in order.

    Args:
        restore: holds the render settings already.

    Raises:
        ArtistError: Resolve could not, or the files are not what was asked for.
        Cancelled: by the artist.
    """
    project = host.project()
    turn.check()
    if project.IsRenderingInProgress():
        raise ArtistError("Resolve is rendering.", "Wait until its render queue has come to an end.")
    host.open_page("deliver")
    _set_up(project, asked, host.version)
    turn.check()
    job = _added(project, asked, restore)
    turn.check()
    _run(project, job, asked, turn)
    files = _settled(asked, turn)
    _check_size(files[0], asked)
    return files


def _set_up(project: Any, asked: Asked, version: tuple[int, int, int]) -> None:
    if not _set_codec(project, KEY_CODECS if asked.key else COLOUR_CODECS):
        raise ArtistError(
            "Resolve renders no EXR that keeps all of the picture: none of its codecs could be set.",
            "Choose EXR, RGB half (ZIP) once by hand on the Deliver page, and look whether it can be.",
        )
    if not project.SetCurrentRenderMode(1) or project.GetCurrentRenderMode() != 1:
        raise ArtistError(
            "Resolve does not render the timeline as a single clip.",
            "Take off the filter of the clips on the Deliver page (Clips: All Clips).",
        )
    # An audio render may have left it off, and it is only taken on its own.
    need(project.SetRenderSettings({"ExportVideo": True}), "Resolve does not take its render settings.")
    if version >= (21, 0, 4):
        project.SetRenderSettings({"UseFullExtents": False, "AddFrameHandles": 0})
    settings: dict[str, Any] = {
        "SelectAllFrames": False,
        "MarkIn": asked.first,
        "MarkOut": asked.last,
        "TargetDir": asked.folder,
        "CustomName": f"{asked.stage}.",
        "ExportVideo": True,
        "ExportAudio": False,
        "FormatWidth": asked.size[0],
        "FormatHeight": asked.size[1],
        "ExportAlpha": asked.key,
    }
    if asked.key:
        settings["AlphaMode"] = 1
    need(project.SetRenderSettings(settings), "Resolve does not take its render settings.")


def _set_codec(project: Any, wanted: Sequence[str]) -> bool:
    """Set the first codec that is listed, can be set, and is read back."""
    listed = project.GetRenderCodecs("EXR") or project.GetRenderCodecs("exr") or {}
    ids = set(listed.values())
    for codec in wanted:
        if codec in ids and project.SetCurrentRenderFormatAndCodec("exr", codec):
            now = project.GetCurrentRenderFormatAndCodec() or {}
            if now.get("codec") == codec and str(now.get("format", "")).lower() == "exr":
                return True
    return False


def _added(project: Any, asked: Asked, restore: Restore) -> str:
    """Our job in the queue."""
    before = _ids(project)
    # Also one whose id we were not told.
    restore.later(
        "the render queue", lambda: without_jobs_into(project, asked.folder), kind="job", folder=asked.folder
    )
    job = project.AddRenderJob()
    if not job or job in before:
        raise ArtistError(
            "Resolve did not add the job to its render queue.",
            "Look whether it can be added by hand on the Deliver page.",
        )
    if job not in _ids(project):
        raise ArtistError("The job is not in Resolve's render queue.", "Try again.")
    return str(job)


def _jobs(project: Any) -> list[dict[str, Any]]:
    return [job for job in project.GetRenderJobList() or [] if isinstance(job, dict)]


def _ids(project: Any) -> list[Any]:
    return [job.get("JobId") for job in _jobs(project)]


def without_jobs_into(project: Any, folder: str) -> bool:
    """The queue without the jobs that render into our own folder."""
    ours = [job.get("JobId") for job in _jobs(project) if _same(job.get("TargetDir"), folder)]
    deleted = [project.DeleteRenderJob(each) for each in ours]
    return all(deleted) and not any(_same(job.get("TargetDir"), folder) for job in _jobs(project))


def _same(path: Any, folder: str) -> bool:
    return bool(path) and os.path.normpath(str(path)) == os.path.normpath(folder)


def _run(project: Any, job: str, asked: Asked, turn: Turn) -> None:
    need(
        project.StartRendering([job], False),
        "Resolve did not start the render.",
        "Look whether it can be started by hand on the Deliver page.",
    )
    total, idle, stopping = asked.last - asked.first + 1, 0, False
    while True:
        if turn.cancelled() and not stopping:
            stopping = True
            _stop(project, job, turn)
        status = project.GetRenderJobStatus(job) or {}
        percent = float(status.get("CompletionPercentage") or 0)
        if status.get("Error"):
            raise ArtistError(
                f"Resolve could not render: {status['Error']}", "Put that right, then try again."
            )
        running = bool(project.IsRenderingInProgress())
        if not running and percent >= 100:
            break
        if not running and stopping:
            break
        idle = 0 if running else idle + 1
        if idle > PATIENCE:
            raise ArtistError(
                f"Resolve stopped to render at {percent:g} %.", "Look at its render queue, then try again."
            )
        turn.say(f"rendering the {asked.stage}", done=int(total * percent / 100), total=total)
        turn.pause(POLL_SECONDS)
    if stopping:
        raise Cancelled


def _stop(project: Any, job: str, turn: Turn) -> None:
    """Stop our render, unless that would mark waiting jobs of somebody else as cancelled."""
    waiting = [
        each
        for each in _ids(project)
        if each != job
        and float((project.GetRenderJobStatus(each) or {}).get("CompletionPercentage") or 0) < 100
    ]
    if waiting:
        turn.say(
            "waiting for the render",
            "Other jobs wait in the render queue, and stopping ours would cancel them: it renders to its end.",
        )
        return
    project.StopRendering()


def _settled(asked: Asked, turn: Turn) -> list[str]:
    """The files, once they are all there and have stopped to grow."""
    wanted = asked.last - asked.first + 1
    before: dict[str, int] = {}
    for _ in range(SETTLING):
        sizes = _sizes(asked.folder)
        if len(sizes) >= wanted and sizes == before and all(sizes.values()):
            break
        before = sizes
        turn.check()
        turn.pause(POLL_SECONDS)
    numbered = sorted((int(_found(path)), path) for path in _sizes(asked.folder))
    numbers = [number for number, _ in numbered]
    if numbers != list(range(numbers[0], numbers[0] + wanted)) if numbers else True:
        raise ArtistError(
            f"Resolve should have rendered {wanted} frames of the {asked.stage}, and there are {len(numbers)}"
            f"{_gap(numbers)}.",
            f"Look into {asked.folder}, and whether its disk is full; then try again.",
        )
    return [path for _, path in numbered]


def _gap(numbers: list[int]) -> str:
    missing = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers)) if numbers else []
    return f"; {', '.join(map(str, missing[:5]))} is missing" if missing else ""


def _found(path: str) -> str:
    match = _FRAME.search(path)
    return match[1] if match else "0"


def _sizes(folder: str) -> dict[str, int]:
    """Bytes of every numbered EXR file below a folder; Resolve may nest them."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            if _FRAME.search(name):
                path = os.path.join(at, name)
                found[path] = os.path.getsize(path)
    return found


def _check_size(path: str, asked: Asked) -> None:
    try:
        size = exr.read_header(path).size
    except exr.Unreadable as error:
        raise ArtistError(f"The rendered file {path} cannot be read: {error}", "Try again.") from error
    if size != asked.size:
        raise ArtistError(
            f"Resolve rendered {size[0]} x {size[1]}, and {asked.size[0]} x {asked.size[1]} was asked for.",
            "Look at the resolution on the Deliver page and for a render preset that overrides it.",
        )
