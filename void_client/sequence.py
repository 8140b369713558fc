# SPDX-License-Identifier: Apache-2.0
"""File sequences as artists write them: frame patterns, view names, frame ranges, and which files are there.

A frame number is written `%04d`, `####` or `@@@@` in the file name, as Nuke writes it (Foundry, "Loading
Image Sequences"); `%V` is the name of a view and `%v` its first letter, anywhere in the path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from void_client.errors import BadInput

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1

# Order matters: a name with a printf token may hold a literal '#' or '@' besides.
_TOKENS = (re.compile(r"%(?:0(\d{1,2}))?d"), re.compile(r"#+"), re.compile(r"@+"))
_SPACE_PADDED = re.compile(r"%\d+d")
_NUMBER_AT_END = re.compile(r"\d+$", re.ASCII)
_SEPARATE_NUMBER = re.compile(r"(?:^|[._ -])(\d+)$", re.ASCII)
_DRIVE = re.compile(r"^[A-Za-z]$")
_RANGE = re.compile(r"^(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?$")


@dataclass(frozen=True)
class FrameRange:
    """Frames `first`, `first + step`, … not beyond `last`; signed 32-bit numbers, `step` at least 1."""

    first: int
    last: int
    step: int = 1

    def __post_init__(self) -> None:
        if not INT32_MIN <= self.first <= self.last <= INT32_MAX:
            raise BadInput(
                f"The frame range {self.first}-{self.last} ends before it begins or passes 32 bits.",
                fix="Write --range FIRST-LAST, such as 1001-1040.",
            )
        if not 1 <= self.step <= INT32_MAX:
            raise BadInput(f"The step x{self.step} must be at least 1.", fix="Write --range 1001-1040x2.")

    def __str__(self) -> str:
        return f"{self.first}-{self.last}" + (f"x{self.step}" if self.step != 1 else "")

    def __len__(self) -> int:
        return (self.last - self.first) // self.step + 1

    @property
    def last_frame(self) -> int:
        """The last frame of the range; before `last` where the steps do not meet it."""
        return self.first + (len(self) - 1) * self.step

    def frames(self) -> range:
        """All frame numbers, ascending."""
        return range(self.first, self.last + 1, self.step)


def parse_range(text: str) -> FrameRange:
    """The range `A`, `A-B` or `A-BxN`; A and B may be negative.

    Raises:
        BadInput: anything else.
    """
    found = _RANGE.match(text.strip())
    pieces = [piece.strip() for piece in text.split(",") if piece.strip()]
    if len(pieces) > 1 and all(map(_RANGE.match, pieces)):
        raise BadInput(
            f"'{text}' has {len(pieces)} pieces, and a shot is one range: each frame is filled from its neighbours.",
            fix=f"Give the command once for each: --range {', then --range '.join(pieces)}. What lies between them is"
            f" read too with --range {_around(pieces)}.",
        )
    if not found:
        raise BadInput(
            f"'{text}' is not a frame range.", fix="Write FIRST-LAST or FIRST-LASTxSTEP, such as 1001-1040x2."
        )
    first, last, step = found.groups()
    return FrameRange(int(first), int(last if last is not None else first), int(step or 1))


def _around(pieces: Sequence[str]) -> str:
    """The range from the first to the last frame of some ranges."""
    ranges = [parse_range(piece) for piece in pieces]
    return f"{min(r.first for r in ranges)}-{max(r.last for r in ranges)}"


def covering_range(frames: Sequence[int], pattern: str) -> FrameRange:
    """The range that holds exactly `frames` (ascending, not empty).

    Raises:
        BadInput: the frames are not evenly spaced; the message names the gaps.
    """
    if len(frames) == 1:
        return FrameRange(frames[0], frames[0])
    steps = {b - a for a, b in pairwise(frames)}
    if len(steps) > 1:
        raise BadInput(
            f"{pattern} has gaps on disk: found {describe_frames(frames)}.",
            fix="Give the frames to work on with --range FIRST-LAST, or FIRST-LASTxSTEP; each piece is a shot of its"
            " own.",
            file=pattern,
        )
    return FrameRange(frames[0], frames[-1], steps.pop())


def describe_frames(frames: Iterable[int], limit: int = 6) -> str:
    """Frame numbers as runs, such as `1001-1010, 1015`; after `limit` runs, how many more runs there are.

    The server's messages count the same way.
    """
    runs: list[list[int]] = []
    for frame in sorted(set(frames)):
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in runs[:limit]]
    rest = len(runs) - limit
    return ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")


@dataclass(frozen=True)
class FramePattern:
    """A path with, or without, one place for the frame number.

    Attributes:
        text: the pattern as the user wrote it.
        prefix: what stands before the number, views already filled in.
        suffix: what stands behind it; empty without a number.
        width: digits that the number is padded to; 0 without a number.
    """

    text: str
    prefix: str
    suffix: str
    width: int

    @property
    def numbered(self) -> bool:
        """Whether the path has a place for a frame number."""
        return self.width > 0

    def path(self, frame: int) -> str:
        """The path of one frame, as the user would write it (relative stays relative)."""
        return f"{self.prefix}{frame:0{self.width}d}{self.suffix}" if self.numbered else self.prefix

    def frame_of(self, path: str) -> int | None:
        """The frame number that `path` stands for, or None when this pattern never makes that path."""
        if not (path.startswith(self.prefix) and path.endswith(self.suffix)):
            return None
        digits = path[len(self.prefix) : len(path) - len(self.suffix)]
        if not re.fullmatch(r"-?\d+", digits, re.ASCII):
            return None
        frame = int(digits)
        return frame if INT32_MIN <= frame <= INT32_MAX and self.path(frame) == path else None

    def frames_on_disk(self) -> list[int]:
        """Numbers of the frames whose files exist, ascending."""
        if not self.numbered:
            return [self.single_frame()] if Path(self.prefix).is_file() else []
        folder, tail_prefix = _split_folder(self.prefix)
        head, *rest = re.split(r"[/\\]", self.suffix, maxsplit=1)
        in_folder = FramePattern(self.text, tail_prefix, head, self.width)
        try:
            names = [entry.name for entry in Path(folder or ".").iterdir()]
        except OSError:
            return []
        found = (in_folder.frame_of(name) for name in names)
        frames = {f for f in found if f is not None}
        # The number may stand in a folder: then its file must be there too.
        return sorted(f for f in frames if not rest or Path(self.path(f)).is_file())

    def single_frame(self) -> int:
        """For a path without a place for the number: the number at the end of its name, else 1."""
        found = _NUMBER_AT_END.search(_stem(self.prefix))
        number = int(found.group()) if found else 1
        return number if number <= INT32_MAX else 1

    def separate_number(self) -> int | None:
        """For a path without a place for the number: the number that a separator sets off at the end of its name.

        Of `clean.1012.exr` that is 1012; a version, as in `clean_v002.exr`, is none.
        """
        found = _SEPARATE_NUMBER.search(_stem(self.prefix))
        return int(found.group(1)) if found and int(found.group(1)) <= INT32_MAX else None

    def base_name(self) -> str:
        """The file name without frame number, extension and the separators before the number."""
        if not self.numbered:
            name = _NUMBER_AT_END.sub("", _stem(self.prefix)) or _stem(self.prefix)
        elif re.search(r"[/\\]", self.suffix):
            name = _stem(self.suffix)
        else:
            name = _split_folder(self.prefix)[1]
        return name.rstrip("._- ")


def parse_pattern(text: str, view: str = "") -> FramePattern:
    """The pattern behind what a user wrote.

    The number is looked for in the file name (first `%04d`, else `####`, else `@@@@`), then, as `%04d` only,
    in the folders; every other `#` or `@` is part of the name.

    Args:
        text: path with at most one frame number.
        view: name that `%V` stands for, and whose first letter `%v` stands for.

    Raises:
        BadInput: the text is empty, has two frame numbers or one padded with spaces, or a view is needed and
            missing.
    """
    if not text.strip():
        raise BadInput("A file pattern is empty.", fix="Write one such as plate.####.exr.")
    filled = _fill_view(text, view)
    folder, name = _split_folder(filled)
    for scope_start, scope, tokens in ((len(folder), name, _TOKENS), (0, folder, _TOKENS[:1])):
        for token in tokens:
            places = list(token.finditer(scope))
            if len(places) > 1:
                raise BadInput(
                    f"{text} has {len(places)} places for the frame number.",
                    fix="Leave one, such as plate.####.exr.",
                    file=text,
                )
            if places:
                start, end = (scope_start + p for p in places[0].span())
                return FramePattern(text, filled[:start], filled[end:], _width(places[0]))
        if _SPACE_PADDED.search(scope):
            raise BadInput(
                f"{text} pads the frame number with spaces.", fix="Write %04d, or ####.", file=text
            )
    return FramePattern(text, filled, "", 0)


def split_channel(text: str) -> tuple[str, str]:
    """`PATTERN[:channel]` as pattern and channel; the channel is empty when none is named.

    A colon after a single first letter is a Windows drive; a part behind a colon that looks like a path is no
    channel.

    Raises:
        BadInput: a colon with nothing behind it.
    """
    pattern, colon, channel = text.rpartition(":")
    is_path = bool(re.search(r"[/\\#@%]|\.exr$", channel, re.IGNORECASE))
    if not colon or is_path or _DRIVE.match(pattern):
        return text, ""
    if not channel:
        raise BadInput(
            f"{text} ends with a colon.", fix="Write PATTERN:channel, such as roto.####.exr:red.", file=text
        )
    return pattern, channel


def _split_folder(path: str) -> tuple[str, str]:
    at = max(path.rfind("/"), path.rfind("\\")) + 1
    return path[:at], path[at:]


def _stem(path: str) -> str:
    name = _split_folder(path)[1]
    return name.rpartition(".")[0] or name


def _fill_view(text: str, view: str) -> str:
    if re.search(r"%[vV]", text) and not view:
        raise BadInput(f"{text} needs a view.", fix="Name it with --view, such as --view left.", file=text)
    # A function, because a view's name must not be read as a replacement template.
    return re.sub(r"%[vV]", lambda m: view if m.group() == "%V" else view[:1], text)


def _width(token: re.Match[str]) -> int:
    if token.re is _TOKENS[0]:
        return max(1, int(token.group(1) or 1))
    return len(token.group())
