# SPDX-License-Identifier: Apache-2.0
"""`void doctor`: checks one by one what a removal needs, and says what to do about each that fails."""

from __future__ import annotations

import argparse
import platform
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from void.v1 import server_pb2

from void_client.cli.connecting import add_server_options, client_roots, server_address
from void_client.cli.terminal import Speaker
from void_client.connection import Connection, Target, remote_target
from void_client.errors import AccessRefused, ClientError, ExitCode
from void_client.local_server import attach, data_folder
from void_client.order import capabilities
from void_client.root_proof import Proof, prove_roots
from void_client.roots import Root
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


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to `void`."""
    parser = commands.add_parser(
        "doctor",
        help="check client, server, token, encryption, disk and shared storage",
        description="Checks what a removal needs, and says what to do about each thing that fails.",
        epilog="exit codes: 0 nothing failed, 3 something failed",
    )
    add_server_options(parser)
    parser.add_argument(
        "--prove",
        metavar="DIR",
        action="append",
        default=[],
        help="a folder below a root in which a small file may be written for a moment; repeat for more"
        " (default: the roots themselves)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, speaker: Speaker) -> ExitCode:
    """Run the command; a failed check gives exit code 3."""
    failed = False
    for check in checks(arguments):
        failed = failed or check.result == FAIL
        speaker.print(str(check), {"event": "check", **asdict(check)})
    return ExitCode.SERVER_UNREACHABLE if failed else ExitCode.DONE


def checks(arguments: argparse.Namespace) -> Iterator[Check]:
    """All checks, in the order in which one stands on the other."""
    yield Check(OK, "client", version())
    yield _python()
    yield from _data_folder(data_folder())
    address = server_address(arguments)
    if address and arguments.token_file:
        yield _token_file(Path(arguments.token_file))
    try:
        target = (
            remote_target(address, arguments.token_file, arguments.ca) if address else attach(data_folder())
        )
    except ClientError as error:
        yield Check(FAIL, "server", error.message, error.fix)
        return
    # The user's own server sees the whole machine: any folder of the user's shows it.
    folders = [Path(f).absolute() for f in arguments.prove] if address else [data_folder()]
    try:
        roots = client_roots(arguments)
    except ClientError as error:
        yield Check(FAIL, "roots", error.message, error.fix)
        roots = ()
    yield from _server(target, roots, folders)


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
