# SPDX-License-Identifier: Apache-2.0
"""Three frames through the whole way, one step after the other: node, helper, server, files, node.

What a button does, without Nuke's event loop: the same functions, but the answers are waited for.
"""

from __future__ import annotations

import os
import time
from typing import Any

import nuke
from void_line.helper import Helper
from void_nuke import preflight, result
from void_nuke.colour import BUILT_IN, NUKE_LINEAR, Colour
from void_nuke.folders import claim_version, join, version_name, write_record
from void_nuke.order import build_order, result_name
from void_nuke.rendering import Rendered, render
from void_nuke.source import source_of
from void_nuke.upgrade import gizmo_file
from void_nuke.values import channel_of, inputs_of, read_values
from void_nuke.work import MATTE_TYPE

from void_smoke import exr
from void_smoke.bench import Bench, raised
from void_smoke.rendering import reader

SIZE = (64, 48)
FIRST, LAST = 1001, 1003
TIMEOUT = 240.0
"""Seconds for one answer; a server that is started for this loads its libraries first."""

BLENDS = ("void_mask.alpha", "void_mask.A")
"""The blend matte's names in files."""

COLOURS = ("R", "G", "B")


class Failed(Exception):
    """The helper's or the server's answer was an error."""


def three_frames(bench: Bench, server: str, steps: list[dict[str, Any]]) -> list[str]:
    """Remove a disc from three frames; each step is noted as it is done. Returns the last lines of the log.

    Args:
        server: HOST:PORT; empty = the site's, else the user's own, which is started.
        steps: gets what each step showed.
    """
    helper = None
    try:
        node, plate, remove = _nodes(bench, steps)
        started = time.monotonic()
        helper = Helper(f"nuke {nuke.NUKE_VERSION_STRING} check")
        hello = _asked(helper, "capabilities", {"server": {"address": server}})
        _note(steps, "helper and server answer", True, hello.get("version"), started)
        record = _removed(bench, node, plate, remove, helper, server, steps)
        _compare(node, record, steps)
        _rendered(bench, node, record, steps)
        _kept(bench, node, steps)
    except Exception as error:  # noqa: BLE001 - the report has to say what stopped it
        _note(steps, "went through", False, f"{type(error).__name__}: {error}", time.monotonic())
    finally:
        if helper is not None:
            helper.close()
    return _tail(helper.log) if helper is not None else []


def _note(steps: list[dict[str, Any]], step: str, so: bool, seen: Any, started: float) -> None:
    said = seen if isinstance(seen, str) else repr(seen)
    took = round(time.monotonic() - started, 3)
    steps.append({"step": step, "result": "ok" if so else "differs", "seen": said[:400], "seconds": took})


def _nodes(bench: Bench, steps: list[dict[str, Any]]) -> tuple[Any, Any, Any]:
    started = time.monotonic()
    folder = f"{bench.folder}/shot"
    os.makedirs(folder)
    for frame in range(FIRST, LAST + 1):
        x0 = 16 + 12 * (frame - FIRST)

        def inside(x: int, y: int, x0: int = x0) -> float:
            return 1.0 if x0 <= x < x0 + 8 and 20 <= y < 30 else 0.0

        def wall(x: int, y: int, shift: int) -> float:
            return 0.1 + 0.02 * ((x * 7 + y * 5 + shift) % 17)

        channels = {
            name: lambda x, y, s=shift, i=inside: 2.5 if i(x, y) else wall(x, y, s)
            for shift, name in enumerate(COLOURS)
        }
        exr.write(f"{folder}/plate.{frame:04d}.exr", SIZE, channels)
        exr.write(f"{folder}/remove.{frame:04d}.exr", SIZE, {"A": inside})
    plate = reader(f"{folder}/plate.%04d.exr", FIRST, LAST)
    remove = reader(f"{folder}/remove.%04d.exr", FIRST, LAST)
    for other in nuke.selectedNodes():
        other.setSelected(False)
    nuke.nodePaste(gizmo_file())
    node = nuke.selectedNode()
    node.setInput(0, plate)
    node.setInput(1, remove)
    node["void_output"].setValue(f"{bench.folder}/results")
    node["void_compression"].setValue("none")
    node["void_reasoner"].setValue("none")
    _note(steps, "nodes are made", True, [str(at.fullName()) for at in (node, plate, remove)], started)
    return node, plate, remove


def _asked(helper: Helper, do: str, fields: dict[str, Any]) -> dict[str, Any]:
    answer = helper.ask(do, fields, TIMEOUT)
    if "error" in answer:
        error = answer["error"]
        said = [str(f["message"]) for f in error.get("findings") or ()]
        raise Failed(" ".join([str(error["message"]), str(error.get("fix") or ""), *said]).strip())
    reply = answer["reply"]
    return dict(reply)


