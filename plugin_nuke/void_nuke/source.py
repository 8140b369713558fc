# SPDX-License-Identifier: Apache-2.0
"""Whether the plate is a Read's own EXR files, which then need not be rendered.

Everything between Read and node but Dots changes pixels or frames, so that then the input is rendered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from void_nuke import frames as numbers

COPIED = ("colorspace", "raw", "premultiplied", "frame_mode", "frame")
"""Knobs of the Read that the node's own Read has to have too, to show the result as the Read shows its files."""


class ReadFiles(NamedTuple):
    """Files of a Read that are sent as they are.

    Attributes:
        files: (number in the file's name, path) for each frame of the script, in order.
        numbers: number in the file's name by frame of the script.
        knobs: values of `COPIED`.
    """

    files: tuple[tuple[int, str], ...]
    numbers: dict[int, int]
    knobs: dict[str, Any]


class Source(NamedTuple):
    """The files, or why the input has to be rendered."""

    files: ReadFiles | None
    reason: str


def source_of(plate: Any, frames: Sequence[int], view: str, proxy: bool) -> Source:
    """What to send for an input.

    Args:
        plate: node that is connected to it.
        frames: of the script, ascending.
        view: may be empty.
        proxy: whether the script is in proxy mode.
    """
    read = behind_dots(plate)
    if not is_read(plate):
        return Source(None, "there is more than a Read before it")
    pattern = str(read["file"].value())
    problem = _refusal(read, pattern, proxy)
    if problem:
        return Source(None, problem)
    first, last = int(read["first"].value()), int(read["last"].value())
    found: dict[int, int] = {}
    for frame in frames:
        number = numbers.file_frame(str(read["frame_mode"].value()), str(read["frame"].value()), first, frame)
        if number is None:
            return Source(None, "only Nuke can tell which file it shows on a frame")
        if not first <= number <= last:
            return Source(None, f"it holds or loops on frame {frame}")
        found[frame] = number
    paths = [(number, numbers.file_of(pattern, number, view)) for number in found.values()]
    missing = [number for number, path in paths if not os.path.isfile(path)]
    if missing:
        return Source(None, f"the files of frames {numbers.describe(missing)} are not there")
    if not _agrees(read, found, paths, view):
        return Source(None, "Nuke reads other files than its knobs say")
    return Source(ReadFiles(tuple(paths), found, {name: read[name].value() for name in COPIED}), "")


def behind_dots(node: Any) -> Any:
    """The node that Dots lead to; None where they lead nowhere."""
    while node is not None and node.Class() == "Dot":
        node = node.input(0)
    return node


def is_read(node: Any) -> bool:
    """Whether a node is a Read, or Dots behind one."""
    read = behind_dots(node)
    return read is not None and read.Class() == "Read"


def _refusal(read: Any, pattern: str, proxy: bool) -> str:
    if proxy:
        return "the script is in proxy mode"
    if read["disable"].value():
        return "its Read is disabled"
    if "[" in pattern:
        return "its Read's file has an expression"
    if not os.path.isabs(pattern):
        return "its Read's file is no whole path"
    if not pattern.lower().endswith(".exr"):
        return "its Read is no EXR"
    if not numbers.is_numbered(pattern):
        return "its Read is a single file"
    return ""


def _agrees(read: Any, found: dict[int, int], paths: Sequence[tuple[int, str]], view: str) -> bool:
    """Whether Nuke's own metadata name the same files, where it tells them, on the first and last frame."""
    ends = [(frame, path) for frame, (_, path) in zip(found, paths)]
    for frame, path in (ends[0], ends[-1]):
        told = (
            read.metadata("input/filename", frame, view) if view else read.metadata("input/filename", frame)
        )
        if told and os.path.normcase(_spelt(str(told))) != os.path.normcase(_spelt(path)):
            return False
    return True


def _spelt(path: str) -> str:
    return re.sub(r"/+", "/", path.replace("\\", "/"))
