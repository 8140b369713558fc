# SPDX-License-Identifier: Apache-2.0
"""Where result files lie, and how they get there whole or not at all.

A file is written under a temporary name in its own folder, synced, and renamed. The temporary file is locked while its
writer lives, so that a later run knows and removes what a killed one left.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from void.v1 import jobs_pb2
from void_client.content import sha256_of
from void_client.errors import BadInput, WriteFailed
from void_client.sequence import describe_frames

PARTIAL_PREFIX, PARTIAL_SUFFIX = ".void-", ".part"
_EXR_FOLDERS = {jobs_pb2.OUTPUT_KIND_RESULT: ("", ""), jobs_pb2.OUTPUT_KIND_MATTE: ("matte", "_matte")}
_SHOT_SUFFIXES = {
    jobs_pb2.OUTPUT_KIND_SIDECAR: ".json",
    jobs_pb2.OUTPUT_KIND_CONTACT_SHEET: ".png",
    jobs_pb2.OUTPUT_KIND_QC_PLOT: "_qc.png",
}


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

    def prepare(self) -> None:
        """Make the folders, prove that they can be written to, and remove what killed runs left.

        Raises:
            BadInput: a folder cannot be made or written to.
        """
        for folder in {self.root / sub for sub, _ in _EXR_FOLDERS.values()}:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                remove_leftovers(folder)
                with tempfile.TemporaryFile(prefix=PARTIAL_PREFIX, suffix=PARTIAL_SUFFIX, dir=folder):
                    pass
            except OSError as error:
                raise BadInput(
                    f"The result folder {folder} cannot be written to: {error.strerror or error}.",
                    fix="Choose another with --out.",
                    file=str(folder),
                ) from error


def result_folder(spec: jobs_pb2.JobSpec, directory: Path | None = None) -> ResultFolder:
    """The result folder that an order names, or the same below another directory."""
    place = spec.output
    return ResultFolder(
        directory or Path(place.directory), place.name, max(place.padding, 1), spec.settings.preview
    )


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
            f"The result would overwrite the input file {path}" + (f" (frames {all_frames})." if all_frames else "."),
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
        with _open_partial(path.parent) as file:
            partial = Path(file.name)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if os.name == "posix":
                # Renamed while still locked: nobody can take it for a leftover in between.
                os.chmod(file.fileno(), 0o666 & ~_umask())
                partial.replace(path)
        if os.name != "posix":
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
    """Remove temporary files whose writer no longer lives; returns how many."""
    removed = 0
    for path in folder.glob(f"{PARTIAL_PREFIX}*{PARTIAL_SUFFIX}"):
        # A file of a living writer is locked (POSIX) or cannot be removed while open (Windows).
        with suppress(OSError), path.open("rb+") as file:
            if os.name == "posix":
                _lock(file, wait=False)
                path.unlink()
                removed += 1
        if os.name != "posix":
            with suppress(OSError):
                path.unlink()
                removed += 1
    return removed


@contextmanager
def _open_partial(folder: Path) -> Iterator[BinaryIO]:
    while True:
        descriptor, name = tempfile.mkstemp(prefix=PARTIAL_PREFIX, suffix=PARTIAL_SUFFIX, dir=folder)
        with open(descriptor, "wb", buffering=0) as unnamed:
            del unnamed
        break
    yield  # type: ignore[misc]
