# SPDX-License-Identifier: Apache-2.0
"""Shows that client and server mean the same folder by a root: the client writes a random file, the server reads it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from void.v1 import frames_pb2

from void_client.connection import Connection
from void_client.errors import ClientError
from void_client.roots import Root, rooted

PROOF_BYTES = 32


@dataclass(frozen=True)
class Proof:
    """What came of one root.

    Attributes:
        root: its name.
        folder: where the client wrote; empty when it knows no folder on this machine.
        proven: client and server mean the same folder.
        reason: why it is not proven; empty when it is.
        fix: what to do about it.
        refuted: the server looked elsewhere, or refused; False when nothing could be tried.
    """

    root: str
    folder: str
    proven: bool = False
    reason: str = ""
    fix: str = ""
    refuted: bool = False


def prove_roots(
    connection: Connection, mine: Sequence[Root], servers: Sequence[str], folders: Sequence[Path] = ()
) -> Iterator[Proof]:
    """Try each root that client or server knows.

    Args:
        connection: the server.
        mine: the roots that the client knows.
        servers: names of the roots that the server has.
        folders: folders below roots in which the client may write, for roots whose top is not writable.
    """
    for root in mine:
        if root.name not in servers:
            yield Proof(
                root.name,
                "",
                reason="the server has no root of this name, so files there are sent.",
                fix=f"Its keeper gives it with --root {root.name}=FOLDER.",
            )
            continue
        places = _places(root, folders)
        if not places:
            yield Proof(
                root.name,
                "",
                reason=f"none of its folders is on this machine: {', '.join(root.paths)}.",
                fix="Mount it, or correct the path in the site file.",
            )
        for place in places:
            yield _prove(connection, root, place)
    for name in sorted(set(servers) - {root.name for root in mine}):
        yield Proof(
            name,
            "",
            reason="the server has it, but this client knows no folder for it, so files there are sent.",
            fix="Name the folder in the site file, or with --root.",
        )


def _places(root: Root, folders: Sequence[Path]) -> list[Path]:
    """The folders to write in: those given that lie below the root, else its own that are on this machine."""
    given = [f for f in folders if (found := rooted(f"{f}{os.sep}x", [root])) and found[0] == root.name]
    return given or [Path(p) for p in root.paths if Path(p).is_absolute() and Path(p).is_dir()]


def _prove(connection: Connection, root: Root, folder: Path) -> Proof:
    nonce = secrets.token_bytes(PROOF_BYTES)
    path = folder / f".void-proof-{secrets.token_hex(16)}"
    relative = rooted(str(path), [root])
    if relative is None:
        return Proof(root.name, str(folder), reason=f"{folder} cannot be named below it.")
    try:
        with _written(path, nonce):
            request = frames_pb2.ProveRootRequest(root=root.name, relative=relative[1])
            answer = connection.call(lambda s: s.frames.ProveRoot, request)
    except OSError as error:
        return Proof(
            root.name,
            str(folder),
            reason=f"{folder} cannot be written to ({error.strerror}), so it is not proven.",
            fix="Name a folder below it that you may write to with --prove DIR.",
        )
    except ClientError as error:
        return Proof(root.name, str(folder), reason=error.message, fix=error.fix, refuted=True)
    if answer.digest != hashlib.sha256(nonce).hexdigest():
        reason = f"the server reads another file there than {folder} has."
        return Proof(
            root.name, str(folder), reason=reason, fix="Correct one of the two folders.", refuted=True
        )
    return Proof(root.name, str(folder), proven=True)


@contextmanager
def _written(path: Path, data: bytes) -> Iterator[None]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
