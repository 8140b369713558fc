# SPDX-License-Identifier: Apache-2.0
"""Coded clips as the official scripts write and read them: lossless H.264 4:4:4, through the `ffmpeg` command.

Facts: Netflix/void-model at 66e9c0e: libx264, -qp 0, yuv444p, 12 frames a second; read as rgb24, channel 0.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from void_server.errors import DataLoss, InvalidInput, LimitExceeded, Unsupported, VoidError
from void_server.plates.publish import published

U8 = npt.NDArray[np.uint8]

FPS = 12.0
"""Frames a second of the official clips."""
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
"""What is read: files that hold their own pictures, none that name other files."""
_CORNER = "crop='min(2,iw)':'min(2,ih)':0:0"
"""All that is taken of a picture that is only counted."""
_TOO_LARGE = re.compile(r"Picture size (\d+)x(\d+) exceeds specified max pixel count")
"""What ffmpeg says of a picture beyond -max_pixels."""
_UNKNOWN_OPTION = ("Unrecognized option 'fps_mode'", "Option fps_mode not found")
_SAID = 600
"""Characters of what ffmpeg said that a message repeats."""


@dataclass(frozen=True)
class VideoLimits:
    """What a clip may ask for.

    Attributes:
        max_frames: pictures of one clip.
        max_pixels: of one picture; 8192 x 4320 is 35.4 million.
        max_seconds: that ffmpeg may take for a clip, with what the caller does between two pictures.
    """

    max_frames: int = 20_000
    max_pixels: int = 36_000_000
    max_seconds: float = 1800.0


def read_video(path: Path, limits: VideoLimits | None = None, *, ffmpeg: str = "ffmpeg") -> Iterator[U8]:
    """The pictures of a clip, one at a time, (h, w) uint8: the red channel, as the official scripts take it.

    Every picture that the file holds is given once, whatever its time stamp says.

    Raises:
        Unsupported: there is no ffmpeg.
        InvalidInput: the file cannot be read, or holds no picture.
        DataLoss: the file breaks off, or is damaged.
        LimitExceeded: a limit was passed.
    """
    for picture in read_colour(path, limits, ffmpeg=ffmpeg):
        yield np.ascontiguousarray(picture[..., 0])


def read_colour(path: Path, limits: VideoLimits | None = None, *, ffmpeg: str = "ffmpeg") -> Iterator[U8]:
    """The pictures of a clip as (h, w, 3) uint8 RGB, display values; raises what `read_video` does."""
    if not path.is_file():
        raise _no_file(path)
    yield from _at_any_age(path, [], limits, ffmpeg)


def count_pictures(path: Path, limits: VideoLimits | None = None, *, ffmpeg: str = "ffmpeg") -> int:
    """How many pictures `read_video` gives; raises what it does, but for pictures that differ in size.

    Counted by decoding: what a file says of its own length need not be so.
    """
    if not path.is_file():
        raise _no_file(path)
    return sum(1 for _ in _at_any_age(path, ["-vf", _CORNER], limits, ffmpeg))


def write_video(
    path: Path,
    pictures: Iterable[U8],
    *,
    fps: float = FPS,
    limits: VideoLimits | None = None,
    ffmpeg: str = "ffmpeg",
) -> int:
    """Writes pictures as an official coded clip, whole or not at all; what was at `path` stays if it fails.

    Codes (0, 63, 127, 255) come back exactly; the video's range of 220 levels has no room for every grey.

    Args:
        path: ends in .mp4.
        pictures: (h, w) uint8 codes, or 0 and 255, all of one size; taken one at a time.
        fps: frames a second, above 0.

    Returns:
        How many pictures were written.

    Raises:
        Unsupported: there is no ffmpeg, or it has no libx264.
        InvalidInput: there is no picture, or two differ in size.
        LimitExceeded: a limit was passed.
    """
    limits = limits or VideoLimits()
    every = iter(pictures)
    first = next(every, None)
    if first is None:
        raise InvalidInput("A coded clip needs at least one picture.", fix="Give the shot's frames.")
    if not 0 < fps < 1000:
        raise InvalidInput(f"{fps} frames a second is no speed.", fix="Give a number above 0 and below 1000.")
    _check_size(first.shape[1], first.shape[0], path, limits)
    with published(path) as temporary:
        command = [*_START, *_encoder(first.shape, fps), "-y", f"file:{temporary.absolute()}"]
        with _running([_program(ffmpeg), *command], path, limits, stdin=True) as run:
            count = _feed(run, first, every, path, limits)
            run.finish(_failed_to_write)
    return count


def cannot_write(ffmpeg: str = "ffmpeg") -> str:
    """What keeps coded clips from being written here, found by writing one of a single picture; empty where nothing."""
    picture = np.full((_TRIAL, _TRIAL), 255, np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        try:
            write_video(
                Path(folder) / "trial.mp4", [picture], ffmpeg=ffmpeg, limits=VideoLimits(max_seconds=30)
            )
        except (VoidError, OSError) as error:
            return str(error)
    return ""


_TRIAL = 16
"""Pixels: side of the picture that is written to see whether it can be."""

_START = ["-hide_banner", "-loglevel", "error"]


class _OldOptions(Exception):
    """This ffmpeg is older than 5.1 and calls -fps_mode -vsync."""


@dataclass
class _Run:
    """A running ffmpeg.

    Attributes:
        process: the process, its pipe open.
        said: file of what it says.
        path: the clip, for messages.
        late: set when it was ended because it took too long.
        limits: what it may take.
    """

    process: subprocess.Popen[bytes]
    said: IO[bytes]
    path: Path
    late: threading.Event
    limits: VideoLimits

    @property
    def text(self) -> str:
        """All that it said."""
        self.said.seek(0)
        return self.said.read().decode("utf-8", "replace").strip()

    @property
    def words(self) -> str:
        """What it said last."""
        return self.text[-_SAID:]

    def finish(self, failed: Callable[[_Run], Exception]) -> None:
        """Waits for its end; raises what `failed` makes of it unless that is a good one."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        code = self.process.wait()
        if self.late.is_set():
            raise LimitExceeded(
                f"ffmpeg took longer than {self.limits.max_seconds:g} seconds (max_seconds) for {self.path}.",
                fix="Give a shorter clip, or raise the limit.",
                file=str(self.path),
            )
        if code != 0:
            raise failed(self)


