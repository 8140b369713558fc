# SPDX-License-Identifier: Apache-2.0
"""Masks brought to the size, the windows and the frame numbers of a plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from void_server.errors import InvalidInput
from void_server.masks.pattern import FramePattern, parse_pattern
from void_server.masks.sources import ClipSource, MaskFrame, Source, frames_of, placed
from void_server.plates.header import Part, read_header
from void_server.plates.plate import find_plate
from void_server.plates.window import Window
from void_server.quadmask.regions import Quadmask, Values


@dataclass(frozen=True)
class Plates:
    """A plate sequence: its pattern, and the frames on disk, ascending."""

    pattern: FramePattern
    frames: Sequence[int]

    @classmethod
    def found(cls, text: str) -> Plates:
        """The sequence that a user means; InvalidInput where there is no file, or they are no EXR files."""
        pattern = parse_pattern(text)
        return cls(pattern, frames_of(pattern))

    def part(self, frame: int) -> Part:
        """The header that holds the picture of a frame."""
        return find_plate(read_header(self.pattern.path(frame))).part


def numbered_like(source: Source, plates: Plates) -> Source:
    """The source with the plate's frame numbers, where it is a clip that has none and as many pictures.

    Raises:
        InvalidInput: the clip has more or fewer pictures than the plate has frames, so that nobody can know which
            belong together.
    """
    if source.numbered or not isinstance(source, ClipSource):
        return source
    if source.count != len(plates.frames) or plates.frames[-1] - plates.frames[0] + 1 != source.count:
        raise InvalidInput(
            f"{source.text} has {source.count} pictures and {plates.pattern.text} {len(plates.frames)} frames;"
            " which belong together cannot be told.",
            fix=f"Give the frame number of the first picture, such as --first {plates.frames[0]}.",
            file=source.text,
        )
    return replace(source, first=plates.frames[0])


def fitted(frame: MaskFrame, part: Part) -> MaskFrame:
    """The masks over the plate's display window, scaled to its size; a file of them has the plate's windows."""
    display = part.display_window
    over_display = scaled(frame.shown, display)
    window = display.union(part.data_window)
    return MaskFrame(
        frame.number,
        placed(over_display, display, window),
        window,
        part.data_window,
        display,
        part.pixel_aspect,
        frame.inexact,
        part,
    )


def scaled(quadmask: Quadmask, window: Window) -> Quadmask:
    """The mattes at the size of a window: each side is averaged where it shrinks and interpolated where it grows."""
    return Quadmask(_scaled(quadmask.remove, window), _scaled(quadmask.affected, window))


def _scaled(matte: Values, window: Window) -> Values:
    if matte.shape == window.shape:
        return matte
    smaller = (min(matte.shape[1], window.width), min(matte.shape[0], window.height))
    result = cv2.resize(np.ascontiguousarray(matte), smaller, interpolation=cv2.INTER_AREA)
    if smaller != (window.width, window.height):
        result = cv2.resize(result, (window.width, window.height), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.asarray(result, np.float32), 0, 1)
