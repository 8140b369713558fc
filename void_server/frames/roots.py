# SPDX-License-Identifier: Apache-2.0
"""Path mode: files that are read where they lie, below folders that the server's keeper named.

A root is a name that client and server each map to a folder of their own. Whatever a client names, nothing outside the
mapped folders is ever opened: links are resolved first, and the resolved path is then opened one component after the
other without following any link, so that a link put there in between is an error and no way out.
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from void_server.errors import InvalidInput, NotFound, SourceChanged

TAIL_BYTES = 65_536
"""Bytes at the end of a file whose digest shows that the caller has read it; a header at the front can be guessed."""
MAX_PROOF_BYTES = 64
MAX_RELATIVE_BYTES = 4096
"""PATH_MAX of Linux (limits.h)."""

_PROOF = re.compile(r"\.void-proof-[0-9a-f]{32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def supported() -> bool:
    """Whether this system can open a path without following links and name an open file again (/proc/self/fd)."""
    return sys.platform == "linux" and os.open in os.supports_dir_fd and Path("/proc/self/fd").is_dir()


@dataclass(frozen=True)
class FileStamp:
    """What tells that a file is still the one that was named.

    Attributes:
        bytes: length.
        modified_ns: time of the last change, nanoseconds since 1970, by the server's view of the file.
        inode: number of the file on its disk.
    """

    bytes: int
    modified_ns: int
    inode: int


@dataclass(frozen=True)
class RootedFile:
    """A file below a root, as it was when its job was accepted.

    Attributes:
        root: name of the root.
        relative: path below it, with forward slashes.
        stamp: what it was then.
    """

    root: str
    relative: str
    stamp: FileStamp

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return asdict(self)

    @staticmethod
    def from_dict(value: Mapping[str, Any]) -> RootedFile:
        """From the JSON form."""
        return RootedFile(value["root"], value["relative"], FileStamp(**value["stamp"]))


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

    Raises:
        InvalidInput: a name or a folder cannot be used, or this system cannot keep to the folders.
    """

    def __init__(self, folders: Mapping[str, Path] | None = None) -> None:
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
        if self._folders and not supported():
            raise InvalidInput(
                "Files can be read from roots on Linux only.",
                fix="Leave --root out; clients send their frames.",
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the roots, sorted."""
        return tuple(sorted(self._folders))

    def arguments(self) -> list[str]:
        """The command line arguments that give a worker the same roots."""
        return [f"--root={name}={folder}" for name, folder in self._folders.items()]

    def claimed(self, root: str, relative: str, size: int, tail_digest: str) -> RootedFile:
        """The file that a caller names, once it has shown that it means the one that is there and has read it.

        Raises:
            InvalidInput: no such root, or no plain path.
            NotFound: the file is not there, cannot be opened, or is not what the caller says; which of these is not
                told, since the server may see more than the caller does.
        """
        try:
            with self._opened(root, relative) as file:
                found = _stamp(file)
                same = found.bytes == size and _tail_digest(file, found.bytes) == tail_digest
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
        """
        with self.reading(file):
            pass

    @contextmanager
    def reading(self, file: RootedFile) -> Iterator[Path]:
        """A path that reads exactly this file as long as the body runs, whatever happens to its name.

        Raises:
            InvalidInput: no such root any more.
            SourceChanged: the file is not what it was, before or after the body.
        """
        try:
            opened = self._opened(file.root, file.relative)
            with opened as descriptor:
                _refuse_change(file, descriptor)
                try:
                    yield Path(f"/proc/self/fd/{descriptor}")
                finally:
                    _refuse_change(file, descriptor)
        except _Unopenable as error:
            raise changed(file, os.strerror(error.errno or 0)) from error

    def proof(self, root: str, relative: str) -> str:
        """SHA-256 of a file that a client wrote to prove a root.

        Raises:
            InvalidInput: no such root, or not the name of such a file.
            NotFound: it is not there.
        """
        if not _PROOF.fullmatch(relative.rpartition("/")[2]):
            raise InvalidInput("Only a file made to prove a root is read.", fix="Use `void doctor`.")
        try:
            with self._opened(root, relative) as file:
                data = os.pread(file, MAX_PROOF_BYTES + 1, 0)
        except OSError:
            data = b""
        if not 0 < len(data) <= MAX_PROOF_BYTES:
            raise NotFound(
                f"The server does not see the file that proves the root {root}.",
                fix="Client and server mean different folders by this name, or the server's account may not read it.",
            )
        return hashlib.sha256(data).hexdigest()

    def _folder(self, root: str) -> Path:
        if root not in self._folders:
            raise InvalidInput(
                f"The server has no root {root!r}.",
                fix=f"It has {', '.join(self.names) or 'none'}; --upload sends the frames instead.",
            )
        return self._folders[root]

    @contextmanager
    def _opened(self, root: str, relative: str) -> Iterator[int]:
        """A descriptor of a regular file below one of the roots.

        Raises:
            _Unopenable: it cannot be opened, or lies outside of all roots.
        """
        wanted = self._folder(root) / check_relative(relative)
        try:
            descriptor = self._open_resolved(Path(os.path.realpath(wanted, strict=True)))
        except OSError as error:
            raise _Unopenable(error.errno or errno.EIO, os.strerror(error.errno or errno.EIO)) from error
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _Unopenable(errno.EINVAL, "not a regular file")
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


class _Unopenable(OSError):
    """A file below a root cannot be opened."""


def changed(file: RootedFile, why: str) -> SourceChanged:
    """The file is not what it was when its job was accepted."""
    return SourceChanged(
        f"{file.root}:{file.relative} changed after the job was accepted ({why}).",
        fix="Give the same command again: it takes the file as it is now, and goes on with what is finished.",
        file=f"{file.root}:{file.relative}",
    )


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


def _stamp(descriptor: int) -> FileStamp:
    found = os.fstat(descriptor)
    return FileStamp(found.st_size, found.st_mtime_ns, found.st_ino)


def _tail_digest(descriptor: int, size: int) -> str:
    start = max(0, size - TAIL_BYTES)
    return hashlib.sha256(os.pread(descriptor, TAIL_BYTES, start)).hexdigest()


def _refuse_change(file: RootedFile, descriptor: int) -> None:
    now = _stamp(descriptor)
    for what, before, after in (
        ("size", file.stamp.bytes, now.bytes),
        ("time of change", file.stamp.modified_ns, now.modified_ns),
        ("inode", file.stamp.inode, now.inode),
    ):
        if before != after:
            raise changed(file, f"another {what}")
