# SPDX-License-Identifier: Apache-2.0
"""The server's program, run by `void` for what reads pictures, which the client alone cannot.

Its words and exit code are passed on as they are.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from void_client.cli.terminal import flush_streams
from void_client.errors import BadInput
from void_client.local_server import is_server_here

NO_PREFIX = "\0"
"""Prefix of options for a parser that reads none, `--help` neither; an argument cannot hold this character."""


def run_server_program(what: str, words: Sequence[str]) -> int:
    """Run `void-server` on what the user wrote; returns its exit code.

    Args:
        what: the command as the user knows it, such as `void verify`.
        words: the arguments for `void-server`.

    Raises:
        BadInput: it is not installed here.
    """
    if not is_server_here():
        raise BadInput(
            f"`{what}` reads pictures, which the client alone cannot.",
            fix="Install the server's package beside it: pip install 'void-for-hosts[server]'.",
        )
    flush_streams()
    command = [sys.executable, "-m", "void_server", *words]
    with subprocess.Popen(command, env={**os.environ, "VOID_PROGRAM": "void"}) as process:
        return _end_of(process)


def _end_of(process: subprocess.Popen[bytes]) -> int:
    """The exit code; at Ctrl-C the program, too, is told, and may tidy up."""
    while True:
        try:
            code = process.wait()
            return code if code >= 0 else 128 - code
        except KeyboardInterrupt:
            # A terminal tells both, a host that stops this command tells only this process.
            if sys.platform != "win32" and process.poll() is None:
                process.send_signal(signal.SIGINT)
