# SPDX-License-Identifier: Apache-2.0
"""Checks of rendering and reading, on tiny files that are made here."""

from __future__ import annotations

import os
from typing import Any

import nuke

from void_smoke import exr
from void_smoke.bench import TERMINAL, Bench, check, raised

SIZE = (8, 6)


def frames(bench: Bench, name: str, numbers: tuple[int, ...]) -> str:
    """Files whose every sample is a sixteenth of their number; returns their pattern."""
    folder = f"{bench.folder}/{name}"
    os.makedirs(folder, exist_ok=True)
    for number in numbers:
        value = number / 16
        exr.write(f"{folder}/{name}.{number:04d}.exr", SIZE, dict.fromkeys("RGBA", lambda x, y, v=value: v))
    return f"{folder}/{name}.%04d.exr"


def reader(pattern: str, first: int, last: int) -> Any:
    """A Read of files."""
    read = nuke.nodes.Read()
    read["file"].fromUserText(f"{pattern} {first}-{last}")
    read["raw"].setValue(True)
    return read


def writer(bench: Bench, source: Any, name: str) -> tuple[Any, str]:
    """A Write behind a node, and the folder that it writes into, which is not made."""
    write = nuke.nodes.Write()
    write.setInput(0, source)
    write["file_type"].setValue("exr")
    write["channels"].setValue("rgba")
    write["raw"].setValue(True)
    write["file"].setValue(f"{bench.folder}/{name}/{name}.%04d.exr")
    return write, f"{bench.folder}/{name}"


def written(folder: str) -> list[str]:
    """The files of a folder, without their folder; none where it is not there."""
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


@check("N70", "frame_mode start at N shows the first file on frame N, offset N the file of frame + N")
def frame_modes(bench: Bench) -> tuple[bool, Any]:
    # Files for the other meanings too, so that the report says which it is.
    read = reader(frames(bench, "modes", (1, 2, 3, 102, 202, 203)), 1, 203)
    seen = {}
    for mode, text, frame in (
        ("start at", "101", 102),
        ("offset", "-100", 103),
        ("expression", "frame-10", 11),
    ):
        read["frame_mode"].setValue(mode)
        read["frame"].setValue(text)
        seen[f"{mode} {text}, frame {frame}"] = _number(read.metadata("input/filename", frame))
    return list(seen.values()) == [2, 3, 1], seen


def _number(path: Any) -> Any:
    parts = str(path).split(".")
    return int(parts[-2]) if len(parts) > 2 and parts[-2].isdigit() else path


@check("N70", "rendered, a Read with offset N shows the file of frame + N")
def offset_in_pixels(bench: Bench) -> tuple[bool, Any]:
    read = reader(frames(bench, "shifted", (1, 2, 3)), 1, 3)
    read["frame_mode"].setValue("offset")
    read["frame"].setValue("-100")
    write, folder = writer(bench, read, "shifted_out")
    os.makedirs(folder)
    nuke.execute(write, 102, 102, 1, ["main"] if "main" in nuke.views() else [nuke.views()[0]])
    value = exr.read(f"{folder}/shifted_out.0102.exr").numbers("R")[0]
    return value == 2 / 16, value


@check("N71", "metadata input/filename is the path of the file that a Read shows")
def file_in_metadata(bench: Bench) -> tuple[bool, Any]:
    pattern = frames(bench, "named", (1, 2, 3))
    seen = reader(pattern, 1, 3).metadata("input/filename", 2)
    same = os.path.normcase(os.path.normpath(str(seen))) == os.path.normcase(os.path.normpath(pattern % 2))
    return same, seen


@check("N36", "a Write needs its folder or create_directories, and leaves only whole files")
def missing_folder(bench: Bench) -> tuple[bool, Any]:
    write, folder = writer(bench, reader(frames(bench, "folder", (1,)), 1, 1), "folder_out")
    before = raised(nuke.execute, write, 1, 1), written(folder)
    write["create_directories"].setValue(True)
    after = raised(nuke.execute, write, 1, 1)[0], written(folder)
    so = before[0][0] == "RuntimeError" and not before[1] and after == ("", ["folder_out.0001.exr"])
    return so, (before, after)


