# SPDX-License-Identifier: Apache-2.0
"""Import from a folder, such as a USB disk: files are found by their names, copied, judged, and only then published."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from void_server.errors import InvalidInput, SourceUnavailable
from void_server.weights.arrival import Arrived, disk_full, take_in
from void_server.weights.catalogue import BASE, BASE_REPOSITORY, SAM2_FOLDERS, WeightFile
from void_server.weights.digest import Progress, blocks, digest, no_progress, reported
from void_server.weights.folder import INCOMING, require_space
from void_server.weights.layout import State, expected, state_of
from void_server.weights.record import Entry, load

DEEPEST = 3
"""Folders below the one named that are searched."""


@dataclass(frozen=True)
class Found:
    """A file of the catalogue in the source."""

    file: WeightFile
    path: Path
    size: int


def find(source: Path, files: Iterable[WeightFile]) -> list[Found]:
    """Where these files lie in a folder, in the catalogue's order; those that do not are left out.

    The base folder goes by its published name, by `base`, or by its place in a hub cache, or is `source` itself; those
    of SAM2 by their published names or their places in a hub cache. The other files lie anywhere. Three levels of
    folders are searched.

    Raises:
        InvalidInput: `source` is no folder, or holds differing candidates for one file.
        OSError: `source` cannot be read.
    """
    if not source.is_dir():
        raise InvalidInput(
            f"{source} is no folder.", fix="Name the folder or the mounted disk with the weights."
        )
    folders = _folders(source)
    bases = [folder for folder in folders if _is_base(folder, source)]
    if len(bases) > 1:
        raise InvalidInput(
            f"{source} holds several base folders: {', '.join(str(folder) for folder in bases)}.",
            fix="Name the folder above the right one alone.",
        )
    files = list(files)
    in_base = _in_base(bases[0], [file for file in files if file.group == BASE]) if bases else []
    elsewhere = (_anywhere(_places(folders, file), file) for file in files if file.group != BASE)
    return in_base + [where for where in elsewhere if where is not None]


def import_files(
    folder: Path, found: Sequence[Found], *, anew: bool = False, progress: Progress = no_progress
) -> list[Found]:
    """Copy these files into the weights folder, each atomically; returns those copied, without those already there.

    Hold `folder.locked` meanwhile.

    Raises:
        StoreFull: the disk has too little space; told before the first file, or by the disk itself.
        SourceUnavailable: a file of the source cannot be read.
        DataLoss: a file of the source is truncated, wrong, or not the one recorded.
        OSError: the weights folder refuses.
    """
    record = load(folder)
    wanted = [f for f in found if anew or not _there(folder, f, record.files.get(f.file.name))]
    require_space(folder, sum(f.size for f in wanted))
    for item in wanted:
        try:
            record = take_in(folder, _copied(folder, item, progress), record, anew)
        except OSError as error:
            if (full := disk_full(error, folder)) is not None:
                raise full from error
            raise
    return wanted


def _copied(folder: Path, item: Found, progress: Progress) -> Arrived:
    temporary = folder / INCOMING / item.file.name
    temporary.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("wb") as target:
        sha256 = digest(reported(_source_blocks(item.path), item.size, item.file.name, progress), target)
    return Arrived(item.file, temporary, sha256, str(item.path))


def _source_blocks(path: Path) -> Iterator[bytes]:
    # Only reading happens in here: a failure to write, of whoever takes the blocks, does not pass through.
    try:
        yield from blocks(path)
    except OSError as error:
        raise SourceUnavailable(
            f"The file {path} cannot be read ({error.strerror or error}).",
            fix="See to the disk that it lies on, and give the command again: files that are whole stay.",
        ) from error


def _there(folder: Path, found: Found, recorded: Entry | None) -> bool:
    status = state_of(folder / found.file.name, recorded)
    return status.state is State.PRESENT and status.size == found.size


def _folders(source: Path) -> list[Path]:
    """`source` and the folders below it, the highest first; those that cannot be read are left out."""
    found = []
    for name, folders, _files in os.walk(source):
        place = Path(name)
        found.append(place)
        folders.sort()
        if len(place.relative_to(source).parts) >= DEEPEST:
            folders.clear()
    return sorted(found, key=lambda folder: len(folder.parts))


def _is_base(folder: Path, source: Path) -> bool:
    named = folder == source or folder.name == BASE or _goes_by(folder, BASE_REPOSITORY)
    return named and any((folder / part).is_dir() for part in ("vae", "text_encoder", "scheduler"))


def _places(folders: Sequence[Path], file: WeightFile) -> list[Path]:
    """Where a file may lie: anywhere, but for one whose name every model has."""
    if file.group != SAM2_FOLDERS:
        return list(folders)
    return [folder for folder in folders if _goes_by(folder, file.repository)]


def _goes_by(folder: Path, repository: str) -> bool:
    """Whether a folder is a repository's, by its name, or by its place in a hub cache (its snapshots)."""
    cache = f"models--{repository.replace('/', '--')}"
    return folder.name == repository.partition("/")[2] or folder.parent.parent.name == cache


def _in_base(base: Path, files: Iterable[WeightFile]) -> list[Found]:
    places = [(file, base / file.path_in_repository) for file in expected(base, files)]
    return [Found(file, path, path.stat().st_size) for file, path in places if path.is_file()]


def _anywhere(folders: Iterable[Path], file: WeightFile) -> Found | None:
    paths = [path for folder in folders if (path := folder / file.path_in_repository).is_file()]
    if len({path.stat().st_size for path in paths}) > 1:
        raise InvalidInput(
            f"There are differing files {file.path_in_repository}: {', '.join(str(path) for path in paths)}.",
            fix="Name the folder above the right one alone.",
        )
    return Found(file, paths[0], paths[0].stat().st_size) if paths else None
