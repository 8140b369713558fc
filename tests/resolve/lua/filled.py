# SPDX-License-Identifier: Apache-2.0
"""The macro filled for one result, by the table of replacements in docs/resolve_macro.md."""

from __future__ import annotations


def lua_text(path: str) -> str:
    """A path as it stands between the quotes of a Lua text.

    Raises:
        ValueError: a control character, which no reader of a `.setting` was seen to take.
    """
    if any(ord(char) < 32 for char in path):
        raise ValueError(f"{path!r} has a control character")
    return path.replace("\\", "\\\\").replace('"', '\\"')


def filled(text: str, *, result: str, matte: str, first: int, last: int, starts_at: int) -> str:
    """The macro's text for the frames `first` to `last`, shown from the composition's frame `starts_at`."""
    count = last - first + 1
    for line, key, number in (
        ("StartFrame = 0,", "StartFrame", first),
        ("Length = 1,", "Length", count),
        ("TrimOut = 0,", "TrimOut", count - 1),
        ("GlobalStart = 0,", "GlobalStart", starts_at),
        ("GlobalEnd = 0,", "GlobalEnd", starts_at + count - 1),
    ):
        text = text.replace(line, f"{key} = {number},")
    for placeholder, path in (("VOID_RESULT_SEQUENCE", result), ("VOID_MATTE_SEQUENCE", matte)):
        text = text.replace(f'"{placeholder}"', f'"{lua_text(path)}"')
    return text
