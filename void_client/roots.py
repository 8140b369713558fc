# SPDX-License-Identifier: Apache-2.0
"""Files that client and server both see are named by root and path; their frames are not sent.

A root is a name that each side maps to a folder of its own: `P:\\`, `\\\\nas\\proj`, `/Volumes/proj` and `/mnt/proj`
may all be the root `proj`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from void.v1 import types_pb2

from void_client.content import HASH_THREADS, Meter
from void_client.errors import BadInput
from void_client.events import Sink

SAMPLE_BLOCKS, BLOCK_BYTES = 16, 4096
"""Blocks spread over a file whose digest shows that it was read; `FileStamp` of the contract."""

SAME_MACHINE = "this-machine"
"""The root of the user's own server: everything, since it runs on this machine under this account."""


@dataclass(frozen=True)
class Root:
    """A folder of shared storage.

    Attributes:
        name: what client and server call it.
        paths: the ways in which clients write it, each system's own; the others' do no harm.
    """

    name: str
    paths: tuple[str, ...]


def own_roots() -> tuple[Root, ...]:
    """What the user's own server can read: the whole machine."""
    return (Root(SAME_MACHINE, ("/",)),) if os.name == "posix" else ()


def shared_roots(mine: Iterable[Root], servers: Iterable[str]) -> tuple[Root, ...]:
    """Those roots that the server has too, by name."""
    theirs = frozenset(servers)
    return tuple(root for root in mine if root.name in theirs)


def rooted(path: str, roots: Sequence[Root], *, windows: bool = os.name == "nt") -> tuple[str, str] | None:
    """Root name and path below it of an absolute path; None when no root holds it.

    The longest folder wins. Windows spellings (drives, UNC paths) are compared without regard to case.

    Args:
        path: absolute, as this system writes it, without `..`.
        roots: the roots.
        windows: whether this system writes paths as Windows does.
    """
    pure = PureWindowsPath(path) if windows else PurePosixPath(path)
    best: tuple[int, str, str] | None = None
    for root in roots:
        for text in root.paths:
            folder = PureWindowsPath(text) if windows else PurePosixPath(text)
            if not folder.is_absolute() or not pure.is_relative_to(folder):
                continue
            depth = len(folder.parts)
            if best is None or depth > best[0]:
                best = depth, root.name, pure.relative_to(folder).as_posix()
    if best is None or best[2] == "." or ".." in best[2].split("/") or "\\" in best[2]:
        return None
    return best[1], best[2]


def rooted_path(path: Path, name: str, roots: Sequence[Root]) -> types_pb2.RootedPath | None:
    """How the contract names a file by path, its links resolved; None when no root holds it, or the contract cannot.

    Links are resolved first, because one on the share may lead to this machine's own disk; on Windows and macOS that
    also gives each name the spelling that it has on the disk.

    Args:
        path: the file.
        name: the name that the user knows it by.
        roots: the roots that client and server share, `resolved`.

    Raises:
        BadInput: the file is empty, or cannot be read.
    """
    found = rooted(os.path.realpath(path), roots)
    if found is None or not _is_unicode(found[1]):
        return None
    return types_pb2.RootedPath(root=found[0], relative=found[1], stamp=stamp_of(path, name))


def resolved(roots: Sequence[Root]) -> tuple[Root, ...]:
    """The roots with their folders on this machine as they are behind links, beside as they are written."""
    return tuple(
        Root(root.name, (*root.paths, *{os.path.realpath(p) for p in root.paths if os.path.isdir(p)}))  # noqa: PTH112
        for root in roots
    )


def _is_unicode(text: str) -> bool:
    """False for a name with bytes that are no UTF-8, which an old file system may have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def rooted_files(
    files: Iterable[tuple[Path, str]], roots: Sequence[Root], on_event: Sink
) -> tuple[dict[Path, types_pb2.RootedPath], list[BadInput]]:
    """Those files that a root holds, and what is wrong with them, in the order given.

    Args:
        files: path, and the name that the user knows it by.
        roots: the roots that client and server share.
        on_event: told how far the looking is.
    """

    def one(item: tuple[Path, str]) -> types_pb2.RootedPath | BadInput | None:
        try:
            found: types_pb2.RootedPath | BadInput | None = rooted_path(*item, here)
        except BadInput as error:
            found = error
        meter.add(SAMPLE_BLOCKS * BLOCK_BYTES, files=1)
        return found

    here = resolved(roots)
    names = dict(files) if roots else {}
    meter = Meter("looking", len(names), len(names) * SAMPLE_BLOCKS * BLOCK_BYTES, on_event)
    with ThreadPoolExecutor(HASH_THREADS, "void-stamp") as pool:
        found = list(pool.map(one, names.items()))
    paths = {p: r for p, r in zip(names, found, strict=True) if isinstance(r, types_pb2.RootedPath)}
    return paths, [r for r in found if isinstance(r, BadInput)]


def stamp_of(path: Path, name: str) -> types_pb2.FileStamp:
    """What tells that a file is still the same, and that it was read.

    Raises:
        BadInput: the file is empty, or cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            sample = _sample_digest(file, status.st_size)
    except OSError as error:
        raise BadInput(
            f"{name} cannot be read: {error.strerror or error}.",
            fix="Check its permissions and the storage.",
            file=name,
        ) from error
    if not status.st_size:
        raise BadInput(f"{name} is empty.", fix="Render or copy it again.", file=name)
    return types_pb2.FileStamp(bytes=status.st_size, modified_ns=status.st_mtime_ns, sample_digest=sample)


def _sample_digest(file: BinaryIO, size: int) -> str:
    sha = hashlib.sha256()
    if size <= SAMPLE_BLOCKS * BLOCK_BYTES:
        sha.update(file.read())
    else:
        for block in range(SAMPLE_BLOCKS):
            file.seek(block * (size - BLOCK_BYTES) // (SAMPLE_BLOCKS - 1))
            sha.update(file.read(BLOCK_BYTES))
    return sha.hexdigest()
