# SPDX-License-Identifier: Apache-2.0
"""File patterns and frame ranges as an artist writes them: `matte.####.exr`, `matte.%04d.exr`, 1001-1040."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from void_server.errors import InvalidInput

# Order matters: a name with a printf token may hold a literal '#' or '@' besides.
_TOKENS = (re.compile(r"%(?:0(\d{1,2}))?d"), re.compile(r"#+"), re.compile(r"@+"))
_NUMBER = re.compile(r"-?\d+", re.ASCII)
_NUMBER_AT_END = re.compile(r"\d+$", re.ASCII)
_RANGE = re.compile(r"^(-?\d+)(?:-(-?\d+))?$", re.ASCII)
_PATH = re.compile(r"[/\\#@%]|\.[A-Za-z0-9]{3}$")


@dataclass(frozen=True)
class FramePattern:
    """A path with, or without, one place for the frame number in its file name.

    Attributes:
        text: the pattern as the user wrote it.
        folder: the folder of the files.
        prefix, suffix: what stands in the name before and behind the number.
        width: digits that the number is padded to; 0 without a place for it.
    """

    text: str
    folder: Path
    prefix: str
    suffix: str
    width: int

    def path(self, frame: int) -> Path:
        """The file of a frame."""
        number = f"{frame:0{self.width}d}" if self.width else ""
        return self.folder / f"{self.prefix}{number}{self.suffix}"

    def frames_on_disk(self) -> list[int]:
        """Numbers of the frames whose files exist, ascending."""
        if not self.width:
            return [self._single()] if self.path(0).is_file() else []
        try:
            names = [entry.name for entry in self.folder.iterdir()]
        except OSError:
            return []
        found = (self._frame_of(name) for name in names)
        return sorted(frame for frame in found if frame is not None)

    def _frame_of(self, name: str) -> int | None:
        if not (name.startswith(self.prefix) and name.endswith(self.suffix)):
            return None
        digits = name[len(self.prefix) : len(name) - len(self.suffix)]
        if not _NUMBER.fullmatch(digits):
            return None
        return int(digits) if self.path(int(digits)).name == name else None

    def _single(self) -> int:
        """Without a place for the number: the number at the end of the name, else 1."""
        found = _NUMBER_AT_END.search(Path(self.prefix).stem)
        return int(found.group()) if found else 1


def parse_pattern(text: str) -> FramePattern:
    """The pattern behind what a user wrote: the first of `%04d`, `####` and `@@@@` that its file name has.

    Raises:
        InvalidInput: there is no file name, or it has two places for the number.
    """
    path = Path(text)
    if not path.name:
        raise InvalidInput(f"{text!r} names no file.", fix="Write a pattern such as matte.####.exr.")
    for token in _TOKENS:
        places = list(token.finditer(path.name))
        if len(places) > 1:
            raise InvalidInput(
                f"{text} has {len(places)} places for the frame number.",
                fix="Leave one, such as matte.####.exr.",
                file=text,
            )
        if places:
            start, end = places[0].span()
            return FramePattern(text, path.parent, path.name[:start], path.name[end:], _width(places[0]))
    return FramePattern(text, path.parent, path.name, "", 0)


def split_channel(text: str) -> tuple[str, str]:
    """`PATTERN[:channel]` as pattern and channel; the channel is empty where none is named."""
    pattern, colon, channel = text.rpartition(":")
    drive = len(pattern) == 1 and pattern.isalpha()
    if not colon or drive or _PATH.search(channel):
        return text, ""
    if not channel:
        raise InvalidInput(
            f"{text} ends with a colon.", fix="Write PATTERN:channel, such as roto.####.exr:red."
        )
    return pattern, channel


def parse_range(text: str) -> range:
    """The frames of `A-B`, or of `A` alone.

    Raises:
        InvalidInput: anything else, or B before A.
    """
    found = _RANGE.match(text.strip())
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if last < first:
        raise InvalidInput(f"{text!r} is no frame range.", fix="Write FIRST-LAST, such as --range 1001-1040.")
    return range(first, last + 1)


def gaps(frames: Iterable[int]) -> list[int]:
    """The numbers between the first and the last frame that are not there, ascending."""
    there = set(frames)
    return [n for n in range(min(there), max(there) + 1) if n not in there] if there else []


def _width(token: re.Match[str]) -> int:
    return max(1, int(token.group(1) or 1)) if token.re is _TOKENS[0] else len(token.group())
