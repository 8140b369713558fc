# SPDX-License-Identifier: Apache-2.0
"""From the clip under the playhead to the result above it; `void_resolve.turn.Progress` is told on the way."""

from __future__ import annotations

from typing import Any, Callable, Mapping, NamedTuple

from void_resolve import colour, folders, follow, inputs, order, returning, selection, state, taking_back
from void_resolve.clip import Clip, Span
from void_resolve.errors import LOST, ArtistError, Cancelled
from void_resolve.host import Host
from void_resolve.inputs import Request
from void_resolve.plate import SOURCE
from void_resolve.returning import Returned
from void_resolve.selection import Picked, picked
from void_resolve.turn import Progress, Turn

__all__ = ["Outcome", "Picked", "Progress", "Request", "picked", "reattach", "remove", "take_back"]

DONE, FAILED, CANCELLED = "done", "failed", "cancelled"

Told = Callable[[Progress], None]


class Outcome(NamedTuple):
    """How it ended.

    Attributes:
        state: `done`, `failed` or `cancelled`.
        text: for the artist.
        folder: of this version; its `job.json` is what `reattach` takes. Empty where nothing was sent.
        job: its id on the server; empty likewise.
        clicks: what the artist has to do now.
    """

    state: str
    text: str
    folder: str = ""
    job: str = ""
    clicks: tuple[str, ...] = ()


class _Sent:
    """What is known so far, for the outcome of whatever ends it."""

    folder = ""
    job = ""
    clicks: list[str]

    def __init__(self) -> None:
        self.clicks = []


def remove(
    host: Host,
    request: Request,
    helper: follow.Asks,
    told: Told,
    cancelled: Callable[[], bool],
    pause: Callable[[float], None],
) -> Outcome:
    """Remove what the request says from its clip, and bring the result back.

    Args:
        host: Resolve.
        request: what the artist chose.
        helper: a running helper.
        told: is told progress.
        cancelled: whether the artist wants to stop.
        pause: waits this many seconds, during which the window lives.
    """
    turn, sent = Turn(told, cancelled, pause), _Sent()

    def work() -> Outcome:
        record = _send(host, request, helper, turn, sent)
        return _finish(host, record, helper, turn, sent)

    return _guarded(work, sent)


def reattach(
    host: Host,
    record: Mapping[str, Any],
    helper: follow.Asks,
    told: Told,
    cancelled: Callable[[], bool],
    pause: Callable[[float], None],
) -> Outcome:
    """Follow a job of before, and bring its result back.

    Args:
        record: of its folder's `job.json`.
    """
    turn, sent = Turn(told, cancelled, pause), _Sent()
    sent.folder, sent.job = str(record.get("folder") or ""), str(record.get("job") or "")

    def work() -> Outcome:
        if not sent.job or "returned" not in record:
            raise ArtistError("The record of this job is not one of Resolve, or not whole.", "Start it anew.")
        host.check_edition()
        return _finish(host, dict(record), helper, turn, sent)

    return _guarded(work, sent)


def take_back(host: Host) -> list[str]:
    """Take out the result under the playhead; what was taken out, in words, and nothing where there is none.

    Raises:
        ArtistError: Resolve did not let us.
    """
    return taking_back.take_back(host)


def _guarded(work: Callable[[], Outcome], sent: _Sent) -> Outcome:
    def outcome(state: str, text: str) -> Outcome:
        return Outcome(state, text, sent.folder, sent.job, tuple(sent.clicks))

    try:
        return work()
    except Cancelled:
        return outcome(CANCELLED, "Cancelled.")
    except ArtistError as error:
        return outcome(FAILED, str(error))
    except LOST as error:
        later = " Its job goes on: re-attach it from the history." if sent.job else ""
        return outcome(FAILED, f"Resolve does not answer any more ({error}).{later}")


