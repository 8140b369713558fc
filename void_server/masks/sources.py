# SPDX-License-Identifier: Apache-2.0
"""Where masks come from: a clip as VOID's tools write it, or a sequence of EXR files; both give quadmasks by frame."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from void_server.errors import InvalidInput
from void_server.masks.pattern import FramePattern, gaps, parse_pattern, split_channel
from void_server.pipeline.findings import frame_list
from void_server.plates.header import Part, read_header
from void_server.plates.matte import Matte, read_matte, read_quadmask
from void_server.plates.window import Window, place
from void_server.quadmask import coded
from void_server.quadmask.coded_video import U8, count_pictures, read_video
from void_server.quadmask.regions import (
    CODE_AFFECTED,
    CODE_BACKGROUND,
    CODE_OVERLAP,
    CODE_REMOVE,
    Quadmask,
    Values,
)

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv")
POLARITIES = ("auto", "quadmask", "binary")
_EVERY_VALUE = np.arange(256, dtype=np.uint8)[None]


@dataclass(frozen=True)
class MaskFrame:
    """The masks of one frame.

    Attributes:
        number: frame number.
        quadmask: mattes (h, w) over `window`, which holds the whole display window.
        window: the window that the mattes cover.
        data_window: the window that a file of this frame is to cover.
        display: the window of the picture.
        pixel_aspect: width of a pixel over its height.
        inexact: share of the display window, 0..1: of a clip, values that are no code; of EXR files, soft values.
        part: the EXR header whose attributes a file of this frame keeps; None for none.
    """

    number: int
    quadmask: Quadmask
    window: Window
    data_window: Window
    display: Window
    pixel_aspect: float
    inexact: float
    part: Part | None

    @property
    def shown(self) -> Quadmask:
        """The mattes over the display window alone."""
        inner = self.window.slices(self.display)
        return Quadmask(self.quadmask.remove[inner], self.quadmask.affected[inner])


class Source(Protocol):
    """Masks by frame number."""

    @property
    def text(self) -> str:
        """What the user wrote."""

    @property
    def kind(self) -> str:
        """What it is, for people: `coded clip`, `binary clip` or `EXR`."""

    @property
    def frames(self) -> Sequence[int]:
        """Numbers of all frames, ascending, at least one."""

    @property
    def numbered(self) -> bool:
        """Whether the numbers are known, not just counted from 1."""

    def read(self, frames: Collection[int]) -> Iterator[MaskFrame]:
        """These frames, ascending, one at a time; all must be among `frames`."""

    def files(self) -> set[Path]:
        """The files that it consists of."""


@dataclass(frozen=True)
class ClipSource:
    """A clip; its first picture is frame `first`, or 1 where nobody said so."""

    text: str
    path: Path
    polarity: coded.Polarity
    first: int | None
    count: int

    @property
    def kind(self) -> str:
        """See `Source`."""
        return "coded clip" if self.polarity == "quadmask" else "binary clip"

    @property
    def frames(self) -> Sequence[int]:
        """See `Source`."""
        first = 1 if self.first is None else self.first
        return range(first, first + self.count)

    @property
    def numbered(self) -> bool:
        """See `Source`."""
        return self.first is not None

    def read(self, frames: Collection[int]) -> Iterator[MaskFrame]:
        """See `Source`."""
        left = set(frames)
        for number, picture in zip(self.frames, read_video(self.path), strict=False):
            if not left:
                return
            if number in left:
                left.remove(number)
                yield self._frame(number, picture)

    def files(self) -> set[Path]:
        """See `Source`."""
        return {self.path}

    def _frame(self, number: int, picture: U8) -> MaskFrame:
        if self.polarity == "quadmask":
            by_value = coded.from_coded(_EVERY_VALUE)
            exact = [CODE_REMOVE, CODE_OVERLAP, CODE_AFFECTED, CODE_BACKGROUND]
        else:
            by_value, exact = coded.from_binary([_EVERY_VALUE]), [0, 255]
        counts = np.bincount(picture.ravel(), minlength=256)
        window = Window(0, 0, picture.shape[1], picture.shape[0])
        return MaskFrame(
            number,
            Quadmask(by_value.remove[0][picture], by_value.affected[0][picture]),
            window,
            window,
            window,
            1.0,
            1 - float(counts[exact].sum()) / picture.size,
            None,
        )


@dataclass(frozen=True)
class ExrSource:
    """EXR files: red and green of `void_mask`, or R and G, or one channel as what is removed."""

    text: str
    pattern: FramePattern
    channel: str
    frames: Sequence[int]
    kind: str = "EXR"
    numbered: bool = True

    def read(self, frames: Collection[int]) -> Iterator[MaskFrame]:
        """See `Source`."""
        return (self._frame(number) for number in sorted(frames))

    def files(self) -> set[Path]:
        """See `Source`."""
        return {self.pattern.path(number) for number in self.frames}

    def _frame(self, number: int) -> MaskFrame:
        path = self.pattern.path(number)
        if self.channel:
            mattes = [read_matte(path, self.channel, pattern=self.pattern.text)]
        else:
            mattes = list(read_quadmask(path))
        display = mattes[0].display_window
        window = display
        for matte in mattes:
            window = window.union(matte.data_window)
        remove, affected = mattes[0].on(window), _affected(mattes, window)
        inner = window.slices(display)
        soft = _soft(remove[inner]) | _soft(affected[inner])
        return MaskFrame(
            number,
            Quadmask(remove, affected),
            window,
            window,
            display,
            mattes[0].pixel_aspect,
            float(soft.mean()),
            read_header(path).parts[0],
        )


def open_source(text: str, *, first: int | None, polarity: str = "auto", option: str = "--first") -> Source:
    """The source that a user means.

    Args:
        text: a clip, or an EXR pattern with or without `:channel`.
        first: frame number of a clip's first picture; None where nobody said so.
        polarity: of a clip: `quadmask`, `binary`, or `auto` to go by its name.
        option: how `first` is called on the command line, for messages.

    Raises:
        InvalidInput: it is neither, is not there, or its polarity cannot be told; a number for EXR files.
        Unsupported: a clip, and there is no ffmpeg.
    """
    name, channel = split_channel(text)
    suffix = Path(name).suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return _clip(text, name, channel, first, polarity)
    if suffix != ".exr":
        raise InvalidInput(
            f"{text} is neither a clip ({', '.join(VIDEO_SUFFIXES)}) nor a pattern of EXR files.",
            fix="Give one, such as quadmask_0.mp4 or matte.####.exr.",
            file=text,
        )
    if first is not None:
        raise InvalidInput(
            f"{text} has frame numbers of its own.",
            fix=f"Leave {option} out: frames are paired by number, never shifted.",
            file=text,
        )
    pattern = parse_pattern(name)
    return ExrSource(text, pattern, channel, frames_of(pattern))


def frames_of(pattern: FramePattern) -> list[int]:
    """The frames on disk, ascending.

    Raises:
        InvalidInput: there is none.
    """
    frames = pattern.frames_on_disk()
    if not frames:
        raise InvalidInput(
            f"No file fits {pattern.text}.",
            fix="Check the folder, the name and the number of digits: #### stands for four.",
            file=pattern.text,
        )
    return frames


def require_numbers(source: Source, option: str = "--first") -> None:
    """Refuse a clip whose frame numbers matter and are not known."""
    if not source.numbered:
        raise InvalidInput(
            f"{source.text} is a clip and does not say which frames its pictures are.",
            fix=f"Give the frame number of its first picture, such as {option} 1001.",
            file=source.text,
        )


def require_frames(source: Source, wanted: Collection[int]) -> None:
    """Refuse to go on without frames that are wanted; the message names them."""
    missing = sorted(set(wanted) - set(source.frames))
    if missing:
        raise InvalidInput(
            f"{source.text} has frames {frame_list(source.frames)}; {len(missing)} of {len(wanted)} wanted frames are"
            f" missing in it: {frame_list(missing)}.",
            fix="Give a mask that covers them, or choose frames with --range.",
            frame=missing[0],
        )


def require_no_gaps(source: Source, wanted: Collection[int]) -> None:
    """Refuse frames with gaps between them: in a clip all later pictures would move."""
    missing = gaps(wanted)
    if missing:
        raise InvalidInput(
            f"{source.text} lacks the frames {frame_list(missing)}, and a clip has no place for a missing frame.",
            fix="Make these frames, or choose frames without a gap with --range.",
            frame=missing[0],
        )


def _clip(text: str, name: str, channel: str, first: int | None, polarity: str) -> ClipSource:
    if channel:
        raise InvalidInput(f"{name} is a clip, and a clip has no channels.", fix=f"Leave :{channel} out.")
    path = Path(name)
    if not path.is_file():
        raise InvalidInput(f"{name} is no file.", fix="Give an existing clip.", file=name)
    try:
        said: coded.Polarity = coded.polarity_of(name) if polarity == "auto" else _polarity(polarity)
    except InvalidInput as error:
        fix = "Say it with --polarity quadmask (black is removed) or --polarity binary (white is removed)."
        raise InvalidInput(error.message, fix=fix, file=name) from error
    return ClipSource(text, path, said, first, count_pictures(path))


def _polarity(text: str) -> coded.Polarity:
    return "quadmask" if text == "quadmask" else "binary"


def _affected(mattes: Sequence[Matte], window: Window) -> Values:
    if len(mattes) > 1:
        return mattes[1].on(window)
    return np.zeros(window.shape, np.float32)


def _soft(values: Values) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray((values > 0) & (values < 1))


def placed(quadmask: Quadmask, source: Window, target: Window) -> Quadmask:
    """The mattes moved from one window onto another, 0 where the first does not reach."""
    remove, affected = (
        place(v, source, target).astype(np.float32, copy=False) for v in (quadmask.remove, quadmask.affected)
    )
    return Quadmask(remove, affected)