def _removed(
    bench: Bench, node: Any, plate: Any, remove: Any, helper: Helper, server: str, steps: list[dict[str, Any]]
) -> dict[str, Any]:
    started = time.monotonic()
    values, inputs = read_values(node, "remove"), inputs_of(node)
    preflight.check(node, values, inputs, {"remove": channel_of(node, "remove")}, "remove")
    source = source_of(plate, values.frames, values.view, bool(nuke.root()["proxy"].value()))
    _note(steps, "the plate's own files are sent", source.files is not None, source.reason or "yes", started)
    if source.files is None:
        raise Failed(f"the plate would be rendered: {source.reason}")
    version = claim_version(values.folder, 0)
    folder = join(values.folder, version_name(version))
    started = time.monotonic()
    node.node("PickRemove")["from0"].setValue(channel_of(node, "remove"))
    pattern = join(folder, "inputs", "remove.%04d.exr")
    asked = [Rendered("remove", node.node("SendRemove"), pattern, list(values.frames), MATTE_TYPE)]
    files = {"plate": list(source.files.files), **render(values.name, asked, values.view)}
    same = all(
        exr.read(path).numbers("A") == exr.read(f"{bench.folder}/shot/remove.{frame:04d}.exr").numbers("A")
        for frame, path in files["remove"]
    )
    disabled = bool(node.node("SendRemove")["disable"].value())
    _note(steps, "the matte is rendered as it is", same and disabled, f"disabled again: {disabled}", started)
    colour = Colour(NUKE_LINEAR, BUILT_IN)
    order = build_order(values, files, {}, source.files.numbers, colour, folder, "remove")
    started = time.monotonic()
    address = {"address": server}
    job = _asked(helper, "submit", {"server": address, "order": order})["job"]
    ended = _asked(helper, "watch", {"server": address, "job": job})
    _note(steps, "the job is done", ended["state"] == "done", ended, started)
    if ended["state"] != "done":
        raise Failed(f"the job is {ended['state']}")
    record = {
        "ticket": "check",
        "kind": "remove",
        "version": version,
        "folder": values.folder,
        "job": job,
        "name": result_name(values.name),
        "padding": 4,
        "first": FIRST,
        "last": LAST,
        "stereo": False,
        "read": {},
        "server": "",
        "script": "",
        "node": str(node.fullName()),
    }
    write_record(folder, record)
    started = time.monotonic()
    node["void_version"].setValue(version)
    result.point_at(node, record)
    path = str(node.node("Result")["file"].evaluate(FIRST))
    _note(steps, "the node's Read finds the result", os.path.isfile(path), path, started)
    return record


def _blend(picture: exr.Picture) -> tuple[float, ...]:
    for name in BLENDS:
        if name in picture.channels:
            return picture.numbers(name)
    raise Failed(f"there is no blend matte among {sorted(picture.channels)}")


def _compare(node: Any, record: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    started = time.monotonic()
    outside, inside = 0, 0
    so = True
    for frame in range(FIRST, LAST + 1):
        back = exr.read(str(node.node("Result")["file"].evaluate(frame)))
        plate = exr.read(str(node.input(0)["file"].evaluate(frame)))
        blend = _blend(back)
        so = so and exr.same_where(back, plate, COLOURS, [value == 0 for value in blend])
        outside += sum(value == 0 for value in blend)
        inside += sum(value != 0 for value in blend)
    said = f"{outside} pixels outside, {inside} inside"
    _note(
        steps, "outside of the blend matte the files have the plate's bits", so and inside > 0, said, started
    )


def _rendered(bench: Bench, node: Any, record: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    """What comes out of the node, by Nuke's own Keymix, Copy and Switch."""
    started = time.monotonic()
    title = "rendered by Nuke, the node gives the plate's bits outside and the result's inside"
    write = nuke.nodes.Write()
    write.setInput(0, node)
    pattern = f"{bench.folder}/out.%04d.exr"
    setting = {"file_type": "exr", "channels": "all", "raw": True, "file": pattern}
    for name, value in {**setting, "datatype": "32 bit float"}.items():
        write[name].setValue(value)
    try:
        nuke.execute(write, FIRST, FIRST)
    except NotImplementedError as reason:
        steps.append({"step": title, "result": "not checked", "seen": str(reason), "seconds": 0})
        return
    out, back = exr.read(pattern % FIRST), exr.read(str(node.node("Result")["file"].evaluate(FIRST)))
    plate = exr.read(str(node.input(0)["file"].evaluate(FIRST)))
    blend = _blend(back)
    so = exr.same_where(out, plate, COLOURS, [value == 0 for value in blend])
    so = so and exr.same_where(out, back, COLOURS, [value > 0 for value in blend])
    so = so and _blend(out) == blend
    _note(steps, title, so, sorted(out.channels), started)


def _kept(bench: Bench, node: Any, steps: list[dict[str, Any]]) -> None:
    started = time.monotonic()
    before = _state(node)
    copy = bench.again(node)
    odd = {name: value for name, value in _state(copy).items() if value != before[name]}
    _note(steps, "a copy of the node shows the same result", not odd, odd or "the same", started)
    if bench.gui:
        return
    started = time.monotonic()
    at, path = str(node.fullName()), bench.file(".nk")
    error, seen = raised(_reopened, path, at)
    odd = {name: value for name, value in seen.items() if value != before[name]} if not error else seen
    so = not error and not odd
    _note(steps, "the script, saved and opened again, shows the same result", so, odd or "the same", started)


def _reopened(path: str, at: str) -> dict[str, Any]:
    nuke.scriptSaveAs(path)
    nuke.scriptClear()
    nuke.scriptOpen(path)
    return _state(nuke.toNode(at))


def _state(node: Any) -> dict[str, Any]:
    inner = node.node("Result")
    names = ("void_version", "void_has_result", "void_kind", "void_output", "void_compression", "void_range")
    found = {name: node[name].value() for name in names}
    for name in ("file", "first", "last", "raw", "on_error", "frame_mode"):
        found[f"Result.{name}"] = inner[name].value()
    return {**found, "shown": inner["file"].evaluate(FIRST), "off": bool(inner["disable"].value())}


def _tail(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in file.readlines()[-20:]]
    except OSError:
        return []