@check("N35", "a missing frame raises RuntimeError, and is black where on_error says so")
def missing_frame(bench: Bench) -> tuple[bool, Any]:
    read = reader(frames(bench, "gap", (1,)), 1, 2)
    write, folder = writer(bench, read, "gap_out")
    os.makedirs(folder)
    error = raised(nuke.execute, write, 2, 2)
    read["on_error"].setValue("black")
    black = raised(nuke.execute, write, 2, 2)[0]
    value = exr.read(f"{folder}/gap_out.0002.exr").numbers("R")[0] if written(folder) else None
    return error[0] == "RuntimeError" and (black, value) == ("", 0.0), (error, black, value)


@check("N39", "a failure ends a render, and with continueOnError only its frame is missing")
def failing_frame(bench: Bench) -> tuple[bool, Any]:
    write, folder = writer(bench, reader(frames(bench, "fails", (1, 3)), 1, 3), "fails_out")
    os.makedirs(folder)
    views = [nuke.views()[0]]
    stops = raised(nuke.execute, write, 1, 3)[0], written(folder)
    goes_on = raised(nuke.execute, write, 1, 3, 1, views, True)[0], written(folder)
    one, three = "fails_out.0001.exr", "fails_out.0003.exr"
    return stops == ("RuntimeError", [one]) and goes_on[1] == [one, three], (stops, goes_on)


@check("N38", "disabled, reading or out of its limit a Write writes nothing, and does not say so")
def silent_write(bench: Bench) -> tuple[bool, Any]:
    write, folder = writer(bench, reader(frames(bench, "silent", (1,)), 1, 1), "silent_out")
    os.makedirs(folder)
    seen = {}
    write["first"].setValue(5)
    write["last"].setValue(6)
    for knob in ("disable", "reading", "use_limit"):
        write[knob].setValue(True)
        seen[knob] = raised(nuke.execute, write, 1, 1)[0], written(folder)
        write[knob].setValue(False)
    return all(found == ("", []) for found in seen.values()), seen


@check("N72", "execute of a group does not render the disabled Write inside")
def group_with_disabled_write(bench: Bench) -> tuple[bool, Any]:
    group = nuke.nodes.Group()
    with group:
        write, folder = writer(bench, reader(frames(bench, "inside", (1,)), 1, 1), "inside_out")
        write["create_directories"].setValue(True)
        write["disable"].setValue(True)
        nuke.nodes.Output().setInput(0, write)
    error = raised(nuke.execute, group, 1, 1)
    return not written(folder), (error, written(folder))


@check("N30", "execute inside of a render raises RuntimeError I'm already executing something else")
def not_re_entrant(bench: Bench) -> tuple[bool, Any]:
    write, folder = writer(bench, reader(frames(bench, "twice", (1,)), 1, 1), "twice_out")
    os.makedirs(folder)
    again = "try:\n    nuke.execute(nuke.thisNode(), 1, 1)\nexcept RuntimeError as error:\n"
    write["beforeRender"].setValue(again + "    nuke.thisNode()['label'].setValue(str(error))")
    nuke.execute(write, 1, 1)
    seen = write["label"].value()
    return "already executing" in seen, seen


@check("N37", "a render is at the proxy's scale while proxy mode is on", (TERMINAL,))
def proxy(bench: Bench) -> tuple[bool, Any]:
    write, folder = writer(bench, reader(frames(bench, "proxy", (1,)), 1, 1), "proxy_out")
    os.makedirs(folder)
    root = nuke.root()
    root["proxy_type"].setValue("scale")
    root["proxy_scale"].setValue(0.5)
    root["proxy"].setValue(True)
    try:
        nuke.execute(write, 1, 1)
    finally:
        root["proxy"].setValue(False)
    seen = exr.read(f"{folder}/proxy_out.0001.exr").display
    return seen == (SIZE[0] // 2, SIZE[1] // 2), seen


@check("N75", "%V in a Write's file is the view", (TERMINAL,))
def view_in_name(bench: Bench) -> tuple[bool, Any]:
    before = nuke.root()["views"].toScript()
    nuke.addView("void_left")
    try:
        write, folder = writer(bench, reader(frames(bench, "views", (1,)), 1, 1), "views_out")
        write["file"].setValue(f"{folder}/%V.%04d.exr")
        write["create_directories"].setValue(True)
        nuke.execute(write, 1, 1, 1, ["void_left"])
    finally:
        nuke.root()["views"].fromScript(before)
    return written(folder) == ["void_left.0001.exr"], written(folder)
