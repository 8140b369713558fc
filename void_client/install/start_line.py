# SPDX-License-Identifier: Apache-2.0
"""The one line in Nuke's `init.py` that names the plugin folder, put in and taken out without touching other bytes.

It stands at the end. Where the file ended without a line's end, so does it afterwards: taking the line out gives the
file as it was.
"""

from __future__ import annotations

from void_client.errors import BadInput

MARK = b"# VOID for Nuke, put here by: void install nuke"


def start_line(folder: str) -> bytes:
    """The line for a plugin folder, without its end: ASCII, and harmless where that folder is gone."""
    path = ascii(folder)
    code = f'__import__("os").path.isdir({path}) and __import__("nuke").pluginAppendPath({path})'
    return code.encode("ascii") + b"  " + MARK


def with_line(data: bytes, folder: str, name: str) -> bytes:
    """The file with the line of this folder, in place of one of another folder.

    Args:
        data: the file; empty where there is none.
        folder: the plugin's.
        name: the file's, for messages.

    Raises:
        BadInput: the file is not UTF-8.
    """
    line = start_line(folder)
    told = line.decode("ascii")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{name} is not UTF-8 (byte {error.start}); it was left as it is.",
            fix=f"Add this line at its end yourself: {told}",
            file=name,
        ) from error
    lines = data.splitlines(keepends=True)
    place = next((i for i, found in enumerate(lines) if MARK in found), None)
    if place is not None:
        ending = lines[place][len(lines[place].rstrip(b"\r\n")) :]
        lines[place] = line + ending
        return b"".join(lines)
    ending = _line_end(lines)
    ends_whole = not lines or lines[-1].endswith((b"\n", b"\r"))
    return data + line + ending if ends_whole else data + ending + line


def without_line(data: bytes) -> bytes:
    """The file as it was before the line was put in."""
    lines = data.splitlines(keepends=True)
    place = next((i for i, found in enumerate(lines) if MARK in found), None)
    if place is None:
        return data
    taken = lines.pop(place)
    if place == len(lines) and lines and not taken.endswith((b"\n", b"\r")):
        lines[-1] = lines[-1].rstrip(b"\r\n")
    return b"".join(lines)


def _line_end(lines: list[bytes]) -> bytes:
    """How lines end in a file, by the last of them that ends at all."""
    for line in reversed(lines):
        for end in (b"\r\n", b"\n", b"\r"):
            if line.endswith(end):
                return end
    return b"\n"