@contextmanager
def _running(command: Sequence[str], path: Path, limits: VideoLimits, *, stdin: bool) -> Iterator[_Run]:
    """Runs ffmpeg without a shell, and ends it when the block ends or its time is up."""
    late = threading.Event()
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if stdin else subprocess.PIPE,
            stderr=said,
        ) as process,
    ):

        def end() -> None:
            late.set()
            process.kill()

        watch = threading.Timer(limits.max_seconds, end)
        watch.daemon = True
        watch.start()
        try:
            yield _Run(process, said, path, late, limits)
        finally:
            watch.cancel()
            process.kill()
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.close()


def _at_any_age(path: Path, options: list[str], limits: VideoLimits | None, ffmpeg: str) -> Iterator[U8]:
    """The pictures, whichever name this ffmpeg has for reading each of them once."""
    limits, program = limits or VideoLimits(), _program(ffmpeg)
    try:
        yield from _pictures(program, path, ["-fps_mode", "passthrough", *options], limits)
    except _OldOptions:
        yield from _pictures(program, path, ["-vsync", "passthrough", *options], limits)


def _pictures(program: str, path: Path, options: list[str], limits: VideoLimits) -> Iterator[U8]:
    command = [program, *_START, "-nostdin", "-xerror", "-protocol_whitelist", "file", "-format_whitelist"]
    # Before the decoder asks for memory: a small file can say that its pictures are huge.
    command += [CONTAINERS, "-max_pixels", str(limits.max_pixels)]
    command += ["-i", f"file:{path.absolute()}", "-map", "0:v:0", *options]
    command += ["-f", "image2pipe", "-c:v", "ppm", "-pix_fmt", "rgb24", "-"]
    count, size = 0, None
    with _running(command, path, limits, stdin=False) as run:
        assert run.process.stdout is not None
        while (picture := _picture(run.process.stdout, run)) is not None:
            count += 1
            size = size or picture.shape
            if count > limits.max_frames:
                raise _too_many(path, limits)
            if picture.shape != size:
                raise InvalidInput(
                    f"The pictures of {path} differ in size: {size[1]}x{size[0]}, and picture {count} is "
                    f"{picture.shape[1]}x{picture.shape[0]}.",
                    fix="Give a clip of one size.",
                    file=str(path),
                )
            yield picture
        run.finish(lambda run: _failed_to_read(run, count))
    if not count:
        raise InvalidInput(f"{path} holds no picture.", fix="Give a video.", file=str(path))


