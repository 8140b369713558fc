# SPDX-License-Identifier: Apache-2.0
"""From a press to an order on its way: check, take a new version, render the inputs, submit."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping
from typing import Any

import nuke

from void_nuke import display, fingerprint, follow, preflight, result
from void_nuke import frames as numbers
from void_nuke.colour import Colour, space_of_read, working_space
from void_nuke.errors import NodeError
from void_nuke.folders import INPUTS, claim_version, join, version_name, write_record
from void_nuke.main_thread import outside_undo, undo_step, unheard
from void_nuke.order import build_order, result_name
from void_nuke.release import check_release
from void_nuke.rendering import Rendered, datatype_of, render
from void_nuke.session import SESSION
from void_nuke.source import ReadFiles, Source, source_of
from void_nuke.values import Values, channel_of, colour_management, inputs_of, is_stereo, read_values

STEPS = {"remove": "Remove", "preview": "Preview", "masks": "Masks only", "rerun": "Re-run from masks"}
"""Names of the buttons, for undo and messages."""

MATTE_TYPE = "16 bit half"
_WRITES = {"plate": "SendPlate", "remove": "SendRemove", "affected": "SendAffected", "keep": "SendKeep"}
_PICKS = {"remove": "PickRemove", "affected": "PickAffected", "keep": "PickKeep"}
_QUADMASK_WRITE = "SendQuadmask"


def begin(node: Any, kind: str) -> None:
    """Do what a button says.

    Args:
        node: the VOID node.
        kind: a key of `STEPS`.

    Raises:
        NodeError: something is to be put right first; nothing was sent, and no version is used up.
        Cancelled: the artist cancelled the rendering.
    """
    if kind == "remove" and str(node["void_quality"].value()) == "preview":
        kind = "preview"
    _check_is_free(node)
    preflight.check_licence(str(node.name()))
    values, inputs = read_values(node, kind), inputs_of(node)
    channels = _channels(node, inputs)
    preflight.check(node, values, inputs, channels, kind)
    managed = colour_management()
    source = source_of(inputs["plate"], values.frames, values.view, bool(nuke.root()["proxy"].value()))
    colour = None
    if source.files is not None:
        knobs = source.files.knobs
        colour = space_of_read(managed, os.environ, str(knobs["colorspace"]), bool(knobs["raw"]))
        if colour is None:
            source = Source(None, f"its colour space '{knobs['colorspace']}' is Nuke's own")
    working = working_space(managed, os.environ)
    SESSION.helper()
    try:
        shown = int(node["void_version"].value())
        # Views share the numbers of versions.
        version = claim_version(values.folder, shown - 1 if is_stereo() else shown)
    except OSError as error:
        raise NodeError(
            f"{values.name}: the folder {values.folder} cannot be made: {error.strerror or error}.",
            "Name another on the tab Output.",
        ) from error
    folder = join(values.folder, version_name(version))
    try:
        with outside_undo():
            rendered = render(values.name, _asked(node, values, inputs, source, folder, kind), values.view)
        _submit(node, kind, values, version, source, rendered, colour or working, channels)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _check_is_free(node: Any) -> None:
    check_release(node)
    if SESSION.follows(str(result.record_of(node).get("ticket", ""))):
        raise NodeError(f"{node.name()} is at work.", "Wait, or press Cancel first.")


def _channels(node: Any, inputs: Mapping[str, Any]) -> dict[str, str]:
    return {role: channel_of(node, role) for role in inputs if role != "plate"}


def _asked(
    node: Any, values: Values, inputs: Mapping[str, Any], source: Source, folder: str, kind: str
) -> list[Rendered]:
    """What has to be rendered; the inner Copy nodes are told which channel is the matte."""
    drawn = values.key_frames if values.key_frames and values.texts["segmenter"] != "roto" else values.frames
    asked = []
    for role in inputs:
        if role == "plate" and source.files is not None:
            continue
        if role in _PICKS:
            node.node(_PICKS[role])["from0"].setValue(channel_of(node, role))
        name, write, frames = role, _WRITES[role], values.frames
        if role == "remove":
            if kind == "rerun":
                name, write = "quadmask", _QUADMASK_WRITE
            else:
                frames = drawn
        kept = datatype_of(inputs["plate"]) if role == "plate" else MATTE_TYPE
        pattern = join(folder, INPUTS, f"{name}.%04d.exr")
        asked.append(Rendered(name, node.node(write), pattern, list(frames), kept))
    return asked


def _submit(
    node: Any,
    kind: str,
    values: Values,
    version: int,
    source: Source,
    rendered: Mapping[str, list[tuple[int, str]]],
    colour: Colour,
    channels: Mapping[str, str],
) -> None:
    frame_of = source.files.numbers if source.files is not None else {f: f for f in values.frames}
    files = {role: [(frame_of[f], path) for f, path in pairs] for role, pairs in rendered.items()}
    if source.files is not None:
        files["plate"] = list(source.files.files)
    folder = join(values.folder, version_name(version))
    # What the node rendered of a matte is one channel; which of the input's it was is known here alone.
    order = build_order(values, files, {}, frame_of, colour, folder, kind)
    before, after = values.handles
    delivered = files["plate"][before : len(files["plate"]) - after]
    record = _record(node, kind, values, version, source.files, delivered)
    try:
        write_record(folder, record)
    except OSError as error:
        raise NodeError(
            f"{values.name}: the folder {folder} cannot be written to: {error.strerror or error}.",
            "Name another on the tab Output, or make room there.",
        ) from error
    follow.log(
        record,
        f"{STEPS[kind]} of {values.name}, frames {numbers.describe(values.frames)}, view {values.view}.",
    )
    follow.log(record, f"Colour space {colour.space}, config {colour.config}.")
    follow.log(
        record,
        "The plate's own files are sent." if source.files else f"The plate is rendered: {source.reason}.",
    )
    SESSION.submit(record, values.server, order)
    with undo_step(f"{values.name}: {STEPS[kind]}"), unheard(node):
        node["void_version"].setValue(version)
        result.keep_record(node, record)
        node["void_fingerprint"].setValue(record["fingerprint"])
        display.show(node, display.SENDING)


def _record(
    node: Any,
    kind: str,
    values: Values,
    version: int,
    files: ReadFiles | None,
    plate: list[tuple[int, str]],
) -> dict[str, Any]:
    """What has to be known to show the result, and to find the job again; no secret is in it.

    Args:
        plate: (job frame, path) of the frames that come back.
    """
    return {
        "ticket": uuid.uuid4().hex,
        "kind": kind,
        "version": version,
        "folder": values.folder,
        "name": result_name(values.name),
        "padding": follow.LEAST_PADDING,
        "first": min(frame for frame, _ in plate),
        "last": max(frame for frame, _ in plate),
        "read": _shown_alike(files, values.frames[values.handles[0]]) if files is not None else {},
        "stereo": is_stereo(),
        "server": values.server["address"],
        "job": "",
        "script": str(nuke.root().name()),
        "node": str(node.fullName()),
        "fingerprint": fingerprint.fingerprint(node),
    }


def _shown_alike(files: ReadFiles, first: int) -> dict[str, Any]:
    """Knobs with which a Read of the result shows a file on the frame on which the plate's Read shows it.

    Args:
        first: frame of the script on which the first file is shown.
    """
    knobs = dict(files.knobs)
    if knobs["frame_mode"] == "start at":
        # Counted from a Read's own first file, which is another one here.
        knobs["frame"] = str(first)
    return knobs
