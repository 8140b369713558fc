# SPDX-License-Identifier: Apache-2.0
"""What a failing disk means, in the server's own errors: full, or not usable as it is."""

from __future__ import annotations

import errno
import sqlite3

from void_server.errors import StoreFailed, StoreFull, VoidError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FAILED = frozenset({errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM, errno.ESTALE, errno.ENODEV})
_SQLITE_FAILED = frozenset(
    {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
)
CORRUPT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""SQLite's primary codes for a damaged file (sqlite.org/rescode.html)."""

# Native writers (OpenEXR, safetensors) pass the system's words on, without the number.
_FULL_WORDS = ("No space left on device", "Disk quota exceeded", "File too large")


def storage_error(error: BaseException) -> VoidError | None:
    """The error as a failure of the store's disk; None when it is something else."""
    if isinstance(error, VoidError):
        return error if isinstance(error, StoreFull | StoreFailed) else None
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if (isinstance(error, OSError) and error.errno in _FULL) or any(w in str(error) for w in _FULL_WORDS):
        return full(str(error))
    if isinstance(error, OSError) and error.errno in _FAILED:
        return failed(str(error))
    return None


def sqlite_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for an error of the Python module itself."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def full(reason: str) -> StoreFull:
    """The disk takes no more bytes."""
    return StoreFull(
        f"The disk of the server's store is full ({reason}).",
        fix="Free some space there, then give the same command again; what is finished is kept.",
    )


def failed(reason: str) -> StoreFailed:
    """The disk refuses."""
    return StoreFailed(
        f"The server's store cannot be used as it is ({reason}).",
        fix="See to the disk, its mount and the owner of the folder, then start the server again.",
    )


def _of_sqlite(error: sqlite3.Error) -> VoidError | None:
    code = sqlite_code(error)
    # Of the journal's shared memory SQLite only says that it cannot grow (sqlite.org/rescode.html#ioerr_shmsize).
    no_room = getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE
    if code == sqlite3.SQLITE_FULL or no_room:
        return full(str(error))
    if code in CORRUPT:
        return StoreFailed(
            f"The server's database is damaged ({error}).",
            fix="Start the server again: it keeps the damaged file aside and takes its jobs from their manifests.",
        )
    return failed(str(error)) if code in _SQLITE_FAILED else None