def _picture(pipe: IO[bytes], run: _Run) -> U8 | None:
    """The next PPM of the pipe, (h, w, 3); None at its end, also when that is in the middle of a picture."""
    words = [pipe.readline().strip() for _ in range(3)]
    if words[0] != b"P6" or not words[2]:
        return None
    width, height = (int(side) for side in words[1].split())
    _check_size(width, height, run.path, run.limits)
    data = pipe.read(width * height * 3)
    if len(data) < width * height * 3:
        return None
    return np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _feed(run: _Run, first: U8, others: Iterator[U8], path: Path, limits: VideoLimits) -> int:
    """Hands the pictures to ffmpeg; how many they were."""
    assert run.process.stdin is not None
    count = 0
    for picture in chain([first], others):
        count += 1
        if count > limits.max_frames:
            raise _too_many(path, limits)
        if picture.shape != first.shape or picture.dtype != np.uint8:
            raise InvalidInput(
                f"Picture {count} of the coded clip is {picture.dtype} {picture.shape}, the first is "
                f"{first.dtype} {first.shape}.",
                fix="Give 8-bit pictures of one size.",
            )
        try:
            run.process.stdin.write(np.ascontiguousarray(picture).tobytes())
        except BrokenPipeError:
            break
    return count


def _encoder(shape: tuple[int, ...], fps: float) -> list[str]:
    source = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{shape[1]}x{shape[0]}", "-r", f"{fps:g}"]
    target = ["-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p", "-r", f"{fps:g}", "-f", "mp4"]
    return [*source, "-i", "pipe:0", *target]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Unsupported(
            f"Coded videos are read and written with the command {name}, which is not on this machine.",
            fix="Install ffmpeg, or give the quadmask as pictures.",
        )
    return found


def _no_file(path: Path) -> InvalidInput:
    return InvalidInput(f"{path} is no file.", fix="Give an existing clip.", file=str(path))


def _check_size(width: int, height: int, path: Path, limits: VideoLimits) -> None:
    if width * height > limits.max_pixels:
        raise _too_large(width, height, path, limits)


def _too_large(width: int, height: int, path: Path, limits: VideoLimits) -> LimitExceeded:
    return LimitExceeded(
        f"The pictures of {path} have {width}x{height} = {width * height} pixels; max_pixels is {limits.max_pixels}.",
        fix="Scale the clip down, or raise the limit.",
        file=str(path),
    )


def _too_many(path: Path, limits: VideoLimits) -> LimitExceeded:
    return LimitExceeded(
        f"{path} has more than {limits.max_frames} pictures (max_frames).",
        fix="Cut the clip, or raise the limit.",
        file=str(path),
    )


def _failed_to_read(run: _Run, count: int) -> Exception:
    if any(text in run.words for text in _UNKNOWN_OPTION):
        return _OldOptions()
    if too_large := _TOO_LARGE.search(run.text):
        return _too_large(int(too_large[1]), int(too_large[2]), run.path, run.limits)
    if count:
        return DataLoss(
            f"{run.path} is damaged after picture {count}; ffmpeg says: {run.words}",
            fix="Copy or make the clip again.",
            file=str(run.path),
        )
    return InvalidInput(
        f"{run.path} cannot be read as a video; ffmpeg says: {run.words}",
        fix="Give an mp4, mov, mkv or avi that plays.",
        file=str(run.path),
    )


def _failed_to_write(run: _Run) -> Exception:
    words = run.words
    if "Unknown encoder" in words:
        return Unsupported(
            "This ffmpeg cannot write H.264: it has no libx264.", fix="Install an ffmpeg with libx264."
        )
    return InvalidInput(
        f"{run.path} could not be written; ffmpeg says: {words}",
        fix="Look at what it says: a full disk, or a folder that may not be written to.",
        file=str(run.path),
    )
