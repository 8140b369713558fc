# SPDX-License-Identifier: Apache-2.0
"""The node's own Reads, which show the files of a version; missing frames show the plate."""

from __future__ import annotations

import json
import os
from typing import Any

from void_nuke.folders import from_inside, join, read_record, version_name
from void_nuke.main_thread import unheard
from void_nuke.source import COPIED

RESULT, LAYERS, MATTES = "Result", "ResultLayers", "Mattes"
"""Names of the Reads inside of the node: the picture, the layers beside it, and the mattes of a job that made only
these."""

_OF_FRAMES = ("frame_mode", "frame")
# Mattes are no colours, whatever space the plate is in: they are read raw.
_RAW = {"raw": True, "premultiplied": False, "frame_mode": "expression", "frame": ""}


def record_of(node: Any) -> dict[str, Any]:
    """The record of the node's last job; empty where there is none."""
    try:
        record = json.loads(str(node["void_job"].value()) or "{}")
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def keep_record(node: Any, record: dict[str, Any]) -> None:
    """Keep a job's record in the script, which no server's address is saved in."""
    kept = {name: value for name, value in record.items() if name != "server"}
    _set(node, "void_job", json.dumps(kept, sort_keys=True))


def show_version(node: Any, folder: str, version: int) -> bool:
    """Show a version's files; False where it has no record, and nothing is changed.

    Args:
        folder: of all versions, evaluated.
    """
    record = read_record(os.path.join(folder, version_name(version)))
    if record is None:
        return False
    with unheard(node):
        point_at(node, record)
        if record.get("fingerprint"):
            _set(node, "void_fingerprint", record["fingerprint"])
    return True


def point_at(node: Any, record: dict[str, Any]) -> None:
    """Let the node's Reads show a job's files, wherever the script is moved to with them."""
    only_mattes = record["kind"] == "masks"
    for name in (MATTES,) if only_mattes else (RESULT, LAYERS):
        of_plate = record["read"]
        if name != RESULT:
            of_plate = {knob: of_plate[knob] for knob in _OF_FRAMES if knob in of_plate}
        _point_one(node, name, record, {**_RAW, **of_plate})
    _set(node, "void_kind", int(only_mattes))
    _set(node, "void_has_result", True)
    reload(node)


def _point_one(node: Any, name: str, record: dict[str, Any], knobs: dict[str, Any]) -> None:
    read = node.node(name)
    views = ["%V"] if record["stereo"] else []
    _set(
        read,
        "file",
        join(_folder_text(node, record), *views, version_name(record["version"]), *_file(record)),
    )
    for knob in ("first", "origfirst"):
        _set(read, knob, record["first"])
    for knob in ("last", "origlast"):
        _set(read, knob, record["last"])
    for knob in COPIED:
        if knob in knobs:
            _set(read, knob, knobs[knob])


def _folder_text(node: Any, record: dict[str, Any]) -> str:
    """The folder of all versions: as the node writes it, so that script and results move together.

    Where the node was renamed while its job ran, and nothing of it lies there, it is the folder of the job.
    """
    written, view = str(node["void_output"].value()), os.path.basename(record["folder"])
    version, views = version_name(record["version"]), [view] if record["stereo"] else []
    now = join(str(node["void_output"].evaluate() or ""), *views, version)
    if os.path.isdir(now) or not os.path.isdir(join(record["folder"], version)):
        return from_inside(written)
    return os.path.dirname(record["folder"]) if record["stereo"] else str(record["folder"])


def reload(node: Any) -> None:
    """Read the files anew."""
    for name in (RESULT, LAYERS, MATTES):
        node.node(name)["reload"].execute()


def _file(record: dict[str, Any]) -> list[str]:
    name = record["name"].replace("%", "%%")
    padding = record["padding"]
    if record["kind"] == "masks":
        return ["matte", f"{name}_matte.%0{padding}d.exr"]
    below = ["preview"] if record["kind"] == "preview" else []
    return [*below, f"{name}.%0{padding}d.exr"]


def _set(node: Any, name: str, value: Any) -> None:
    if node[name].value() != value:
        node[name].setValue(value)
