# SPDX-License-Identifier: Apache-2.0
"""Where result files lie, and how they get there whole or not at all.

A file is written under a temporary name in its own folder, synced, and renamed. The temporary file is locked while its
writer lives, so that a later run knows and removes what a killed one left.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from void.v1 import jobs_pb2, types_pb2

from void_client import events
from void_client.content import sha256_of
from void_client.errors import BadInput, ServerDefect, WriteFailed
from void_client.events import Sink
from void_client.sequence import FramePattern, describe_frames

MAX_PADDING = 99
"""Most digits of a frame number: what `%0NNd` can say."""

PARTIAL_PREFIX, PARTIAL_SUFFIX = ".void-", ".part"
_POSIX = os.name == "posix"
_EXR_FOLDERS = {
    jobs_pb2.OUTPUT_KIND_RESULT: ("", ""),
    jobs_pb2.OUTPUT_KIND_MATTE: ("matte", "_matte"),
    jobs_pb2.OUTPUT_KIND_MATTE_REMOVE: ("matte", "_remove"),
    jobs_pb2.OUTPUT_KIND_MATTE_AFFECTED: ("matte", "_affected"),
    jobs_pb2.OUTPUT_KIND_MATTE_OVERLAP: ("matte", "_overlap"),
    jobs_pb2.OUTPUT_KIND_MATTE_BLEND: ("matte", "_blend"),
}
_SHOT_SUFFIXES = {
    jobs_pb2.OUTPUT_KIND_SIDECAR: ".json",
    jobs_pb2.OUTPUT_KIND_CONTACT_SHEET: ".png",
    jobs_pb2.OUTPUT_KIND_QC_PLOT: "_qc.png",
    # In a folder of the shot's name, as VOID's own scripts want it.
    jobs_pb2.OUTPUT_KIND_CODED_VIDEO: "/quadmask_0.mp4",
}
WRITTEN_KINDS = frozenset({*_EXR_FOLDERS, *_SHOT_SUFFIXES})
"""Outputs that become files. The others, stills for the monitor page and kinds of a newer server, are passed over."""


@dataclass(frozen=True)
class ResultFolder:
    """The result folder of one job.

    Attributes:
        directory: folder that the user named.
        name: base name of the files.
        padding: digits of the frame number.
        preview: results of a preview lie in a folder of that name.
    """

    directory: Path
    name: str
    padding: int
    preview: bool = False

    @property
    def root(self) -> Path:
        """Folder below which everything lies."""
        return self.directory / "preview" if self.preview else self.directory

    def path(self, kind: jobs_pb2.OutputKind.ValueType, frame: int) -> Path | None:
        """Path of an output; None for a kind that this release does not know."""
        if kind in _EXR_FOLDERS:
            folder, suffix = _EXR_FOLDERS[kind]
            return self.root / folder / f"{self.name}{suffix}.{frame:0{self.padding}d}.exr"
        if kind in _SHOT_SUFFIXES:
            return self.root / f"{self.name}{_SHOT_SUFFIXES[kind]}"
        return None

    def all_paths(self, frames: Iterable[int]) -> Iterator[tuple[Path, int | None]]:
        """Every path that results of these frames may take, with its frame."""
        for frame in frames:
            for kind in _EXR_FOLDERS:
                if path := self.path(kind, frame):
                    yield path, frame
        for kind in _SHOT_SUFFIXES:
            if path := self.path(kind, 0):
                yield path, None

    def older_frames(self, frames: Iterable[int]) -> list[int]:
        """Numbers of result frames of this name that lie here and that a job of `frames` will not replace."""
        there: set[int] = set()
        for folder, suffix in _EXR_FOLDERS.values():
            prefix = f"{self.root / folder / self.name}{suffix}."
            there.update(FramePattern(prefix, prefix, ".exr", self.padding).frames_on_disk())
        return sorted(there.difference(frames))

    def prepare(self) -> None:
        """Prove that the folders can be written to, and remove what killed runs left; makes no folder.

        Raises:
            BadInput: a folder cannot be made or written to.
        """
        for folder in {path.parent for path, _ in self.all_paths((0,))}:
            try:
                remove_leftovers(folder)
                nearest = next(p for p in (folder, *folder.parents) if p.exists())
                with tempfile.TemporaryFile(prefix=PARTIAL_PREFIX, suffix=PARTIAL_SUFFIX, dir=nearest):
                    pass
            except OSError as error:
                raise BadInput(
                    f"The result folder {folder} cannot be written to: {error.strerror or error}.",
                    fix="Choose another with --out.",
                    file=str(folder),
                ) from error


def result_folder(
    place: types_pb2.OutputPlace, preview: bool, directory: Path | None = None, job_id: str = ""
) -> ResultFolder:
    """The result folder that an order names, or the same below another directory.

    Args:
        place: what the order says.
        preview: whether it asks for a preview.
        directory: instead of the order's own.
        job_id: the job that the order came with, named in the error.

    Raises:
        ServerDefect: the order, which a server may have sent, names files that would lie elsewhere.
    """
    name, whose = place.name, f"Job {job_id}" if job_id else "The order"
    if name in ("", "..") or "\0" in name or PureWindowsPath(name).name != name:
        raise ServerDefect(
            f"{whose} names its results {name!r}, which is no file name. Nothing was written.",
            fix="Ask the server's keeper where the job comes from.",
        )
    if place.padding > MAX_PADDING:
        raise ServerDefect(
            f"{whose} pads frame numbers to {place.padding} digits; {MAX_PADDING} are possible."
        )
    return ResultFolder(directory or Path(place.directory), name, max(place.padding, 1), preview)


def tell_older_frames(folder: ResultFolder, frames: Iterable[int], on_event: Sink) -> None:
    """Warn when result frames of an earlier run lie where a job of `frames` writes and will stay there."""
    if not (older := folder.older_frames(frames)):
        return
    example = folder.path(jobs_pb2.OUTPUT_KIND_RESULT, older[0])
    found = events.Finding(
        severity="warning",
        code="older_results",
        input="",
        frames=tuple(older),
        file=str(example),
        message=f"{folder.root} holds results named {folder.name} that this job leaves as they are.",
        fix="Remove them if they are of an older take, or choose another --name.",
    )
    on_event(events.Preflight((found,), 0))


def check_spares_inputs(folder: ResultFolder, frames: Iterable[int], inputs: Iterable[Path]) -> None:
    """Make sure that no result would lie on an input file, also by way of links.

    Raises:
        BadInput: one would; the first is named.
    """
    taken = {identity for path in inputs if (identity := _identity(path))}
    clashes = [(path, frame) for path, frame in folder.all_paths(frames) if _identity(path) in taken]
    if clashes:
        path, frame = clashes[0]
        all_frames = describe_frames(f for _, f in clashes if f is not None)
        raise BadInput(
            f"The result would overwrite the input file {path}"
            + (f" (frames {all_frames})." if all_frames else "."),
            fix="Choose another folder with --out, or another --name.",
            frame=frame,
            file=str(path),
        )


def holds(path: Path, digest: str, size: int) -> bool:
    """Whether a file with exactly these bytes lies at `path`."""
    try:
        if path.stat().st_size != size:
            return False
        with path.open("rb", buffering=0) as file:
            return sha256_of(file)[0] == digest
    except OSError:
        return False


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears at `path` whole, or, when the body fails, not at all.

    Raises:
        WriteFailed: it could not be written, synced or renamed.
    """
    partial: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial, file = _create_partial(path.parent)
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if _POSIX:
                # Renamed while still locked, so that nobody takes it for a leftover in between.
                partial.replace(path)
        if not _POSIX:
            partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise WriteFailed(
            f"{path} cannot be written: {error.strerror or error}.",
            fix="Free some space or choose another folder; what is written already stays.",
            file=str(path),
        ) from error
    finally:
        if partial:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> int:
    """Remove the temporary files of killed writers; returns how many there were."""
    removed = 0
    for path in folder.glob(f"{PARTIAL_PREFIX}*{PARTIAL_SUFFIX}"):
        # A living writer's file is locked (POSIX), or cannot be removed while it is open (Windows).
        with suppress(OSError):
            if _POSIX:
                with path.open("rb+") as file:
                    _lock(file, wait=False)
                    path.unlink()
            else:
                path.unlink()
            removed += 1
    return removed


def _create_partial(folder: Path) -> tuple[Path, BinaryIO]:
    while True:
        path = folder / f"{PARTIAL_PREFIX}{secrets.token_hex(8)}{PARTIAL_SUFFIX}"
        file = path.open("xb")
        _lock(file, wait=True)
        # Between creation and lock another client may have taken it for a leftover.
        if not _POSIX or os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()


def _lock(file: BinaryIO, *, wait: bool) -> None:
    """Lock an open file; where the file system has no locks, a writer goes on and a cleaner gets an OSError."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        if not wait:
            raise


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; file systems that cannot sync a folder need no sync or have none."""
    if not _POSIX:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
