# SPDX-License-Identifier: Apache-2.0
"""The one step that blocks Nuke: rendering the inputs to EXR files, with all that it changes put back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import nuke

from void_nuke import frames as numbers
from void_nuke.errors import Cancelled, NodeError

# What a Write must be for a file to come out whatever was done to it: ComfyUI bridges met each of these.
_SAFE = {
    "create_directories": True,
    "reading": False,
    "use_limit": False,
    "disable": False,
    "raw": True,
    "on_error": "error",
    "frame_mode": "expression",
    "frame": "",
    "file_type": "exr",
}
_SAFE_EXR = {
    "compression": "Zip (1 scanline)",
    "autocrop": False,
    "metadata": "default metadata and exr/*",
    "interleave": "channels, layers and views",
}


CANCELLED = ("cancelled", "canceled")
"""What Nuke says, and nothing else, when an artist has cancelled; paths in its other messages may have the word."""


class Rendered(NamedTuple):
    """What to render of one input.

    Attributes:
        role: `plate`, `remove`, `affected`, `keep` or `quadmask`.
        write: the Write inside of the node.
        pattern: file with `%04d`.
        frames: of the script.
        datatype: `16 bit half` or `32 bit float`.
    """

    role: str
    write: Any
    pattern: str
    frames: Sequence[int]
    datatype: str


def datatype_of(plate: Any) -> str:
    """The EXR type that loses nothing of a node's pixels: half only where all comes from half."""
    seen: set[str] = set()
    waiting, bits = [plate], []
    while waiting:
        at = waiting.pop()
        name = str(at.fullName())
        if name in seen:
            continue
        seen.add(name)
        before = [at.input(number) for number in range(at.inputs())]
        waiting += [one for one in before if one is not None]
        if isinstance(at, nuke.Group):
            # What is inside of it nobody looks at.
            bits.append("")
        elif not before:
            bits.append(str(at.metadata("input/bitsperchannel") or ""))
    # "16-bit fixed" is of whole numbers, which half floats cannot hold.
    return "16 bit half" if all("half" in one for one in bits) else "32 bit float"


def render(name: str, asked: Sequence[Rendered], view: str) -> dict[str, list[tuple[int, str]]]:
    """Render inputs; returns (frame, file) of each, by role.

    Args:
        name: of the node, for messages.
        asked: what to render; nothing is done for no frames.
        view: the one to render.

    Raises:
        Cancelled: by the artist.
        NodeError: Nuke could not, or a file is not there afterwards.
    """
    done: dict[str, list[tuple[int, str]]] = {}
    with full_size():
        for one in asked:
            done[one.role] = _render_one(name, one, view)
    return done


@contextmanager
def full_size() -> Iterator[None]:
    """Proxy mode is off within; Nuke renders at its active scale."""
    root = nuke.root()
    before = bool(root["proxy"].value())
    if before:
        root["proxy"].setValue(False)
    try:
        yield
    finally:
        if before:
            root["proxy"].setValue(True)


def _render_one(name: str, one: Rendered, view: str) -> list[tuple[int, str]]:
    write = one.write
    files = [(frame, numbers.file_of(one.pattern, frame, view)) for frame in one.frames]
    try:
        os.makedirs(os.path.dirname(one.pattern), exist_ok=True)
    except OSError as error:
        raise NodeError(
            f"{name}: the folder {os.path.dirname(one.pattern)} cannot be made: {error.strerror or error}.",
            "Name another on the tab Output.",
        ) from error
    with _prepared(write, one, view):
        for first, last in numbers.runs(one.frames):
            try:
                nuke.execute(write, first, last, 1, [view])
            except RuntimeError as error:
                if str(error).strip().lower() in CANCELLED:
                    raise Cancelled(f"{name}: rendering was cancelled.", "Nothing was sent.") from error
                raise NodeError(
                    f"{name}: Nuke could not render the input {one.role}: {error}.",
                    "Put that right in the nodes before it, then press again.",
                ) from error
    missing = [frame for frame, path in files if not (os.path.isfile(path) and os.path.getsize(path))]
    if missing:
        raise NodeError(
            f"{name}: Nuke wrote no file for frames {numbers.describe(missing)} of the input {one.role}.",
            f"Look whether {os.path.dirname(files[0][1])} is full or cannot be written to.",
        )
    return files


@contextmanager
def _prepared(write: Any, one: Rendered, view: str) -> Iterator[None]:
    """The Write is set up within; every knob that was changed is as before afterwards."""
    before: list[tuple[str, Any]] = []

    def change(knob: str, value: Any) -> None:
        before.append((knob, write[knob].value()))
        write[knob].setValue(value)

    try:
        for knob, value in _SAFE.items():
            change(knob, value)
        # The knobs of EXR are there from here on.
        of_this = {"datatype": one.datatype, "views": view, "file": one.pattern}
        for knob, value in {**_SAFE_EXR, **of_this}.items():
            change(knob, value)
        yield
    finally:
        for knob, value in reversed(before):
            write[knob].setValue(value)
