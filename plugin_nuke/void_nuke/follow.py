# SPDX-License-Identifier: Apache-2.0
"""What the nodes of a job show while it is sent, runs and ends. On Nuke's main thread, outside of undo."""

from __future__ import annotations

import os
import re
import time
from typing import Any

from void_nuke import display, result
from void_nuke.folders import append_log, join, version_name, write_record

RELOAD_SECONDS = 10.0
"""Least time between two reloads of arriving files; each makes Nuke compute its viewers again."""

Event = dict[str, Any]

LEAST_PADDING = 4
"""Digits of a result's frame number, at least."""

_NUMBER = re.compile(r"\.(0\d+)\.exr$")
_MOVING = {
    "looking": "looking at files",
    "hashing": "reading files",
    "uploading": "sending",
    "fetching": "fetching",
}


class Shown:
    """What the nodes of one job show.

    Attributes:
        text: for the status line.
        progress: for the tile.
        arrived: whether files came since the last reload.
        reloaded: time of the last reload; 0 = none yet.
    """

    def __init__(self) -> None:
        self.text = ""
        self.progress = ""
        self.arrived = False
        self.reloaded = 0.0


def take_event(shown: Shown, record: dict[str, Any], event: Event, nodes: list[Any]) -> None:
    """Take note of an event; unknown ones are of a later helper."""
    kind = event.get("event")
    if kind == "progress":
        shown.text, shown.progress = display.progress_text(event), f"{event['done']}/{event['total']}"
    elif kind in _MOVING:
        shown.text = f"{_MOVING[kind]} {event['files_done']}/{event['files_total']}"
        shown.progress = f"{event['files_done']}/{event['files_total']}"
    elif kind == "state":
        shown.text = shown.text if event["state"] == "running" else str(event["state"])
    elif kind == "reconnecting":
        shown.text = "the connection broke; trying again"
        log(record, f"Reconnecting: {event['reason']}")
    elif kind == "written" and event["output"] in ("result", "matte"):
        shown.arrived = True
        record["padding"] = max(record["padding"], _padding_of(str(event["path"])))
    elif kind == "message":
        log(record, str(event["message"]))
    elif kind == "notes":
        for note in event["notes"]:
            log(record, str(note))
    elif kind == "problem":
        log(record, finding_text(event["problem"]))
    elif kind == "preflight":
        for finding in event["problems"]:
            log(record, finding_text(finding))


def show(shown: Shown, record: dict[str, Any], nodes: list[Any], cancelling: bool) -> None:
    """Show what is known, and reload arrived files where the last time is long enough ago."""
    going = display.RUNNING if record.get("job") else display.SENDING
    state = display.CANCELLING if cancelling else going
    for node in nodes:
        display.show(node, state, f"{state}: {shown.text}" if shown.text else state, shown.progress)
    now = time.monotonic()
    if shown.arrived and (not shown.reloaded or now - shown.reloaded >= RELOAD_SECONDS):
        _reload(shown, record, nodes)


def _reload(shown: Shown, record: dict[str, Any], nodes: list[Any]) -> None:
    for node in nodes:
        if int(node["void_version"].value()) == record["version"]:
            result.point_at(node, record)
    shown.arrived, shown.reloaded = False, time.monotonic()


def _padding_of(path: str) -> int:
    """Digits that a result's file shows its numbers to be padded to; the helper decides it by the plate's."""
    match = _NUMBER.search(path)
    return len(match[1]) if match else LEAST_PADDING


def accepted(record: dict[str, Any], reply: Event, nodes: list[Any]) -> None:
    """The server has the job: remember it in the script and beside the results."""
    record["job"] = reply["job"]
    log(record, f"Job {reply['job']} is accepted.")
    _keep(record, nodes)


def finished(shown: Shown, record: dict[str, Any], reply: Event, nodes: list[Any]) -> None:
    """The job ended, and its files are here."""
    log(record, f"Job {reply['job']} is {reply['state']}; {reply['files']} files.")
    if shown.arrived or (reply["state"] == "done" and not shown.reloaded):
        _reload(shown, record, nodes)
    if reply["state"] != "done":
        problem = reply.get("problem") or {}
        _ended(nodes, reply["state"], " ".join(p for p in (problem.get("message"), problem.get("fix")) if p))
        return
    for node in nodes:
        display.show(node, display.DONE, f"done: {version_name(record['version'])}, {reply['files']} files")
    _keep(record, nodes)


def failed(record: dict[str, Any], error: Event, nodes: list[Any], sending: bool) -> None:
    """The job could not be sent, failed, or cannot be followed; it may go on on the server."""
    findings = [finding_text(f) for f in error.get("findings") or () if f["severity"] == "error"]
    said = [str(error["message"]), str(error.get("fix") or "")]
    for line in (*findings, *said):
        log(record, line)
    if error.get("code") in ("cancelled", "left"):
        _ended(nodes, display.CANCELLED, "")
        return
    lines = [line for line in (*findings, *said) if line]
    _ended(nodes, display.FAILED, " ".join(lines))
    if sending and nodes:
        # The artist has just pressed a button and waits for the answer.
        display.tell(f"{nodes[0].name()}: {lines[0]}", *lines[1:])


def not_cancelled(record: dict[str, Any], error: Event, nodes: list[Any]) -> None:
    """The server did not take the wish to cancel."""
    log(record, f"Not cancelled: {error['message']}")
    for node in nodes:
        display.show(node, display.RUNNING, f"not cancelled: {error['message']}")


def _ended(nodes: list[Any], state: str, text: str) -> None:
    shown = state if state in display.TILES else display.FAILED
    for node in nodes:
        display.show(node, shown, f"{shown}: {text}" if text else shown)


def _keep(record: dict[str, Any], nodes: list[Any]) -> None:
    for node in nodes:
        result.keep_record(node, record)
    try:
        write_record(folder_of(record), record)
    except OSError as error:
        log(record, f"The record of the job cannot be written: {error}")


def folder_of(record: dict[str, Any]) -> str:
    """The folder of a job's version."""
    return join(record["folder"], version_name(record["version"]))


def log(record: dict[str, Any], line: str) -> None:
    """Add a line to the job's log."""
    if os.path.isdir(folder_of(record)):
        append_log(folder_of(record), f"{time.strftime('%H:%M:%S')} {line}")


def finding_text(finding: Event) -> str:
    """A finding in words; the frame is named in its message or before it."""
    frames = finding.get("frames") or []
    where = f'input "{finding["input"]}"' if finding.get("input") else ""
    if frames and str(frames[0]) not in finding["message"]:
        where = f"{where}, frame {frames[0]}" if where else f"frame {frames[0]}"
    said = f"{where}: {finding['message']}" if where else finding["message"]
    return f"{said} {finding.get('fix') or ''}".strip()
