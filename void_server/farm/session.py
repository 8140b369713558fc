# SPDX-License-Identifier: Apache-2.0
"""The server of a farm's session: started when the session begins, ended when it ends.

It is the user's own server, in a folder of the session: loopback, frames read where they lie, a token in a file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from void_server.errors import PreconditionFailed
from void_server.frames.durable import write_file

START_SECONDS = 300.0
"""Longest wait for the server to serve."""
STOP_SECONDS = 120.0
"""Longest wait for it to end, before it is ended by force."""
IDLE_SECONDS = 7 * 24 * 3600
"""A session that lost its farm ends its server after so long without work; until then the model stays loaded."""
POLL_SECONDS = 0.1


def start(data: Path, workers: int, tell: Callable[[str], object] = print) -> None:
    """Start the server and tell the session where it is, by the protocol of Open Job Description.

    Args:
        data: a folder of the session; made if it is not there.
        workers: worker processes.
        tell: takes the lines for standard output.

    Raises:
        PreconditionFailed: it does not serve.
    """
    (data / "local").mkdir(parents=True, exist_ok=True, mode=0o700)
    log = data / "local" / "server.log"
    command = [sys.executable, "-m", "void_server", "serve", "--local", "--data", str(data)]
    command += ["--workers", str(workers), "--idle-seconds", str(IDLE_SECONDS)]
    with log.open("ab") as out:
        # The session waits for what its actions started, unless it stands on its own and has other streams.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    write_file(_pid_file(data), str(process.pid).encode(), mode=0o600)
    endpoint = data / "local" / "endpoint.json"
    until = time.monotonic() + START_SECONDS
    while not endpoint.exists():
        if process.poll() is not None or time.monotonic() > until:
            with suppress(ProcessLookupError):
                process.kill()
            raise PreconditionFailed(
                f"The server of the session does not serve: {_tail(log)}", fix=f"Its log is {log}."
            )
        time.sleep(POLL_SECONDS)
    address = json.loads(endpoint.read_bytes())["address"]
    tell(f"openjd_status: void-server serves on {address}")
    tell(f"openjd_env: VOID_DATA_DIR={data}")


def stop(data: Path, tell: Callable[[str], object] = print) -> None:
    """End the server of a session; one that is gone already is none to end."""
    try:
        pid = int(_pid_file(data).read_text())
    except (OSError, ValueError):
        tell("openjd_status: no server was started")
        return
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (_FORCE, STOP_SECONDS)):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        until = time.monotonic() + seconds
        while _lives(pid) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
        if not _lives(pid):
            break
    _pid_file(data).unlink(missing_ok=True)
    tell("openjd_status: void-server ended")


_FORCE = getattr(signal, "SIGKILL", signal.SIGTERM)


def _pid_file(data: Path) -> Path:
    return data / "session.pid"


def _lives(pid: int) -> bool:
    """Whether the process runs; one that ended and was not yet waited for by its parent does not."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    status = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def _tail(log: Path) -> str:
    with suppress(OSError):
        return log.read_text(errors="replace")[-800:].strip() or "it says nothing."
    return "it left no log."
