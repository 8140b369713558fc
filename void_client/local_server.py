# SPDX-License-Identifier: Apache-2.0
"""The user's own server on this machine: found, or started detached, one for each user.

The server keeps `DIR/local/server.lock` while it lives, writes `DIR/local/endpoint.json` once it serves, and removes
that file before it ends. A server that loses the lock ends with 0 at once, so starting one too many does no harm.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from void_client.connection import is_serving
from void_client.errors import BadInput, ServerUnreachable
from void_client.target import Target, is_loopback, read_token

START_LIMIT_S = 60.0
"""Longest wait for a server to serve after it was started."""

LOG_LIMIT_BYTES = 4 * 2**20
"""A log longer than this is begun anew when a server is started."""

# Our own package brings the server's code to every client; what that runs on comes with the extra.
_ONLY_WITH_SERVER = "grpc_health"

_LOG_TAIL_BYTES = 2000
_POLL_S = 0.1
# A server that is just ending holds the lock for a moment after its endpoint is gone.
_PAUSE_BEFORE_RESTART_S = 0.5


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the user's data lie: $VOID_DATA_DIR, else the system's place for user data, with `void` behind it."""
    if named := environment.get("VOID_DATA_DIR"):
        return Path(named).absolute()
    home = Path.home()
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local") / "void"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "void"
    return Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share") / "void"


def attach(data: Path, limit_s: float = START_LIMIT_S) -> Target:
    """The target of the user's own server, started if none serves.

    Args:
        data: the data folder; made if it is not there.
        limit_s: longest wait for a started server.

    Raises:
        BadInput: the data folder cannot be made.
        ServerUnreachable: no server program is installed, or it ended or did not serve in time; the message holds
            the end of its log.
    """
    if target := serving(data):
        return target
    deadline = time.monotonic() + limit_s
    process = _start(data)
    while time.monotonic() < deadline:
        time.sleep(_POLL_S)
        if target := serving(data):
            return target
        code = process.poll()
        if code is None:
            continue
        if code != 0:
            raise ServerUnreachable(
                f"The local server ended with exit code {code}.{_log_tail(data)}",
                fix=f"Its whole log is {_log(data)}.",
            )
        time.sleep(_PAUSE_BEFORE_RESTART_S)
        if not _endpoint_file(data).exists():
            process = _start(data)
    raise ServerUnreachable(
        f"The local server did not serve within {limit_s:.0f} s.{_log_tail(data)}",
        fix=f"Its whole log is {_log(data)}.",
    )


def serving(data: Path) -> Target | None:
    """The target of the server of this data folder, if one serves now."""
    target = endpoint(data)
    return target if target and is_serving(target) else None


def endpoint(data: Path) -> Target | None:
    """What the endpoint file says; None when there is none, or it is not this machine's."""
    try:
        said = json.loads(_endpoint_file(data).read_text(encoding="utf-8"))
        address = str(said["address"])
        blobs = Path(said["blobs"]) if "blobs" in said else None
        target = Target(address, read_token(Path(said["token_file"])), blobs=blobs)
    except (OSError, ValueError, KeyError, TypeError, BadInput):
        # Absent, or just being removed: the same as no server.
        return None
    return target if is_loopback(address) else None


def server_command(data: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The command that starts the user's own server.

    Raises:
        ServerUnreachable: no server program is installed.
    """
    if named := environment.get("VOID_SERVER_COMMAND"):
        program = shlex.split(named, posix=os.name == "posix")
    elif is_server_here():
        program = [sys.executable, "-m", "void_server"]
    elif not _is_installed("void_server") and (found := _program_beside_python()):
        program = [found]
    else:
        raise ServerUnreachable(
            "No server program is installed on this machine.",
            fix="Install it with `pip install 'void-for-hosts[server]'`, or name another machine's with --server.",
        )
    return [*program, "serve", "--local", "--data", str(data)]


def is_server_here() -> bool:
    """Whether the server's program, with what it needs, is installed beside this client."""
    return _is_installed("void_server") and _is_installed(_ONLY_WITH_SERVER)


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _program_beside_python() -> str | None:
    return shutil.which("void-server", path=str(Path(sys.executable).parent)) or shutil.which("void-server")


def _start(data: Path) -> subprocess.Popen[bytes]:
    command = server_command(data)
    try:
        _log(data).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        mode = "wb" if _log(data).exists() and _log(data).stat().st_size > LOG_LIMIT_BYTES else "ab"
        with _log(data).open(mode) as log:
            return _detached(command, data, log.fileno())
    except OSError as error:
        raise BadInput(
            f"The local server cannot be started in {data}: {error.strerror or error}.",
            fix="Make the folder writable, or name another with $VOID_DATA_DIR.",
            file=str(data),
        ) from error


def _detached(command: Sequence[str], folder: Path, log: int) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one and its terminal."""
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, creationflags=flags
        )
    return subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
    )


def _endpoint_file(data: Path) -> Path:
    return data / "local" / "endpoint.json"


def _log(data: Path) -> Path:
    return data / "local" / "server.log"


def _log_tail(data: Path) -> str:
    try:
        text = _log(data).read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip()
    except OSError:
        return ""
    return f" The end of its log:\n{text}\n" if text else " Its log is empty."
