# SPDX-License-Identifier: Apache-2.0
"""Words of Tcl: reading them from a script's text, and writing a value so that it reads back (2.7, N50)."""

from __future__ import annotations

from typing import NamedTuple

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:%#*!?@<>=,^~&|'()")


class TclError(RuntimeError):
    """Text that is not a complete Tcl command."""


class Word(NamedTuple):
    """A word of a command.

    Attributes:
        text: what it says, without quotes or braces.
        braced: whether it stood in braces.
    """

    text: str
    braced: bool = False


def commands(text: str) -> list[list[Word]]:
    """The commands of a script, one a line or split by semicolons; comments are left out."""
    found: list[list[Word]] = []
    at = 0
    words: list[Word] = []
    while at < len(text):
        character = text[at]
        if character == "\\" and text[at + 1 : at + 2] == "\n":
            at += 2
        elif character in " \t\r":
            at += 1
        elif character in "\n;":
            if words:
                found.append(words)
                words = []
            at += 1
        elif character == "#" and not words:
            at = _end_of_line(text, at)
        else:
            word, at = _word(text, at)
            words.append(word)
    if words:
        found.append(words)
    return found


def split_list(text: str) -> list[Word]:
    """The elements of a Tcl list; line ends are mere space in it."""
    found: list[Word] = []
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
        elif text[at] == "\\" and text[at + 1 : at + 2] == "\n":
            at += 2
        else:
            word, at = _word(text, at, listed=True)
            found.append(word)
    return found


def expression(text: str) -> str:
    """The expression that a knob's braces hold: one word, in quotes where it has spaces."""
    if text.lstrip().startswith("curve"):
        return text.strip()
    words = split_list(text)
    if len(words) != 1:
        raise TclError(f"an expression with spaces stands in quotes: {text!r}")
    return words[0].text


def _end_of_line(text: str, at: int) -> int:
    while at < len(text) and text[at] != "\n":
        at += 2 if text[at] == "\\" else 1
    return at


def _word(text: str, at: int, listed: bool = False) -> tuple[Word, int]:
    if text[at] == "{":
        return _braced(text, at, listed)
    if text[at] == '"':
        return _quoted(text, at, listed)
    start, parts, depth = at, [], 0
    while at < len(text):
        character = text[at]
        if depth == 0 and (character in " \t\r\n" or (character == ";" and not listed)):
            break
        if character == "\\":
            piece, at = _escape(text, at)
            parts.append(piece)
            continue
        if character == "[" and not listed:
            if not text.startswith("[stack ", at):
                raise TclError(f"a substitution that would run while loading: {text[at : at + 30]!r}")
            depth += 1
        elif character == "]" and depth:
            depth -= 1
        parts.append(character)
        at += 1
    if depth:
        raise TclError(f"missing close-bracket after {text[start : start + 40]!r}")
    return Word("".join(parts)), at


def _braced(text: str, at: int, listed: bool) -> tuple[Word, int]:
    depth, start, parts = 0, at, []
    while at < len(text):
        character = text[at]
        if character == "\\" and at + 1 < len(text):
            parts.append(" " if text[at + 1] == "\n" else text[at : at + 2])
            at += 2
            continue
        if character == "{":
            depth += 1
            if depth > 1:
                parts.append(character)
        elif character == "}":
            depth -= 1
            if depth == 0:
                after = text[at + 1 : at + 2]
                if after and after not in " \t\r\n;":
                    raise TclError(f"extra characters after close-brace: {text[start : at + 10]!r}")
                return Word("".join(parts), True), at + 1
            parts.append(character)
        else:
            parts.append(character)
        at += 1
    raise TclError(f"missing close-brace after {text[start : start + 40]!r}")


def _quoted(text: str, at: int, listed: bool) -> tuple[Word, int]:
    start, parts = at, []
    at += 1
    while at < len(text):
        character = text[at]
        if character == '"':
            after = text[at + 1 : at + 2]
            if after and after not in " \t\r\n;":
                raise TclError(f"extra characters after close-quote: {text[start : at + 10]!r}")
            return Word("".join(parts)), at + 1
        if character == "\\":
            piece, at = _escape(text, at)
            parts.append(piece)
            continue
        if character == "[" and not listed:
            raise TclError(f"a substitution in quotes would run while loading: {text[start : at + 20]!r}")
        parts.append(character)
        at += 1
    raise TclError(f"missing close-quote after {text[start : start + 40]!r}")


def _escape(text: str, at: int) -> tuple[str, int]:
    following = text[at + 1 : at + 2]
    if following == "":
        raise TclError("a backslash at the end")
    if following == "\n":
        at += 2
        while text[at : at + 1] in (" ", "\t"):
            at += 1
        return " ", at
    if following in ("u", "x"):
        size, end = (4, at + 2) if following == "u" else (2, at + 2)
        while end < len(text) and end < at + 2 + size and text[end] in "0123456789abcdefABCDEF":
            end += 1
        if end > at + 2:
            return chr(int(text[at + 2 : end], 16)), end
    return _ESCAPES.get(following, following), at + 2


def quote(text: str) -> str:
    """A word that reads back as the text."""
    if text and all(character in _PLAIN or ord(character) > 127 for character in text) and text[0] != "#":
        return text
    if not text:
        return '""'
    out = ['"']
    for character in text:
        if character == "\n":
            out.append("\\n")
        elif character in '\\"[]{}$':
            out.append("\\" + character)
        else:
            out.append(character)
    return "".join([*out, '"'])
