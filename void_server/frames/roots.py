# SPDX-License-Identifier: Apache-2.0
"""Path mode: files that are read where they lie, below folders that the server's keeper named.

A root is a name that client and server each map to a folder of their own. Whatever a client names, nothing outside the
mapped folders is ever opened: links are resolved first, and the resolved path is then opened one component after the
other without following any link, so that a link put there in between is an error and no way out. What is read is copied
into memory first: what is hashed and what is decoded are the same bytes, whatever happens to the file meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from void_server.errors import (
    InvalidInput,
    LimitExceeded,
    NotFound,
    SourceUnavailable,
    VoidError,
)
from void_server.frames.blocks import Blocks, PartlyRead
from void_server.frames.rooted_file import RootedFile, changed, digest_of_samples, refuse_change, stamp_of

PROOF_BYTES = 32
MAX_RELATIVE_BYTES = 4096
"""PATH_MAX of Linux (limits.h)."""

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EXDEV, errno.EISDIR, errno.EINVAL})
"""A file of that name is not there; any other failure is the storage's."""

_READ_BYTES = 1 << 20
_PROOF = re.compile(r"\.void-proof-[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def supported() -> bool:
    """Whether this system can open a path without following links and name an open file again (/proc/self/fd)."""
    return sys.platform == "linux" and os.open in os.supports_dir_fd and Path("/proc/self/fd").is_dir()


@dataclass(frozen=True)
class Snapshot:
    """A file as it was read.

    Attributes:
        path: opens the copy in memory, within this process and while it is held.
        digest: SHA-256 of the bytes.
    """

    path: Path
    digest: str


def add_root_option(parser: argparse.ArgumentParser) -> None:
    """Add `--root NAME=FOLDER` to a parser; the values come as pairs of name and folder."""
    parser.add_argument(
        "--root",
        action="append",
        default=[],
        type=_name_and_folder,
        metavar="NAME=FOLDER",
        help="shared storage whose files are read where they lie instead of being uploaded; repeat for more",
    )


def _name_and_folder(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not equals or not folder:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FOLDER")
    return name, Path(folder)


def check_relative(relative: str) -> str:
    """Return `relative` if it is a plain path below something.

    Raises:
        InvalidInput: it is empty, absolute, too long, or has an empty, `.` or `..` component, a backslash or a NUL.
    """
    parts = relative.split("/")
    plain = all(part not in ("", ".", "..") for part in parts)
    if not plain or "\\" in relative or "\0" in relative or len(relative.encode()) > MAX_RELATIVE_BYTES:
        raise InvalidInput(
            f"{relative[:200]!r} is not a path below a root.",
            fix="Send the components with forward slashes between them, without '.' and '..'.",
        )
    return relative


class Roots:
    """The folders that a server reads from.

    Args:
        folders: absolute folder of each root by name.
        max_file_bytes: limit `max_blob_bytes` of the configuration; 0 = none.
        shows: by name of a root, the shows that it is for; of one that is not in it, all.

    Raises:
        InvalidInput: a name or a folder cannot be used, or this system cannot keep to the folders.
    """

    def __init__(
        self,
        folders: Mapping[str, Path] | None = None,
        max_file_bytes: int = 0,
        shows: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        self._max_file_bytes = max_file_bytes
        self._shows = dict(shows or {})
        self._folders: dict[str, Path] = {}
        for name, folder in (folders or {}).items():
            if not _NAME.fullmatch(name):
                raise InvalidInput(
                    f"{name!r} cannot name a root.",
                    fix="Use letters, digits, '_', '.' and '-'; it is the same name in the clients' site file.",
                )
            if not folder.is_absolute():
                raise InvalidInput(f"The root {name} is not an absolute folder: {folder}.")
            self._folders[name] = folder
        self._check_nesting()
        if self._folders and not supported():
            raise InvalidInput(
                "Files can be read from roots on Linux only.",
                fix="Leave --root out; clients send their frames.",
            )

    def _check_nesting(self) -> None:
        """Through a root above it, files of a root that is for some shows only could be named by all."""
        for inner, shows in self._shows.items():
            for outer, folder in self._folders.items():
                below = inner in self._folders and self._folders[inner].is_relative_to(folder)
                if inner != outer and below and not self._shows.get(outer, shows | {""}) <= shows:
                    raise InvalidInput(
                        f"The root {inner} is for some shows only, and lies below the root {outer}, which is for more.",
                        fix="Choose folders of which none holds the other, or limit both alike.",
                    )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the roots, sorted."""
        return tuple(sorted(self._folders))

    def arguments(self) -> list[str]:
        """The command line arguments that give a worker the same roots."""
        return [f"--root={name}={folder}" for name, folder in self._folders.items()]

    def folder(self, root: str) -> Path:
        """Where a root lies.

        Raises:
            InvalidInput: there is no such root.
        """
        if root not in self._folders:
            raise InvalidInput(
                f"The server has no root {root[:64]!r}.",
                fix=f"It has {', '.join(self.names) or 'none'}; --upload sends the frames instead.",
            )
        return self._folders[root]

    def of_shows(self, shows: frozenset[str] | None) -> Roots:
        """The roots as somebody sees them who works on these shows only (None = every show); others are not there."""
        if shows is None or not self._shows:
            return self
        seen = {n: f for n, f in self._folders.items() if n not in self._shows or shows & self._shows[n]}
        return Roots(seen, self._max_file_bytes, self._shows)

    def claimed(self, root: str, relative: str, size: int, sample_digest: str) -> RootedFile:
        """The file that a caller names, once it has shown that it means the one that is there and has read it.

        Raises:
            InvalidInput: no such root, or no plain path.
            LimitExceeded: the file is too large.
            NotFound: the file is not there, cannot be opened, or is not what the caller says; which of these is not
                told, since the server may see more than the caller does.
        """
        if 0 < self._max_file_bytes < size:
            raise LimitExceeded(
                f"A file of {size} bytes is over the limit max_blob_bytes = {self._max_file_bytes}.",
                fix="Name smaller frames, or raise --max-blob-bytes on the server.",
                file=f"{root}:{relative}",
            )
        try:
            with self._opened(root, relative) as file:
                found = stamp_of(file)
                same = found.bytes == size and digest_of_samples(file, size) == sample_digest
        except OSError:
            same = False
        if not same:
            raise NotFound(
                f"The server does not find this file at {root}:{relative}: it is not there, the server's account may"
                " not read it, or it is of another size or content.",
                fix="`void doctor` proves the root; --upload sends the frames instead.",
                file=f"{root}:{relative}",
            )
        return RootedFile(root, relative, found)

    def check(self, file: RootedFile) -> None:
        """Let a file pass that is what it was.

        Raises:
            InvalidInput: no such root any more.
            SourceChanged: it is gone, or something else.
            SourceUnavailable: the storage does not give it just now.
        """
        try:
            with self._opened(file.root, file.relative) as descriptor:
                refuse_change(file, descriptor)
        except OSError as error:
            raise self._not_read(file, error) from error

    @contextmanager
    def snapshot(self, file: RootedFile) -> Iterator[Snapshot]:
        """The file's bytes, read once and kept while the body runs.

        Raises:
            InvalidInput: no such root any more.
            SourceChanged: the file is not what it was, before or after the reading.
            SourceUnavailable: the storage does not give it just now.
            MemoryError: it does not fit into memory.
        """
        copy = os.memfd_create("frame", os.MFD_CLOEXEC)
        try:
            digest = self._copied(file, copy)
            yield Snapshot(Path(f"/proc/self/fd/{copy}"), digest)
        finally:
            os.close(copy)

    @contextmanager
    def part(self, file: RootedFile, known: Blocks) -> Iterator[PartlyRead]:
        """As `snapshot`, of a file that was read whole before; only what is asked for is read. Raises as `snapshot`."""
        copy = os.memfd_create("part of a frame", os.MFD_CLOEXEC)
        try:
            os.ftruncate(copy, file.stamp.bytes)
            path = Path(f"/proc/self/fd/{copy}")
            yield PartlyRead(
                path, lambda: self._unchanged(file), known, lambda: changed(file, "other bytes"), copy
            )
        finally:
            os.close(copy)

    def _copied(self, file: RootedFile, copy: int) -> str:
        sha = hashlib.sha256()
        with self._unchanged(file) as descriptor:
            while block := os.read(descriptor, _READ_BYTES):
                _into_memory(copy, block)
                sha.update(block)
        return sha.hexdigest()

    @contextmanager
    def _unchanged(self, file: RootedFile) -> Iterator[int]:
        """A descriptor of a file that is what it was, before and after the body."""
        try:
            with self._opened(file.root, file.relative) as descriptor:
                refuse_change(file, descriptor)
                yield descriptor
                refuse_change(file, descriptor)
        except OSError as error:
            raise self._not_read(file, error) from error

    def _not_read(self, file: RootedFile, error: OSError) -> VoidError:
        """What it means that a file which was there could not be opened or read."""
        reason = os.strerror(error.errno or errno.EIO)
        if error.errno in _ABSENT and self._is_mounted(file.root):
            return changed(file, reason)
        return SourceUnavailable(
            f"The storage of the root {file.root} does not give {file.relative} ({reason}).",
            fix="See to the mount on the server.",
            file=f"{file.root}:{file.relative}",
        )

    def _is_mounted(self, root: str) -> bool:
        """Whether the folder of a root holds anything: a mount point whose storage is away is empty, or not there."""
        try:
            with os.scandir(self.folder(root)) as entries:
                return any(True for _ in entries)
        except OSError:
            return False

    def proof(self, root: str, relative: str) -> str:
        """SHA-256 of a file that a client wrote to prove a root.

        Raises:
            InvalidInput: no such root, or not the name of such a file.
            NotFound: it is not there.
        """
        name = relative.rpartition("/")[2]
        if not _PROOF.fullmatch(name):
            raise InvalidInput("Only a file made to prove a root is read.", fix="Use `void doctor`.")
        try:
            # A link of that name may lead to a file that is nobody's to ask about.
            with self._opened(root, relative, name) as file:
                data = os.pread(file, PROOF_BYTES + 1, 0)
        except OSError:
            data = b""
        if len(data) != PROOF_BYTES:
            raise NotFound(
                f"The server does not see the file that proves the root {root}.",
                fix="Client and server mean different folders by this name, or the server's account may not read it.",
            )
        return hashlib.sha256(data).hexdigest()

    @contextmanager
    def _opened(self, root: str, relative: str, name: str = "") -> Iterator[int]:
        """A descriptor of a regular file below one of the roots; with `name`, only if that is its own name.

        Raises:
            OSError: it cannot be opened, or lies outside of all roots.
        """
        real = Path(os.path.realpath(self.folder(root) / check_relative(relative), strict=True))
        if name and real.name != name:
            raise OSError(errno.ELOOP, "a link")
        descriptor = self._open_resolved(real)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            yield descriptor
        finally:
            os.close(descriptor)

    def _open_resolved(self, real: Path) -> int:
        """Open a path that is free of links, from the folder of a root down, following none."""
        for folder in self._folders.values():
            top = Path(os.path.realpath(folder))
            if real.is_relative_to(top):
                return _open_below(top, real.relative_to(top).parts)
        raise OSError(errno.EXDEV, "outside of all roots")


def _open_below(top: Path, parts: tuple[str, ...]) -> int:
    if not parts:
        raise OSError(errno.EISDIR, "a folder")
    # O_NONBLOCK: a pipe must not hold the caller.
    file_flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    folder_flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_DIRECTORY
    with contextlib.ExitStack() as open_folders:
        at = os.open(top, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        open_folders.callback(os.close, at)
        for part in parts[:-1]:
            at = os.open(part, folder_flags, dir_fd=at)
            open_folders.callback(os.close, at)
        return os.open(parts[-1], file_flags, dir_fd=at)


def _into_memory(copy: int, block: bytes) -> None:
    """Append to a file in memory; its failures are those of memory, not of a disk."""
    left = memoryview(block)
    try:
        while left:
            left = left[os.write(copy, left) :]
    except OSError as error:
        raise MemoryError(str(error)) from error
