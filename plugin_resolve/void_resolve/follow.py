# SPDX-License-Identifier: Apache-2.0
"""An order on its way to its end. Answers come on the helper's threads and are taken up here, on the script's own."""

from __future__ import annotations

import queue
from typing import Any, Callable, Dict, Mapping, Protocol

from void_resolve.errors import ArtistError, Cancelled
from void_resolve.turn import Progress, Turn

POLL_SECONDS = 0.25
CANCEL_POLLS = 240
"""Polls until a job that was cancelled must have ended; then it is left to the server."""

Message = Dict[str, Any]
STOPPED = ("left", "cancelled")

_MOVING = {
    "looking": "looking at files",
    "hashing": "reading files",
    "uploading": "sending",
    "fetching": "fetching",
}


class Asks(Protocol):
    """What is used of `void_line.helper.Helper`."""

    def request(
        self,
        do: str,
        fields: Mapping[str, Any],
        on_event: Callable[[Message], None],
        on_end: Callable[[Message], None],
    ) -> int:
        """Ask; the calls come on other threads."""
        ...


class Line:
    """One request and its messages."""

    def __init__(self, helper: Asks, do: str, fields: Mapping[str, Any]) -> None:
        self._messages: queue.Queue[tuple[bool, Message]] = queue.Queue()
        self.number = helper.request(
            do,
            fields,
            lambda event: self._messages.put((False, event)),
            lambda end: self._messages.put((True, end)),
        )

    def events(self) -> list[tuple[bool, Message]]:
        """What has come since the last time; True with the end of the request."""
        found = []
        while True:
            try:
                found.append(self._messages.get_nowait())
            except queue.Empty:
                return found


def submit(helper: Asks, server: Mapping[str, str], order: Message, turn: Turn) -> Message:
    """Send an order; returns the reply once the server has accepted it.

    Raises:
        ArtistError: it was refused.
        Cancelled: by the artist; a job that was accepted nevertheless is cancelled.
    """
    turn.check()
    line = Line(helper, "submit", {"server": dict(server), "order": order})
    stopping = False
    while True:
        for ended, message in line.events():
            if not ended:
                _tell(message, turn)
            elif "reply" in message:
                if stopping:
                    _ask_to_cancel(helper, server, message["reply"]["job"])
                    raise Cancelled
                return dict(message["reply"])
            else:
                raise Cancelled if stopping or message["error"].get("code") in STOPPED else _refused(message)
        if turn.cancelled() and not stopping:
            stopping = True
            Line(helper, "stop", {"request": line.number})
        turn.pause(POLL_SECONDS)


def watch(helper: Asks, server: Mapping[str, str], job: str, turn: Turn) -> Message:
    """Follow a job to its end; returns where its files are, and how many.

    Raises:
        ArtistError: it failed, or cannot be followed.
        Cancelled: it was cancelled, by whom ever.
    """
    line = Line(helper, "watch", {"server": dict(server), "job": job})
    polls = 0
    while True:
        for ended, message in line.events():
            if not ended:
                _tell(message, turn)
            elif "error" in message:
                raise Cancelled if polls or message["error"].get("code") in STOPPED else _refused(message)
            else:
                return _ended(dict(message["reply"]), cancelling=bool(polls))
        if polls or turn.cancelled():
            if not polls:
                _ask_to_cancel(helper, server, job)
                turn.say("cancelling")
            polls += 1
            if polls > CANCEL_POLLS:
                raise Cancelled
        turn.pause(POLL_SECONDS)


def _ask_to_cancel(helper: Asks, server: Mapping[str, str], job: str) -> None:
    Line(helper, "cancel", {"server": dict(server), "job": job})


def _ended(reply: Message, cancelling: bool) -> Message:
    if reply["state"] == "cancelled" or cancelling:
        raise Cancelled
    if reply["state"] != "done":
        problem = reply.get("problem") or {}
        raise ArtistError(
            str(problem.get("message") or f"The job {reply['job']} is {reply['state']}."),
            str(problem.get("fix") or "Look into its log."),
        )
    return reply


def _refused(message: Message) -> ArtistError:
    """All that is wrong with an order, in one error."""
    error = message["error"]
    findings = [each for each in error.get("findings") or () if each.get("severity") == "error"]
    said = [_finding(each) for each in findings]
    return ArtistError(" ".join([str(error["message"]), *said]), str(error.get("fix") or ""))


def _finding(finding: Message) -> str:
    frames = finding.get("frames") or []
    where = f"frame {frames[0]}: " if frames and str(frames[0]) not in finding["message"] else ""
    return f"{where}{finding['message']} {finding.get('fix') or ''}".strip()


def _tell(event: Message, turn: Turn) -> None:
    """An event as progress; unknown ones are of a later helper."""
    kind = event.get("event")
    if kind == "progress":
        text = f"stage {event['stage_number']} of {event['stage_count']}"
        turn.told(Progress(event["stage"], event["done"], event["total"], event["eta_seconds"], text))
    elif kind in _MOVING:
        turn.say(_MOVING[kind], done=event["files_done"], total=event["files_total"])
    elif kind == "state":
        turn.say(str(event["state"]))
    elif kind == "reconnecting":
        turn.say("reconnecting", str(event["reason"]))
    elif kind == "message":
        turn.say("working", str(event["message"]))
    elif kind == "notes":
        for note in event["notes"]:
            turn.say("sending", str(note))
    elif kind == "problem":
        turn.say("working", _finding(event["problem"]))
    elif kind == "preflight":
        for finding in event["problems"]:
            turn.say("sending", _finding(finding))
