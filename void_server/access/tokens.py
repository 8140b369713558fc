# SPDX-License-Identifier: Apache-2.0
"""The tokens of a store: one of its owner, in STORE/token, and one for each name in STORE/tokens.json.

Named tokens are kept as SHA-256 only. A token has 256 random bits, so there is nothing to guess and no dictionary to
try: a slow, salted password hash (which protects short secrets chosen by people) would only make each call dearer.
Looking a hash up leaks nothing through timing either, because nobody can aim the hash of a guess.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from void_server.access.principals import OWNER_NAME, Principal, Role, check_shows
from void_server.errors import Busy, InvalidInput, NotFound, PreconditionFailed
from void_server.frames.durable import write_file
from void_server.lock import LockFile, LockHeld

log = logging.getLogger(__name__)

TOKEN_BYTES = 32
FORMAT_VERSIONS = (1, 2)
"""Version 2 is written once a token is limited to shows or is for metrics: a release that does not know of these must
not open it."""
LOCK_SECONDS = 5.0
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class TokenEntry:
    """One named token, as stored.

    Attributes:
        digest: SHA-256 of the token, 64 hexadecimal digits.
        created: seconds since 1970, UTC.
        shows: the only shows that it is for; None = every show.
    """

    name: str
    role: Role
    digest: str
    created: float
    shows: frozenset[str] | None = None


def token_digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def read_or_create_token(path: Path) -> str:
    """The token in `path`; a new one of 256 bits is written, mode 0600, when the file is not there.

    Raises:
        InvalidInput: the file is empty, or others than its owner may read it.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, (secrets.token_urlsafe(TOKEN_BYTES) + "\n").encode(), mode=0o600)
    _check_private(path)
    token = path.read_text().strip()
    if not token:
        raise InvalidInput(f"The token file {path} is empty.", fix="Delete it; the server writes a new one.")
    return token


def read_tokens(path: Path) -> tuple[TokenEntry, ...]:
    """The named tokens of a store, by name; none when the file is not there.

    Raises:
        InvalidInput: others may read the file, or it is not what `add_token` writes.
    """
    if not path.exists():
        return ()
    _check_private(path)
    try:
        tree = json.loads(path.read_text())
        if tree["version"] not in FORMAT_VERSIONS:
            raise InvalidInput(
                f"The token file {path} has version {tree['version']}; this release knows {FORMAT_VERSIONS}."
            )
        return tuple(
            TokenEntry(
                name,
                Role(entry["role"]),
                str(entry["sha256"]),
                float(entry["created"]),
                check_shows(entry["shows"]) if "shows" in entry else None,
            )
            for name, entry in sorted(tree["tokens"].items())
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"The token file {path} cannot be read: {type(error).__name__}.",
            fix="Restore it, or delete it and hand out new tokens.",
        ) from error


def add_token(path: Path, name: str, role: Role, shows: frozenset[str] | None = None) -> str:
    """Make a token for `name`, store its hash, and return the token: it is shown this once.

    Args:
        shows: the only shows that it is for, at least one; None = every show.

    Raises:
        InvalidInput: the name cannot be used.
        PreconditionFailed: the name has a token.
    """
    if not _NAME.fullmatch(name) or name == OWNER_NAME:
        raise InvalidInput(
            f"{name[:80]!r} cannot be the name of a token.",
            fix=f"Use lower-case letters, digits, dot, dash and underscore, at most 64; not {OWNER_NAME!r}.",
        )
    with _changing(path) as entries:
        if name in entries:
            raise PreconditionFailed(
                f"{name} has a token.", fix=f"Run `void-server tokens revoke {name}` first, then add it anew."
            )
        token = secrets.token_urlsafe(TOKEN_BYTES)
        entries[name] = TokenEntry(name, role, token_digest(token), time.time(), shows)
    return token


def revoke_token(path: Path, name: str) -> None:
    """Make the token of `name` worthless, at once and for running calls too.

    Raises:
        NotFound: there is none.
    """
    with _changing(path) as entries:
        if entries.pop(name, None) is None:
            raise NotFound(f"There is no token of {name[:80]!r}.", fix="`void-server tokens list` shows all.")


class TokenBook:
    """The tokens that a running server accepts; read again whenever the file changes.

    A file that cannot be read opens nothing: its tokens are refused until it is repaired, the owner's stays.

    Args:
        owner_token: the token of the store's owner.
        path: file of the named tokens.
    """

    def __init__(self, owner_token: str, path: Path) -> None:
        self._path = path
        self._owner = {token_digest(owner_token): Principal(OWNER_NAME, Role.SUPERVISOR)}
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] | None = None
        self._known: dict[str, Principal] = dict(self._owner)

    def find(self, digest: str) -> Principal | None:
        """Who bears the token with this `token_digest`; None when nobody does."""
        with self._lock:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                self._known = self._owner | self._named()
            return self._known.get(digest)

    def _named(self) -> dict[str, Principal]:
        try:
            return {e.digest: Principal(e.name, e.role, e.shows) for e in read_tokens(self._path)}
        except (InvalidInput, OSError) as error:
            log.error("no named token is accepted: %s", error)
            return {}


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode, found.st_ctime_ns)


def _check_private(path: Path) -> None:
    if os.name != "nt" and path.stat().st_mode & 0o077:
        raise InvalidInput(f"Others may read the token file {path}.", fix=f"Run: chmod 600 {path}")


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, TokenEntry]]:
    """The entries by name, to be changed; written back, atomically, when nothing was raised."""
    lock = _lock(path.with_name(f"{path.name}.lock"))
    try:
        entries = {e.name: e for e in read_tokens(path)}
        yield entries
        tree: dict[str, Any] = {
            "version": FORMAT_VERSIONS[any(_is_new(e) for e in entries.values())],
            "tokens": {e.name: _tree(e) for e in entries.values()},
        }
        write_file(path, json.dumps(tree, indent=1, sort_keys=True).encode(), mode=0o600)
    finally:
        lock.release()


def _is_new(entry: TokenEntry) -> bool:
    return entry.shows is not None or entry.role is Role.METRICS


def _tree(entry: TokenEntry) -> dict[str, Any]:
    tree = {"role": entry.role.value, "sha256": entry.digest, "created": entry.created}
    return tree if entry.shows is None else tree | {"shows": sorted(entry.shows)}


def _lock(path: Path) -> LockFile:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return LockFile(path)
        except LockHeld:
            if time.monotonic() > deadline:
                raise Busy("Another command is changing the tokens.", fix="Try again.") from None
            time.sleep(0.05)
