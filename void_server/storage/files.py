# SPDX-License-Identifier: Apache-2.0
"""The files of the store: looked at and removed without following a link, and only under names that are digests."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SHARD = re.compile(r"[0-9a-f]{2}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_ARCHIVE = re.compile(r"([0-9a-f]{64})\.ocioz")


@dataclass(frozen=True)
class Found:
    """A file.

    Attributes:
        digest: its name.
        size: bytes.
        touched: time of change, seconds since 1970.
    """

    digest: str
    size: int
    touched: float


def shards(blobs: Path) -> Iterator[tuple[list[Found], list[Path]]]:
    """The blobs, a folder at a time, and what lies beside them that is none."""
    for entry in _sorted(blobs):
        if _SHARD.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
            yield _split(entry)
        else:
            yield [], [Path(entry.path)]


def _split(shard: os.DirEntry[str]) -> tuple[list[Found], list[Path]]:
    found, strange = [], []
    for entry in _sorted(Path(shard.path)):
        try:
            about = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if (
            _DIGEST.fullmatch(entry.name)
            and entry.name.startswith(shard.name)
            and stat.S_ISREG(about.st_mode)
        ):
            found.append(Found(entry.name, about.st_size, about.st_mtime))
        else:
            strange.append(Path(entry.path))
    return found, strange


def named_archives(folder: Path) -> list[tuple[str, Path]]:
    """The second names of OCIO archives, with the digests of their blobs (`void_server.pipeline.config_source`)."""
    if not folder.is_dir() or folder.is_symlink():
        return []
    return [
        (name[1], Path(entry.path))
        for entry in _sorted(folder)
        if (name := _ARCHIVE.fullmatch(entry.name)) and entry.is_file(follow_symlinks=False)
    ]


def archive_name(store: Path, digest: str) -> Path:
    """Where the second name of an archive lies."""
    return store / "colour" / f"{digest}.ocioz"


def old_size(blobs: Path, digest: str, before: float) -> int | None:
    """Bytes of a blob that was last touched before that time; None if it was not, or is not there."""
    with _inside(blobs / digest[:2]) as folder:
        if folder is None:
            return None
        try:
            about = _look(blobs, digest, folder)
        except FileNotFoundError:
            return None
    return about.st_size if stat.S_ISREG(about.st_mode) and about.st_mtime < before else None


def remove(blobs: Path, digest: str) -> None:
    """Remove a blob, if it is there."""
    with _inside(blobs / digest[:2]) as folder:
        if folder is None:
            return
        try:
            if folder < 0:
                (blobs / digest[:2] / digest).unlink()
            else:
                os.unlink(digest, dir_fd=folder)
        except FileNotFoundError:
            return


def _look(blobs: Path, digest: str, folder: int) -> os.stat_result:
    if folder < 0:
        return (blobs / digest[:2] / digest).lstat()
    return os.stat(digest, dir_fd=folder, follow_symlinks=False)


@contextmanager
def _inside(folder: Path) -> Iterator[int | None]:
    """A descriptor of a folder that is no link; None where there is none, -1 where the system has none (Windows)."""
    if os.unlink not in os.supports_dir_fd:
        yield -1 if folder.is_dir() and not folder.is_symlink() else None
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _sorted(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