def _send(host: Host, request: Request, helper: follow.Asks, turn: Turn, sent: _Sent) -> dict[str, Any]:
    """Render what is asked for, and have it accepted; returns the record of the job."""
    host.check_edition()
    host.page()
    turn.say("looking at the clip")
    clip = selection.clip_of(host, *request.item)
    inputs.check(request, clip)
    framing = inputs.framing(request)
    space = _colour(host, clip, request, framing)
    span = inputs.span_of(request, clip)
    points = inputs.points_of(request, clip, span)
    given = inputs.given(host, request, clip, span)
    name = order.result_name(clip.name)
    folder = folders.claim(request.out, name)
    try:
        with state.restored(host) as restore:
            rendered = inputs.render(host, request, clip, span, folder, restore, turn)
        sent.clicks += filter(None, [state.told(restore)])
        frames = {**rendered, **given}
        inputs.check_sizes(frames)
        record = _record(host, request, clip, span, space, folder, name)
        wanted = order.build(inputs.wishes(request), frames, points, space, folder, name)
        reply = follow.submit(helper, request.server, wanted, turn)
    except BaseException:
        folders.discard(folder)
        raise
    sent.folder, sent.job = folder, record.setdefault("job", reply["job"])
    record["directory"] = reply["directory"]
    record["returned"]["job"] = reply["job"]
    folders.write_record(folder, record)
    turn.say("accepted", f"Job {reply['job']} is accepted; its record is {folder}.")
    return record


def _colour(host: Host, clip: Clip, request: Request, framing: str) -> colour.Colour:
    project = colour.read(host.project())
    # A new timeline has the project's settings; another one may have its own.
    timeline = project if framing == SOURCE else colour.read(clip.timeline)
    stated = str(request.options.get("colour_space") or "")
    return colour.of_render(project, timeline, colour.of_clip(clip.media.GetClipProperty() or {}), stated)


def _record(
    host: Host, request: Request, clip: Clip, span: Span, space: colour.Colour, folder: str, name: str
) -> dict[str, Any]:
    """What has to be known to bring the result back, and how it was made; no secret is in it."""
    framing = inputs.framing(request)
    start = clip.timeline.GetStartFrame()
    returned = Returned(
        job="",
        folder=folder,
        name=name,
        shown=span.shown,
        place=clip.frame(span.shown[0]),
        timeline_id=clip.timeline_id,
        item_id=clip.item_id,
        item_place=clip.record[0],
        first=int(start or 0) if clip.bake else clip.available[0],
        begins=str(clip.timeline.GetStartTimecode() or "") if clip.bake else "",
        rate=clip.rate,
        copies_grade=request.look == "source",
        copies_sizing=framing == SOURCE,
        keyed=request.matte == "key",
        matte_files=request.matte_files,
        colour=(space.clip_property, space.clip_value),
    )
    return {
        "host": "resolve",
        "folder": folder,
        "name": name,
        "clip": clip.name,
        "baked": clip.bake,
        "framing": framing,
        "frames": list(span.sent),
        "server": dict(request.server),
        "project": str(host.project().GetName() or ""),
        "resolve": ".".join(str(part) for part in host.version),
        "colour": space.recorded,
        "request": {**request._asdict(), "server": {}},
        "returned": returned._asdict(),
    }


def _finish(host: Host, record: dict[str, Any], helper: follow.Asks, turn: Turn, sent: _Sent) -> Outcome:
    """Follow a job to its end, and bring back what it made."""
    reply = follow.watch(helper, record["server"], record["job"], turn)
    values = dict(record["returned"])
    for key in ("shown", "colour"):
        values[key] = tuple(values[key])
    if reply.get("directory"):
        values["folder"] = reply["directory"]
    returned = Returned(**values)
    sent.clicks += returning.bring_back(host, returned, turn)
    what = f"{returned.name} lies above {record['clip']}, frames {returned.shown[0]} to {returned.shown[1]}."
    return Outcome(DONE, what, sent.folder, sent.job, tuple(sent.clicks))
