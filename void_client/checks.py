# SPDX-License-Identifier: Apache-2.0
"""Checks one by one what a removal needs, and says what to do about each that fails; `void doctor` prints them."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from void.v1 import server_pb2

from void_client.connection import Connection
from void_client.errors import AccessRefused, BadInput, ClientError
from void_client.local_server import data_folder
from void_client.order import capabilities
from void_client.precedence import VARIABLES
from void_client.reach import Reach
from void_client.root_proof import Proof, prove_roots
from void_client.roots import Root
from void_client.site import VARIABLE, load_site
from void_client.target import Target
from void_client.version import version

OK, WARN, FAIL = "ok", "warn", "fail"

LEAST_FREE_BYTES = 2 * 2**30
"""Less free disk than this is told; about forty 2K frames with their mattes."""

MIN_PYTHON = (3, 10)


@dataclass(frozen=True)
class Check:
    """One line: `ok`, `warn` or `fail`, what was looked at, what was seen, and what to do."""

    result: str
    subject: str
    seen: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.result}: {self.subject}: {self.seen}" + (f" {self.fix}" if self.fix else "")


def checks(
    reach: Callable[[], Reach], roots: Callable[[], tuple[Root, ...]], prove: Sequence[str] = ()
) -> Iterator[Check]:
    """All checks, in the order in which one stands on the other.

    Args:
        reach: says which server is meant; asked once the site file is known to be good.
        roots: gives the folders that client and server may share; may raise ClientError.
        prove: folders below roots in which sharing may be proven; none = the roots themselves.
    """
    yield Check(OK, "client", version())
    yield _python()
    yield from _data_folder(data_folder())
    site = list(_site_file())
    yield from site
    if any(check.result == FAIL for check in site):
        return
    try:
        meant = reach()
        if meant.address and meant.token_file:
            yield _token_file(Path(meant.token_file))
        target = meant.finder()()
    except ClientError as error:
        yield Check(FAIL, "server", error.message, error.fix)
        return
    try:
        shared = roots()
    except ClientError as error:
        yield Check(FAIL, "roots", error.message, error.fix)
        shared = ()
    yield from _server(target, shared, meant.folders_to_prove(prove))


def _python() -> Check:
    wanted = ".".join(map(str, MIN_PYTHON))
    if sys.version_info < MIN_PYTHON:
        return Check(FAIL, "Python", platform.python_version(), f"Use Python {wanted} or newer.")
    return Check(OK, "Python", f"{platform.python_version()} ({sys.executable})")


def _data_folder(folder: Path) -> Iterator[Check]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Check(
            FAIL,
            "data folder",
            f"{folder} cannot be written to: {error.strerror or error}.",
            "Make it writable, or name another with $VOID_DATA_DIR.",
        )
        return
    yield Check(OK, "data folder", str(folder))
    free = shutil.disk_usage(folder).free
    seen = f"{free / 2**30:.1f} GiB free at {folder}"
    if free < LEAST_FREE_BYTES:
        yield Check(WARN, "disk", f"{seen}.", "Free some space, or name another folder with $VOID_DATA_DIR.")
    else:
        yield Check(OK, "disk", seen)


def _site_file() -> Iterator[Check]:
    """Nothing else is known of the server where this fails."""
    try:
        site = load_site()
    except BadInput as error:
        yield Check(FAIL, "site file", error.message, error.fix)
        return
    if not site.file:
        yield Check(OK, "site file", f"none, ${VARIABLE} is not set")
        return
    roots = ", ".join(root.name for root in site.roots) or "none"
    yield Check(OK, "site file", f"{site.file}, read; roots: {roots}")
    for name in sorted(site.locked & VARIABLES.keys()):
        if os.environ.get(VARIABLES[name], site.value(name)) != site.value(name):
            seen = f"${VARIABLES[name]} has no effect: {site.file} locks {name}."
            yield Check(WARN, "site file", seen, f"Unset it; '{site.value(name)}' is used.")


def _token_file(path: Path) -> Check:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        return Check(
            FAIL, "token file", f"{path}: {error.strerror}.", "Check --token-file or $VOID_TOKEN_FILE."
        )
    if sys.platform != "win32" and mode & 0o077:
        return Check(
            WARN, "token file", f"{path} can be read by others (mode {mode:o}).", f"Run chmod 600 {path}."
        )
    return Check(OK, "token file", str(path))


def _server(target: Target, roots: Sequence[Root], folders: Sequence[Path]) -> Iterator[Check]:
    with Connection(lambda: target) as connection:
        try:
            connection.greet()
            answer = capabilities(connection)
        except AccessRefused as error:
            yield Check(OK, "server", f"{target.address} answers")
            yield Check(FAIL, "token", error.message, error.fix)
            return
        except ClientError as error:
            yield Check(FAIL, "server", error.message, error.fix)
            return
        yield from _answers(target, answer)
        for proof in prove_roots(connection, roots, answer.roots, folders):
            yield _root(proof)


def _root(proof: Proof) -> Check:
    subject = f"root {proof.root}"
    if proof.proven:
        return Check(OK, subject, f"{proof.folder} is the same folder for client and server")
    return Check(FAIL if proof.refuted else WARN, subject, proof.reason, proof.fix)


def _answers(target: Target, answer: server_pb2.GetCapabilitiesResponse) -> Iterator[Check]:
    yield Check(OK, "server", f"{target.address} answers, {answer.workers} workers")
    yield Check(OK, "token", "accepted")
    yield Check(OK, "connection", "TLS" if target.encrypted else "this machine only, no TLS needed")
    yield _versions(answer.version)
    ready = [p.name for p in answer.engines if p.available]
    if ready:
        yield Check(OK, "engines", ", ".join(ready))
    else:
        yield Check(WARN, "engines", "none is ready.", "`void capabilities` says why.")


def _versions(server: str) -> Check:
    client = version()
    if client == server:
        return Check(OK, "versions", f"client and server are {client}")
    return Check(
        WARN, "versions", f"the client is {client}, the server {server}.", "Install the same on both sides."
    )
