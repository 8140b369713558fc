# SPDX-License-Identifier: Apache-2.0
"""Masks written: EXR files that appear all together, or a clip; nothing is left half-written."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from void_server.errors import InvalidInput, StoreFailed
from void_server.frames.durable import sync_folder
from void_server.masks.pattern import FramePattern
from void_server.masks.progress import end_held_back
from void_server.masks.sources import MaskFrame, placed
from void_server.pipeline.findings import frame_list
from void_server.plates.encode import Frame, write_frame
from void_server.plates.result import as_published, kept_attributes
from void_server.quadmask.coded import Polarity, to_binary, to_coded
from void_server.quadmask.coded_video import U8, write_video

COMPRESSION = "zips"
_HALF = np.dtype(np.float16)


def write_clip(path: Path, frames: Iterable[MaskFrame], polarity: Polarity, fps: float) -> int:
    """Writes the display windows as a clip, codes at one half; how many pictures it has.

    Raises:
        InvalidInput: two frames differ in size; it names the second.
        Unsupported, LimitExceeded: as `write_video`.
    """
    return write_video(path, _pictures(frames, to_coded if polarity == "quadmask" else to_binary), fps=fps)


def write_sequence(pattern: FramePattern, frames: Iterable[MaskFrame]) -> int:
    """Writes RGBA files as the server's own `NAME_matte`, but for alpha, which is 1 in every region; how many.

    All are written under other names first, so that what is there stays as it is unless all could be written.

    Raises:
        StoreFailed: a file could not take its name; it says which frames did.
        Internal: a file could not be written.
    """
    with ExitStack() as stack:
        waiting: dict[int, Path] = {}
        for frame in frames:
            final = pattern.path(frame.number)
            temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}.tmp")
            stack.callback(temporary.unlink, missing_ok=True)
            # Its own scratch file must not be left either, if Ctrl-C comes while that is removed.
            with end_held_back():
                write_frame(temporary, _file_of(frame))
            waiting[frame.number] = temporary
        with end_held_back():
            _take_names(pattern, waiting)
    return len(waiting)


def refuse_existing(paths: Collection[Path], overwrite: bool) -> None:
    """Refuse to write over files unless that is wanted.

    Raises:
        InvalidInput: some are there.
    """
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        more = f" and {len(there) - 1} more are" if len(there) > 1 else " is"
        raise InvalidInput(
            f"{there[0]}{more} there already.",
            fix="Choose another name, or add --overwrite.",
            file=str(there[0]),
        )


def refuse_inputs(paths: Collection[Path], inputs: Collection[Path]) -> None:
    """Refuse to write over what is read, also when it is wanted: a plate or a painted mask would be lost.

    Raises:
        InvalidInput: one is among the inputs.
    """
    read = {path.resolve() for path in inputs}
    for path in paths:
        if path.resolve() in read:
            raise InvalidInput(
                f"{path} is one of the files that are read.", fix="Choose another name.", file=str(path)
            )


def _file_of(frame: MaskFrame) -> Frame:
    quadmask = placed(frame.quadmask, frame.window, frame.data_window)
    values = (quadmask.remove, quadmask.affected, quadmask.overlap, quadmask.region.astype(np.float32))
    return Frame(
        data_window=frame.data_window,
        display_window=frame.display,
        pixel_aspect=frame.pixel_aspect,
        channels={name: as_published(v, _HALF) for name, v in zip("RGBA", values, strict=True)},
        attributes=kept_attributes(frame.part) if frame.part else (),
        compression=COMPRESSION,
    )


def _take_names(pattern: FramePattern, waiting: dict[int, Path]) -> None:
    done: list[int] = []
    try:
        for number, temporary in waiting.items():
            temporary.replace(pattern.path(number))
            done.append(number)
        sync_folder(pattern.folder)
    except OSError as error:
        written = f"frames {frame_list(done)} are written" if done else "nothing is written"
        raise StoreFailed(
            f"{pattern.text} could not be written: {error.strerror or error}; {written}, the others are as before.",
            fix="See to the folder, and give the command again with --overwrite.",
            file=pattern.text,
        ) from error


def _pictures(frames: Iterable[MaskFrame], coded: Callable[..., U8]) -> Iterator[U8]:
    first: MaskFrame | None = None
    for frame in frames:
        first = first or frame
        if frame.display.shape != first.display.shape:
            raise InvalidInput(
                f"Frame {first.number} is {_size(first)} and frame {frame.number} is {_size(frame)}; the pictures of a"
                " clip have one size.",
                fix="Bring them to the plate's with --like.",
                frame=frame.number,
            )
        yield coded(frame.shown)


def _size(frame: MaskFrame) -> str:
    return f"{frame.display.width}x{frame.display.height}"
