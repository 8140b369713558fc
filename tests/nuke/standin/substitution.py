# SPDX-License-Identifier: Apache-2.0
"""What stands in a file name besides itself: `[value …]`, `[file …]`, frame numbers, views (2.3, 5.1, N17).

`[python …]` is refused: a node that needs it does not open safely on a farm.
"""

from __future__ import annotations

import posixpath
import re
from typing import Any

from tests.nuke.standin.expressions import find_knob
from tests.nuke.standin.tcl import split_list


def substitute(text: str, node: Any, frame: int, depth: int = 0) -> str:
    """The text with its Tcl commands replaced by what they say."""
    if depth > 20:
        raise RuntimeError(f"{text!r} refers to itself")
    out, at = [], 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            out.append(text[at + 1])
            at += 2
            continue
        if text[at] != "[":
            out.append(text[at])
            at += 1
            continue
        end = _closing(text, at)
        out.append(_command(text[at + 1 : end], node, frame, depth))
        at = end + 1
    return "".join(out)


def _closing(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise RuntimeError(f"missing close-bracket in {text!r}")


def _command(text: str, node: Any, frame: int, depth: int) -> str:
    name = text.strip().split(None, 1)[0] if text.strip() else ""
    if name == "python":
        raise RuntimeError("[python …] in a file name is refused")
    inner = substitute(text, node, frame, depth + 1) if "[" in text else text
    words = [word.text for word in split_list(inner)]
    if name in ("value", "knob") and len(words) == 2:
        knob = find_knob(node, words[1])
        if knob is None:
            raise RuntimeError(f"[{text}]: nothing is called {words[1]}")
        return str(knob._evaluated(frame, depth + 1))
    if name == "file":
        return _file(text, words)
    if name == "frame":
        return str(frame)
    raise NotImplementedError(f"the stand-in does not know [{text}]")


def _file(text: str, words: list[str]) -> str:
    path = "/".join(words[2:]) if words[1:2] == ["join"] else " ".join(words[2:])
    if words[1:2] == ["dirname"]:
        return posixpath.dirname(path) or "."
    if words[1:2] == ["tail"]:
        return posixpath.basename(path)
    if words[1:2] == ["rootname"]:
        return posixpath.splitext(path)[0]
    if words[1:2] == ["join"]:
        return path
    raise NotImplementedError(f"the stand-in does not know [{text}]")


def numbered(path: str, frame: int, view: str) -> str:
    """The path of one frame and view: `%04d`, `####`, `%V` and `%v` (2.6)."""
    path = path.replace("%V", view).replace("%v", view[:1])
    path = re.sub(r"%0?(\d*)d", lambda found: f"{frame:0{int(found[1] or 0)}d}", path)
    return re.sub(r"#+", lambda found: f"{frame:0{len(found[0])}d}", path)
